//! Messages in groups and status messages.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{NewGroup, Send, Simulator};

use crate::support::{Node, contact, eventually, simulator, told};

fn settings(name: &str) -> Value {
    let mut settings = json!({
        "rejectCall": false, "msgCall": "", "groupsIgnore": false, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false,
    });
    settings[name] = json!(true);
    settings
}

async fn write(simulator: &Simulator, from: &str, to: &str, text: &str) -> String {
    let order = Send { to: to.to_owned(), text: text.to_owned(), ..Send::default() };
    simulator.handle().send(from, order).await.unwrap().ids[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_told_until_they_are_ignored() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let new = NewGroup { subject: "Sales".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;

    let id = write(&simulator, &alice.phone, &group, "to all").await;
    let upsert = told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
    assert_eq!(upsert["data"]["key"]["remoteJid"], group.as_str());
    assert_eq!(upsert["data"]["key"]["participant"], alice.jid.as_str(), "{upsert}");
    assert_eq!(upsert["data"]["message"]["conversation"], "to all");
    eventually("the chat has the name of the group", async || {
        let chats = node.post("/chat/findChats/acme", json!({})).await;
        (chats[0]["pushName"] == "Sales").then_some(())
    })
    .await;
    let chat = node.get(&format!("/chat/findChatByRemoteJid/acme?remoteJid={group}")).await;
    assert_eq!(chat["name"], "Sales", "{chat}");
    let in_group = json!({"where": {"key": {"remoteJid": group}}});
    assert_eq!(node.messages("acme", in_group.clone()).await.len(), 1);

    node.post("/settings/set/acme", settings("groupsIgnore")).await;
    let ignored = write(&simulator, &alice.phone, &group, "to all but acme").await;
    eventually("the server is rid of it", async || {
        let account = simulator.handle().account_info(&phone).unwrap();
        (account.devices[0].pending_messages == 0).then_some(())
    })
    .await;
    let direct = write(&simulator, &alice.phone, &phone, "to acme").await;
    told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == direct.as_str()).await;
    assert_eq!(node.messages("acme", in_group).await.len(), 1);
    let told_of = receiver.deliveries().iter().any(|one| one.body.to_string().contains(&ignored));
    assert!(!told_of, "nobody hears of what is ignored");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_in_a_group_sees_what_was_marked_as_read() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let [alice, bob] = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    let members = vec![phone.clone(), bob.phone.clone()];
    let new = NewGroup { subject: "Sales".into(), members, ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    let readers = |of: &str, id: &str| -> Vec<String> {
        let signals = simulator.handle().signals(of).unwrap();
        let reads = signals.into_iter().filter(|one| one.kind == "read" && one.ids.iter().any(|it| it == id));
        reads.map(|one| one.from).collect()
    };
    // Callers know the sender, or leave it to what is on record.
    for participant in [Some(&alice.jid), Some(&alice.lid), None] {
        let id = write(&simulator, &alice.phone, &group, "to all").await;
        eventually("it is stored", async || {
            let found = node.messages("acme", json!({"where": {"key": {"id": id}}})).await;
            (found.len() == 1).then_some(())
        })
        .await;
        assert!(readers(&alice.phone, &id).is_empty(), "nobody has read it");
        let mut key = json!({"remoteJid": group, "fromMe": false, "id": id});
        if let Some(participant) = participant {
            key["participant"] = json!(participant);
        }
        node.post("/chat/markMessageAsRead/acme", json!({"readMessages": [key]})).await;
        let reads = eventually("Alice sees that it was read", async || {
            Some(readers(&alice.phone, &id)).filter(|readers| !readers.is_empty())
        })
        .await;
        assert_eq!((reads, readers(&bob.phone, &id)), (vec![phone.clone()], vec![]), "{participant:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_told_and_seen_only_when_asked_to() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let post = |text: &str| {
        simulator.handle().post_status(&alice.phone, std::slice::from_ref(&phone), text).unwrap().id
    };
    let is = |id: &str| {
        let id = id.to_owned();
        move |body: &Value| body["data"]["key"]["id"] == id.as_str()
    };
    let statuses = json!({"where": {"key": {"remoteJid": "status@broadcast"}}});
    let unwanted = post("on holiday");
    eventually("the server is rid of it", async || {
        let account = simulator.handle().account_info(&phone).unwrap();
        (account.devices[0].pending_messages == 0).then_some(())
    })
    .await;
    let direct = write(&simulator, &alice.phone, &phone, "to acme").await;
    told(&receiver, "messages.upsert", is(&direct)).await;
    assert!(node.messages("acme", statuses.clone()).await.is_empty());
    let told_of = receiver.deliveries().iter().any(|one| one.body.to_string().contains(&unwanted));
    assert!(!told_of, "who answers every message would answer it");

    node.post("/settings/set/acme", settings("readStatus")).await;
    let wanted = post("back again");
    let upsert = told(&receiver, "messages.upsert", is(&wanted)).await;
    assert_eq!(upsert["data"]["key"]["remoteJid"], "status@broadcast");
    assert_eq!(upsert["data"]["key"]["participant"], alice.jid.as_str(), "{upsert}");
    assert_eq!(node.messages("acme", statuses).await.len(), 1);
    let reads = async || -> Vec<String> {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        signals.into_iter().filter(|one| one.kind == "read").flat_map(|one| one.ids).collect()
    };
    eventually("Alice sees who saw it", async || reads().await.contains(&wanted).then_some(())).await;
    assert!(!reads().await.contains(&unwanted));
}
