//! A file that is kept is handed out from the store: WhatsApp is spared, and may have forgotten it.

use serde_json::{Value, json};
use tempfile::TempDir;
use wa_sim::receiver::Receiver;
use wa_sim::{Compose, Simulator};
use waggle::net::Method;

use crate::media::{made, text};
use crate::rabbitmq::server::RabbitServer;
use crate::storage::s3_server::S3Server;
use crate::storage::storing;
use crate::support::{Node, Worker, contact, eventually, sends, simulator, told};
use crate::wire::Wire;

const PATH: &str = "/chat/getBase64FromMediaMessage/acme";

/// Waits until the file of a message is kept; answers the message.
async fn kept(node: &Node, id: &str) -> Value {
    eventually("it is kept", async || {
        let found = node.messages("acme", json!({"where": {"key": {"id": id}}})).await;
        let message = found.into_iter().next()?;
        let body = json!({"messageId": message["id"]});
        (node.call(Method::POST, "/s3/getMedia/acme", body).await.0 == 201).then_some(message)
    })
    .await
}

/// WhatsApp has the file of a message no more, nor has the phone of its sender.
fn forgotten(simulator: &Simulator, message: &Value) {
    let content = &message["message"][message["messageType"].as_str().unwrap()];
    simulator.handle().forget_media(content["directPath"].as_str().unwrap()).unwrap();
}

fn by_id(id: &str) -> Value {
    json!({"message": {"key": {"id": id}}})
}

