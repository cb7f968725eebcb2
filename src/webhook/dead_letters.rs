//! The deliveries of one instance that were given up: what the HTTP API shows and redrives.

use uuid::Uuid;

use super::Handle;
use crate::db::{Database, DeadLetter, Error};
use crate::domain::InstanceId;

/// Dead letters that are moved in one transaction.
const BATCH: u64 = 256;

/// A part of the list, newest first.
#[derive(Clone, Debug)]
pub struct List {
    /// How many there are in all.
    pub total: u64,
    /// The part.
    pub records: Vec<DeadLetter>,
}

/// Lists a part of an instance's dead letters.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list(db: &Database, instance: InstanceId, take: u64, skip: u64) -> Result<List, Error> {
    let letters = db.instance(instance).dead_letters();
    Ok(List { total: letters.count().await?, records: letters.list(take, skip).await? })
}

/// Moves some back into delivery, with their event ids and behind what already waits. Answers how
/// many there were. Durable when it returns.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn redrive(
    db: &Database,
    worker: Option<&Handle>,
    instance: InstanceId,
    ids: &[Uuid],
) -> Result<u64, Error> {
    let moved = db.instance(instance).dead_letters().redrive(ids).await?;
    if let Some(worker) = worker {
        worker.look(instance);
    }
    Ok(moved)
}

/// As [`redrive`], of all that there are now; events that fail again while it runs may be moved
/// again. The oldest go first.
///
/// # Errors
/// [`Error::Unavailable`]; what was moved before stays moved.
pub async fn redrive_all(db: &Database, worker: Option<&Handle>, instance: InstanceId) -> Result<u64, Error> {
    let letters = db.instance(instance).dead_letters();
    let mut left = letters.count().await?;
    let mut moved = 0;
    while left > 0 {
        let take = left.min(BATCH);
        left -= take;
        let oldest = letters.list(take, left).await?;
        let ids: Vec<Uuid> = oldest.iter().rev().map(|letter| letter.id).collect();
        if ids.is_empty() {
            break;
        }
        moved += redrive(db, worker, instance, &ids).await?;
    }
    Ok(moved)
}

/// Removes some for good. Answers how many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn remove(db: &Database, instance: InstanceId, ids: &[Uuid]) -> Result<u64, Error> {
    db.instance(instance).dead_letters().remove(ids).await
}
