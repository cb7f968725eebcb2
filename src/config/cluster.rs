//! Membership and node-to-node traffic.

use std::time::Duration;

use super::parse;
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Cluster",
    variables: &[
        Variable::url(
            "WAGGLE_ADVERTISED_URL",
            "",
            "base URL by which other nodes reach this one; unset, the address that it has towards Redis, and SERVER_PORT",
        ),
        Variable::text(
            "WAGGLE_CLUSTER_SECRET",
            "",
            "what nodes prove to each other; unset, derived from the global key",
        )
        .secret(),
        Variable::number(
            "WAGGLE_NODE_TTL_SECONDS",
            "5",
            "seconds",
            "silence after which a node counts as dead",
        ),
        Variable::number(
            "WAGGLE_HEARTBEAT_SECONDS",
            "1",
            "seconds",
            "time between two signs of life; at most half of the above",
        ),
        Variable::number(
            "WAGGLE_NODE_WEIGHT",
            "1",
            "count",
            "share of instances that this node takes, relative to the others; 0 takes none",
        ),
        Variable::number(
            "WAGGLE_REBALANCE_PER_SECOND",
            "20",
            "count",
            "instances that a node gives away per second when another one joins; 0 gives none",
        ),
        Variable::list(
            "WAGGLE_CLUSTER_PEERS",
            "",
            "base URLs of other regions, asked for instances that nobody here knows",
        ),
    ],
    switches: None,
};

/// Membership and node-to-node traffic.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Base URL by which other nodes reach this one.
    pub advertised_url: Option<String>,
    /// What nodes prove to each other; `None` derives it from the global key.
    pub secret: Option<Secret>,
    /// Silence after which a node counts as dead.
    pub node_ttl: Duration,
    /// Time between two signs of life.
    pub heartbeat: Duration,
    /// Share of instances relative to other nodes; zero takes none.
    pub weight: u32,
    /// Instances that are given away per second when a node joins; 0 gives none.
    pub moves_per_second: u32,
    /// Base URLs of other regions.
    pub peers: Vec<String>,
}

impl Cluster {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let cluster = Self {
            advertised_url: reader.http_url("WAGGLE_ADVERTISED_URL"),
            secret: reader.secret("WAGGLE_CLUSTER_SECRET"),
            node_ttl: reader.seconds("WAGGLE_NODE_TTL_SECONDS", 2..=3_600),
            heartbeat: reader.seconds("WAGGLE_HEARTBEAT_SECONDS", 1..=1_800),
            weight: reader.number("WAGGLE_NODE_WEIGHT", 0..=1_000),
            moves_per_second: reader.number("WAGGLE_REBALANCE_PER_SECOND", 0..=100_000),
            peers: reader.list_of("WAGGLE_CLUSTER_PEERS", parse::base_url),
        };
        if cluster.heartbeat * 2 > cluster.node_ttl {
            reader.refuse(
                "WAGGLE_HEARTBEAT_SECONDS",
                "more than half of WAGGLE_NODE_TTL_SECONDS: one late heartbeat would count as a death",
            );
        }
        cluster
    }
}
