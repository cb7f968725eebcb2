//! Files of messages that are kept: in S3 and in a folder, through outages, and until their time is over.

#[path = "../support/services/s3.rs"]
pub mod s3_server;

use std::path::{Path, PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Compose, Simulator};
use waggle::net::{self, Egress, Method, Response, Url, header::HeaderValue};

use self::s3_server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use crate::support::{KEY, Node, contact, eventually, fetched, header, sends, simulator, told};

/// A node whose files go to a server.
pub async fn storing(simulator: &Simulator, server: &S3Server, more: &[(&str, &str)]) -> Node {
    let port = server.port().to_string();
    let mut variables = vec![
        ("S3_ENABLED", "true"),
        ("S3_ENDPOINT", "127.0.0.1"),
        ("S3_PORT", &port),
        ("S3_ACCESS_KEY", ACCESS_KEY),
        ("S3_SECRET_KEY", SECRET_KEY),
        ("S3_BUCKET", BUCKET),
    ];
    variables.extend(more);
    Node::start_with(simulator, &variables).await
}

/// The file that a link leads to.
async fn followed(link: &str) -> Response {
    let first = fetched(link).await;
    assert_eq!(first.status, 302, "{:?}", first.body);
    let second = fetched(header(&first, "location")).await;
    assert_eq!(second.status, 200, "{:?}", second.body);
    second
}

fn link(data: &Value) -> String {
    data["message"]["mediaUrl"].as_str().unwrap_or_else(|| panic!("no link: {data}")).to_owned()
}

