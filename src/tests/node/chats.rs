//! What is done with whole chats, here and on the phone.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Change, Handle, NewContact, Send, Simulator};
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator, told};

/// A client that is just reading what its devices agreed on may miss a change until it is told again.
async fn until<T>(handle: &Handle, phone: &str, what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    eventually(what, async || {
        handle.announce_app_state(phone).unwrap();
        check().await
    })
    .await
}

/// Calls until the keys are there that devices share changes with: they come soon after linking.
pub async fn shared(node: &Node, path: &str, body: Value) -> (u16, Value) {
    eventually(path, async || {
        let (status, answer) = node.call(Method::POST, path, body.clone()).await;
        (status != 503).then_some((status, answer))
    })
    .await
}

/// The newest record of the account's app state with this index.
fn recorded(simulator: &Simulator, phone: &str, index: &[&str]) -> Option<Value> {
    let records = simulator.handle().app_state(phone).unwrap();
    records.into_iter().find(|record| record.index == index).map(|record| record.value)
}

async fn first_message(node: &Node, simulator: &Simulator, from: &str, phone: &str) -> String {
    let order = Send { to: phone.to_owned(), text: "hello".into(), ..Send::default() };
    let id = simulator.handle().send(from, order).await.unwrap().ids[0].clone();
    eventually("it is stored", async || {
        (!node.messages("acme", json!({"where": {"key": {"id": id}}})).await.is_empty()).then_some(())
    })
    .await;
    id
}

