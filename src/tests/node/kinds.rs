//! Messages of every kind: what a contact decrypts of them.

use serde_json::json;
use wa_sim::Send;
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator};

#[tokio::test(flavor = "multi_thread")]
async fn a_place_arrives_and_may_answer_a_message() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let order = Send { to: phone, text: "where?".into(), ..Send::default() };
    let question = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    eventually("the question is stored", async || {
        (!node.messages("acme", json!({"where": {"key": {"id": question}}})).await.is_empty()).then_some(())
    })
    .await;

    let place = json!({"latitude": -23.5, "longitude": "-46.6", "name": "Sé", "address": "São Paulo"});
    let mut body = place.clone();
    body["number"] = json!(alice.phone);
    body["quoted"] = json!({"key": {"id": question}});
    let sent = node.post("/message/sendLocation/acme", body).await;
    assert_eq!(sent["messageType"], "locationMessage");
    let shown = &sent["message"]["locationMessage"];
    assert_eq!((&shown["degreesLatitude"], &shown["name"]), (&json!(-23.5), &json!("Sé")), "{sent}");
    assert_eq!(sent["contextInfo"]["quotedMessage"], json!({"conversation": "where?"}), "{sent}");

    let got = eventually("Alice has it", async || {
        simulator.handle().received(&alice.phone, 0).unwrap().0.into_iter().find(|one| one.kind == "location")
    })
    .await;
    assert_eq!(got.id, sent["key"]["id"].as_str().unwrap());
    assert_eq!(got.quoted.as_deref(), Some(question.as_str()));
    assert!(got.details.iter().any(|detail| detail.contains("-23.5")), "{got:?}");

    let wrong = json!({"number": alice.phone, "latitude": 91});
    let refused = node.call(Method::POST, "/message/sendLocation/acme", wrong).await;
    assert_eq!(refused.0, 400);
    let told = refused.1.to_string();
    assert!(
        ["latitude must be", "\\\"longitude\\\"", "\\\"name\\\""].iter().all(|part| told.contains(part)),
        "{told}"
    );
}
