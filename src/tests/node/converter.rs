//! The operator's own audio converter.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use waggle::net::Method;

use super::media::{made, opened, text};
use crate::support::{Node, contact, header, simulator};

/// What a converter was asked, head and body.
type Asked = Arc<Mutex<Vec<String>>>;

/// A converter that gives these answers, one after another: its address, and what it was asked.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn converter(answers: Vec<(&'static str, Value)>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/convert", listener.local_addr().unwrap());
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        for (status, answer) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = request(&mut stream).await;
            seen.lock().unwrap().push(request);
            let answer = answer.to_string();
            let length = answer.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (url, asked)
}

async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    request.extend(body);
    String::from_utf8(request).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_notes_are_made_by_the_converter_of_the_operator() {
    let simulator = simulator().await;
    let wav = made("-f lavfi -i sine=frequency=440:duration=2 -f wav");
    let opus = made("-f lavfi -i sine=frequency=440:duration=2 -c:a libopus -f ogg");
    let (url, asked) = converter(vec![
        ("200 OK", json!({"audio": text(&opus), "format": "ogg"})),
        ("200 OK", json!({"error": "no idea"})),
        ("200 OK", json!({"audio": "***"})),
        ("503 Busy", Value::Null),
    ])
    .await;
    let settings = [
        ("WAGGLE_FFMPEG", "/nowhere/ffmpeg"),
        ("API_AUDIO_CONVERTER", url.as_str()),
        ("API_AUDIO_CONVERTER_KEY", "key-of-the-converter"),
        // Tenants may not reach it, the node may.
        ("WAGGLE_EGRESS_ALLOW", ""),
    ];
    let node = Node::start_with(&simulator, &settings).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let path = "/message/sendWhatsAppAudio/acme";
    let body = |audio: &[u8]| json!({"number": alice.phone, "audio": text(audio)});
    let count = || asked.lock().unwrap().len();

    let sent = node.post(path, body(&wav)).await;
    let audio = &sent["message"]["audioMessage"];
    assert_eq!((&audio["ptt"], &audio["seconds"]), (&json!(true), &json!(2)), "{sent}");
    assert_eq!(audio["mimetype"], "audio/ogg; codecs=opus");
    let (got, bytes) = opened(&simulator, &alice, &sent).await;
    assert!(got.kind == "voice" && bytes == opus, "{got:?}");
    let request = asked.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /convert HTTP/1.1\r\n"), "{request}");
    let (head, form) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("apikey: key-of-the-converter"), "{head}");
    let boundary = head.split("multipart/form-data; boundary=").nth(1).unwrap().lines().next().unwrap();
    let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"base64\"\r\n\r\n");
    assert_eq!(form, format!("{part}{}\r\n--{boundary}--\r\n", text(&wav)));

    // What is a voice note already, and what is to stay as it is, is not converted.
    assert!(opened(&simulator, &alice, &node.post(path, body(&opus)).await).await.1 == opus);
    let mut plain = body(&wav);
    plain["encoding"] = json!(false);
    assert!(opened(&simulator, &alice, &node.post(path, plain).await).await.1 == wav);
    assert_eq!(count(), 1);

    // A converter that fails is not the caller's fault: it is to come again.
    for failed in 2..=4 {
        let answer = node.answer(Method::POST, path, body(&wav)).await;
        assert_eq!((answer.status.as_u16(), count()), (503, failed), "{answer:?}");
        assert_eq!(header(&answer, "retry-after"), "5");
    }
    // Also when nobody is there any more.
    assert_eq!(node.call(Method::POST, path, body(&wav)).await.0, 503);
    assert_eq!(node.messages("acme", json!({})).await.len(), 3, "nothing more was sent");
}
