//! A cluster of a test's own.

use std::collections::BTreeMap;

use serde_json::Value;
use wa_sim::Simulator;
use wa_sim::receiver::Receiver;
use waggle::net::Url;

use self::server::RedisServer;
use crate::services::{self, Database};
use crate::support::{Node, contact, eventually};
use crate::wire::Wire;

#[path = "../support/services/redis.rs"]
pub mod server;

/// Servers, a simulated WhatsApp, a receiver of webhooks and a contact that writes to everybody.
pub struct World {
    pub simulator: Simulator,
    pub receiver: Receiver,
    pub database: Database,
    provider: &'static str,
    pub redis: RedisServer,
    pub bob: String,
}

impl World {
    pub async fn new() -> Self {
        Self::on(services::postgres().await, "postgresql").await
    }

    pub async fn on(database: Database, provider: &'static str) -> Self {
        // A contact remembers all that it hears in a test.
        let options = wa_sim::Options { max_received: 100_000, ..wa_sim::Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let bob = contact(&simulator, "Bob").phone;
        let redis = RedisServer::start().await;
        Self { simulator, receiver: Receiver::start().await.unwrap(), database, provider, redis, bob }
    }

    /// A node of a client name.
    pub async fn node(&self, id: &str, client_name: &str) -> Node {
        self.node_with(id, client_name, &[]).await
    }

    pub async fn node_with(&self, id: &str, client_name: &str, more: &[(&str, &str)]) -> Node {
        let mut variables = vec![
            ("WAGGLE_NODE_ID", id),
            ("DATABASE_CONNECTION_CLIENT_NAME", client_name),
            ("DATABASE_PROVIDER", self.provider),
            ("DATABASE_CONNECTION_URI", &self.database.url),
            ("CACHE_REDIS_ENABLED", "true"),
            ("CACHE_REDIS_URI", &self.redis.url),
        ];
        variables.extend_from_slice(more);
        Node::start_with(&self.simulator, &variables).await
    }
}

/// Who has which instance, as a node sees it.
pub async fn owners(node: &Node) -> BTreeMap<String, String> {
    let rows = node.get("/cluster/instances").await;
    let owner =
        |row: &Value| Some((row["instanceName"].as_str()?.to_owned(), row["owner"].as_str()?.to_owned()));
    rows.as_array().unwrap().iter().filter_map(owner).collect()
}

/// Waits until a node sees this many nodes of its client name, and takes absence for death.
pub async fn sees(node: &Node, count: usize) {
    eventually(&format!("{count} nodes see each other"), async || {
        let nodes = node.get("/cluster/nodes").await;
        (nodes.as_array().unwrap().len() == count).then_some(())
    })
    .await;
}

/// A wire to the server of a URL, and the URL through it.
pub async fn via(url: &str) -> (Wire, String) {
    let mut url = Url::parse(url).unwrap();
    let wire = Wire::to(url.port().unwrap()).await;
    url.set_port(Some(wire.port)).unwrap();
    (wire, url.to_string())
}

/// Instances with webhooks, open; their names with their phone numbers.
pub async fn fleet(world: &World, node: &Node, count: usize) -> BTreeMap<String, String> {
    let mut phones = BTreeMap::new();
    for number in 0..count {
        let name = format!("tenant-{number}");
        let phone = node.pair(&name, &world.simulator, Some(&world.receiver)).await;
        phones.insert(name, phone);
    }
    phones
}
