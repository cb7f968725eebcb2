//! Histories that phones hand over.

use serde_json::json;
use wa_sim::History;

use crate::support::{Node, eventually};
use crate::world::{World, owners, sees};

async fn total(node: &Node) -> u64 {
    let found = node.post("/chat/findMessages/acme", json!({"offset": 1})).await;
    found["messages"]["total"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_moves_along_with_its_instance() {
    const CHATS: u32 = 120;
    const EACH: u32 = 150;
    let world = World::new().await;
    let (one, two) = (world.node("one", "a").await, world.node("two", "a").await);
    sees(&one, 2).await;
    let plan =
        History { chats: CHATS, recent: EACH, chats_per_blob: 6, text_bytes: 200, ..History::default() };
    world.simulator.handle().set_history(Some(plan));
    one.pair("acme", &world.simulator, None).await;
    let (mut old, new) = if owners(&one).await["acme"] == "one" { (one, two) } else { (two, one) };
    eventually("some of it is on record", async || (total(&new).await > u64::from(EACH)).then_some(())).await;
    assert_eq!(old.stop().await, Some(0));
    let (there, all) = (total(&new).await, u64::from(CHATS * EACH));
    assert!(there < all, "the history was here before the instance moved");
    eventually("all of it is on record", async || (total(&new).await == all).then_some(())).await;
    new.is("acme", "open").await;
    assert_eq!(world.simulator.handle().stats().pairings, 1);
    world.database.remove().await;
}
