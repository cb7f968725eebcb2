//! Records as objects: in S3, in what speaks its protocol, or in a folder.
//!
//! An instance is a log of numbered [entries](entry), each created with the condition that its
//! number is free. An entry has the changes of one batch, or the whole state; so a batch is one
//! object, which is there or is not. Who writes number *n* + 1 has read everything up to *n*.
//!
//! A claim begins with an entry of its own. From then on the number that an earlier owner would
//! write is taken, and reading what took it tells that owner that it is fenced. These entries
//! are kept for a month after they are superseded, so that nobody can write in their place;
//! everything else that a whole state supersedes is removed after that state is written.
//!
//! Reads come from an image in memory, loaded once per claim and given up whenever it is not sure
//! what a failed write did. Images that were not used for longest are dropped when there is little
//! room.

mod entry;
mod image;
mod log;
mod place;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dashmap::DashMap;
use tokio::sync;
use uuid::Uuid;

use self::entry::Entry;
use self::image::Image;
use self::log::Log;
use super::records::Records;
use super::{Batch, Change, Error, Kind, Owner, Store};
use crate::config::objects::Objects;
use crate::domain::{Fence, InstanceId};

/// Memory for the images of all instances together.
const MEMORY: usize = 512 << 20;
/// Pauses before the attempts to write an entry.
const TRIES: [Duration; 4] =
    [Duration::ZERO, Duration::ZERO, Duration::from_millis(50), Duration::from_millis(250)];

/// A store of objects.
pub struct Object {
    log: Log,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    lanes: DashMap<InstanceId, Arc<Lane>>,
    /// How much the images may weigh together, and do.
    memory: usize,
    held: AtomicUsize,
    /// Counts uses, for their order.
    uses: AtomicU64,
}

/// What is known of one instance.
#[derive(Default)]
struct Lane {
    /// Held while the log is read or written.
    order: sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    image: Option<Image>,
    /// The newest claim that was ever seen.
    newest: Fence,
    /// What the image weighs, and the number of its last use.
    weight: usize,
    used: u64,
}

/// What an entry does.
enum Write {
    Changes(Vec<Change>),
    /// Leaves nothing.
    Destroy,
}

impl Object {
    /// Objects at a place; `clock` tells wall time in unix milliseconds.
    ///
    /// # Errors
    /// When the place cannot be used: a folder that does not exist, an address that is none.
    pub fn new(
        place: &Objects,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let log = match place {
            Objects::Folder(folder) => place::folder(folder)?,
            Objects::Bucket(bucket) => place::bucket(bucket)?,
        };
        Ok(Self::over(log, clock, MEMORY))
    }

    fn over(log: Log, clock: Arc<dyn Fn() -> i64 + Send + Sync>, memory: usize) -> Self {
        let (held, uses) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { log, clock, lanes: DashMap::new(), memory, held, uses }
    }

    fn lane(&self, owner: Owner) -> Arc<Lane> {
        Arc::clone(&self.lanes.entry(owner.instance).or_default())
    }

    /// Reads the image, which is loaded if it must be.
    async fn read<T>(&self, owner: Owner, read: impl Fn(&Records, i64) -> T) -> Result<T, Error> {
        let lane = self.lane(owner);
        let now = (self.clock)();
        let look = |state: &mut State| match &state.image {
            _ if state.newest > owner.fence => Some(Err(Error::Fenced)),
            Some(image) if image.fence == owner.fence => {
                state.used = self.uses.fetch_add(1, Ordering::Relaxed);
                Some(Ok(read(&image.records, now)))
            }
            _ => None,
        };
        if let Some(answer) = look(&mut lane.state()) {
            return answer;
        }
        let _order = lane.order.lock().await;
        if let Some(answer) = look(&mut lane.state()) {
            return answer;
        }
        let image = self.load(&lane, owner).await?;
        let answer = read(&image.records, now);
        self.keep(&lane, Some(image));
        Ok(answer)
    }

    /// Loads the image; the claim is known to everybody when this returns.
    async fn load(&self, lane: &Lane, owner: Owner) -> Result<Image, Error> {
        if lane.state().newest > owner.fence {
            return Err(Error::Fenced);
        }
        match image::load(&self.log, owner, (self.clock)()).await? {
            Ok(image) => {
                lane.state().newest = owner.fence;
                Ok(image)
            }
            Err(newer) => {
                lane.state().newest = newer;
                Err(Error::Fenced)
            }
        }
    }

    /// Makes this the image.
    fn keep(&self, lane: &Lane, image: Option<Image>) {
        let mut state = lane.state();
        state.image = image;
        state.used = self.uses.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.weigh(lane);
    }

    /// Makes room if the image has become too large.
    fn weigh(&self, lane: &Lane) {
        let mut state = lane.state();
        let weight = state.image.as_ref().map_or(0, Image::weight);
        let before = std::mem::replace(&mut state.weight, weight);
        drop(state);
        self.held.fetch_add(weight, Ordering::Relaxed);
        self.held.fetch_sub(before, Ordering::Relaxed);
        if self.held.load(Ordering::Relaxed) > self.memory {
            self.drop_idle();
        }
    }