async fn chat(node: &Node, jid: &str) -> Value {
    node.post("/chat/findChats/acme", json!({"where": {"remoteJid": jid}})).await[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_archived_muted_pinned_and_marked_for_every_device() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let id = first_message(&node, &simulator, &alice.phone, &phone).await;
    let last = json!({"key": {"id": id, "remoteJid": alice.jid, "fromMe": false}});

    let body = json!({"lastMessage": last, "archive": true});
    let answer = shared(&node, "/chat/archiveChat/acme", body).await;
    assert_eq!(answer, (201, json!({"chatId": alice.jid, "archived": true})));
    let archive = recorded(&simulator, &phone, &["archive", &alice.jid]).unwrap();
    assert_eq!(archive["archive_chat_action"]["archived"], true, "{archive}");
    let range = &archive["archive_chat_action"]["message_range"];
    assert_eq!(range["messages"][0]["key"]["id"], id.as_str(), "{archive}");
    let update = told(&receiver, "chats.update", |body| body["data"][0]["archived"] == true).await;
    assert_eq!(update["data"][0]["remoteJid"], alice.jid);

    let read = json!({"readMessages": [last["key"]]});
    node.post("/chat/markMessageAsRead/acme", read).await;
    assert_eq!(chat(&node, &alice.jid).await["unreadCount"], 0);
    let body = json!({"lastMessage": last, "chat": alice.jid});
    let unread = node.post("/chat/markChatUnread/acme", body).await;
    assert_eq!(unread, json!({"chatId": alice.jid, "markedChatUnread": true}));
    let marked = recorded(&simulator, &phone, &["markChatAsRead", &alice.jid]).unwrap();
    assert_eq!(marked["mark_chat_as_read_action"]["read"], false, "{marked}");

    for field in ["number", "remoteJid"] {
        assert_eq!(
            node.post("/chat/markChatUnread/acme", json!({(field): alice.phone})).await,
            unread,
            "{field}"
        );
    }

    let until = 4_102_444_800_000_i64;
    let muted =
        node.post("/chat/muteChat/acme", json!({"chat": alice.jid, "mute": true, "until": until})).await;
    assert_eq!(muted["mutedUntil"], until);
    node.post("/chat/pinChat/acme", json!({"chat": alice.jid, "pin": true})).await;
    let shown = chat(&node, &alice.jid).await;
    for (field, value) in [
        ("archived", json!(true)),
        ("pinned", json!(true)),
        ("mutedUntil", json!(until)),
        ("unreadCount", json!(1)),
    ] {
        assert_eq!(shown[field], value, "{field} of {shown}");
    }
    node.post("/chat/archiveChat/acme", json!({"chat": alice.phone, "archive": false})).await;
    node.post("/chat/muteChat/acme", json!({"chat": alice.jid, "mute": false})).await;
    node.post("/chat/pinChat/acme", json!({"chat": alice.jid, "pin": false})).await;
    let shown = chat(&node, &alice.jid).await;
    assert_eq!(
        (&shown["archived"], &shown["pinned"], &shown["mutedUntil"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    let pin = recorded(&simulator, &phone, &["pin_v1", &alice.jid]).unwrap();
    assert_ne!(pin["pin_action"]["pinned"], true, "{pin}");

    for (path, body, field) in [
        ("archiveChat", json!({"chat": alice.jid}), "archive"),
        ("archiveChat", json!({"archive": true}), "chat"),
        ("markChatUnread", json!({}), "lastMessage"),
        ("muteChat", json!({"chat": alice.jid, "mute": true, "until": 1}), "until"),
        ("pinChat", json!({"chat": "nobody", "pin": true}), "chat"),
    ] {
        let (status, answer) = node.call(Method::POST, &format!("/chat/{path}/acme"), body).await;
        assert_eq!(status, 400, "{path}: {answer}");
        assert!(answer.to_string().contains(field), "{path}: {answer}");
    }
    node.create("closed", None).await;
    let (status, _) =
        node.call(Method::POST, "/chat/pinChat/closed", json!({"chat": alice.jid, "pin": true})).await;
    assert_eq!(status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_phone_changes_of_a_chat_is_told_and_kept() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    first_message(&node, &simulator, &alice.phone, &phone).await;
    let jid = || alice.jid.clone();
    for change in [
        Change::Archive { chat: jid(), archived: true },
        Change::Pin { chat: jid(), pinned: true },
        Change::Mute { chat: jid(), muted: true, until: None },
        Change::Read { chat: jid(), read: true },
    ] {
        handle.change(&phone, &change).unwrap();
    }
    until(&handle, &phone, "all of it is kept", async || {
        let shown = chat(&node, &alice.jid).await;
        let all = shown["archived"] == true && shown["pinned"] == true && shown["mutedUntil"] == -1;
        (all && shown["unreadCount"] == 0).then_some(())
    })
    .await;
    told(&receiver, "chats.update", |body| body["data"][0]["pinned"] == true).await;
    handle.change(&phone, &Change::DeleteChat { chat: jid() }).unwrap();
    until(&handle, &phone, "the chat is gone", async || {
        let chats = node.post("/chat/findChats/acme", json!({})).await;
        chats.as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let deleted = told(&receiver, "chats.delete", |_| true).await;
    assert_eq!(deleted["data"], json!([alice.jid]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_the_phone_saves_is_told_as_a_list_of_one() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let bob = contact(&simulator, "Bob");
    let full_name = "Bob of Sales".to_owned();
    handle.change(&phone, &Change::Contact { jid: bob.jid.clone(), full_name, first_name: None }).unwrap();
    let found = until(&handle, &phone, "the contact is kept", async || {
        let found = node.post("/chat/findContacts/acme", json!({"where": {"remoteJid": bob.jid}})).await;
        (found[0]["pushName"] == "Bob of Sales").then_some(found)
    })
    .await;
    let saved = told(&receiver, "contacts.upsert", |body| body["data"][0]["remoteJid"] == bob.jid).await;
    let wanted = json!([{
        "remoteJid": bob.jid, "pushName": "Bob of Sales", "profilePicUrl": null,
        "instanceId": found[0]["instanceId"],
    }]);
    assert_eq!(saved["data"], wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_the_phone_names_by_its_hidden_identity_comes_to_the_number() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let chats = async || node.post("/chat/findChats/acme", json!({})).await;
    handle.change(&phone, &Change::Archive { chat: alice.lid.clone(), archived: true }).unwrap();
    until(&handle, &phone, "the chat is there by its hidden identity", async || {
        let chat = chats().await[0].clone();
        (chat["remoteJid"] == alice.lid && chat["archived"] == true).then_some(())
    })
    .await;

    first_message(&node, &simulator, &alice.phone, &phone).await;
    let all = eventually("there is one chat by its number", async || {
        let all = chats().await;
        (all[0]["remoteJid"] == alice.jid && all[0]["archived"] == true).then_some(all)
    })
    .await;
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    assert_eq!((&all[0]["unreadCount"], &all[0]["remoteJidAlt"]), (&json!(1), &json!(alice.lid)), "{all}");
    assert_eq!(told(&receiver, "chats.delete", |_| true).await["data"], json!([alice.lid]));
    let count = node.get("/instance/fetchInstances?instanceName=acme").await[0]["_count"]["Chat"].clone();
    assert_eq!(count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_of_a_number_find_the_account_that_exists() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let account = |phone: &str, name: &str| {
        let new = NewContact {
            phone: Some(phone.to_owned()),
            name: Some(name.to_owned()),
            ..NewContact::default()
        };
        simulator.handle().create_contact(new).unwrap()
    };
    let (ana, eva, leo) =
        (account("551187654321", "Ana"), account("5215512345678", "Eva"), account("5491112345678", "Leo"));
    let numbers = json!({"numbers": ["5511987654321", "+52 55 1234-5678", "541112345678", "551133334444"]});
    let checked = node.post("/chat/whatsappNumbers/acme", numbers.clone()).await;
    for (at, written, jid) in
        [(0, "5511987654321", &ana.jid), (1, "+52 55 1234-5678", &eva.jid), (2, "541112345678", &leo.jid)]
    {
        assert_eq!(checked[at]["jid"], *jid, "{checked}");
        assert_eq!((&checked[at]["exists"], &checked[at]["number"]), (&json!(true), &json!(written)));
    }
    assert_eq!((&checked[3]["exists"], &checked[3]["number"]), (&json!(false), &json!("551133334444")));
    let sent = node.send_text("acme", "5511987654321", "with the ninth digit").await;
    assert_eq!(sent["key"]["remoteJid"], ana.jid);
    eventually("Ana has it", async || {
        simulator.handle().received(&ana.phone, 0).unwrap().0.into_iter().next()
    })
    .await;
    assert_eq!(node.post("/chat/whatsappNumbers/acme", numbers).await, checked, "as before, from memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_blocked_resolved_and_seen_coming_and_going() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");

    node.post("/chat/subscribePresence/acme", json!({"number": alice.phone})).await;
    simulator.handle().presence(&alice.phone, true).unwrap();
    let seen = |state: &'static str| {
        let jid = alice.jid.clone();
        move |body: &Value| body["data"]["presences"][&jid]["lastKnownPresence"] == state
    };
    let update = told(&receiver, "presence.update", seen("available")).await;
    assert_eq!(update["data"]["id"], alice.jid);
    simulator.handle().presence(&alice.phone, false).unwrap();
    told(&receiver, "presence.update", seen("unavailable")).await;

    let pair = json!({"jid": alice.jid, "lid": alice.lid});
    for asked in [&alice.phone, &alice.lid] {
        assert_eq!(node.get(&format!("/chat/resolveLid/acme?jid={asked}")).await, pair);
        assert_eq!(node.post("/chat/resolveLid/acme", json!({"jid": asked})).await, pair);
    }
    let (status, _) =
        node.call(Method::GET, "/chat/resolveLid/acme?jid=999999999999999@lid", Value::Null).await;
    assert_eq!(status, 404);
    assert_eq!(node.call(Method::GET, "/chat/resolveLid/acme", Value::Null).await.0, 400);

    let block = json!({"number": alice.phone, "status": "block"});
    assert_eq!(node.post("/chat/updateBlockStatus/acme", block).await, json!({"block": "success"}));
    let order = |text: &str| Send { to: phone.clone(), text: text.into(), ..Send::default() };
    let blocked = simulator.handle().send(&alice.phone, order("let me in")).await;
    let unblock = json!({"number": alice.lid, "status": "unblock"});
    assert_eq!(node.post("/chat/updateBlockStatus/acme", unblock).await, json!({"unblock": "success"}));
    simulator.handle().send(&alice.phone, order("thank you")).await.unwrap();
    told(&receiver, "messages.upsert", |body| body["data"]["message"]["conversation"] == "thank you").await;
    let heard = receiver.deliveries().iter().any(|one| one.body.to_string().contains("let me in"));
    assert!(!heard, "who is blocked is not heard: {blocked:?}");
    let (status, answer) = node
        .call(Method::POST, "/chat/updateBlockStatus/acme", json!({"number": alice.phone, "status": "x"}))
        .await;
    assert!(status == 400 && answer.to_string().contains("status"), "{answer}");
    let stranger = json!({"number": "5511000000001", "status": "block"});
    assert_eq!(node.call(Method::POST, "/chat/updateBlockStatus/acme", stranger).await.0, 400);
}
