//! Looking for messages: by their words, and by every filter.

use serde_json::{Value, json};
use wa_sim::Send;
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator};

async fn found(node: &Node, path: &str, body: Value) -> Vec<String> {
    let answer = node.post(path, body).await;
    let records = answer["messages"]["records"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
    assert_eq!(answer["messages"]["total"], records.len(), "{answer}");
    records.iter().map(|record| record["message"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_their_words_and_by_every_filter_in_their_own_instance() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    node.pair("globex", &simulator, None).await;
    let (alice, bob) = (contact(&simulator, "Alice"), contact(&simulator, "Bob"));
    let order = Send { to: phone, text: "Where is my ÓRDER 17?".into(), ..Send::default() };
    let asked = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    eventually("the question is on record", async || {
        (node.messages("acme", json!({})).await.len() == 1).then_some(())
    })
    .await;
    node.send_text("acme", &alice.phone, "your órder is on its way").await;
    let place = json!({"number": bob.phone, "latitude": 1.5, "longitude": 2.5, "name": "Order desk", "address": "Main Street"});
    node.post("/message/sendLocation/acme", place).await;
    node.send_text("globex", &bob.phone, "órder of another tenant").await;

    let search = async |body: Value| found(&node, "/chat/searchMessages/acme", body).await;
    assert_eq!(search(json!({"query": "órder"})).await.len(), 2);
    assert_eq!(search(json!({"query": "WAY órd"})).await, [r#"{"conversation":"your órder is on its way"}"#]);
    assert_eq!(search(json!({"query": "desk"})).await.len(), 1);
    assert!(search(json!({"query": "tenant"})).await.is_empty());
    let theirs = json!({"query": "órder", "where": {"key": {"fromMe": false, "remoteJid": alice.lid}}});
    assert_eq!(search(theirs).await.len(), 1);
    let page = node.post("/chat/searchMessages/acme", json!({"query": "is", "page": 2, "offset": 1})).await;
    let shape = |field: &str| page["messages"][field].clone();
    assert_eq!((shape("total"), shape("pages"), shape("currentPage")), (json!(2), json!(2), json!(2)));
    assert_eq!(shape("records")[0]["key"]["id"], asked.as_str(), "newest first: {page}");
    assert_eq!(shape("records")[0].as_object().unwrap().len(), 11, "as findMessages answers: {page}");

    let row = node.messages("acme", json!({"where": {"key": {"id": asked}}})).await.remove(0);
    let all =
        async |filter: Value| found(&node, "/chat/findMessages/acme", json!({"where": filter})).await.len();
    assert_eq!(all(json!({"id": row["id"]})).await, 1);
    assert_eq!(all(json!({"source": row["source"], "key": {"fromMe": false}})).await, 1);
    assert_eq!(all(json!({"source": "a toaster"})).await, 0);
    assert_eq!(all(json!({"messageType": "locationMessage"})).await, 1);
    assert_eq!(all(json!({"key": {"fromMe": true, "remoteJid": bob.jid}})).await, 1);
    assert_eq!(all(json!({"key": {"remoteJidAlt": row["key"]["remoteJidAlt"]}})).await, 2);
    let second = row["messageTimestamp"].as_i64().unwrap();
    assert_eq!(all(json!({"messageTimestamp": {"gte": second - 60, "lte": "2100-01-01"}})).await, 3);
    assert_eq!(all(json!({"messageTimestamp": {"lte": second - 60}})).await, 0);

    for (path, body, field) in [
        ("searchMessages", json!({}), "query"),
        ("searchMessages", json!({"query": "?!"}), "query"),
        ("searchMessages", json!({"query": "a", "where": "x"}), "where"),
        ("searchMessages", json!({"query": "a", "page": "x"}), "page"),
        ("findMessages", json!({"where": {"id": "x"}}), "where.id"),
        ("findMessages", json!({"where": {"key": {"remoteJid": ""}}}), "where.key.remoteJid"),
        ("findMessages", json!({"where": {"key": {"fromMe": "perhaps"}}}), "where.key.fromMe"),
        ("findMessages", json!({"where": {"messageType": ""}}), "where.messageType"),
        ("findMessages", json!({"where": {"source": {}}}), "where.source"),
        (
            "findMessages",
            json!({"where": {"messageTimestamp": {"gte": "soon"}}}),
            "where.messageTimestamp.gte",
        ),
        ("findMessages", json!({"offset": -1}), "offset"),
        ("findChats", json!({"where": {"remoteJid": {}}}), "where.remoteJid"),
        ("findChats", json!({"take": "many"}), "take"),
        ("findContacts", json!({"where": {"id": ""}}), "where.id"),
        ("findContacts", json!({"where": {"pushName": []}}), "where.pushName"),
        ("findStatusMessage", json!({"where": {"status": "NOPE"}}), "where.status"),
        ("findStatusMessage", json!({"where": {"fromMe": 7}}), "where.fromMe"),
    ] {
        let (status, answer) = node.call(Method::POST, &format!("/chat/{path}/acme"), body.clone()).await;
        let told = answer["response"]["message"].to_string();
        assert!(status == 400 && told.contains(field), "{path} {body}: {status} {answer}");
    }
    let counts = node.get("/instance/fetchInstances?instanceName=acme").await[0]["_count"].clone();
    assert_eq!((&counts["Message"], &counts["Chat"]), (&json!(3), &json!(2)), "{counts}");
}
