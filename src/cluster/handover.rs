//! Gives instances away.

use futures::stream::{self, StreamExt as _};
use metrics::counter;

use super::view::{Node, NodeState};
use super::{Error, Handle, placement};
use crate::domain::InstanceId;
use crate::instance;
use crate::telemetry::metrics::{REASON, RELEASES};

/// Instances that are given away at the same time.
const AT_ONCE: usize = 16;

impl Handle {
    /// Gives every instance to the other nodes, or only ends them when there are none. The accounts
    /// stay linked.
    pub async fn drain(&self) {
        self.set_state(NodeState::Draining);
        let all = self.registry.all();
        let others = self.view.borrow().of(&self.options.me.client_name).count() > 1;
        if self.is_alone() || !others {
            self.registry.drain().await;
            return;
        }
        tracing::info!(instances = all.len(), "giving the instances to the other nodes");
        let moves = all.into_iter().map(|handle| (handle.clone(), self.other_home(&handle))).collect();
        self.give(moves, "drain").await;
    }

    /// Where an instance goes when this node is not there.
    fn other_home(&self, handle: &instance::Handle) -> Option<Node> {
        let mut view = self.view.borrow().clone();
        view.nodes.retain(|node| node.me != self.options.me);
        placement::home(&view, &self.options.me.client_name, handle.name().as_str(), None).cloned()
    }

    /// Ends instances here and offers each to its next node at once.
    pub(super) async fn give(&self, moves: Vec<(instance::Handle, Option<Node>)>, reason: &'static str) {
        let given = moves.into_iter().map(|(handle, to)| async move {
            match self.registry.release(&handle).await {
                Ok(true) => {
                    counter!(RELEASES, REASON => reason).increment(1);
                    self.offer(handle.id(), to.as_ref()).await;
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(instance = %handle.name(), %error, "an instance could not be released")
                }
            }
        });
        stream::iter(given).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    async fn offer(&self, instance: InstanceId, to: Option<&Node>) {
        let (Some(peers), Some(to)) = (&self.peers, to) else { return };
        if let Err(error) = peers.offer(to, &[instance]).await {
            tracing::debug!(node = %to.me.id, %error, "an offer was not heard; the node will see by itself");
        }
    }

    /// Moves a running instance of this node to another client name: nodes of that name take it.
    ///
    /// # Errors
    /// [`Error::Database`]; then it is where it was, or released here and found by its new nodes.
    pub async fn move_to_client(&self, handle: &instance::Handle, client_name: &str) -> Result<(), Error> {
        self.database.instances().set_client_name(handle.id(), client_name).await?;
        if client_name != self.options.me.client_name {
            self.give(vec![(handle.clone(), self.home(client_name, handle.name().as_str()))], "move").await;
        }
        Ok(())
    }
}
