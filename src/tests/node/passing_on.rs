//! Messages that are forwarded or changed.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Compose, File, Kind, NewGroup};
use waggle::net::Method;

use super::cards::got;
use crate::support::{Node, contact, eventually, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_files_are_forwarded_and_a_caption_edited() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let (alice, bob) = (contact(&simulator, "Alice"), contact(&simulator, "Bob"));
    let sent = node.send_text("acme", &alice.phone, "news").await;
    let mut id = sent["key"]["id"].clone();
    for score in 1..=2 {
        let body = json!({"number": bob.phone, "message": {"key": {"id": id}}});
        let passed = node.post("/message/forward/acme", body).await;
        assert_eq!(passed["message"], json!({"conversation": "news"}), "{passed}");
        let context = &passed["contextInfo"];
        assert_eq!(
            (&context["isForwarded"], &context["forwardingScore"]),
            (&json!(true), &json!(score)),
            "{passed}"
        );
        let one = got(&simulator, &bob.phone, &passed).await;
        assert!(one.forwarded && one.text.as_deref() == Some("news"), "{one:?}");
        id = passed["key"]["id"].clone();
    }

    let file = File { bytes: b"the picture".to_vec(), ..File::default() };
    let image = Kind::Image { file, caption: Some("look".into()) };
    let image = simulator.handle().compose(&alice.phone, Compose::new(&phone, image)).await.unwrap().id;
    told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == image.as_str()).await;
    let body = json!({"number": bob.phone, "key": {"id": image, "remoteJid": alice.jid, "fromMe": false}});
    let passed = node.post("/message/forward/acme", body).await;
    assert_eq!(passed["message"]["imageMessage"]["contextInfo"]["forwardingScore"], 1, "{passed}");
    let one = got(&simulator, &bob.phone, &passed).await;
    let media = one.media.as_ref().unwrap();
    assert!(one.kind == "image" && one.forwarded && media.sha256.is_some(), "{one:?}");
    assert_eq!(media.problem, None);

    let edit = json!({"number": bob.phone, "key": passed["key"], "text": "look closer"});
    let edited = node.post("/chat/updateMessage/acme", edit).await;
    let shown = &edited["message"]["protocolMessage"]["editedMessage"]["imageMessage"];
    assert_eq!(shown["caption"], "look closer", "{edited}");
    assert_eq!(shown["directPath"], passed["message"]["imageMessage"]["directPath"]);
    let target = passed["key"]["id"].as_str();
    eventually("Bob sees the new caption", async || {
        let all = simulator.handle().received(&bob.phone, 0).unwrap().0;
        let edit = all.into_iter().find(|one| one.kind == "edit" && one.target.as_deref() == target)?;
        (edit.text.as_deref() == Some("look closer")).then_some(())
    })
    .await;
    let update = told(&receiver, "send.message.update", |_| true).await;
    assert_eq!((&update["data"]["type"], &update["data"]["key"]["id"]), (&json!(14), &passed["key"]["id"]));

    let reaction = json!({"key": passed["key"], "reaction": "👍"});
    let reaction = node.post("/message/sendReaction/acme", reaction).await;
    for (key, status) in [(json!({"id": "NOBODY"}), 404), (json!({}), 400), (reaction["key"].clone(), 400)] {
        let body = json!({"number": bob.phone, "key": key});
        let (got, answer) = node.call(Method::POST, "/message/forward/acme", body).await;
        assert_eq!(got, status, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_a_group_is_mentioned() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let new = NewGroup { subject: "Sales".into(), members: vec![phone], ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    for everyone in [true, false] {
        let body = json!({"number": group, "text": "all of you", "mentionsEveryOne": everyone});
        let sent = node.post("/message/sendText/acme", body).await;
        let one = got(&simulator, &alice.phone, &sent).await;
        assert_eq!(one.mentions.len(), if everyone { 2 } else { 0 }, "{one:?}");
    }
    let body = json!({"number": alice.phone, "text": "only you", "mentioned": [alice.phone]});
    let sent: Value = node.post("/message/sendText/acme", body).await;
    assert_eq!(got(&simulator, &alice.phone, &sent).await.mentions, [alice.jid]);
}
