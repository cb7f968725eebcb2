//! Whose files may be in memory, each on its way to an endpoint: few at once over the whole process, and
//! fewer of each endpoint, so that one that answers slowly keeps none from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::key::Key;

/// Files that are in memory at once.
const ALL: usize = 8;
/// Those of them that are one endpoint's.
const EACH: usize = 2;
/// How long an attempt waits for its turn before it is put off.
const WAIT: Duration = Duration::from_secs(10);
/// How long an event is put off for its file; then it goes without.
const PATIENCE: Duration = Duration::from_mins(5);
/// Endpoints, and events that were put off, that are remembered without a look at who is gone.
const REMEMBERED: usize = 1024;

/// Turns to have a file in memory.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    of: Mutex<HashMap<Key, Arc<Semaphore>>>,
    /// Since when events are put off.
    waiting: Mutex<HashMap<(Key, Uuid), Instant>>,
    wait: Duration,
    patience: Duration,
}

/// A turn, until it is dropped.
pub(super) type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// What comes of waiting for a turn.
pub(super) enum Waited {
    Turn(Turn),
    /// Others are before it: it is to be tried again.
    Later,
    /// It has been put off for long enough.
    Never,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self::that_wait(WAIT, PATIENCE)
    }

    fn that_wait(wait: Duration, patience: Duration) -> Self {
        let all = Arc::new(Semaphore::new(ALL));
        Self { all, of: Mutex::default(), waiting: Mutex::default(), wait, patience }
    }

    /// Waits for the turn of an event at an endpoint.
    pub(super) async fn wait(&self, key: Key, event: Uuid) -> Waited {
        let began = Instant::now();
        let turn = timeout(self.wait, self.turn(key)).await;
        let mut waiting = lock(&self.waiting);
        let since = waiting.remove(&(key, event)).unwrap_or(began);
        match turn {
            Ok(Ok(turn)) => Waited::Turn(turn),
            Ok(Err(_)) => Waited::Never,
            Err(_) if since.elapsed() >= self.patience => Waited::Never,
            Err(_) => {
                if waiting.len() >= REMEMBERED {
                    waiting.retain(|_, since| since.elapsed() < self.patience * 2);
                }
                waiting.insert((key, event), since);
                Waited::Later
            }
        }
    }

    /// Its own turn comes first: what waits behind its endpoint is in nobody else's way.
    async fn turn(&self, key: Key) -> Result<Turn, AcquireError> {
        let own = self.own(key).acquire_owned().await?;
        Ok((own, Arc::clone(&self.all).acquire_owned().await?))
    }

    fn own(&self, key: Key) -> Arc<Semaphore> {
        let mut of = lock(&self.of);
        if of.len() >= REMEMBERED {
            // Who has a turn or waits for one holds its endpoint's.
            of.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        Arc::clone(of.entry(key).or_insert_with(|| Arc::new(Semaphore::new(EACH))))
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::key::Feed;
    use super::*;
    use crate::domain::InstanceId;

    fn key(number: u128) -> Key {
        Key { instance: InstanceId(Uuid::from_u128(number)), feed: Feed::Own }
    }

    async fn turn(turns: &Turns, of: u128) -> Option<Turn> {
        match turns.wait(key(of), Uuid::nil()).await {
            Waited::Turn(turn) => Some(turn),
            Waited::Later | Waited::Never => None,
        }
    }

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn an_endpoint_that_keeps_its_turns_leaves_those_of_the_others() {
        let turns = Turns::that_wait(SHORT, SHORT * 4);
        let slow = [turn(&turns, 1).await, turn(&turns, 1).await];
        assert!(slow.iter().all(Option::is_some));
        assert!(turn(&turns, 1).await.is_none(), "a third of one endpoint");
        let mut others = Vec::new();
        for of in 2..5 {
            others.extend([turn(&turns, of).await.unwrap(), turn(&turns, of).await.unwrap()]);
        }
        assert!(turn(&turns, 9).await.is_none(), "more than fit into memory");
        drop(others.pop());
        assert!(turn(&turns, 9).await.is_some());
        drop(slow);
        assert!(turn(&turns, 1).await.is_some());
    }

    #[tokio::test]
    async fn an_event_is_put_off_for_a_while_and_not_for_ever() {
        let turns = Turns::that_wait(SHORT, SHORT * 4);
        let _slow = [turn(&turns, 1).await, turn(&turns, 1).await];
        let (began, event) = (Instant::now(), Uuid::from_u128(7));
        while let Waited::Later = turns.wait(key(1), event).await {}
        assert!(began.elapsed() >= SHORT * 4);
        assert!(lock(&turns.waiting).is_empty());
        assert!(matches!(turns.wait(key(1), event).await, Waited::Later), "another attempt at it");
    }
}
