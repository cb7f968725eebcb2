//! Calls, and who is typing.

use serde_json::{Value, json};
use wa_sim::CallStep;
use wa_sim::receiver::Receiver;

use crate::support::{Node, contact, eventually, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_told_and_left_alone() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    for video in [false, true] {
        let id = simulator.handle().call(&alice.phone, &phone, video, None).unwrap();
        let offer = told(&receiver, "call", |body| body["data"]["id"] == id.as_str()).await;
        let data = &offer["data"];
        assert_eq!(
            (&data["status"], &data["isVideo"], &data["isGroup"]),
            (&json!("offer"), &json!(video), &json!(false))
        );
        assert_eq!(
            (&data["from"], &data["chatId"]),
            (&json!(alice.jid), &json!(alice.jid)),
            "by phone number: {data}"
        );
        assert!(data["date"].is_string() && data["offline"] == false, "{data}");
        assert!(data.get("groupJid").is_none(), "{data}");
        // What becomes of it says what it was.
        let step = |step, reason| simulator.handle().call_step(&alice.phone, &phone, &id, step, reason);
        step(CallStep::PreAccept, None).unwrap();
        step(CallStep::Accept, None).unwrap();
        step(CallStep::Reject, Some("busy")).unwrap();
        step(CallStep::Terminate, Some("accepted_elsewhere")).unwrap();
        simulator.handle().call(&alice.phone, &phone, video, Some(&id)).unwrap();
        for status in ["accept", "reject", "terminate", "timeout"] {
            let next = |body: &Value| body["data"]["id"] == id.as_str() && body["data"]["status"] == status;
            let mut next = told(&receiver, "call", next).await["data"].take();
            assert!(next["date"].is_string(), "{next}");
            next["date"] = data["date"].clone();
            let mut wanted = data.clone();
            wanted["status"] = json!(status);
            assert_eq!(next, wanted);
        }
        let all = receiver.deliveries();
        let mut calls = all.iter().filter(|one| one.event() == "call").map(|one| &one.body["data"]["status"]);
        let known = ["offer", "accept", "reject", "terminate", "timeout"];
        assert!(calls.all(|status| known.iter().any(|one| status == one)), "no other step is told");
    }
    let signals = simulator.handle().signals(&alice.phone).unwrap();
    assert!(!signals.iter().any(|one| one.kind == "reject"), "nobody asked to reject: {signals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_rejected_and_the_caller_told_why() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let settings = json!({
        "rejectCall": true, "msgCall": "please write instead", "groupsIgnore": false, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false,
    });
    node.post("/settings/set/acme", settings.clone()).await;
    let alice = contact(&simulator, "Alice");
    let id = simulator.handle().call(&alice.phone, &phone, false, None).unwrap();
    told(&receiver, "call", |body| body["data"]["id"] == id.as_str() && body["data"]["status"] == "offer")
        .await;
    eventually("the call is rejected", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        signals
            .iter()
            .any(|one| one.kind == "reject" && one.ids.contains(&id) && one.from == phone)
            .then_some(())
    })
    .await;
    eventually("Alice reads why", async || {
        let texts = simulator.handle().received(&alice.phone, 0).unwrap().0;
        texts.iter().any(|one| one.text.as_deref() == Some("please write instead")).then_some(())
    })
    .await;
    let texts = simulator.handle().received(&alice.phone, 0).unwrap().0;
    assert_eq!(texts.len(), 1, "once: {texts:?}");

    let mut silent = settings;
    silent["msgCall"] = json!("");
    node.post("/settings/set/acme", silent).await;
    let id = simulator.handle().call(&alice.phone, &phone, true, None).unwrap();
    eventually("the call is rejected without a word", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        signals.iter().any(|one| one.kind == "reject" && one.ids.contains(&id)).then_some(())
    })
    .await;
    assert_eq!(simulator.handle().received(&alice.phone, 0).unwrap().0.len(), 1, "no further text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_seen_typing_and_recording() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    for (state, wanted) in [("composing", "composing"), ("recording", "recording"), ("paused", "available")] {
        simulator.handle().typing(&alice.phone, &phone, state).unwrap();
        let update = told(&receiver, "presence.update", |body| {
            body["data"]["presences"][&alice.jid]["lastKnownPresence"] == wanted
        })
        .await;
        assert_eq!(update["data"]["id"], json!(alice.jid), "{update}");
        assert_eq!(update["instance"], "acme");
    }
}
