//! Incoming answers: they are told and recorded in one form, whichever their sender's application chose.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Compose, Send};

use super::cards::got;
use crate::support::{Node, contact, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_a_conversation_with_its_context_beside_it() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let (alice, bob) = (contact(&simulator, "Alice"), contact(&simulator, "Bob"));
    let own = format!("{phone}@s.whatsapp.net");
    let question = node.send_text("acme", &alice.phone, "orig").await["key"]["id"].clone();
    let order = json!({
        "to": phone, "text": "reply https://example.test",
        "quoted": {"id": question, "participant": own, "text": "orig"},
    });
    let order: Send = serde_json::from_value(order).unwrap();
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();

    let message = json!({"conversation": "reply https://example.test"});
    let context = json!({
        "mentionedJid": [], "groupMentions": [], "stanzaId": question, "participant": own,
        "quotedMessage": {"conversation": "orig"},
    });
    let upsert = told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
    let is_it = |shown: &Value| {
        assert_eq!(
            (&shown["message"], &shown["messageType"], &shown["contextInfo"]),
            (&message, &json!("conversation"), &context),
            "{shown}"
        );
    };
    is_it(&upsert["data"]);
    assert_eq!(upsert["data"]["key"]["addressingMode"], "pn", "{upsert}");
    let by_type = json!({"where": {"messageType": "conversation", "key": {"id": id}}});
    is_it(&node.messages("acme", by_type).await[0]);
    is_it(&node.post("/chat/findChats/acme", json!({})).await[0]["lastMessage"]);
    let found = node.post("/chat/searchMessages/acme", json!({"query": "reply example"})).await;
    assert_eq!(found["messages"]["records"][0]["key"]["id"], id.as_str(), "{found}");

    let body = json!({"number": bob.phone, "message": {"key": {"id": id}}});
    let passed = node.post("/message/forward/acme", body).await;
    assert_eq!(passed["message"], message, "{passed}");
    let one = got(&simulator, &bob.phone, &passed).await;
    assert!(one.forwarded && one.text.as_deref() == Some("reply https://example.test"), "{one:?}");
    let body = json!({"number": alice.lid, "text": "so", "quoted": {"key": {"id": id}}});
    let answer = node.post("/message/sendText/acme", body).await;
    let quoted = &answer["contextInfo"];
    assert_eq!((&quoted["quotedMessage"], &quoted["stanzaId"]), (&message, &json!(id)), "{answer}");
    assert!(quoted.get("remoteJid").is_none(), "it is of the same chat: {answer}");
    assert_eq!(got(&simulator, &alice.phone, &answer).await.quoted.as_deref(), Some(id.as_str()));

    // A long text that answers nothing is as a short one.
    let order = Send { to: phone.clone(), text: "long".into(), extended: true, ..Send::default() };
    let long = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    let upsert = told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == long.as_str()).await;
    let data = &upsert["data"];
    assert_eq!(
        (&data["message"], &data["messageType"]),
        (&json!({"conversation": "long"}), &json!("conversation"))
    );
    assert!(data.get("contextInfo").is_none(), "{data}");
    simulator.handle().revoke(&alice.phone, &phone, &long).await.unwrap();
    let deleted = told(&receiver, "messages.delete", |body| body["data"]["id"] == long.as_str()).await;
    assert_eq!(deleted["data"]["addressingMode"], "pn", "{deleted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_has_no_wrapper_and_what_it_answers_is_found_in_others() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let quoted = json!({"id": "3EB0AAAA", "participant": format!("{phone}@s.whatsapp.net"), "text": "orig"});
    let sends = async |mut order: Value| {
        (order["to"], order["quoted"]) = (json!(phone), quoted.clone());
        let order: Compose = serde_json::from_value(order).unwrap();
        let id = simulator.handle().compose(&alice.phone, order).await.unwrap().id;
        let upsert =
            told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
        let data = upsert["data"].clone();
        assert_eq!(data["contextInfo"]["quotedMessage"], json!({"conversation": "orig"}), "{data}");
        data
    };
    let file = json!({"data": "JVBERi0=", "mimetype": "application/pdf", "name": "a.pdf"});
    let data = sends(json!({"kind": "document", "file": file, "caption": "the bill"})).await;
    assert_eq!(data["messageType"], "documentMessage");
    assert_eq!(data["message"].as_object().unwrap().keys().collect::<Vec<_>>(), ["documentMessage"]);
    let document = &data["message"]["documentMessage"];
    assert_eq!(
        (&document["caption"], &document["fileName"]),
        (&json!("the bill"), &json!("a.pdf")),
        "{data}"
    );
    let id = data["key"]["id"].clone();
    let stored = node.messages("acme", json!({"where": {"messageType": "documentMessage"}})).await;
    assert_eq!((&stored[0]["key"]["id"], &stored[0]["message"]["documentMessage"]), (&id, document));
    let read =
        node.post("/chat/getBase64FromMediaMessage/acme", json!({"message": {"key": {"id": id}}})).await;
    assert_eq!((&read["base64"], &read["mediaType"]), (&json!("JVBERi0="), &json!("documentMessage")));
    let body = json!({"number": alice.phone, "message": {"key": {"id": id}}});
    let passed = node.post("/message/forward/acme", body).await;
    let one = got(&simulator, &alice.phone, &passed).await;
    assert!(one.kind == "document" && one.media.as_ref().unwrap().problem.is_none(), "{one:?}");

    let data =
        sends(json!({"kind": "image", "file": {"data": "AQID"}, "viewOnce": true, "ephemeral": 60})).await;
    assert_eq!(data["messageType"], "ephemeralMessage", "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_sends_has_a_name_and_a_context() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let nothing = json!({"mentionedJid": [], "groupMentions": []});
    let place =
        json!({"number": alice.phone, "latitude": 1.5, "longitude": 2.5, "name": "n", "address": "a"});
    for (path, body) in [
        ("sendText", json!({"number": alice.phone, "text": "hi"})),
        ("sendLocation", place),
        (
            "sendContact",
            json!({"number": alice.phone, "contact": [{"fullName": "Bob", "phoneNumber": "5511977776666"}]}),
        ),
    ] {
        let sent = node.post(&format!("/message/{path}/acme"), body).await;
        assert!(sent["pushName"].as_str().is_some_and(|name| !name.is_empty()), "{path}: {sent}");
        assert_eq!(sent["contextInfo"], nothing, "{path}: {sent}");
        let event =
            told(&receiver, "send.message", |body| body["data"]["key"]["id"] == sent["key"]["id"]).await;
        assert_eq!(event["data"], sent);
    }
    let status = json!({"type": "text", "content": "hello", "backgroundColor": "#008000", "font": 1, "statusJidList": [alice.jid]});
    let status = node.post("/message/sendStatus/acme", status).await;
    assert_eq!(status["message"], json!({"conversation": "hello"}), "{status}");
    assert!(status["pushName"].is_string() && status.get("contextInfo").is_none(), "{status}");

    let order = Send { to: alice.phone.clone(), text: "from the phone".into(), ..Send::default() };
    let id = simulator.handle().send(&phone, order).await.unwrap().ids[0].clone();
    let upsert = told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
    let data = &upsert["data"];
    assert!(data["key"]["fromMe"] == true && data["pushName"].is_string(), "{data}");
}
