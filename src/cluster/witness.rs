//! Whether Redis answers others when it does not answer this node.
//!
//! Every node counts in the database the signs of life that reached Redis. A node that is cut off
//! from Redis looks at the counters of the nodes that could take its instances: one that moves says
//! that Redis works, and that this node is taken for dead.

use std::collections::BTreeMap;

use super::view::Me;
use crate::db::{self, Nodes};

/// What the counters say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There was nothing to compare with yet.
    Unknown,
    /// No other node has reached Redis since the last look.
    Silent,
    /// Another node has.
    Heard,
}

/// Looks at the counters of the others.
pub struct Witness {
    nodes: Nodes,
    me: Me,
    before: Option<BTreeMap<String, i64>>,
}

impl Witness {
    pub const fn new(nodes: Nodes, me: Me) -> Self {
        Self { nodes, me, before: None }
    }

    /// Counts a sign of life that reached Redis.
    pub async fn count(&mut self) -> Result<(), db::Error> {
        self.before = None;
        self.nodes.count_beat(&self.me.client_name, &self.me.id).await
    }

    /// Compares with the last look.
    pub async fn look(&mut self) -> Result<Verdict, db::Error> {
        let mut beats = self.nodes.beats(&self.me.client_name).await?;
        beats.remove(&self.me.id.0);
        let verdict = self.before.as_ref().map_or(Verdict::Unknown, |before| {
            if *before == beats { Verdict::Silent } else { Verdict::Heard }
        });
        self.before = Some(beats);
        Ok(verdict)
    }

    /// Takes this node's counter away.
    pub async fn forget(&self) -> Result<(), db::Error> {
        self.nodes.remove(&self.me.client_name, &self.me.id).await
    }
}
