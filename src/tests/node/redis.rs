//! Sessions in Redis: what a node survives when it is lost.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Send, Simulator};

use self::server::RedisServer;
use crate::support::{Node, contact, simulator, told};

#[path = "../support/services/redis.rs"]
pub mod server;

/// A text to a contact and one back.
async fn talks(node: &Node, simulator: &Simulator, receiver: &Receiver, phone: &str, bob: &str, text: &str) {
    node.send_text("acme", bob, text).await;
    let order = Send { to: phone.to_owned(), text: text.to_owned(), ..Send::default() };
    simulator.handle().send(bob, order).await.unwrap();
    let came = |body: &Value| body["data"]["message"]["conversation"] == text;
    told(receiver, "messages.upsert", came).await;
    let heard = simulator.handle().received(bob, 0).unwrap().0;
    assert!(heard.iter().any(|one| one.text.as_deref() == Some(text)), "Bob could not read it: {heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_costs_no_pairing_and_no_session() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let mut redis = RedisServer::start().await;
    let url = redis.url.clone();
    let variables = [("CACHE_REDIS_ENABLED", "true"), ("CACHE_REDIS_URI", url.as_str())];
    let mut node = Node::start_with(&simulator, &variables).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    node.post(
        "/settings/set/acme",
        json!({
            "rejectCall": false, "msgCall": "", "groupsIgnore": false, "alwaysOnline": true,
            "readMessages": false, "readStatus": false, "syncFullHistory": false,
        }),
    )
    .await;
    let bob = contact(&simulator, "Bob").phone;
    talks(&node, &simulator, &receiver, &phone, &bob, "with Redis").await;

    redis.command("FLUSHALL").await.unwrap();
    talks(&node, &simulator, &receiver, &phone, &bob, "after it was emptied").await;
    redis.command("FLUSHALL").await.unwrap();
    node.kill();
    node.start_again().await;
    node.is("acme", "open").await;
    talks(&node, &simulator, &receiver, &phone, &bob, "after it was emptied and the node killed").await;

    redis.stop();
    talks(&node, &simulator, &receiver, &phone, &bob, "without it").await;
    node.kill();
    node.start_again().await;
    node.is("acme", "open").await;
    talks(&node, &simulator, &receiver, &phone, &bob, "started without it").await;

    redis.start_again().await;
    talks(&node, &simulator, &receiver, &phone, &bob, "with it again").await;
    assert_eq!(simulator.handle().stats().pairings, 1);
}
