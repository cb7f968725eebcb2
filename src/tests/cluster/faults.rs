//! What a fault costs.

use std::process::Command;

use crate::services;
use crate::support::{Node, eventually};
use crate::world::{World, owners, sees};

/// Waits until every instance is open and has this owner.
async fn all_on(node: &Node, id: &str, count: usize) {
    eventually(&format!("{count} instances on {id}"), async || {
        let owners = owners(node).await;
        (owners.len() == count && owners.values().all(|owner| owner == id)).then_some(())
    })
    .await;
    for name in owners(node).await.keys() {
        node.is(name, "open").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_is_taken_over() {
    taken_over(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_is_taken_over_on_mariadb() {
    taken_over(World::on(services::mariadb().await, "mysql").await).await;
}

async fn taken_over(world: World) {
    let (one, mut two) = (world.node("one", "a").await, world.node("two", "a").await);
    sees(&one, 2).await;
    for number in 0..6 {
        one.pair(&format!("tenant-{number}"), &world.simulator, None).await;
    }
    two.kill();
    all_on(&one, "one", 6).await;
    two.start_again().await;
    eventually("the share of the node that is back", async || {
        owners(&one).await.values().any(|owner| owner == "two").then_some(())
    })
    .await;
    for number in 0..6 {
        one.is(&format!("tenant-{number}"), "open").await;
        one.send_text(&format!("tenant-{number}"), &world.bob, "still here").await;
    }
    assert_eq!(world.simulator.handle().stats().pairings, 6);
    world.database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_hands_over_and_a_frozen_one_gives_up() {
    let world = World::new().await;
    let (one, mut two) = (world.node("one", "a").await, world.node("two", "a").await);
    sees(&one, 2).await;
    for number in 0..6 {
        one.pair(&format!("tenant-{number}"), &world.simulator, None).await;
    }
    assert_eq!(two.stop().await, Some(0));
    all_on(&one, "one", 6).await;
    two.start_again().await;
    eventually("the share of the node that is back", async || {
        owners(&one).await.values().any(|owner| owner == "two").then_some(())
    })
    .await;

    two.signal("STOP");
    all_on(&one, "one", 6).await;
    two.signal("CONT");
    // It finds out, takes no notice of what was its, and gets its share back as a guest would.
    eventually("the node that slept works again", async || {
        owners(&one).await.values().any(|owner| owner == "two").then_some(())
    })
    .await;
    for number in 0..6 {
        two.is(&format!("tenant-{number}"), "open").await;
        two.send_text(&format!("tenant-{number}"), &world.bob, "still here").await;
    }
    assert_eq!(world.simulator.handle().stats().pairings, 6);
    world.database.remove().await;
}

impl Node {
    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.process().to_string()]).status();
        assert!(status.unwrap().success());
    }
}
