//! Polls, and who voted for what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wa_sim::receiver::{Delivery, Receiver};
use wa_sim::{Compose, Kind, NewGroup, Simulator};
use waggle::net::Method;

use super::cards::got;
use crate::support::{Node, contact, eventually, simulator, told};

async fn vote(simulator: &Simulator, voter: &str, to: &str, poll: &str, options: &[&str]) {
    let options = options.iter().map(|name| (*name).to_owned()).collect();
    let vote = Kind::Vote { id: poll.to_owned(), options };
    eventually("the voter knows the poll", async || {
        simulator.handle().compose(voter, Compose::new(to, vote.clone())).await.ok()
    })
    .await;
}

async fn counted(receiver: &Receiver, poll: &str, wanted: Value) -> Value {
    let is_it = |body: &Value| body["data"]["keyId"] == poll && body["data"]["pollUpdates"] == wanted;
    told(receiver, "messages.update", is_it).await["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_are_counted_also_after_a_restart() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let mut node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let body = json!({"number": alice.phone, "name": "q?", "selectableCount": 1, "values": ["a", "b"]});
    let sent = node.post("/message/sendPoll/acme", body.clone()).await;
    let poll = json!({
        "name": "q?", "selectableOptionsCount": 1, "options": [{"optionName": "a"}, {"optionName": "b"}],
    });
    assert_eq!(sent["message"]["pollCreationMessageV3"], poll, "{sent}");
    assert_eq!(sent["messageType"], "pollCreationMessageV3");
    let secret = sent["message"]["messageContextInfo"]["messageSecret"].as_str().unwrap();
    assert_eq!(STANDARD.decode(secret).unwrap().len(), 32);
    assert!(sent.get("contextInfo").is_none(), "{sent}");
    let id = sent["key"]["id"].as_str().unwrap();
    let one = got(&simulator, &alice.phone, &sent).await;
    assert_eq!(
        (one.kind.as_str(), one.details.as_slice()),
        ("poll", ["a".to_owned(), "b".to_owned()].as_slice())
    );

    vote(&simulator, &alice.phone, &phone, id, &["a"]).await;
    let for_a = json!([{"name": "a", "voters": [alice.jid]}, {"name": "b", "voters": []}]);
    let update = counted(&receiver, id, for_a).await;
    assert_eq!((&update["remoteJid"], &update["fromMe"]), (&json!(alice.jid), &json!(true)));
    assert!(
        update["status"].is_string() && update["messageId"].is_string() && update["instanceId"].is_string()
    );

    assert_eq!(node.stop().await, Some(0));
    node.start_again().await;
    node.is("acme", "open").await;
    vote(&simulator, &alice.phone, &phone, id, &["b"]).await;
    let for_b = json!([{"name": "a", "voters": []}, {"name": "b", "voters": [alice.jid]}]);
    counted(&receiver, id, for_b.clone()).await;
    let is_vote = |one: &Delivery| {
        one.event() == "messages.upsert" && one.body["data"]["messageType"] == "pollUpdateMessage"
    };
    assert!(!receiver.deliveries().iter().any(is_vote), "a vote is no message");
    let votes = node.messages("acme", json!({"where": {"messageType": "pollUpdateMessage"}})).await;
    assert!(votes.is_empty(), "{votes:?}");
    let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await;
    let updates = stored[0]["MessageUpdate"].as_array().unwrap();
    assert!(updates.iter().any(|update| update["pollUpdates"] == for_b), "{stored:?}");
    let shown = &stored[0]["message"];
    assert_eq!(shown["pollCreationMessageV3"], poll, "{shown}");
    assert!(shown.get("pollVotes").is_none(), "{shown}");

    let chats = node.post("/chat/findChats/acme", json!({"where": {"remoteJid": alice.jid}})).await;
    assert_eq!(chats[0]["lastMessage"]["message"], *shown, "{chats}");

    let quoting = json!({"number": alice.phone, "text": "so?", "quoted": {"key": {"id": id}}});
    let quoting = node.post("/message/sendText/acme", quoting).await;
    assert!(quoting["contextInfo"]["quotedMessage"]["pollCreationMessageV3"].is_object(), "{quoting}");
    assert!(!quoting.to_string().contains(secret), "the secret is not passed on: {quoting}");
    let sent_once = async || {
        let body = body.to_string().into_bytes();
        let (status, sent) =
            node.with_header(Method::POST, "/message/sendPoll/acme", ("idempotency-key", "p1"), body).await;
        assert_eq!(status, 201, "{sent}");
        sent["key"]["id"].clone()
    };
    assert_eq!(sent_once().await, sent_once().await);

    let key = json!({"id": id, "remoteJid": alice.jid, "fromMe": true});
    node.call(Method::DELETE, "/chat/deleteMessageForEveryone/acme", key).await;
    let deleted = told(&receiver, "messages.delete", |body| body["data"]["key"]["id"] == id).await;
    assert_eq!(deleted["data"]["message"], *shown, "who voted for what is not told: {deleted}");

    for (field, value, named) in [
        ("values", json!(["a"]), "values must have 2 to 12 items"),
        ("values", json!(["a", "a"]), "values contains duplicate"),
        ("selectableCount", json!(3), "selectableCount must be from 0 to 2"),
        ("selectableCount", json!(null), "selectableCount"),
        ("name", json!(""), "name does not meet minimum length"),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        let (status, refused) = node.call(Method::POST, "/message/sendPoll/acme", wrong).await;
        assert!(status == 400 && refused.to_string().contains(named), "{field}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_votes_of_a_group_are_counted_in_polls_of_our_own_and_of_others() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let (alice, bob) = (contact(&simulator, "Alice"), contact(&simulator, "Bob"));
    let members = vec![phone.clone(), bob.phone.clone()];
    let new = NewGroup { subject: "Sales".into(), members, ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    let both = |[a, b]: [Vec<&String>; 2]| json!([{"name": "a", "voters": a}, {"name": "b", "voters": b}]);

    let body = json!({"number": group, "name": "q?", "selectableCount": 0, "values": ["a", "b"], "mentionsEveryOne": true});
    let sent = node.post("/message/sendPoll/acme", body).await;
    assert_eq!(sent["message"]["pollCreationMessage"]["selectableOptionsCount"], 0, "{sent}");
    let own = sent["key"]["id"].as_str().unwrap();
    let one = got(&simulator, &bob.phone, &sent).await;
    assert!(one.kind == "poll" && one.mentions.len() >= 3, "everybody is mentioned: {one:?}");
    vote(&simulator, &alice.phone, &group, own, &["a", "b"]).await;
    counted(&receiver, own, both([vec![&alice.jid], vec![&alice.jid]])).await;
    vote(&simulator, &bob.phone, &group, own, &["b"]).await;
    let mut voters = vec![&alice.jid, &bob.jid];
    voters.sort();
    counted(&receiver, own, both([vec![&alice.jid], voters.clone()])).await;
    vote(&simulator, &alice.phone, &group, own, &[]).await;
    counted(&receiver, own, both([vec![], vec![&bob.jid]])).await;

    let poll = Kind::Poll { question: "and?".into(), options: vec!["a".into(), "b".into()], selectable: 1 };
    let theirs = simulator.handle().compose(&alice.phone, Compose::new(&group, poll)).await.unwrap().id;
    let is_it = |body: &Value| body["data"]["key"]["id"] == theirs.as_str();
    let upsert = told(&receiver, "messages.upsert", is_it).await;
    assert!(upsert["data"]["message"]["messageContextInfo"]["messageSecret"].is_string(), "{upsert}");
    vote(&simulator, &alice.phone, &group, &theirs, &["a"]).await;
    let update = counted(&receiver, &theirs, both([vec![&alice.jid], vec![]])).await;
    assert_eq!((&update["fromMe"], &update["participant"]), (&json!(false), &json!(alice.jid)), "{update}");
}
