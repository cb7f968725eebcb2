//! Previews of links.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cards::got;
use crate::support::{Node, contact, simulator};

/// A web site: `/page`, `/picture.png`, `/slow` which never answers, `/moved` which leads to `/deep/page` and
/// its own `/deep/picture.png`, `/late` which answers from the second visit on, and nothing else.
fn site() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (url, visits) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let visitors = Arc::clone(&visits);
    std::thread::spawn(move || {
        let (mut kept, mut late) = (Vec::new(), false);
        for mut socket in listener.incoming().flatten() {
            let mut request = vec![0; 4096];
            let length = socket.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            visitors.fetch_add(1, Ordering::SeqCst);
            let (kind, body) = match request.split(' ').nth(1) {
                Some("/moved") => {
                    let _ = socket.write_all(
                        b"HTTP/1.1 302 Found\r\nlocation: /deep/page\r\ncontent-length: 0\r\n\
                          connection: close\r\n\r\n",
                    );
                    continue;
                }
                Some("/deep/page") => ("text/html", DEEP.as_bytes().to_vec()),
                Some("/deep/picture.png") => ("image/png", picture()),
                Some("/late") if !late => {
                    late = true;
                    kept.push(socket);
                    continue;
                }
                Some("/late") => ("text/html", PAGE.as_bytes().to_vec()),
                Some("/page") => ("text/html; charset=utf-8", PAGE.as_bytes().to_vec()),
                Some("/picture.png") => ("image/png", picture()),
                Some("/slow") => {
                    kept.push(socket);
                    continue;
                }
                _ => ("application/json", b"{}".to_vec()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = socket.write_all(&[head.into_bytes(), body].concat());
        }
    });
    (url, visits)
}

const PAGE: &str = "<html><head><title>no</title><meta property=\"og:title\" content=\"A page\">\
    <meta name=\"description\" content=\"About it\"><meta property=\"og:image\" content=\"/picture.png\"></head>";

const DEEP: &str = "<title>Deep</title><meta property=og:image content=picture.png>";

fn picture() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(300, 200).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

async fn send(node: &Node, to: &str, text: String, preview: Value) -> Value {
    node.post("/message/sendText/acme", json!({"number": to, "text": text, "linkPreview": preview})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_a_preview_unless_it_is_unwanted_or_cannot_be_made() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let (site, visits) = site();

    for _ in 0..2 {
        let sent = send(&node, &alice.phone, format!("see {site}/page."), Value::Null).await;
        assert_eq!(sent["message"], json!({"conversation": format!("see {site}/page.")}), "{sent}");
        assert_eq!(sent["messageType"], "conversation");
        let one = got(&simulator, &alice.phone, &sent).await;
        let (preview, thumbnail) = one.details.split_at(3);
        assert_eq!(preview, [format!("{site}/page"), "A page".into(), "About it".into()], "{one:?}");
        assert!(thumbnail[0].starts_with("thumbnail of"), "{one:?}");
    }
    assert_eq!(visits.load(Ordering::SeqCst), 2, "page and picture once, then they are known");

    let plain = send(&node, &alice.phone, format!("see {site}/page"), json!(false)).await;
    assert_eq!(got(&simulator, &alice.phone, &plain).await.kind, "text");
    let data = send(&node, &alice.phone, format!("see {site}/data.json"), json!(true)).await;
    assert_eq!(got(&simulator, &alice.phone, &data).await.kind, "text");
    let began = Instant::now();
    let slow = send(&node, &alice.phone, format!("see {site}/slow"), json!(true)).await;
    assert_eq!(got(&simulator, &alice.phone, &slow).await.kind, "text");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_not_fetched_from_where_tenants_may_not_look() {
    let simulator = simulator().await;
    let (site, visits) = site();
    let node = Node::start_with(&simulator, &[("WAGGLE_EGRESS_ALLOW", "")]).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let sent = send(&node, &alice.phone, format!("see {site}/page"), json!(true)).await;
    assert_eq!(got(&simulator, &alice.phone, &sent).await.kind, "text");
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_looked_for_where_the_page_really_is() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let (site, _) = site();
    let sent = send(&node, &alice.phone, format!("{site}/moved"), json!(true)).await;
    let one = got(&simulator, &alice.phone, &sent).await;
    assert_eq!(one.details[..2], [format!("{site}/moved"), "Deep".into()], "{one:?}");
    assert!(one.details.last().unwrap().starts_with("thumbnail of"), "{one:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_account_has_not_got_in_time_another_one_may_get() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    node.pair("other", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let (site, visits) = site();
    let link = format!("{site}/late");
    let sent = send(&node, &alice.phone, link.clone(), json!(true)).await;
    assert_eq!(got(&simulator, &alice.phone, &sent).await.kind, "text");
    // It is not kept waiting for it with every message.
    let began = Instant::now();
    let sent = send(&node, &alice.phone, link.clone(), json!(true)).await;
    assert_eq!(got(&simulator, &alice.phone, &sent).await.kind, "text");
    assert!(began.elapsed() < Duration::from_secs(3) && visits.load(Ordering::SeqCst) == 1);
    let body = json!({"number": alice.phone, "text": link, "linkPreview": true});
    let sent = node.post("/message/sendText/other", body).await;
    let one = got(&simulator, &alice.phone, &sent).await;
    assert_eq!(one.details[1], "A page", "{one:?}");
}
