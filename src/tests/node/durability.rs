//! Nothing is lost: the node is killed at random moments while messages come and go.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::RwLock;
use wa_sim::receiver::{Delivery, Receiver};
use wa_sim::{Behaviour, NewContact, Send};
use waggle::net::Method;

use crate::support::{KEY, Node, contact, eventually, simulator};

const INBOUND: u32 = 500;
const OUTBOUND: usize = 200;
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_loses_no_message_and_no_webhook() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    receiver.fail(0.15);
    let alice = contact(&simulator, "Alice");
    let quiet = Behaviour { auto_receipt: false, ..Behaviour::default() };
    let bob =
        simulator.handle().create_contact(NewContact { behaviour: quiet, ..NewContact::default() }).unwrap();
    let node = Arc::new(RwLock::new(node));

    let order = Send { to: phone, text: "in {n}".into(), count: INBOUND, rate: 120.0, ..Send::default() };
    let handle = simulator.handle();
    let (accepted, _, _) = tokio::join!(
        send_all(&node, &bob.phone),
        async { handle.send(&alice.phone, order).await.unwrap() },
        kill_at_random(&node),
    );
    receiver.fail(0.0);

    let node = node.read().await;
    node.is("acme", "open").await;
    let from_alice = json!({"where": {"key": {"remoteJid": alice.jid}}, "offset": 1});
    eventually("every message of Alice is stored", async || {
        let found = node.post("/chat/findMessages/acme", from_alice.clone()).await;
        (found["messages"]["total"] == INBOUND).then_some(())
    })
    .await;
    let told = receiver.wait(Duration::from_secs(90), in_order).await;
    if told.is_none() {
        let texts = upserts(&receiver.deliveries()).into_iter().map(|(text, _)| text).collect::<Vec<_>>();
        panic!("{} of {INBOUND} webhooks, in the order {texts:?}", texts.len());
    }

    let mut on_record = HashSet::new();
    for page in 1..=5 {
        let filter = json!({"where": {"key": {"remoteJid": bob.jid}}, "page": page, "offset": 100});
        on_record.extend(
            node.messages("acme", filter).await.iter().map(|one| one["key"]["id"].clone().to_string()),
        );
    }
    let missing: Vec<&Value> = accepted.iter().filter(|id| !on_record.contains(&id.to_string())).collect();
    assert_eq!(accepted.len(), OUTBOUND);
    assert!(missing.is_empty(), "accepted, but not on record: {missing:?}");
}

/// Sends until every text was accepted, whatever happens to the node meanwhile.
async fn send_all(node: &RwLock<Node>, number: &str) -> Vec<Value> {
    let mut accepted = Vec::new();
    for n in 0..OUTBOUND {
        let body = json!({"number": number, "text": format!("out {n}")}).to_string().into_bytes();
        let id = eventually("a send is accepted", async || {
            let node = node.read().await;
            let answer =
                node.try_call(Method::POST, "/message/sendText/acme", Some(KEY), Some(body.clone())).await?;
            (answer.0 == 201).then(|| answer.1["key"]["id"].clone())
        });
        accepted.push(id.await);
    }
    accepted
}

async fn kill_at_random(node: &RwLock<Node>) {
    for _ in 0..KILLS {
        // The moment is what is tested: any is as good as another.
        tokio::time::sleep(Duration::from_millis(rand::random_range(200..1200))).await;
        let mut node = node.write().await;
        node.kill();
        node.start_again().await;
        drop(node);
    }
}

/// The texts that were told, each once, in the order of their first telling, with their event ids.
fn upserts(all: &[Delivery]) -> Vec<(String, String)> {
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut order = Vec::new();
    for one in all
        .iter()
        .filter(|one| one.event() == "messages.upsert" && one.body["data"]["key"]["fromMe"] == false)
    {
        let text = one.body["data"]["message"]["conversation"].as_str().unwrap().to_owned();
        let id = one.body["id"].as_str().unwrap().to_owned();
        match ids.get(&text) {
            Some(known) => assert_eq!(known, &id, "a repeat of {text:?} has another event id"),
            None => {
                ids.insert(text.clone(), id.clone());
                order.push((text, id));
            }
        }
    }
    order
}

fn in_order(all: &[Delivery]) -> Option<()> {
    let told = upserts(all);
    if told.len() < INBOUND as usize {
        return None;
    }
    for (at, (text, _)) in told.iter().enumerate() {
        assert_eq!(text, &format!("in {}", at + 1), "out of order");
    }
    Some(())
}