fn downloads(simulator: &Simulator) -> u64 {
    simulator.handle().media_stats().downloads
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_bucket_is_there_when_whatsapp_has_it_no_more() {
    let (simulator, server) = (simulator().await, S3Server::start().await);
    outlives_whatsapp(&simulator, &storing(&simulator, &server, &[]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_folder_is_there_when_whatsapp_has_it_no_more() {
    let (simulator, folder) = (simulator().await, TempDir::new().unwrap());
    let place = folder.path().display().to_string();
    let node = Node::start_with(&simulator, &[("WAGGLE_MEDIA_FOLDER", &place)]).await;
    outlives_whatsapp(&simulator, &node).await;
}

async fn outlives_whatsapp(simulator: &Simulator, node: &Node) {
    let phone = node.pair("acme", simulator, None).await;
    let alice = contact(simulator, "Alice");
    // In several parts, and too large to stay in memory.
    let large: Vec<u8> = (0..6_u32 << 20).map(|at| (at >> 8) as u8 ^ at as u8).collect();
    let mut shown = Vec::new();
    for (kind, bytes) in [("image", b"a picture".to_vec()), ("document", large)] {
        let id = sends(simulator, &alice, &phone, kind, &bytes).await;
        let message = kept(node, &id).await;
        let before = downloads(simulator);
        let got = node.post(PATH, by_id(&id)).await;
        assert!(got["base64"] == text(&bytes), "other bytes");
        assert_eq!(downloads(simulator), before, "WhatsApp was asked");
        forgotten(simulator, &message);
        assert!(node.post(PATH, by_id(&id)).await == got);
        let whole = json!({"message": {"key": message["key"], "message": message["message"]}});
        assert!(node.post(PATH, whole.clone()).await == got);
        // The id says which message it is; the content, which file is wanted.
        let mut other = whole;
        let content = &mut other["message"]["message"][message["messageType"].as_str().unwrap()];
        content["fileSha256"] = json!(text(&[7; 32]));
        let (status, refused) = node.call(Method::POST, PATH, other).await;
        assert!(status == 502 && refused.to_string().contains("not at WhatsApp any more"), "{refused}");
        shown.push((id, got));
    }
    let (id, got) = &shown[0];
    let size = json!({"fileLength": 9});
    let wanted = json!({"mediaType": "imageMessage", "fileName": format!("{id}.png"), "size": size,
        "mimetype": "image/png", "base64": text(b"a picture"), "buffer": null});
    assert_eq!(*got, wanted);

    let wav = made("-f lavfi -i sine=duration=1 -c:a libopus -f ogg");
    let file = json!({"data": text(&wav), "mimetype": "audio/ogg; codecs=opus"});
    let order = json!({"to": phone, "kind": "audio", "voice": true, "file": file});
    let order: Compose = serde_json::from_value(order).unwrap();
    let voice = simulator.handle().compose(&alice.phone, order).await.unwrap().id;
    forgotten(simulator, &kept(node, &voice).await);

    // No tenant gets what is another's, and what is kept needs no connection.
    let other = node.post("/instance/create", json!({"instanceName": "other"})).await;
    let token = other["hash"].as_str().unwrap();
    let path = PATH.replace("acme", "other");
    let body = by_id(id).to_string().into_bytes();
    assert_eq!(node.try_call(Method::POST, &path, Some(token), Some(body)).await.unwrap().0, 409);
    for is_open in [true, false] {
        if !is_open {
            node.call(Method::DELETE, "/instance/logout/acme", json!({})).await;
            node.is("acme", "close").await;
        }
        assert!(node.post(PATH, by_id(id)).await == *got);
        let mp4 = json!({"message": {"key": {"id": voice}}, "convertToMp4": true});
        let mp4 = node.post(PATH, mp4).await;
        assert_eq!(
            (&mp4["fileName"], &mp4["mimetype"]),
            (&json!(format!("{voice}.mp4")), &json!("audio/mp4"))
        );
    }
    assert_eq!(node.call(Method::POST, PATH, by_id("3EB0NOPE")).await.0, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_whatsapp_is_asked() {
    let (simulator, server) = (simulator().await, S3Server::start().await);
    let wire = Wire::to(server.port()).await;
    let port = wire.port.to_string();
    let node = storing(&simulator, &server, &[("S3_PORT", &port)]).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let id = sends(&simulator, &alice, &phone, "image", b"a picture").await;
    let message = kept(&node, &id).await;
    for away in [Wire::cut, Wire::hold] {
        away(&wire);
        // The second time it is known.
        for _ in 0..2 {
            let before = downloads(&simulator);
            assert_eq!(node.post(PATH, by_id(&id)).await["base64"], text(b"a picture"));
            assert_eq!(downloads(&simulator), before + 1);
        }
        wire.mend();
        eventually("the store is asked again", async || {
            let before = downloads(&simulator);
            assert_eq!(node.post(PATH, by_id(&id)).await["base64"], text(b"a picture"));
            (downloads(&simulator) == before).then_some(())
        })
        .await;
    }
    wire.cut();
    forgotten(&simulator, &message);
    // It is kept, and so it can be had later.
    for _ in 0..2 {
        let (status, away) = node.call(Method::POST, PATH, by_id(&id)).await;
        assert_eq!(
            (status, &away["response"]["message"]),
            (503, &json!(["Try again in a moment"])),
            "{away}"
        );
    }
    // What is not kept is gone.
    let mut key = message["key"].clone();
    key["id"] = json!("3EB0NOPE");
    let other = json!({"message": {"key": key, "message": message["message"]}});
    let (status, gone) = node.call(Method::POST, PATH, other).await;
    assert!(status == 502 && gone.to_string().contains("not at WhatsApp any more"), "{status} {gone}");
    wire.mend();
    eventually("the store is asked again", async || {
        let (status, answer) = node.call(Method::POST, PATH, by_id(&id)).await;
        (status == 201 && answer["base64"] == text(b"a picture")).then_some(())
    })
    .await;
}

/// A webhook that wants files and nothing but messages.
async fn subscribe(node: &Node, receiver: &Receiver) {
    let webhook = json!({"url": receiver.url("acme"), "enabled": true, "base64": true,
        "events": ["MESSAGES_UPSERT"]});
    node.post("/webhook/set/acme", json!({"webhook": webhook})).await;
}

async fn told_with_file(receiver: &Receiver, id: &str, file: &[u8]) {
    let event = told(receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id).await;
    assert_eq!(event["data"]["message"]["base64"], text(file), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_away_gets_the_file_that_whatsapp_has_no_more() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let server = S3Server::start().await;
    let node = storing(&simulator, &server, &[]).await;
    let phone = node.pair("acme", &simulator, None).await;
    subscribe(&node, &receiver).await;
    receiver.fail(1.0);
    let id = sends(&simulator, &contact(&simulator, "Alice"), &phone, "image", b"a picture").await;
    forgotten(&simulator, &kept(&node, &id).await);
    // An attempt that ends now may have begun before; the next one does not.
    let before = receiver.failed();
    eventually("it is tried again", async || (receiver.failed() > before).then_some(())).await;
    receiver.fail(0.0);
    told_with_file(&receiver, &id, b"a picture").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_the_files_of_the_store_too() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let (server, folder) = (RabbitServer::start().await, TempDir::new().unwrap());
    let variables = [
        ("WAGGLE_WEBHOOK_DELIVERY", "workers"),
        ("RABBITMQ_URI", server.uri.as_str()),
        ("WAGGLE_MEDIA_FOLDER", &folder.path().display().to_string()),
    ];
    let node = Node::start_with(&simulator, &variables).await;
    let phone = node.pair("acme", &simulator, None).await;
    subscribe(&node, &receiver).await;
    let id = sends(&simulator, &contact(&simulator, "Alice"), &phone, "image", b"a picture").await;
    forgotten(&simulator, &kept(&node, &id).await);
    let _worker = Worker::start(&node).await;
    told_with_file(&receiver, &id, b"a picture").await;
}