/// What the webhook is told of a message.
async fn upserted(receiver: &Receiver, id: &str) -> Value {
    let came = |body: &Value| body["data"]["key"]["id"] == id;
    told(receiver, "messages.upsert", came).await["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_come_and_go_are_in_the_bucket_and_their_links_lead_there() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let server = S3Server::start().await;
    let node = storing(&simulator, &server, &[]).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");

    let id = sends(&simulator, &alice, &phone, "image", b"a picture").await;
    let data = upserted(&receiver, &id).await;
    // Told before the file is kept: who is early waits.
    let file = followed(&link(&data)).await;
    assert_eq!((&file.body[..], header(&file, "content-type")), (b"a picture".as_slice(), "image/png"));
    let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await.remove(0);
    assert_eq!(followed(&link(&stored)).await.body, file.body);

    // Who is sent a page cannot be shown it in the name of the store.
    let page = sends(&simulator, &alice, &phone, "document", b"<script>").await;
    let file = followed(&link(&upserted(&receiver, &page).await)).await;
    let disposition = header(&file, "content-disposition");
    assert!(disposition.starts_with("attachment; filename=\"a b.html\""), "{disposition}");

    let body = json!({"number": alice.phone, "mediatype": "image", "fileName": "out.png",
        "media": BASE64_STANDARD.encode(PNG)});
    let sent = node.post("/message/sendMedia/acme", body).await;
    assert_eq!(&followed(&link(&sent)).await.body[..], PNG);
    let event = told(&receiver, "send.message", |body| body["data"]["key"]["id"] == sent["key"]["id"]).await;
    assert_eq!(event["data"]["message"]["mediaUrl"], sent["message"]["mediaUrl"]);

    // Films are kept where the operator or the tenant says so.
    let film = sends(&simulator, &alice, &phone, "video", b"a film").await;
    assert_eq!(upserted(&receiver, &film).await["message"].get("mediaUrl"), None);
    let mut settings = node.get("/settings/find/acme").await;
    assert_eq!(settings.get("media"), None, "only what was set is shown");
    settings["media"] = json!({"kinds": ["video"], "retentionDays": 3});
    node.post("/settings/set/acme", settings).await;
    let film = sends(&simulator, &alice, &phone, "video", b"a film").await;
    assert_eq!(&followed(&link(&upserted(&receiver, &film).await)).await.body[..], b"a film");
    let image = sends(&simulator, &alice, &phone, "image", b"another").await;
    assert_eq!(upserted(&receiver, &image).await["message"].get("mediaUrl"), None);
    let mut settings = node.get("/settings/find/acme").await;
    assert_eq!(settings["media"], json!({"kinds": ["video"], "retentionDays": 3}));
    // Who says nothing of it leaves it as it is.
    settings.as_object_mut().unwrap().remove("media");
    node.post("/settings/set/acme", settings.clone()).await;
    assert_eq!(node.get("/settings/find/acme").await["media"]["kinds"], json!(["video"]));
    for (media, told) in [
        (json!({"kinds": ["video", "text"]}), "kinds is not one of enum values"),
        (json!({"retentionDays": 40_000}), "retentionDays must be less than"),
        (json!({"store": "perhaps"}), "store is not of a type"),
    ] {
        settings["media"] = media;
        let (status, answer) = node.call(Method::POST, "/settings/set/acme", settings.clone()).await;
        assert!(status == 400 && answer.to_string().contains(told), "{told}: {status} {answer}");
    }

    let (status, all) = node.call(Method::POST, "/s3/getMedia/acme", json!({})).await;
    assert_eq!((status, all.as_array().unwrap().len()), (201, 4), "{all}");
    let films = node.post("/s3/getMedia/acme", json!({"type": "videoMessage"})).await;
    let [film] = films.as_array().unwrap().as_slice() else { panic!("{films}") };
    assert_eq!((&film["mimetype"], &film["size"]), (&json!("video/mp4"), &json!(6)));
    assert_eq!(film["Message"]["messageType"], "videoMessage");
    let name = format!("waggle/{}", film["fileName"].as_str().unwrap());
    assert!(server.names().contains(&name), "{name} is not among {:?}", server.names());
    let body = json!({"id": film["id"], "expiry": 60});
    let (status, address) = node.call(Method::POST, "/s3/getMediaUrl/acme", body).await;
    assert_eq!((status, &address["fileName"]), (200, &film["fileName"]), "{address}");
    let address = address["mediaUrl"].as_str().unwrap();
    assert!(address.starts_with(&server.endpoint) && address.contains("X-Amz-Expires=60"), "{address}");
    assert_eq!(&fetched(address).await.body[..], b"a film");
    for (path, body, told) in [
        ("getMedia", json!({"id": "1"}), "Media not found"),
        ("getMedia", json!({"type": "text"}), "type is not one of enum values"),
        ("getMediaUrl", json!({"id": "1"}), "Media not found"),
        ("getMediaUrl", json!({}), "requires property \\\"id\\\""),
        ("getMediaUrl", json!({"id": film["id"], "expiry": 700_000}), "expiry must be between"),
    ] {
        let (status, answer) = node.call(Method::POST, &format!("/s3/{path}/acme"), body).await;
        assert!(status == 400 && answer.to_string().contains(told), "{told}: {status} {answer}");
    }
}

/// One pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0,
    0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63,
    0x64, 0xf8, 0xcf, 0x50, 0x0f, 0, 0x03, 0x86, 0x01, 0x80, 0x5a, 0x34, 0x7d, 0x6b, 0, 0, 0, 0, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_its_own_file_only() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let folder = tempfile::TempDir::new().unwrap();
    let place = folder.path().join("kept").display().to_string();
    let node = Node::start_with(&simulator, &[("WAGGLE_MEDIA_FOLDER", &place)]).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let other = node.create("other", None).await["hash"].as_str().unwrap().to_owned();
    let alice = contact(&simulator, "Alice");
    let id = sends(&simulator, &alice, &phone, "image", b"a picture").await;
    let link = link(&upserted(&receiver, &id).await);
    let file = fetched(&link).await;
    assert_eq!((file.status.as_u16(), &file.body[..]), (200, b"a picture".as_slice()));
    assert_eq!(header(&file, "content-type"), "image/png");
    assert_eq!(header(&file, "x-content-type-options"), "nosniff");
    assert_eq!(header(&file, "content-length"), "9");

    let changed = |from: &str, to: &str| link.replacen(from, to, 1);
    let signature = link.split("signature=").nth(1).unwrap().to_owned();
    let mut guess = signature.clone().into_bytes();
    guess[0] = if guess[0] == b'0' { b'1' } else { b'0' };
    let guess = String::from_utf8(guess).unwrap();
    for forged in [
        changed("/acme?", "/other?"),
        changed("/acme?", "/nobody?"),
        changed("expires=", "expires=1"),
        changed(&signature, &guess),
        changed(&signature, ""),
        changed("id=", "id=x"),
        link.split('?').next().unwrap().to_owned(),
    ] {
        let refused = fetched(&forged).await;
        let told: Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!((refused.status.as_u16(), &told["response"]["message"]), (401, &json!("Unauthorized")));
    }

    // The file of one tenant is not there for another, whatever it is called.
    let files = node.post("/s3/getMedia/acme", json!({})).await;
    let body = json!({"id": files[0]["id"]}).to_string().into_bytes();
    for path in ["/s3/getMedia/other", "/s3/getMediaUrl/other"] {
        let (status, answer) = node.with_header(Method::POST, path, ("apikey", &other), body.clone()).await;
        assert!(status == 400 && answer.to_string().contains("Media not found"), "{status} {answer}");
    }
    let own = node.post("/s3/getMediaUrl/acme", json!({"id": files[0]["id"]})).await;
    assert_eq!(&fetched(own["mediaUrl"].as_str().unwrap()).await.body[..], b"a picture");

    // What belongs to an instance goes with it.
    assert_eq!(files_in(Path::new(&place)).len(), 1);
    node.call(Method::DELETE, "/instance/delete/acme", json!({})).await;
    let gone = fetched(&link).await;
    assert_eq!(gone.status.as_u16(), 404, "{:?}", gone.body);
    eventually("the file is removed", async || files_in(Path::new(&place)).is_empty().then_some(())).await;
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_forgotten_when_the_store_is_away_and_the_node_is_killed() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let mut server = S3Server::start().await;
    let mut node = storing(&simulator, &server, &[]).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    server.stop().await;
    let mut links = Vec::new();
    for number in 0..5_u8 {
        let id = sends(&simulator, &alice, &phone, "image", &[number; 100]).await;
        // The event does not wait for the store.
        links.push(link(&upserted(&receiver, &id).await));
        let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await.remove(0);
        let direct = stored["message"]["imageMessage"]["directPath"].as_str().unwrap();
        // By the time that the store is back, WhatsApp has the first one no more, but the phone has.
        if number == 0 {
            simulator.handle().expire_media(direct, 410).unwrap();
        }
    }
    let (status, none) = node.call(Method::POST, "/s3/getMedia/acme", json!({})).await;
    assert_eq!(status, 400, "{none}");
    node.kill();
    server.start_again().await;
    node.start_again().await;
    for (number, link) in links.iter().enumerate() {
        let file = followed(link).await;
        assert_eq!(&file.body[..], &[u8::try_from(number).unwrap(); 100]);
    }
    assert_eq!(server.names().iter().filter(|name| name.starts_with("waggle/")).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_100_megabytes_reaches_the_bucket_and_comes_back_without_being_held_in_memory() {
    const SIZE: usize = 100 << 20;
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let server = S3Server::start().await;
    let node = storing(&simulator, &server, &[]).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let (before, _) = node.memory(true);
    let order = json!({"to": phone, "kind": "document", "file": {"size": SIZE}});
    let order: Compose = serde_json::from_value(order).unwrap();
    let id = simulator.handle().compose(&alice.phone, order).await.unwrap().id;
    let link = link(&upserted(&receiver, &id).await);
    let kept = eventually("it is kept", async || {
        let (status, all) = node.call(Method::POST, "/s3/getMedia/acme", json!({})).await;
        (status == 201).then_some(all)
    })
    .await;
    assert_eq!(kept[0]["size"], SIZE);
    let (_, peak) = node.memory(false);
    assert!(peak < before + (32 << 10), "{before} kB before, {peak} kB at most");
    assert_eq!(fetched(&link).await.status, 302);

    let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await.remove(0);
    let direct = stored["message"]["documentMessage"]["directPath"].as_str().unwrap();
    simulator.handle().forget_media(direct).unwrap();
    let (before, _) = node.memory(true);
    let mut answer = asked_for_base64(&node, &id).await;
    let mut length = 0;
    while let Some(piece) = answer.chunk().await.unwrap() {
        length += piece.len();
    }
    let (_, peak) = node.memory(false);
    assert!(answer.status == 201 && length > SIZE / 3 * 4, "{}: {length} bytes", answer.status);
    assert!(peak < before + (32 << 10), "{before} kB before, {peak} kB at most");
}

/// The answer while it comes: it is larger than what tests read at once.
async fn asked_for_base64(node: &Node, id: &str) -> net::Download {
    let options = net::Options { egress: Egress::open(), ..net::Options::default() };
    let url = format!("{}/chat/getBase64FromMediaMessage/acme", node.url());
    let mut request = net::Request::new(Method::POST, Url::parse(&url).unwrap());
    request.headers.insert("apikey", HeaderValue::from_static(KEY));
    request.headers.insert("content-type", HeaderValue::from_static("application/json"));
    request.body = net::Body::Bytes(json!({"message": {"key": {"id": id}}}).to_string().into());
    net::Client::new(options).unwrap().open(request).await.unwrap()
}
