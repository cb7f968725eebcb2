//! The same records in the database and in Redis: the database keeps them, Redis answers.
//!
//! A durable batch is in both before [`Store::apply`] returns; a relaxed one is in Redis, and follows
//! to the database with the next durable one. Every durable batch moves a *mark*, a record of its
//! own in both. Redis is believed only while its mark is one that this owner set, or the one that
//! the database has: a Redis that comes back empty or old is seen at the first read, and seeded
//! again from the database. While it is out of reach, the database answers.
//!
//! So losing Redis costs no session, and costs time only. When it comes back empty, a few instances at a
//! time are seeded, as they are used; the database answers for those that wait.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{self, Semaphore};
use tokio::time::Instant;

use super::redis::{Answer, Mark, Redis};
use super::sql::Sql;
use super::write_behind::WriteBehind;
use super::{Batch, Change, Durability, Error, Kind, Owner, Store};
use crate::domain::{Fence, InstanceId};

/// The mark's key space in the database.
const MARK: Kind = "mark";
/// How this store treats a Redis that failed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long it is left alone; an instance that waits for its seed waits as long.
    pub pause: Duration,
    /// Instances that are seeded at the same time. Each reads all its records from the database.
    pub seeds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { pause: Duration::from_secs(1), seeds: 8 }
    }
}

/// A store in both.
pub struct Mirrored {
    redis: Redis,
    sql: Sql,
    behind: WriteBehind,
    lanes: DashMap<InstanceId, Arc<Lane>>,
    pub(super) seeds: Semaphore,
    pause: Duration,
    began: Instant,
    /// Milliseconds since `began` until which Redis is left alone, after it failed anybody.
    paused_until: AtomicI64,
    /// Whether it was said that Redis cannot be used, and not yet that it can.
    out: AtomicBool,
}

/// What is known of Redis about one instance.
struct Lane {
    fence: Fence,
    /// Held while a batch is handed to both stores, which so get batches in one order, and during
    /// a seed.
    order: sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The mark that both had when Redis was last found to be complete; `None`: it is not believed.
    seen: Option<String>,
    /// Milliseconds since the store began until which the instance waits for its seed.
    waits_until: i64,
    /// Number of the last mark that this owner handed out.
    issued: u64,
    /// Number of the last one that is in both.
    confirmed: u64,
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_trusted(&self) -> bool {
        self.state().seen.is_some()
    }

    fn distrust(&self) {
        self.state().seen = None;
    }

    fn issue(&self) -> (u64, String) {
        let mut state = self.state();
        state.issued += 1;
        (state.issued, format!("{}.{}", self.fence.0, state.issued))
    }

    fn confirm(&self, number: u64) {
        let mut state = self.state();
        state.confirmed = state.confirmed.max(number);
    }

    /// Whether a Redis with this mark has everything that was confirmed.
    fn accepts(&self, mark: Option<&str>) -> bool {
        let (state, Some(mark)) = (self.state(), mark) else { return false };
        if state.confirmed == 0 && state.seen.as_deref() == Some(mark) {
            return true;
        }
        let own = mark.split_once('.').filter(|(fence, _)| *fence == self.fence.0.to_string());
        own.and_then(|(_, number)| number.parse().ok())
            .is_some_and(|number: u64| (state.confirmed..=state.issued).contains(&number))
    }
}

impl Mirrored {
    /// Over a database and a Redis; `behind` is before the same `sql`.
    #[must_use]
    pub fn new(redis: Redis, sql: Sql, behind: WriteBehind, options: Options) -> Self {
        Self {
            redis,
            sql,
            behind,
            lanes: DashMap::new(),
            seeds: Semaphore::new(options.seeds),
            pause: options.pause,
            began: Instant::now(),
            paused_until: AtomicI64::new(0),
            out: AtomicBool::new(false),
        }
    }

    fn lane(&self, owner: Owner) -> Result<Arc<Lane>, Error> {
        let fresh =
            || Arc::new(Lane { fence: owner.fence, order: sync::Mutex::default(), state: Mutex::default() });
        match self.lanes.entry(owner.instance) {
            Entry::Vacant(empty) => Ok(Arc::clone(&empty.insert(fresh()))),
            Entry::Occupied(known) if known.get().fence > owner.fence => Err(Error::Fenced),
            Entry::Occupied(mut known) => {
                if known.get().fence < owner.fence {
                    known.insert(fresh());
                }
                Ok(Arc::clone(known.get()))
            }
        }
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// When what is put off now may be tried again.
    fn later(&self) -> i64 {
        self.elapsed().saturating_add(i64::try_from(self.pause.as_millis()).unwrap_or(i64::MAX))
    }

    /// Redis failed. Said once, until it works again.
    fn failed(&self, lane: &Lane, why: &Error) {
        lane.distrust();
        self.paused_until.store(self.later(), Ordering::Relaxed);
        if !self.out.swap(true, Ordering::Relaxed) {
            let cause = std::error::Error::source(why).map(ToString::to_string);
            tracing::warn!(%why, cause, "sessions are read from the database: Redis cannot be used");
        }
    }

    /// Redis did all that was asked of it.
    fn works(&self) {
        if self.out.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis can be used again: sessions are read from it");
        }
    }

