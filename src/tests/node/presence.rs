//! What others see of what we are doing.

use serde_json::{Value, json};
use wa_sim::Simulator;
use wa_sim::receiver::Receiver;

use crate::support::{Node, contact, eventually, simulator};

/// The chat states that a contact has seen of an account.
fn states(simulator: &Simulator, of: &str, from: &str) -> Vec<String> {
    let signals = simulator.handle().signals(of).unwrap().into_iter();
    let of_account = signals.filter(|one| one.from == from);
    let kinds = ["typing", "recording", "paused"];
    of_account.map(|one| one.kind).filter(|kind| kinds.contains(&kind.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_sees_us_typing_recording_and_pausing() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let mut wanted: Vec<&str> = Vec::new();
    for (presence, seen) in [
        ("composing", &["typing", "paused"][..]),
        ("recording", &["recording", "paused"][..]),
        ("paused", &["paused"][..]),
    ] {
        let body = json!({"number": alice.phone, "delay": 20, "presence": presence});
        assert_eq!(node.post("/chat/sendPresence/acme", body).await["presence"], presence);
        wanted.extend(seen);
        let seen = eventually(&format!("Alice sees {presence}"), async || {
            let seen = states(&simulator, &alice.phone, &phone);
            (seen.len() >= wanted.len()).then_some(seen)
        })
        .await;
        assert_eq!(seen, wanted, "{presence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_watch_see_us_come_and_go() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let watcher = node.pair("watcher", &simulator, Some(&receiver)).await;
    let own = format!("{phone}@s.whatsapp.net");
    node.post("/chat/subscribePresence/watcher", json!({"number": phone})).await;
    let seen = |state: &str| {
        let deliveries = receiver.deliveries();
        let updates = deliveries.iter().filter(|one| one.event() == "presence.update");
        let is_it = |body: &Value| body["data"]["presences"][&own]["lastKnownPresence"] == state;
        updates.filter(|one| is_it(&one.body)).count()
    };
    eventually("the watcher sees what is so already", async || (seen("unavailable") > 0).then_some(())).await;
    for state in ["available", "unavailable", "available", "unavailable"] {
        let before = seen(state);
        let body = json!({"number": watcher, "delay": 0, "presence": state});
        assert_eq!(node.post("/chat/sendPresence/acme", body).await["presence"], state);
        eventually(&format!("the watcher sees {state}"), async || (seen(state) > before).then_some(())).await;
    }
}