    /// Drops the images that were not used for longest, until a tenth of the room is free.
    fn drop_idle(&self) {
        let mut lanes: Vec<_> = self.lanes.iter().map(|lane| Arc::clone(lane.value())).collect();
        lanes.sort_by_cached_key(|lane| lane.state().used);
        for lane in lanes {
            if self.held.load(Ordering::Relaxed) <= self.memory / 10 * 9 {
                return;
            }
            let mut state = lane.state();
            state.image = None;
            self.held.fetch_sub(std::mem::take(&mut state.weight), Ordering::Relaxed);
        }
    }

    /// Writes an entry. What became of an attempt that failed is in the log, which is read again
    /// before the next.
    async fn write(&self, owner: Owner, write: Write) -> Result<(), Error> {
        let lane = self.lane(owner);
        let _order = lane.order.lock().await;
        let id = Uuid::new_v4();
        let mut problem = None;
        for pause in TRIES {
            tokio::time::sleep(pause).await;
            match self.attempt(&lane, owner, id, &write).await {
                Ok(true) => return self.tidy(&lane, owner, &write).await,
                Ok(false) => {}
                Err(error @ Error::Unavailable(_)) => problem = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(problem.unwrap_or_else(|| Error::Unavailable("others write at the same time".into())))
    }

    /// Creates the entry behind the image, and changes the image too; `false` when something else was
    /// there.
    async fn attempt(&self, lane: &Lane, owner: Owner, id: Uuid, write: &Write) -> Result<bool, Error> {
        let ready = lane.state().image.as_ref().is_some_and(|image| image.fence == owner.fence);
        if !ready {
            let image = self.load(lane, owner).await?;
            let written = image.has(id);
            self.keep(lane, Some(image));
            if written {
                return Ok(true);
            }
        }
        let now = (self.clock)();
        let plan = lane.state().image.as_ref().map(|image| Plan::new(image, write, now)).transpose()?;
        // It may be dropped for want of room.
        let Some(plan) = plan else { return Ok(false) };
        let entry = Entry { fence: owner.fence, base: plan.base, id, body: plan.body };
        let mut doubt = Doubt { store: self, lane, settled: false };
        if !self.log.create(owner.instance, plan.number, entry.encode()).await? {
            return Ok(false);
        }
        doubt.settled = true;
        if let Some(image) = &mut lane.state().image {
            match (plan.whole, write) {
                (Some(records), _) => image.replaced(plan.number, records, entry.body.len()),
                (None, Write::Changes(changes)) => image.changed(plan.number, changes, entry.body.len(), now),
                (None, Write::Destroy) => {}
            }
        }
        self.weigh(lane);
        Ok(true)
    }

    /// Removes what the last entry superseded.
    async fn tidy(&self, lane: &Lane, owner: Owner, write: &Write) -> Result<(), Error> {
        let superseded = lane.state().image.as_mut().map(Image::take_superseded).unwrap_or_default();
        if superseded.is_empty() {
            return Ok(());
        }
        let removed = self.log.remove(owner.instance, &superseded).await;
        if removed.is_err()
            && let Some(image) = &mut lane.state().image
        {
            image.give_back(superseded);
        }
        match write {
            // The next whole state removes them too.
            Write::Changes(_) => Ok(()),
            Write::Destroy => removed,
        }
    }
}

/// An entry to write.
struct Plan {
    number: u64,
    base: u64,
    body: Bytes,
    /// The records after it, when it has the whole state.
    whole: Option<Records>,
}

impl Plan {
    fn new(image: &Image, write: &Write, now: i64) -> Result<Self, Error> {
        let number = image.tip + 1;
        Ok(match write {
            Write::Destroy => {
                Self { number, base: number, body: Bytes::new(), whole: Some(Records::default()) }
            }
            Write::Changes(changes) if image.is_long() => {
                let mut records = image.records.clone();
                changes.iter().cloned().for_each(|change| records.change(change));
                Self { number, base: number, body: entry::state(&records, now)?, whole: Some(records) }
            }
            Write::Changes(changes) => {
                Self { number, base: image.base, body: entry::changes(changes)?, whole: None }
            }
        })
    }
}

/// Gives the image up, unless it is known what became of the entry: also when the attempt is dropped
/// half-way.
struct Doubt<'a> {
    store: &'a Object,
    lane: &'a Lane,
    settled: bool,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.store.keep(self.lane, None);
        }
    }
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Object {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.read(owner, |records, now| records.get(kind, key, now)).await
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        self.read(owner, |records, now| keys.iter().map(|key| records.get(kind, key, now)).collect()).await
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        self.read(owner, |records, now| records.scan(kind, prefix, now)).await
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        if batch.changes.is_empty() {
            // Nothing is under way after this, and nothing more was asked for.
            return self.read(owner, |_, _| ()).await;
        }
        self.write(owner, Write::Changes(batch.changes)).await
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        self.write(owner, Write::Destroy).await?;
        // Nobody else has the lane, and who asks for it now finds it here or makes another.
        self.lanes.remove_if(&owner.instance, |_, lane| Arc::strong_count(lane) == 1);
        Ok(())
    }
}
