//! Texts out and in, and what becomes of them.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Behaviour, NewContact, Send};
use waggle::net::Method;

use crate::support::{KEY, Node, PATIENCE, contact, eventually, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_reaches_a_contact_and_its_receipts_come_back() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    // Bob reads at once: both receipts arrive back to back.
    let behaviour = Behaviour { auto_read: true, ..Behaviour::default() };
    let bob = simulator.handle().create_contact(NewContact { behaviour, ..NewContact::default() }).unwrap();

    let sent = node.send_text("acme", &bob.phone, "hello *Bob*").await;
    let id = sent["key"]["id"].as_str().unwrap().to_owned();
    assert_eq!(sent["key"]["remoteJid"], bob.jid);
    assert_eq!(sent["key"]["fromMe"], true);
    assert_eq!(sent["status"], "PENDING");
    assert_eq!(sent["message"], json!({"conversation": "hello *Bob*"}));
    assert_eq!(sent["messageType"], "conversation");
    assert!(sent["messageTimestamp"].is_i64(), "{sent}");
    assert!(sent["instanceId"].is_string() && sent["source"].is_string(), "{sent}");

    let got = eventually("Bob has it", async || {
        simulator.handle().received(&bob.phone, 0).unwrap().0.into_iter().next()
    })
    .await;
    assert_eq!(
        (got.text.as_deref(), got.id.as_str(), got.from.as_str()),
        (Some("hello *Bob*"), id.as_str(), phone.as_str())
    );

    let event = told(&receiver, "send.message", |body| body["data"]["key"]["id"] == id.as_str()).await;
    assert_eq!(event["instance"], "acme");
    assert_eq!(event["sender"], format!("{phone}@s.whatsapp.net"));
    assert!(event.get("apikey").is_none_or(Value::is_null), "no token in an event: {event}");
    for status in ["DELIVERY_ACK", "READ"] {
        let update = told(&receiver, "messages.update", |body| body["data"]["status"] == status).await;
        assert_eq!(update["data"]["keyId"], id.as_str());
        assert_eq!(update["data"]["remoteJid"], bob.jid);
        assert!(update["data"]["messageId"].is_string());
    }
    let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await;
    assert_eq!(stored.len(), 1);
    let updates: Vec<&Value> =
        stored[0]["MessageUpdate"].as_array().unwrap().iter().map(|u| &u["status"]).collect();
    assert!(updates.ends_with(&[&json!("DELIVERY_ACK"), &json!("READ")]), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incoming_text_is_told_stored_edited_and_revoked() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let order = Send { to: phone.clone(), text: "hi there".into(), ..Send::default() };
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();

    let upsert = told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
    let data = &upsert["data"];
    assert_eq!(data["key"]["remoteJid"], alice.jid, "by phone number: {data}");
    assert_eq!(data["key"]["fromMe"], false);
    assert_eq!(data["pushName"], "Alice");
    assert_eq!(data["message"], json!({"conversation": "hi there"}));
    assert_eq!(data["status"], "DELIVERY_ACK");
    told(&receiver, "chats.upsert", |_| true).await;
    told(&receiver, "contacts.upsert", |body| body["data"]["pushName"] == "Alice").await;

    simulator.handle().edit(&alice.phone, &phone, &id, "hi again").await.unwrap();
    let edited = told(&receiver, "messages.edited", |_| true).await;
    assert_eq!(edited["data"]["key"]["id"], id.as_str());
    assert_eq!(edited["data"]["editedMessage"]["conversation"], "hi again", "{edited}");
    simulator.handle().revoke(&alice.phone, &phone, &id).await.unwrap();
    let deleted = told(&receiver, "messages.delete", |_| true).await;
    assert_eq!(deleted["data"]["id"], id.as_str(), "{deleted}");

    let chats = node.post("/chat/findChats/acme", json!({})).await;
    assert_eq!(chats[0]["remoteJid"], alice.jid);
    assert_eq!(chats[0]["unreadCount"], 1, "{chats}");
    let contacts = node.post("/chat/findContacts/acme", json!({"where": {"remoteJid": alice.jid}})).await;
    assert_eq!(contacts[0]["pushName"], "Alice");
    let chat = node.get(&format!("/chat/findChatByRemoteJid/acme?remoteJid={}", alice.jid)).await;
    assert_eq!(chat["remoteJid"], alice.jid);
    // The hidden identity finds the same chat.
    let by_lid = node.messages("acme", json!({"where": {"key": {"remoteJid": alice.lid}}})).await;
    assert_eq!(by_lid.len(), 1, "{by_lid:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_quotes_and_a_repeat_with_the_same_idempotency_key_is_one_message() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let order = Send { to: phone, text: "a question".into(), ..Send::default() };
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    eventually("the question is stored", async || {
        (!node.messages("acme", json!({"where": {"key": {"id": id}}})).await.is_empty()).then_some(())
    })
    .await;
    let body = json!({"number": alice.phone, "text": "an answer", "quoted": {"key": {"id": id}}});
    node.post("/message/sendText/acme", body).await;
    let got = eventually("Alice has the answer", async || {
        simulator
            .handle()
            .received(&alice.phone, 0)
            .unwrap()
            .0
            .into_iter()
            .find(|one| one.text.as_deref() == Some("an answer"))
    })
    .await;
    assert_eq!(got.target.as_deref(), Some(id.as_str()), "{got:?}");

    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(idempotent(&node, &alice.phone, "once", "key-1").await.1["key"]["id"].clone());
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    let (status, _) = idempotent(&node, &alice.phone, "something else", "key-1").await;
    assert_eq!(status, 409);
    let texts = simulator.handle().received(&alice.phone, 0).unwrap().0;
    assert_eq!(texts.iter().filter(|one| one.text.as_deref() == Some("once")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_was_refused_is_made_by_a_repeat_under_the_same_id() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, Some(&receiver)).await;
    let bob = contact(&simulator, "Bob");
    simulator.handle().set_restricted(&bob.phone, true).unwrap();
    for _ in 0..2 {
        let (status, answer) = idempotent(&node, &bob.phone, "hello", "order-17").await;
        assert_eq!(status, 502, "{answer}");
    }
    let all = json!({"where": {"key": {"remoteJid": bob.jid}}});
    let failed = node.messages("acme", all.clone()).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(idempotent(&node, &bob.phone, "something else", "order-17").await.0, 409);

    simulator.handle().set_restricted(&bob.phone, false).unwrap();
    let (status, sent) = idempotent(&node, &bob.phone, "hello", "order-17").await;
    assert_eq!((status, &sent["key"]["id"]), (201, &failed[0]["key"]["id"]), "{sent}");
    let got = async || simulator.handle().received(&bob.phone, 0).unwrap().0;
    let first = eventually("Bob has it", async || got().await.into_iter().next()).await;
    assert_eq!((first.text.as_deref(), &json!(first.id)), (Some("hello"), &sent["key"]["id"]));
    told(&receiver, "send.message", |body| body["data"]["key"]["id"] == sent["key"]["id"]).await;
    told(&receiver, "messages.update", |body| body["data"]["keyId"] == sent["key"]["id"]).await;

    // From now on it is a repeat like any other.
    let (status, again) = idempotent(&node, &bob.phone, "hello", "order-17").await;
    assert_eq!((status, &again["key"]["id"]), (201, &sent["key"]["id"]), "{again}");
    assert_eq!(got().await.len(), 1);
    assert_eq!(node.messages("acme", all).await.len(), 1);
}

async fn idempotent(node: &Node, number: &str, text: &str, key: &str) -> (u16, Value) {
    let body = json!({"number": number, "text": text}).to_string().into_bytes();
    node.with_header(Method::POST, "/message/sendText/acme", ("idempotency-key", key), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_checked_and_messages_marked_as_read() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let checked =
        node.post("/chat/whatsappNumbers/acme", json!({"numbers": [alice.phone, "5511000000001"]})).await;
    assert_eq!(checked[0]["exists"], true, "{checked}");
    assert_eq!(checked[0]["number"], alice.phone);
    assert_eq!(checked[1]["exists"], false, "{checked}");
    let body = json!({"number": "5511000000001", "text": "anybody?"});
    let (status, refused) = node.call(Method::POST, "/message/sendText/acme", body).await;
    assert_eq!((status, &refused["response"]["message"][0]["exists"]), (400, &json!(false)), "{refused}");

    let order = Send { to: phone.clone(), text: "read me".into(), ..Send::default() };
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    eventually("it is stored", async || {
        (!node.messages("acme", json!({"where": {"key": {"id": id}}})).await.is_empty()).then_some(())
    })
    .await;
    let keys = json!({"readMessages": [{"remoteJid": alice.jid, "fromMe": false, "id": id}]});
    assert_eq!(node.post("/chat/markMessageAsRead/acme", keys).await["read"], "success");
    eventually("Alice sees that it was read", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        signals.iter().any(|one| one.kind == "read" && one.ids.contains(&id)).then_some(())
    })
    .await;
    let typing = json!({"number": alice.phone, "delay": 50, "presence": "composing"});
    node.post("/chat/sendPresence/acme", typing).await;
    eventually("Alice sees us typing", async || {
        simulator.handle().signals(&alice.phone).unwrap().iter().any(|one| one.kind == "typing").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_write_to_each_other_in_order() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let (one, two) = (
        node.pair("one", &simulator, Some(&receiver)).await,
        node.pair("two", &simulator, Some(&receiver)).await,
    );
    for n in 0..20 {
        node.send_text("one", &two, &format!("ping {n}")).await;
        node.send_text("two", &one, &format!("pong {n}")).await;
    }
    let texts = |name: &'static str| {
        move |all: &[wa_sim::receiver::Delivery]| {
            let upserts = all.iter().filter(|d| d.event() == "messages.upsert" && d.body["instance"] == name);
            let texts: Vec<String> = upserts
                .map(|d| d.body["data"]["message"]["conversation"].as_str().unwrap_or_default().to_owned())
                .collect();
            (texts.len() >= 20).then_some(texts)
        }
    };
    let expected = |word: &str| (0..20).map(|n| format!("{word} {n}")).collect::<Vec<_>>();
    assert_eq!(receiver.wait(PATIENCE, texts("two")).await.unwrap(), expected("ping"));
    assert_eq!(receiver.wait(PATIENCE, texts("one")).await.unwrap(), expected("pong"));
    let (status, _) = node.try_call(Method::GET, "/metrics", Some(KEY), None).await.unwrap();
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_under_a_send_is_told_as_what_it_means() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let (bob, carol) = (contact(&simulator, "Bob"), contact(&simulator, "Carol"));
    node.send_text("acme", &bob.phone, "hello").await;
    let strike = |fault: Value| simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
    let send = async |to: &str, text: &str| {
        node.call(Method::POST, "/message/sendText/acme", json!({"number": to, "text": text})).await
    };

    // It reached Bob, and the acknowledgement is lost: nobody can know, so it stays pending.
    strike(json!({"kind": "latency", "latencyMs": 3_600_000, "phone": phone}));
    let lost = async {
        eventually("Bob has it", async || {
            let texts = simulator.handle().received(&bob.phone, 0).unwrap().0;
            texts.iter().any(|one| one.text.as_deref() == Some("did it arrive?")).then_some(())
        })
        .await;
        strike(json!({"kind": "drop", "phone": phone}));
    };
    let ((status, answer), ()) = tokio::join!(send(&bob.phone, "did it arrive?"), lost);
    assert_eq!((status, &answer["status"]), (201, &json!("PENDING")), "{answer}");
    strike(json!({"kind": "latency", "latencyMs": 0, "phone": phone}));
    node.is("acme", "open").await;

    // The keys of a stranger are asked for in vain: it has not left.
    node.post("/chat/whatsappNumbers/acme", json!({"numbers": [carol.phone]})).await;
    strike(json!({"kind": "halfOpen", "phone": phone}));
    let cut = async {
        eventually("it is on record", async || {
            (node.messages("acme", json!({})).await.len() == 3).then_some(())
        })
        .await;
        strike(json!({"kind": "drop", "phone": phone}));
    };
    let ((status, answer), ()) = tokio::join!(send(&carol.phone, "nobody will read this"), cut);
    assert_eq!(status, 409, "{answer}");
    node.is("acme", "open").await;
    assert_eq!(send(&carol.phone, "and this?").await.0, 201);
    let texts = simulator.handle().received(&carol.phone, 0).unwrap().0;
    assert_eq!(texts.iter().filter_map(|one| one.text.as_deref()).collect::<Vec<_>>(), ["and this?"]);
}
