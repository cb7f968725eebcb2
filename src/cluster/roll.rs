//! Where nodes show that they are alive.

use async_trait::async_trait;

use super::Error;
use super::view::{Me, Node, NodeState, View};

/// What a sign of life has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Beat {
    /// It is on the roll; who else is.
    Seen(View),
    /// A younger process runs under the same id.
    Replaced,
}

/// Where nodes show that they are alive. One value is one life of one process: a later one of the same
/// node replaces it.
#[async_trait]
pub trait Roll: Send + Sync + 'static {
    /// Shows this node to the others, and them to it.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    async fn beat(&self, state: NodeState) -> Result<Beat, Error>;

    /// Takes this node off the roll: the others need not wait until it counts as dead.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    async fn leave(&self) -> Result<(), Error>;
}

/// The roll of a node that is alone, without Redis.
pub struct Solo(Me);

impl Solo {
    /// Only this node.
    #[must_use]
    pub const fn new(me: Me) -> Self {
        Self(me)
    }
}

#[async_trait]
impl Roll for Solo {
    async fn beat(&self, state: NodeState) -> Result<Beat, Error> {
        let own = Node { me: self.0.clone(), state, age: std::time::Duration::ZERO };
        Ok(Beat::Seen(View { nodes: vec![own], settled: true }))
    }

    async fn leave(&self) -> Result<(), Error> {
        Ok(())
    }
}
