//! Sending, finding and changing messages.

use serde_json::{Value, json};

use super::support::{Answer, GLOBAL, Node, request};

const TEXT: &str = "/message/sendText/acme";

async fn sent(node: &Node, body: Value) -> Value {
    let answer = node.ask("POST", TEXT, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn message(answer: &Answer) -> Value {
    answer.json()["response"]["message"].clone()
}

#[actix_web::test]
async fn a_text_is_sent_in_both_shapes() {
    let node = Node::start().await;
    node.open("acme").await;
    let made = sent(&node, json!({"number": "+55 11 98888-7777", "text": "hi", "delay": "1"})).await;
    assert_eq!(made["key"]["remoteJid"], "5511988887777@s.whatsapp.net");
    assert_eq!((&made["key"]["fromMe"], &made["status"]), (&json!(true), &json!("PENDING")));
    assert_eq!(
        (&made["message"], &made["messageType"]),
        (&json!({"conversation": "hi"}), &json!("conversation"))
    );
    assert_eq!((&made["messageTimestamp"], &made["source"]), (&json!(1_795_225_000), &json!("web")));
    let quoted = json!({"key": {"id": made["key"]["id"]}});
    let old = json!({"number": 5_511_988_887_777_u64, "textMessage": {"text": "old"},
        "options": {"delay": 1, "presence": "composing", "quoted": quoted,
            "mentions": {"everyOne": false, "mentioned": ["5511999999999"]}}});
    assert_eq!(
        sent(&node, old).await["message"],
        json!({"conversation": "old", "quoted": made["key"]["id"]})
    );
    for number in ["120363000000000000@g.us", "95511988887777@lid"] {
        assert_eq!(sent(&node, json!({"number": number, "text": "hi"})).await["key"]["remoteJid"], number);
    }
}

#[actix_web::test]
async fn a_text_that_cannot_be_sent_is_refused_with_every_reason() {
    let node = Node::start().await;
    node.open("acme").await;
    let missing = node.ask("POST", TEXT, Value::Null).await;
    let wanted = json!([["instance requires property \"number\"", "instance requires property \"text\""]]);
    assert_eq!((missing.status, message(&missing)), (400, wanted));
    let wrong = json!({"number": "abc", "text": " ", "delay": 300_001, "mentioned": ["x"]});
    let problems = message(&node.ask("POST", TEXT, wrong).await);
    for field in ["number is not", "text does not", "delay must", "mentioned is not"] {
        let told = problems[0].as_array().unwrap();
        assert!(
            told.iter().any(|problem| problem.as_str().unwrap().starts_with(field)),
            "{field}: {problems}"
        );
    }
    let absent = node.ask("POST", TEXT, json!({"number": "5511900000000", "text": "hi"})).await;
    let wanted = json!([{"jid": "5511900000000@s.whatsapp.net", "exists": false, "number": "5511900000000"}]);
    assert_eq!((absent.status, message(&absent)), (400, wanted));
    assert!(node.stage.sent.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_repeat_with_the_same_idempotency_key_sends_nothing() {
    let node = Node::start().await;
    node.open("acme").await;
    let send = |key: &str, text: &str| {
        let request =
            request("POST", TEXT).insert_header(("apikey", GLOBAL)).insert_header(("Idempotency-Key", key));
        node.call(request.set_json(json!({"number": "5511988887777", "text": text})))
    };
    let (first, again) = (send("order-1", "hi").await, send("order-1", "hi").await);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((first.json(), again.header("idempotent-replayed")), (again.json(), Some("true")));
    assert_eq!(node.stage.sent.lock().unwrap().len(), 1);
    assert_eq!(send("order-1", "other").await.status, 409);
    for key in ["", &"x".repeat(256), "a b"] {
        assert_eq!(send(key, "hi").await.status, 400, "{key:?}");
    }
}

#[actix_web::test]
async fn too_many_sends_are_told_when_to_come_back() {
    let node = Node::with(&[("WAGGLE_RATE_LIMIT_PER_SECOND", "1"), ("WAGGLE_RATE_LIMIT_BURST", "2")]).await;
    node.open("acme").await;
    let send = || node.ask("POST", TEXT, json!({"number": "5511988887777", "text": "hi"}));
    assert_eq!((send().await.status, send().await.status), (201, 201));
    let refused = send().await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
}

#[actix_web::test]
async fn questions_to_whatsapp_are_charged_but_not_those_of_strangers() {
    let node = Node::with(&[("WAGGLE_RATE_LIMIT_PER_SECOND", "1"), ("WAGGLE_RATE_LIMIT_BURST", "2")]).await;
    node.open("acme").await;
    let path = "/chat/whatsappNumbers/acme";
    let ask = |key| node.ask_as(key, "POST", path, json!({"numbers": ["5511988887777"]}));
    for _ in 0..3 {
        assert_eq!(ask("not-a-key-of-anybody").await.status, 401);
    }
    assert_eq!((ask(GLOBAL).await.status, ask(GLOBAL).await.status), (200, 200));
    let refused = ask(GLOBAL).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    let recorded = node.ask("POST", "/chat/findMessages/acme", json!({})).await;
    assert_eq!(recorded.status, 200, "what is on record is no question to WhatsApp");
}

#[actix_web::test]
async fn messages_are_found_edited_and_deleted() {
    let node = Node::start().await;
    node.open("acme").await;
    let mut keys = Vec::new();
    for at in 0..3 {
        let body = json!({"number": "5511988887777", "text": format!("text {at}")});
        keys.push(sent(&node, body).await["key"].clone());
    }
    let find = |body: Value| {
        let node = &node;
        async move { node.ask("POST", "/chat/findMessages/acme", body).await.json()["messages"].clone() }
    };
    let page =
        find(json!({"where": {"key": {"remoteJid": "5511988887777"}}, "page": "2", "offset": 2})).await;
    assert_eq!((&page["total"], &page["pages"], &page["currentPage"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(page["records"].as_array().unwrap().len(), 1);
    assert_eq!(find(json!({"limit": 2})).await["records"].as_array().unwrap().len(), 2);
    assert_eq!(
        find(json!({"where": {"messageTimestamp": {"gte": "2027-01-01T00:00:00Z"}}})).await["total"],
        0
    );

    let edit = json!({"number": "5511988887777", "key": keys[0], "text": "edited"});
    let edited = node.ask("POST", "/chat/updateMessage/acme", edit).await;
    assert_eq!((edited.status, &edited.json()["status"]), (200, &json!("PENDING")), "{}", edited.text);
    let deleted = node.ask("DELETE", "/message/delete/acme", keys[1].clone()).await;
    assert_eq!(
        (deleted.status, &deleted.json()["message"]["protocolMessage"]["type"]),
        (201, &json!("REVOKE"))
    );
    let one = |at: usize| find(json!({"where": {"key": {"id": keys[at]["id"]}}}));
    let (edited, deleted) = (one(0).await["records"][0].clone(), one(1).await["records"][0].clone());
    assert_eq!(edited["message"], json!({"conversation": "edited"}));
    assert!(edited["MessageUpdate"].as_array().unwrap().contains(&json!({"status": "EDITED"})));
    assert_eq!(deleted["key"]["deleted"], true);
    let absent = json!({"key": {"id": "NOPE", "fromMe": true, "remoteJid": "5511988887777"}, "text": "x"});
    let absent = node.ask("POST", "/chat/updateMessage/acme", absent).await;
    assert_eq!((absent.status, message(&absent)), (400, json!(["Message not compatible"])));
    let statuses =
        node.ask("POST", "/chat/findStatusMessage/acme", json!({"where": {"status": "NOPE"}})).await;
    assert_eq!(statuses.status, 400);
    let statuses =
        node.ask("POST", "/chat/findStatusMessage/acme", json!({"where": {"id": keys[0]["id"]}})).await;
    assert!(
        statuses.json().as_array().unwrap().iter().any(|row| row["status"] == "EDITED"),
        "{}",
        statuses.text
    );
}

#[actix_web::test]
async fn chats_and_contacts_are_listed() {
    let node = Node::start().await;
    node.open("acme").await;
    sent(&node, json!({"number": "5511988887777", "text": "hi"})).await;
    let chats = node.ask("POST", "/chat/findChats/acme", Value::Null).await.json();
    assert_eq!(chats[0]["remoteJid"], "5511988887777@s.whatsapp.net");
    assert_eq!(chats[0]["lastMessage"]["message"], json!({"conversation": "hi"}));
    let wrong = node.ask("POST", "/chat/findChats/acme", json!({"where": "x"})).await;
    assert_eq!(message(&wrong), json!([["where is not of a type(s) object"]]));
    let one = node.ask("GET", "/chat/findChatByRemoteJid/acme?remoteJid=5511988887777", Value::Null).await;
    assert_eq!(one.json()["remoteJid"], "5511988887777@s.whatsapp.net");
    let absent = node.ask("GET", "/chat/findChatByRemoteJid/acme?remoteJid=1234567", Value::Null).await;
    assert_eq!((absent.status, absent.json()), (200, Value::Null));
    assert_eq!(node.ask("GET", "/chat/findChatByRemoteJid/acme", Value::Null).await.status, 400);
    assert_eq!(node.ask("POST", "/chat/findContacts/acme", Value::Null).await.json(), json!([]));
    let empty = node.ask("POST", "/chat/findContacts/acme", json!({"where": {"id": ""}})).await;
    assert_eq!(message(&empty), json!([["where.id does not meet minimum length of 1"]]));
}

#[actix_web::test]
async fn numbers_are_looked_up_in_their_order() {
    let node = Node::start().await;
    node.open("acme").await;
    let numbers =
        json!({"numbers": ["5511900000000", "abc", "120363000000000000@g.us", 5_511_988_887_777_u64]});
    let answer = node.ask("POST", "/chat/whatsappNumbers/acme", numbers).await.json();
    assert_eq!(
        answer,
        json!([
            {"jid": "5511900000000@s.whatsapp.net", "exists": false, "number": "5511900000000"},
            {"jid": "abc", "exists": false, "number": "abc"},
            {"jid": "120363000000000000@g.us", "exists": false, "number": "120363000000000000@g.us"},
            {"jid": "5511988887777@s.whatsapp.net", "exists": true, "number": "5511988887777"},
        ])
    );
    let many = json!({"numbers": vec!["5511988887777"; 501]});
    assert_eq!(node.ask("POST", "/chat/whatsappNumbers/acme", many).await.status, 400);
    assert_eq!(node.ask("POST", "/chat/whatsappNumbers/acme", json!({})).await.status, 400);
}

#[actix_web::test]
async fn messages_are_marked_as_read_and_typing_is_shown() {
    let node = Node::start().await;
    node.open("acme").await;
    let read =
        json!({"readMessages": [{"id": "A1", "fromMe": false, "remoteJid": "5511988887777@s.whatsapp.net"}]});
    let answer = node.ask("POST", "/chat/markMessageAsRead/acme", read).await;
    assert_eq!((answer.status, answer.json()), (201, json!({"message": "Read messages", "read": "success"})));
    assert_eq!(*node.stage.sent.lock().unwrap(), ["read A1"]);
    let missing = node.ask("POST", "/chat/markMessageAsRead/acme", json!({})).await;
    assert_eq!(message(&missing), json!([["instance requires property \"readMessages\""]]));
    let typing = json!({"number": "5511988887777", "delay": 1, "presence": "composing"});
    let answer = node.ask("POST", "/chat/sendPresence/acme", typing).await;
    assert_eq!((answer.status, answer.json()), (201, json!({"presence": "composing"})));
    let missing = node.ask("POST", "/chat/sendPresence/acme", json!({})).await;
    let wanted = ["number", "presence", "delay"].map(|name| format!("instance requires property \"{name}\""));
    assert_eq!(message(&missing), json!([wanted]));
}