    /// Whether Redis may be read for this instance; finds out, and seeds it when it must.
    async fn ready(&self, lane: &Lane, owner: Owner) -> bool {
        if lane.is_trusted() {
            return true;
        }
        let until = self.paused_until.load(Ordering::Relaxed).max(lane.state().waits_until);
        if self.elapsed() < until {
            return false;
        }
        let _order = lane.order.lock().await;
        if lane.is_trusted() {
            return true;
        }
        // What the database says against it is said again to whoever asks that now.
        self.reconcile(lane, owner).await.unwrap_or(false)
    }

    /// Compares the marks, and seeds Redis where they differ.
    async fn reconcile(&self, lane: &Lane, owner: Owner) -> Result<bool, Error> {
        let kept = self.behind.get(owner, MARK, &[]).await?;
        let kept = kept.map(|mark| String::from_utf8_lossy(&mark).into_owned());
        let cached = self.redis.mark(owner).await.inspect_err(|error| self.failed(lane, error))?;
        if kept.is_some() && kept == cached {
            lane.state().seen = kept;
            self.works();
            return Ok(true);
        }
        let Ok(_seed) = self.seeds.try_acquire() else {
            lane.state().waits_until = self.later();
            return Ok(false);
        };
        let (number, mark) = lane.issue();
        let put = mark_put(&mark);
        self.behind.apply(owner, Batch { changes: vec![put], durability: Durability::Durable }).await?;
        let records = self.sql.all(owner).await?;
        let seeded = self.redis.seed(owner, &records, &mark).await;
        match seeded.inspect_err(|error| self.failed(lane, error))? {
            Answer::Done => {
                tracing::debug!(instance = %owner.instance, records = records.len(), "Redis is seeded");
                lane.confirm(number);
                lane.state().seen = Some(mark);
                self.works();
                Ok(true)
            }
            Answer::Fenced => Err(Error::Fenced),
            Answer::Unmarked => Ok(false),
        }
    }

    /// Hands a batch to Redis, when that is believed.
    async fn cache(
        &self,
        lane: &Lane,
        owner: Owner,
        changes: &[Change],
        mark: Mark<'_>,
    ) -> Result<(), Error> {
        if !lane.is_trusted() {
            return Ok(());
        }
        match self.redis.change(owner, changes, mark).await {
            Ok(Answer::Done) => {}
            Ok(Answer::Fenced) => return Err(Error::Fenced),
            Ok(Answer::Unmarked) => lane.distrust(),
            Err(error) => self.failed(lane, &error),
        }
        Ok(())
    }
}

fn mark_put(mark: &str) -> Change {
    let value = Bytes::copy_from_slice(mark.as_bytes());
    Change::Put { kind: MARK, key: Vec::new(), value, expires_at: None }
}

#[async_trait]
impl Store for Mirrored {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.get_many(owner, kind, &[key.to_vec()]).await?.pop().flatten())
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let lane = self.lane(owner)?;
        if self.ready(&lane, owner).await {
            match self.redis.marked(owner, kind, keys).await {
                Ok((mark, values)) if lane.accepts(mark.as_deref()) => return Ok(values),
                Ok(_) => lane.distrust(),
                Err(error) => self.failed(&lane, &error),
            }
        }
        self.behind.get_many(owner, kind, keys).await
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        let lane = self.lane(owner)?;
        if self.ready(&lane, owner).await {
            match self.redis.marked_scan(owner, kind, prefix).await {
                Ok((mark, rows)) if lane.accepts(mark.as_deref()) => return Ok(rows),
                Ok(_) => lane.distrust(),
                Err(error) => self.failed(&lane, &error),
            }
        }
        self.behind.scan(owner, kind, prefix).await
    }

    async fn apply(&self, owner: Owner, mut batch: Batch) -> Result<(), Error> {
        let lane = self.lane(owner)?;
        self.ready(&lane, owner).await;
        let durable = batch.durability == Durability::Durable;
        let order = lane.order.lock().await;
        let mark = (durable && !batch.changes.is_empty()).then(|| lane.issue());
        let changes = batch.changes.clone();
        if let Some((_, mark)) = &mark {
            batch.changes.push(mark_put(mark));
        }
        let told = self.behind.queue(owner, batch).await?;
        let moved = mark.as_ref().map_or(Mark::Kept, |(_, mark)| Mark::Moved(mark));
        let cached =
            if changes.is_empty() { Ok(()) } else { self.cache(&lane, owner, &changes, moved).await };
        drop(order);
        let kept = WriteBehind::told(told).await;
        if kept.is_err() {
            // Redis may have what the database has not.
            lane.distrust();
        } else if let Some((number, _)) = mark {
            lane.confirm(number);
        }
        cached.and(kept)
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        let lane = self.lane(owner)?;
        let _order = lane.order.lock().await;
        lane.distrust();
        self.behind.destroy(owner).await?;
        // What stays in a Redis that cannot be reached has a mark that the database has not.
        match self.redis.destroy(owner).await {
            Err(error @ Error::Unavailable(_)) => self.failed(&lane, &error),
            answer => answer?,
        }
        self.lanes.remove_if(&owner.instance, |_, known| Arc::ptr_eq(known, &lane));
        Ok(())
    }
}
