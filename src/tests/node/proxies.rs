//! The way out of an account: its proxy.

use std::sync::{Arc, Mutex};

use image::ImageFormat;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use waggle::net::{Method, Url};

use super::media::{opened, picture, serve};
use crate::support::{Node, contact, simulator};

/// An HTTP proxy: its port, and what it was asked for.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, Arc::clone(&seen)));
        }
    });
    (port, asked)
}

async fn pass_on(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.split(' ').nth(1)?.to_owned();
    seen.lock().unwrap().push(target.clone());
    if head.starts_with("CONNECT ") {
        let mut onward = TcpStream::connect(&target).await.ok()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
        return tokio::io::copy_bidirectional(&mut stream, &mut onward).await.ok().map(drop);
    }
    let url = Url::parse(&target).ok()?;
    let mut onward = TcpStream::connect((url.host_str()?, url.port_or_known_default()?)).await.ok()?;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    onward.write_all(head.replacen(&target, &path, 1).as_bytes()).await.ok()?;
    tokio::io::copy_bidirectional(&mut stream, &mut onward).await.ok().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_caller_names_is_fetched_by_the_accounts_way_out() {
    let simulator = simulator().await;
    let (port, asked) = proxy().await;
    let png = picture(30, 20, ImageFormat::Png);
    let inside = "http://127.0.0.2:9/a.png";
    let site = serve(vec![
        ("/a.png", "200 OK", png.clone()),
        ("/inside", "302 Found\r\nLocation: http://127.0.0.2:9/a.png", Vec::new()),
    ])
    .await;
    let port = port.to_string();
    let settings = [
        ("PROXY_HOST", "127.0.0.1"),
        ("PROXY_PORT", port.as_str()),
        ("PROXY_PROTOCOL", "http"),
        ("WAGGLE_EGRESS_ALLOW", "127.0.0.1,localhost"),
    ];
    let node = Node::start_with(&simulator, &settings).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let asked = || asked.lock().unwrap().clone();
    let body = |media: &str| json!({"number": alice.phone, "mediatype": "image", "media": media});

    let address = format!("{site}/a.png");
    let sent = node.post("/message/sendMedia/acme", body(&address)).await;
    assert!(opened(&simulator, &alice, &sent).await.1 == png);
    assert_eq!(asked().iter().filter(|one| **one == address).count(), 1, "{:?}", asked());
    let status = json!({"type": "image", "content": address, "statusJidList": [alice.jid]});
    let sent = node.post("/message/sendStatus/acme", status).await;
    assert!(opened(&simulator, &alice, &sent).await.1 == png);
    assert_eq!(asked().iter().filter(|one| **one == address).count(), 2, "{:?}", asked());

    // The proxy is not asked for what tenants may not reach, which it might.
    for refused in [inside.to_owned(), format!("{site}/inside")] {
        let (status, answer) = node.call(Method::POST, "/message/sendMedia/acme", body(&refused)).await;
        let told = "media could not be fetched: 127.0.0.2 is a loopback address";
        assert!(status == 400 && answer.to_string().contains(told), "{status} {answer}");
    }
    assert!(!asked().iter().any(|one| one.contains("127.0.0.2")), "{:?}", asked());
}
