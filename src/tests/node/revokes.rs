//! What becomes of our own messages at the contact when they are taken back or changed.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{NewGroup, Received, Simulator};
use waggle::net::Method;

use super::cards::got;
use crate::support::{Node, contact, eventually, simulator, told};

/// What a contact gets about one of our messages.
async fn gets(simulator: &Simulator, phone: &str, kind: &str, of: &str) -> Received {
    eventually(&format!("the contact gets the {kind}"), async || {
        let all = simulator.handle().received(phone, 0).unwrap().0;
        all.into_iter().find(|one| one.kind == kind && one.target.as_deref() == Some(of))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_deleted_for_everyone_is_revoked_at_the_contact() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let [alice, bob] = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    let new = NewGroup { subject: "Sales".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    for path in ["/chat/deleteMessageForEveryone/acme", "/message/delete/acme"] {
        for to in [&alice.phone, &group] {
            let sent = node.send_text("acme", to, "by mistake").await;
            let one = got(&simulator, &alice.phone, &sent).await;
            let key = json!({"id": one.id, "remoteJid": sent["key"]["remoteJid"], "fromMe": true});
            let (status, answer) = node.call(Method::DELETE, path, key).await;
            assert_eq!(status, 201, "{path}: {answer}");
            let revoked = gets(&simulator, &alice.phone, "revoke", &one.id).await;
            assert_eq!((&revoked.from, &revoked.chat), (&phone, &one.chat), "{revoked:?}");
            let event = told(&receiver, "messages.delete", |body| body["data"]["key"]["id"] == one.id).await;
            assert_eq!(event["data"]["status"], "DELETED", "{event}");
        }
    }
    let (got, _) = simulator.handle().received(&bob.phone, 0).unwrap();
    assert!(got.is_empty(), "nobody else hears of it: {got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_edited_is_edited_at_the_contact() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let new = NewGroup { subject: "Sales".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    for to in [&alice.phone, &group] {
        let sent = node.send_text("acme", to, "helo").await;
        let one = got(&simulator, &alice.phone, &sent).await;
        let mut before = Vec::new();
        for text in ["hello", "hello *again*"] {
            let edit = json!({"number": to, "key": sent["key"], "text": text});
            node.post("/chat/updateMessage/acme", edit).await;
            let edited = eventually("Alice sees the edit", async || {
                let all = simulator.handle().received(&alice.phone, 0).unwrap().0;
                let of_it = |one_of: &&Received| one_of.target.as_ref() == Some(&one.id);
                all.iter().filter(of_it).find(|it| it.kind == "edit" && !before.contains(&it.id)).cloned()
            })
            .await;
            assert_eq!((edited.text.as_deref(), &edited.from), (Some(text), &phone), "{edited:?}");
            assert_eq!(edited.chat, one.chat, "{edited:?}");
            before.push(edited.id);
            let stored = node.messages("acme", json!({"where": {"key": {"id": one.id}}})).await;
            let updates: Vec<&Value> = stored[0]["MessageUpdate"].as_array().unwrap().iter().collect();
            assert!(updates.iter().any(|update| update["status"] == "EDITED"), "{stored:?}");
            assert_eq!(stored[0]["message"], json!({"conversation": text}), "{stored:?}");
        }
    }
}
