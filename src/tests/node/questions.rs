//! What WhatsApp is asked: how its refusals are told, and by which address it is asked about whom.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{ContactInfo, NewContact, NewGroup, Send, Simulator};
use waggle::net::Method;

use crate::chats::shared;
use crate::support::{Node, contact, eventually, simulator, told};

/// An image of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// One more query of an account that is refused.
fn refuse(simulator: &Simulator, phone: &str, (namespace, changes): (&str, bool), code: u16) {
    let fault = json!({
        "kind": "failQueries", "phone": phone, "namespace": namespace, "changes": changes, "code": code,
    });
    simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
}

/// Texts that a contact sends, once they are on record; answers their ids.
async fn heard(
    node: &Node,
    simulator: &Simulator,
    from: &ContactInfo,
    phone: &str,
    count: u32,
) -> Vec<String> {
    let order = Send { to: phone.to_owned(), text: "text {n}".into(), count, ..Send::default() };
    let ids = simulator.handle().send(&from.phone, order).await.unwrap().ids;
    for id in &ids {
        eventually("it is stored", async || {
            (!node.messages("acme", json!({"where": {"key": {"id": id}}})).await.is_empty()).then_some(())
        })
        .await;
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_whatsapp_refuses_is_told_as_such_and_is_no_error_of_ours() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let number = json!({"number": alice.phone});
    node.post("/chat/fetchProfile/acme", number.clone()).await;
    let privacy = json!({
        "readreceipts": "all", "profile": "all", "status": "none", "online": "all", "last": "all",
        "groupadd": "all",
    });
    let pin = json!({"chat": alice.jid, "pin": true});
    assert_eq!(shared(&node, "/chat/pinChat/acme", pin.clone()).await.0, 201);
    let mut strangers = 4_915_112_000_000_u64;
    for (query, method, operation, body) in [
        (("usync", false), Method::POST, "whatsappNumbers", Value::Null),
        (("usync", false), Method::POST, "fetchProfile", number.clone()),
        (("w:profile:picture", false), Method::POST, "fetchProfilePictureUrl", number.clone()),
        (("w:profile:picture", true), Method::POST, "updateProfilePicture", json!({"picture": PNG})),
        (("w:profile:picture", true), Method::DELETE, "removeProfilePicture", Value::Null),
        (("w:biz", false), Method::POST, "fetchBusinessProfile", number.clone()),
        (("status", true), Method::POST, "updateProfileStatus", json!({"status": "At work"})),
        (("privacy", false), Method::GET, "fetchPrivacySettings", Value::Null),
        (("privacy", true), Method::POST, "updatePrivacySettings", privacy),
        (
            ("blocklist", true),
            Method::POST,
            "updateBlockStatus",
            json!({"number": alice.phone, "status": "block"}),
        ),
        (("w:sync:app:state", true), Method::POST, "pinChat", pin),
    ] {
        for (refusal, wanted) in [(400, 400), (406, 400), (403, 502), (429, 429), (503, 502)] {
            let path = format!("/chat/{operation}/acme");
            // The node asks by itself too: its question may be the one that is refused.
            let (status, answer) = eventually("a refusal", async || {
                refuse(&simulator, &phone, query, refusal);
                let mut body = body.clone();
                if operation == "whatsappNumbers" {
                    // What was answered once is not asked again.
                    strangers += 1;
                    body = json!({"numbers": [strangers]});
                }
                let (status, answer) = node.call(method.clone(), &path, body).await;
                (status >= 300).then_some((status, answer))
            })
            .await;
            assert_eq!(
                (status, &answer["status"]),
                (wanted, &json!(wanted)),
                "{operation} {refusal}: {answer}"
            );
        }
    }
    assert_eq!(node.call(Method::POST, "/chat/fetchProfile/acme", number).await.0, 200, "and goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_no_users_are_answered_without_a_question() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let made = json!({"subject": "Test group", "participants": [alice.phone]});
    let group = node.post("/group/create/acme", made).await["id"].as_str().unwrap().to_owned();
    let unknown = "999999999999999@lid";
    for jid in [group.as_str(), "120363000000000001@newsletter", "status@broadcast"] {
        let found = node.call(Method::POST, "/baileys/onWhatsapp/acme", json!({"jid": jid})).await;
        assert_eq!(found, (200, json!([])), "{jid}");
    }
    for list in ["catalog", "collections"] {
        let path = if list == "catalog" { "getCatalog" } else { "getCollections" };
        let found = node.post(&format!("/business/{path}/acme"), json!({"number": group})).await;
        let wanted = json!({
            "wuid": group, "numberExists": false, "isBusiness": false, format!("{list}Length"): 0, (list): [],
        });
        assert_eq!(found, wanted);
    }
    for jid in [group.as_str(), "120363000000000001@newsletter", unknown] {
        let body = json!({"number": jid, "status": "block"});
        let (status, answer) = node.call(Method::POST, "/chat/updateBlockStatus/acme", body).await;
        let told = answer["response"]["message"][0].as_str().unwrap_or_default();
        assert!(status == 400 && told.starts_with("number "), "{jid}: {status} {answer}");
    }

    let stranger = NewGroup { subject: "Others".into(), members: Vec::new(), ..NewGroup::default() };
    let stranger = simulator.handle().create_group(&alice.phone, stranger).unwrap().jid;
    let nowhere = "120363999999999999@g.us";
    let numbers = json!({"numbers": [group, nowhere, stranger, alice.lid]});
    let found = node.post("/chat/whatsappNumbers/acme", numbers).await;
    assert_eq!(
        found,
        json!([
            {"jid": group, "exists": true, "number": group, "name": "Test group"},
            {"jid": nowhere, "exists": false, "number": nowhere},
            {"jid": stranger, "exists": false, "number": stranger},
            {"jid": alice.lid, "exists": true, "number": alice.lid, "lid": "lid"},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_the_other_form_of_its_country_is_found_in_groups_and_typing() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let account = |phone: &str| {
        let new = NewContact { phone: Some(phone.to_owned()), ..NewContact::default() };
        simulator.handle().create_contact(new).unwrap()
    };
    let (alice, ana, eva) = (contact(&simulator, "Alice"), account("551187654321"), account("5215512345678"));
    let made = json!({"subject": "Sales", "participants": [alice.phone]});
    let group = node.post("/group/create/acme", made).await["id"].as_str().unwrap().to_owned();
    let at = |operation: &str| format!("/group/{operation}/acme?groupJid={group}");
    let is_in = |phone: &str| {
        simulator.handle().group(&group).unwrap().members.iter().any(|member| member.phone == phone)
    };

    let add = json!({"action": "add", "participants": ["5511987654321", "551133334444"]});
    let added = node.post(&at("updateParticipant"), add).await;
    let rows = added["updateParticipants"].as_array().unwrap();
    let status = |jid: &str| rows.iter().find(|row| row["jid"] == jid).map(|row| row["status"].clone());
    assert_eq!(status(&ana.jid), Some(json!("200")), "{added}");
    assert_eq!(status("551133334444@s.whatsapp.net"), Some(json!("404")), "who is absent stays: {added}");
    assert!(is_in(&ana.phone), "{added}");

    node.post(&at("updateSetting"), json!({"action": "approval_on"})).await;
    let code = simulator.handle().group(&group).unwrap().invite;
    simulator.handle().join_group(&eva.phone, &code).unwrap();
    let letting_in = json!({"action": "approve", "participants": ["525512345678"]});
    let decided = node.post(&at("updateJoinRequests"), letting_in).await;
    assert_eq!(decided["updateJoinRequests"][0]["status"], "200", "{decided}");
    assert!(is_in(&eva.phone), "{decided}");

    let typing = |number: &str| json!({"number": number, "delay": 50, "presence": "composing"});
    node.post("/chat/sendPresence/acme", typing("5511987654321")).await;
    eventually("Ana sees us typing", async || {
        simulator.handle().signals(&ana.phone).unwrap().iter().any(|one| one.kind == "typing").then_some(())
    })
    .await;
    let (status, answer) = node.call(Method::POST, "/chat/sendPresence/acme", typing("551133334444")).await;
    assert_eq!((status, &answer["response"]["message"][0]["exists"]), (400, &json!(false)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_members_cannot_be_promoted_is_answered_all_the_same() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let fault =
        json!({"kind": "failQueries", "phone": phone, "namespace": "w:g2", "tag": "promote", "code": 503});
    simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
    let body = json!({"subject": "Sales", "participants": [alice.phone], "promoteParticipants": true});
    let (status, made) = node.call(Method::POST, "/group/create/acme", body).await;
    assert_eq!((status, &made["subject"]), (201, &json!("Sales")), "{made}");
    assert!(simulator.handle().faults().queries.is_empty(), "it was tried");
    let members = made["participants"].as_array().unwrap();
    let shown = members.iter().find(|member| member["id"] == alice.jid).unwrap();
    assert_eq!(shown["admin"], Value::Null, "{made}");
    assert!(simulator.handle().group(made["id"].as_str().unwrap()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_not_everybody_gets_says_who_did_not() {
    let simulator = simulator().await;
    let rate = [("WAGGLE_RATE_LIMIT_PER_SECOND", "1"), ("WAGGLE_RATE_LIMIT_BURST", "4")];
    let node = Node::start_with(&simulator, &rate).await;
    node.pair("acme", &simulator, None).await;
    let friends: Vec<ContactInfo> = (0..30).map(|n| contact(&simulator, &format!("Friend {n}"))).collect();
    let made = json!({"subject": "Sales", "participants": [friends[0].phone]});
    let group = node.post("/group/create/acme", made).await["id"].as_str().unwrap().to_owned();
    let phones: Vec<&str> = friends.iter().map(|friend| friend.phone.as_str()).collect();
    // The preview of a link that nobody answers takes no time.
    let text = "join us: http://127.0.0.1:1/";
    let body = json!({"groupJid": group, "description": text, "numbers": phones});
    let sent = node.post("/group/sendInvite/acme", body).await;
    assert_eq!(sent["send"], false, "{sent}");
    let failed = sent["failed"].as_array().unwrap();
    assert!((1..friends.len()).contains(&failed.len()), "{sent}");
    assert!(failed.iter().all(|one| one["status"] == 429), "{sent}");
    for friend in friends.iter().filter(|friend| !failed.iter().any(|one| one["jid"] == friend.jid)) {
        eventually("the invite is there", async || {
            let (received, _) = simulator.handle().received(&friend.phone, 0).unwrap();
            received
                .iter()
                .any(|one| one.text.as_deref().is_some_and(|text| text.contains("join us")))
                .then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_are_read_with_one_receipt_for_each_sender() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let (alice, bob) = (contact(&simulator, "Alice"), contact(&simulator, "Bob"));
    let of_alice = heard(&node, &simulator, &alice, &phone, 3).await;
    let members = vec![phone.clone(), bob.phone.clone()];
    let new = NewGroup { subject: "Sales".into(), members, ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    let (hers, his) =
        (heard(&node, &simulator, &alice, &group, 1).await, heard(&node, &simulator, &bob, &group, 2).await);
    let key = |chat: &str, id: &String| json!({"id": id, "remoteJid": chat, "fromMe": false});
    let keys: Vec<Value> = of_alice.iter().map(|id| key(&alice.jid, id)).collect();
    let of_group = hers.iter().chain(&his).map(|id| key(&group, id));
    let keys: Vec<Value> = keys.into_iter().chain(of_group).collect();
    node.post("/chat/markMessageAsRead/acme", json!({"readMessages": keys})).await;
    for (reader, wanted) in [(&alice, &of_alice), (&alice, &hers), (&bob, &his)] {
        eventually("one receipt names them all", async || {
            let signals = simulator.handle().signals(&reader.phone).unwrap();
            let reads = signals.iter().filter(|one| one.kind == "read");
            reads
                .map(|one| {
                    let mut ids = one.ids.clone();
                    ids.sort();
                    ids
                })
                .any(|ids| {
                    let mut wanted = wanted.clone();
                    wanted.sort();
                    ids == wanted
                })
                .then_some(())
        })
        .await;
    }
    for chat in [&alice.jid, &group] {
        let chats = node.post("/chat/findChats/acme", json!({"where": {"remoteJid": chat}})).await;
        assert_eq!(chats[0]["unreadCount"], 0, "{chats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_contacts_and_chats_are_found_by_what_is_asked_for() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let people = ["Alice", "Bob", "Carol"].map(|name| contact(&simulator, name));
    let [alice, bob, _] = &people;
    for one in &people {
        heard(&node, &simulator, one, &phone, 1).await;
    }

    // The old message is read, those that follow are not.
    let read = node.send_text("acme", &alice.phone, "the old one").await["key"]["id"].clone();
    let id = read.as_str().unwrap();
    simulator.handle().receipt(&alice.phone, &phone, id, "read").unwrap();
    told(&receiver, "messages.update", |body| {
        body["data"]["keyId"] == read && body["data"]["status"] == "READ"
    })
    .await;
    for n in 0..3 {
        node.send_text("acme", &bob.phone, &format!("a newer one, {n}")).await;
    }
    let found =
        node.post("/chat/findStatusMessage/acme", json!({"where": {"status": "READ"}, "limit": 1})).await;
    assert_eq!((&found[0]["keyId"], &found[0]["status"]), (&read, &json!("READ")), "{found}");
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let other = json!({"where": {"status": "PLAYED"}});
    assert_eq!(node.post("/chat/findStatusMessage/acme", other).await, json!([]));

    let jids = people.each_ref().map(|one| one.jid.as_str());
    let contacts = async |body: Value| {
        let found = node.post("/chat/findContacts/acme", body).await;
        let rows = found.as_array().unwrap().clone();
        rows.iter().map(|row| row["remoteJid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = contacts(json!({})).await;
    assert!(all.is_sorted() && jids.iter().all(|jid| all.iter().any(|one| one == jid)), "{all:?}");
    assert_eq!(contacts(json!({"offset": 2})).await, all[..2]);
    assert_eq!(contacts(json!({"offset": 2, "page": 2})).await, all[2..all.len().min(4)]);
    assert_eq!(contacts(json!({"where": {"pushName": "Bob"}, "limit": 5})).await, [bob.jid.as_str()]);
    let named = node.post("/chat/findContacts/acme", json!({"where": {"remoteJid": bob.jid}})).await;
    assert_eq!((&named[0]["isSaved"], &named[0]["type"]), (&json!(true), &json!("contact")), "{named}");

    let chats = async |time: Value| {
        let filter = json!({"where": {"messageTimestamp": time}});
        let found = node.post("/chat/findChats/acme", filter).await;
        found.as_array().unwrap().len()
    };
    assert!(chats(json!({"gte": "2020-01-01", "lte": "2099-01-01T00:00:00Z"})).await >= people.len());
    assert_eq!(chats(json!({"gte": "2099-01-01"})).await, 0);
    assert_eq!(chats(json!({"lte": 1_577_836_800})).await, 0);
    let wrong = json!({"where": {"messageTimestamp": {"gte": "soon"}}});
    let (status, answer) = node.call(Method::POST, "/chat/findChats/acme", wrong).await;
    assert!(status == 400 && answer.to_string().contains("where.messageTimestamp.gte"), "{answer}");
}
