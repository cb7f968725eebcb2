//! Turns: how much is worked on at once, over the node and for each account.
//!
//! Work of this process and child processes have turns of their own, because a child may take a minute
//! where a picture takes a moment. No account has all turns of a kind: whatever it sends, others go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::Error;

/// How long work waits for its turn. Nothing holds one for longer.
pub(super) const WAIT: Duration = Duration::from_mins(1);
/// Memory that all pictures take together while they are decoded, in bytes.
pub(super) const MEMORY: u64 = 512 << 20;
/// What memory is counted in, in bytes.
const UNIT: u64 = 1 << 20;

/// Leave to work, until it is dropped.
pub(super) type Turn = Vec<OwnedSemaphorePermit>;

/// The turns of one account on this node.
#[derive(Clone)]
pub(super) struct Turns {
    work: Kind,
    children: Kind,
    memory: Arc<Semaphore>,
}

/// Turns of one kind.
#[derive(Clone)]
struct Kind {
    total: usize,
    node: Arc<Semaphore>,
    /// Those of the account, which are taken first: what waits for them is behind nobody else.
    share: Arc<Semaphore>,
}

impl Kind {
    fn new(total: usize) -> Self {
        Self { total, node: Arc::new(Semaphore::new(total)), share: share(total) }
    }

    fn of_account(&self) -> Self {
        Self { share: share(self.total), ..self.clone() }
    }

    async fn turn(&self) -> Result<Turn, AcquireError> {
        let own = Arc::clone(&self.share).acquire_owned().await?;
        Ok(vec![own, Arc::clone(&self.node).acquire_owned().await?])
    }
}

/// The turns of one account: half of them, so that it is never alone.
fn share(turns: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((turns / 2).max(1)))
}

impl Turns {
    /// The turns of a node with so many processors: two of a kind at least, or an account's share were all.
    pub(super) fn new(processors: usize) -> Self {
        Self::of(processors.max(2))
    }

    /// So many turns of a kind.
    pub(super) fn of(turns: usize) -> Self {
        let units = usize::try_from(MEMORY / UNIT).unwrap_or(usize::MAX);
        Self { work: Kind::new(turns), children: Kind::new(turns), memory: Arc::new(Semaphore::new(units)) }
    }

    /// Those of another account.
    pub(super) fn of_account(&self) -> Self {
        Self { work: self.work.of_account(), children: self.children.of_account(), ..self.clone() }
    }

    /// A turn for work of this process that takes so much memory, in bytes. Memory is waited for last, so
    /// that no account has more in that queue than it has turns.
    ///
    /// # Errors
    /// [`Error::Busy`], also below.
    pub(super) async fn work(&self, memory: u64) -> Result<Turn, Error> {
        in_time(async {
            let mut turn = self.work.turn().await?;
            if memory > 0 {
                let units = u32::try_from(memory.min(MEMORY).div_ceil(UNIT)).unwrap_or(u32::MAX);
                turn.push(Arc::clone(&self.memory).acquire_many_owned(units).await?);
            }
            Ok(turn)
        })
        .await
    }

    /// A turn for a child process, or for a service that works instead of one.
    pub(super) async fn child(&self) -> Result<Turn, Error> {
        in_time(self.children.turn()).await
    }
}

async fn in_time(turn: impl Future<Output = Result<Turn, AcquireError>>) -> Result<Turn, Error> {
    let turn = tokio::time::timeout(WAIT, turn).await;
    turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_has_all_turns_whatever_the_machine() {
        for processors in 0..=64 {
            let turns = Turns::new(processors).of_account();
            for kind in [&turns.work, &turns.children] {
                let (share, total) = (kind.share.available_permits(), kind.node.available_permits());
                assert!(share >= 1 && share < total, "{share} of {total} with {processors} processors");
            }
        }
    }
}
