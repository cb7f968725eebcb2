//! The library's HTTP against a server on this machine.

use super::*;
use crate::net::tests::support::{http, ok};
use crate::net::{Egress, Options};

fn client(main: Handle) -> WhatsAppHttp {
    let options = Options { egress: Egress::open(), ..Options::default() };
    WhatsAppHttp::new(Client::new(options).unwrap(), main)
}

#[tokio::test]
async fn any_status_is_ok_and_headers_and_body_arrive() {
    let server =
        http(|_| "HTTP/1.1 403 X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nauth".to_owned()).await;
    let request = HttpRequest::post(format!("http://{}/up?x=1", server.address))
        .with_header("Origin", "https://web.whatsapp.com")
        .with_body(&b"body"[..]);
    let answer = client(Handle::current()).execute(request).await.unwrap();
    assert_eq!((answer.status_code, &answer.body[..]), (403, &b"auth"[..]));
    let seen = server.seen().pop().unwrap();
    assert!(seen.starts_with("POST /up?x=1 ") && seen.ends_with("body"), "{seen}");
    assert!(seen.to_ascii_lowercase().contains("origin: https://web.whatsapp.com\r\n"), "{seen}");
    let nobody = HttpRequest::get("http://127.0.0.1:1/");
    assert!(client(Handle::current()).execute(nobody).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_and_uploads_stream_from_blocking_threads() {
    let large = "x".repeat(1 << 20);
    let expected = large.clone();
    let server = http(move |_| ok(&large)).await;
    let url = format!("http://{}/m", server.address);
    let client = client(Handle::current());
    let (down, up) = (client.clone(), client);
    let (get, post) = (HttpRequest::get(url.clone()), HttpRequest::post(url));
    let body = tokio::task::spawn_blocking(move || {
        let mut answer = down.execute_streaming(get).unwrap();
        assert_eq!(answer.status_code, 200);
        let mut body = String::new();
        answer.body.read_to_string(&mut body).unwrap();
        body
    });
    assert_eq!(body.await.unwrap(), expected);

    let sent = vec![b'y'; (PIECE * 3) + 5];
    let (source, length) = (io::Cursor::new(sent.clone()), sent.len() as u64);
    let uploaded =
        tokio::task::spawn_blocking(move || up.execute_upload(post, Box::new(source), length).unwrap());
    assert_eq!(uploaded.await.unwrap().status_code, 200);
    let seen = server.seen().pop().unwrap();
    assert!(seen.as_bytes().ends_with(&sent));
    assert!(seen.to_ascii_lowercase().contains(&format!("content-length: {length}\r\n")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_ends_early_fails_the_upload() {
    let server = http(|_| ok("")).await;
    let post = HttpRequest::post(format!("http://{}/m", server.address));
    let client = client(Handle::current());
    let short = io::Cursor::new(vec![1; 10]);
    let uploaded = tokio::task::spawn_blocking(move || client.execute_upload(post, Box::new(short), 20));
    assert!(uploaded.await.unwrap().is_err());
}

#[test]
fn only_a_build_for_the_simulator_speaks_plainly() {
    let url = |text: &str| reachable(Url::parse(text).unwrap()).to_string();
    let plain = cfg!(feature = "simulator");
    let expected = if plain { "http://127.0.0.1:8443/m" } else { "https://127.0.0.1:8443/m" };
    assert_eq!(url("https://127.0.0.1:8443/m"), expected);
    assert_eq!(
        url("https://localhost/m"),
        if plain { "http://localhost:443/m" } else { "https://localhost/m" }
    );
    assert_eq!(url("https://mmg.whatsapp.net/m"), "https://mmg.whatsapp.net/m");
}
