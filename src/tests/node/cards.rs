//! Contact cards, reactions and answers to choices, in both directions.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Card, Compose, Kind, Received, Simulator};
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator, told};

/// What a contact has received under an id.
pub async fn got(simulator: &Simulator, phone: &str, sent: &Value) -> Received {
    let id = sent["key"]["id"].as_str().unwrap();
    eventually("the contact has it", async || {
        simulator.handle().received(phone, 0).unwrap().0.into_iter().find(|one| one.id == id)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_and_reactions_reach_a_contact() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");

    let bob = json!({
        "fullName": "Bob B", "wuid": "5511999999999", "phoneNumber": "+55 11 99999-9999",
        "organization": "o", "email": "e@x", "url": "http://x\nNOTE:injected",
    });
    let body = json!({"number": alice.phone, "contact": [bob]});
    let sent = node.post("/message/sendContact/acme", body).await;
    let vcard = "BEGIN:VCARD\nVERSION:3.0\nN:Bob B\nFN:Bob B\nORG:o;\nEMAIL:e@x\nURL:http://x NOTE:injected\n\
                 item1.TEL;waid=5511999999999:+55 11 99999-9999\nitem1.X-ABLabel:Celular\nEND:VCARD";
    assert_eq!(sent["message"], json!({"contactMessage": {"displayName": "Bob B", "vcard": vcard}}));
    assert_eq!(sent["messageType"], "contactMessage");
    let one = got(&simulator, &alice.phone, &sent).await;
    assert_eq!((one.kind.as_str(), one.details.as_slice()), ("contact", [vcard.to_owned()].as_slice()));

    let eve = json!({"fullName": "Eve", "phoneNumber": "+55 11 97777-6666"});
    let body = json!({"number": alice.phone, "contactMessage": [eve, {"fullName": "Mallory", "phoneNumber": "5511966665555"}]});
    let sent = node.post("/message/sendContact/acme", body).await;
    assert_eq!(sent["message"]["contactsArrayMessage"]["displayName"], "2 contacts", "{sent}");
    let two = got(&simulator, &alice.phone, &sent).await;
    assert!(
        two.kind == "contacts" && two.details[0].contains("waid=5511977776666:+55 11 97777-6666"),
        "{two:?}"
    );

    let key = json!({"id": sent["key"]["id"], "remoteJid": alice.jid, "fromMe": true});
    for emoji in ["👍", ""] {
        let sent = node.post("/message/sendReaction/acme", json!({"key": key, "reaction": emoji})).await;
        let reaction = &sent["message"]["reactionMessage"];
        assert_eq!((&reaction["text"], &reaction["key"]), (&json!(emoji), &key), "{sent}");
        assert!(reaction["senderTimestampMs"].is_i64() && sent.get("contextInfo").is_none(), "{sent}");
        let one = got(&simulator, &alice.phone, &sent).await;
        assert_eq!((one.kind.as_str(), one.text.as_deref()), ("reaction", Some(emoji)));
        assert_eq!(one.target.as_deref(), key["id"].as_str());
    }
    let body = json!({"key": key, "reaction": "❤️"}).to_string().into_bytes();
    let again = async || {
        let path = "/message/sendReaction/acme";
        node.with_header(Method::POST, path, ("idempotency-key", "r1"), body.clone()).await.1["key"]["id"]
            .clone()
    };
    assert_eq!(again().await, again().await, "the same request is one reaction");

    for (path, body, named) in [
        ("sendContact", json!({"number": alice.phone}), vec!["contact"]),
        ("sendContact", json!({"number": alice.phone, "contact": [{}]}), vec!["fullName", "phoneNumber"]),
        ("sendReaction", json!({}), vec!["requires property \\\"key", "requires property \\\"reaction"]),
    ] {
        let (status, refused) = node.call(Method::POST, &format!("/message/{path}/acme"), body).await;
        let text = refused.to_string();
        assert!(status == 400 && named.iter().all(|name| text.contains(name)), "{path}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_contact_sends_comes_back_as_the_contract_shows_it() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let sent = node.send_text("acme", &alice.phone, "hello").await;
    let id = sent["key"]["id"].as_str().unwrap().to_owned();
    let card = Card { name: "Bob".into(), phone: "5511977776666".into() };
    let place = Kind::Location {
        latitude: -23.5,
        longitude: -46.6,
        name: Some("n".into()),
        address: Some("a".into()),
    };
    let reply = |template| Kind::ButtonReply { text: "x".into(), button: "1".into(), template };
    let reaction =
        Kind::Reaction { id: id.clone(), from_me: false, participant: None, emoji: "❤️".into() };
    for (kind, message_type, wanted) in [
        (Kind::Contacts { cards: vec![card] }, "contactMessage", json!({"displayName": "Bob"})),
        (
            place,
            "locationMessage",
            json!({"degreesLatitude": -23.5, "degreesLongitude": -46.6, "name": "n", "address": "a"}),
        ),
        (reaction, "reactionMessage", json!({"text": "❤️"})),
        (
            Kind::ListReply { title: "r".into(), row: "1".into() },
            "listResponseMessage",
            json!({"title": "r", "listType": 1, "singleSelectReply": {"selectedRowId": "1"}}),
        ),
        (
            reply(false),
            "buttonsResponseMessage",
            json!({"selectedButtonId": "1", "selectedDisplayText": "x", "type": 1}),
        ),
        (reply(true), "templateButtonReplyMessage", json!({"selectedId": "1", "selectedDisplayText": "x"})),
    ] {
        let made = simulator.handle().compose(&alice.phone, Compose::new(&phone, kind)).await.unwrap();
        let is_it = |body: &Value| body["data"]["key"]["id"] == made.id.as_str();
        let upsert = told(&receiver, "messages.upsert", is_it).await;
        let data = &upsert["data"];
        assert_eq!((&data["messageType"], &data["status"]), (&json!(message_type), &json!("DELIVERY_ACK")));
        let message = data["message"].as_object().unwrap();
        assert_eq!(message.keys().collect::<Vec<_>>(), [message_type], "{data}");
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&message[message_type][field], value, "{message_type}: {data}");
        }
        if message_type == "reactionMessage" {
            assert_eq!(message[message_type]["key"]["id"], id.as_str());
            assert!(data.get("contextInfo").is_none(), "{data}");
        }
    }
}
