//! Owns who has which instance: the membership of nodes, the placement of instances on them, claims
//! and releases, and where a request has to go. Must not know HTTP handlers, WhatsApp, nor what an
//! instance does. To add a rule of placement: `placement` or `plan`, which are pure; a place where
//! nodes meet: a [`Roll`].
//!
//! *Liveness* is one sign of life per node in Redis. *Authority* is the instance's row in the
//! database: owner and fence, changed by compare-and-set. A node that cannot show itself any more
//! stops its instances before the others may take them; see [`member`].

mod handover;
mod lookup;
mod member;
mod peers;
mod placement;
mod plan;
mod reconciler;
mod redis;
mod roll;
mod view;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::db::{self, Database, Ownership};
use crate::domain::{InstanceId, NodeId};
use crate::instance::{self, Lease, Registry};

pub use lookup::{Located, Lookup, Place};
pub use member::Member;
pub use peers::{
    Answer, Content, HOP_HEADER, Hop, KNOWN_HEADER, Outgoing, Peers, SECRET_HEADER, Undelivered,
};
pub use reconciler::Reconciler;
pub use redis::Redis;
pub use roll::{Beat, Roll, Solo};
pub use view::{Me, Node, NodeState, View};

/// Calls of others that may wait for the reconciler.
const CALLS: usize = 1024;

/// How a node takes part.
#[derive(Clone, Debug)]
pub struct Options {
    /// This node.
    pub me: Me,
    /// Silence after which a node counts as dead.
    pub ttl: Duration,
    /// Time between two signs of life.
    pub heartbeat: Duration,
    /// Instances that are given away per second when a node joins; 0 gives none.
    pub moves_per_second: u32,
    /// Entries of other regions, asked for instances that nobody here knows.
    pub regions: Vec<String>,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis does not answer.
    #[error("the membership cannot be read")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// An instance.
    #[error(transparent)]
    Instance(#[from] instance::Error),
    /// Another node did not do what it was asked.
    #[error("the other node did not answer: {0}")]
    Peer(String),
    /// Another process runs under the id of this node.
    #[error("another process runs as node {0}")]
    Replaced(NodeId),
}

/// What others may ask of this node's part in the cluster.
#[derive(Clone)]
pub struct Handle {
    options: Arc<Options>,
    view: watch::Receiver<View>,
    state: watch::Sender<NodeState>,
    calls: mpsc::Sender<Vec<InstanceId>>,
    lookup: Lookup,
    registry: Registry,
    database: Database,
    peers: Option<Peers>,
    lease: Lease,
}

/// The three parts of a node's membership: who signs it, who acts on it, and what others hold.
pub fn join(
    options: Options,
    roll: Arc<dyn Roll>,
    peers: Option<Peers>,
    (registry, database, lease): (&Registry, &Database, &Lease),
) -> (Member, Reconciler, Handle) {
    let options = Arc::new(options);
    let (state, states) = watch::channel(NodeState::Active);
    let (shown, view) = watch::channel(View::alone(&options.me));
    let (calls, called) = mpsc::channel(CALLS);
    let lookup = Lookup::new(database.clone());
    let witness = peers.as_ref().map(|_| witness::Witness::new(database.nodes(), options.me.clone()));
    let member =
        Member::new(Arc::clone(&options), roll, witness, (shown, states), (registry.clone(), lease.clone()));
    let handle = Handle {
        options,
        view,
        state,
        calls,
        lookup,
        registry: registry.clone(),
        database: database.clone(),
        peers,
        lease: lease.clone(),
    };
    (member, Reconciler::new(handle.clone(), called), handle)
}

impl Handle {
    /// This node.
    #[must_use]
    pub fn me(&self) -> &Me {
        &self.options.me
    }

    /// The nodes that are alive, as this one saw them last.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Whether this node works without others: everything is here.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.peers.is_none()
    }

    /// Other nodes, when there may be any.
    #[must_use]
    pub fn peers(&self) -> Option<&Peers> {
        self.peers.as_ref()
    }

    /// Finds instances of all nodes.
    #[must_use]
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Takes a state, and shows it to the others at once.
    pub fn set_state(&self, state: NodeState) {
        self.state.send_replace(state);
    }

    /// This node's state.
    #[must_use]
    pub fn state(&self) -> NodeState {
        *self.state.borrow()
    }

    /// Instances were given up for this node to take.
    pub async fn offered(&self, instances: Vec<InstanceId>) {
        // Who is not heard here finds them in the next round.
        let _ = self.calls.send(instances).await;
    }

    /// Where an instance belongs.
    #[must_use]
    pub fn home_of(&self, row: &Ownership) -> Option<Node> {
        let view = self.view.borrow();
        placement::home(&view, &row.client_name, row.name.as_str(), row.pinned.as_ref()).cloned()
    }

    /// Where an instance is to be made, or to move to: among the live nodes of its client name.
    #[must_use]
    pub fn home(&self, client_name: &str, name: &str) -> Option<Node> {
        placement::home(&self.view.borrow(), client_name, name, None).cloned()
    }
}
