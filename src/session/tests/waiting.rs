//! What the write-behind queue promises: it does not wait, keeps the order, is bounded, and tells.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::support::{Time, owner, spawner};
use crate::domain::Fence;
use crate::session::conformance::put;
use crate::session::memory::Memory;
use crate::session::write_behind::{Options, WriteBehind};
use crate::session::{Batch, Change, Durability, Error, Kind, Owner, Store};

/// A store that applies one batch per permit, and fails when told.
struct Gate {
    inner: Memory,
    permits: Semaphore,
    down: AtomicBool,
    damaged: AtomicBool,
    applied: Mutex<Vec<Vec<u8>>>,
    calls: AtomicUsize,
}

impl Gate {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::new(Time::new().clock()),
            permits: Semaphore::new(permits),
            down: AtomicBool::new(false),
            damaged: AtomicBool::new(false),
            applied: Mutex::default(),
            calls: AtomicUsize::new(0),
        })
    }

    fn behind(self: &Arc<Self>, options: Options) -> Arc<WriteBehind> {
        let inner: Arc<dyn Store> = Arc::<Self>::clone(self);
        Arc::new(WriteBehind::new(inner, options, Time::new().clock(), spawner()))
    }
}

#[async_trait]
impl Store for Gate {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.inner.get(owner, kind, key).await
    }

    async fn get_many(&self, o: Owner, kind: Kind, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Error> {
        self.inner.get_many(o, kind, keys).await
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        self.inner.scan(owner, kind, prefix).await
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("down".into()));
        }
        if self.damaged.load(Ordering::SeqCst) {
            return Err(Error::Corrupt("damaged".to_owned()));
        }
        for change in &batch.changes {
            if let Change::Put { key, .. } = change {
                self.applied.lock().unwrap().push(key.clone());
            }
        }
        self.inner.apply(owner, batch).await
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        self.inner.destroy(owner).await
    }
}

fn batch(key: u8, durability: Durability) -> Batch {
    Batch { changes: vec![put("k", &[key], [key])], durability }
}

const PLENTY: usize = 1_000_000;

#[tokio::test]
async fn relaxed_returns_before_the_store_and_durable_after_it() {
    let (gate, owner) = (Gate::new(0), owner(1));
    let store = gate.behind(Options::default());
    for key in 0..10 {
        store.apply(owner, batch(key, Durability::Relaxed)).await.unwrap();
    }
    assert_eq!(store.get(owner, "k", &[9]).await.unwrap().unwrap(), [9_u8][..]);
    assert!(gate.inner.get(owner, "k", &[0]).await.unwrap().is_none());
    let durable = store.apply(owner, batch(10, Durability::Durable));
    assert!(tokio::time::timeout(Duration::from_millis(50), durable).await.is_err());
    gate.permits.add_permits(PLENTY);
    store.apply(owner, Batch::default()).await.unwrap();
    assert_eq!(*gate.applied.lock().unwrap(), (0..=10).map(|key| vec![key]).collect::<Vec<_>>());
    assert!(gate.calls.load(Ordering::SeqCst) <= 4, "what gathers goes together");
}

#[tokio::test]
async fn relaxed_batches_wait_for_a_durable_one_and_not_for_long() {
    let (gate, owner) = (Gate::new(PLENTY), owner(1));
    let store = gate.behind(Options { linger: Duration::from_secs(3600), ..Options::default() });
    for round in 0..3 {
        for key in 0..3 {
            store.apply(owner, batch(key, Durability::Relaxed)).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.calls.load(Ordering::SeqCst), round);
        store.apply(owner, batch(3, Durability::Durable)).await.unwrap();
        assert_eq!(gate.calls.load(Ordering::SeqCst), round + 1, "one commit for all four");
    }
    let store = gate.behind(Options { linger: Duration::from_millis(1), ..Options::default() });
    store.apply(owner, batch(4, Durability::Relaxed)).await.unwrap();
    let written = async {
        while gate.calls.load(Ordering::SeqCst) < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), written).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait() {
    let few = Options { batches: 3, bytes: PLENTY, ..Options::default() };
    let small = Options { batches: 100, bytes: 3 * 1024, ..Options::default() };
    for options in [few, small] {
        let (gate, owner) = (Gate::new(0), owner(1));
        let store = gate.behind(options);
        for key in 0..3 {
            store.apply(owner, batch(key, Durability::Relaxed)).await.unwrap();
        }
        let more = store.apply(owner, batch(3, Durability::Relaxed));
        tokio::pin!(more);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut more).await.is_err());
        gate.permits.add_permits(PLENTY);
        more.await.unwrap();
        // One that is larger than all the room still passes, alone.
        let large = Batch { changes: vec![put("k", b"large", vec![0; 64 << 10])], ..Batch::default() };
        store.apply(owner, large).await.unwrap();
    }
}

#[tokio::test]
async fn a_short_outage_is_bridged() {
    let (gate, owner) = (Gate::new(PLENTY), owner(1));
    gate.down.store(true, Ordering::SeqCst);
    let store = gate.behind(Options::default());
    store.apply(owner, batch(1, Durability::Relaxed)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    gate.down.store(false, Ordering::SeqCst);
    store.apply(owner, batch(2, Durability::Durable)).await.unwrap();
    assert_eq!(*gate.applied.lock().unwrap(), [[1], [2]]);
}

#[tokio::test]
async fn a_lost_batch_is_told_before_anything_is_written_behind_it() {
    let (gate, owner) = (Gate::new(PLENTY), owner(1));
    gate.damaged.store(true, Ordering::SeqCst);
    let store = gate.behind(Options::default());
    store.apply(owner, batch(1, Durability::Relaxed)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.damaged.store(false, Ordering::SeqCst);
    assert!(store.get(owner, "k", &[1]).await.unwrap().is_none());
    assert!(matches!(store.apply(owner, batch(2, Durability::Relaxed)).await, Err(Error::Corrupt(_))));
    assert!(matches!(store.apply(owner, batch(3, Durability::Durable)).await, Err(Error::Corrupt(_))));
    store.apply(owner, batch(4, Durability::Relaxed)).await.unwrap();
    store.apply(owner, batch(5, Durability::Durable)).await.unwrap();
    assert_eq!(*gate.applied.lock().unwrap(), [[4], [5]]);
}

#[tokio::test]
async fn a_long_outage_fails_what_waits() {
    let (gate, owner) = (Gate::new(PLENTY), owner(1));
    gate.down.store(true, Ordering::SeqCst);
    let store = gate.behind(Options::default());
    store.apply(owner, batch(1, Durability::Relaxed)).await.unwrap();
    assert!(matches!(store.apply(owner, batch(2, Durability::Durable)).await, Err(Error::Unavailable(_))));
    gate.down.store(false, Ordering::SeqCst);
    // That was the telling.
    store.apply(owner, batch(3, Durability::Durable)).await.unwrap();
    assert_eq!(*gate.applied.lock().unwrap(), [[3]]);
}

#[tokio::test]
async fn a_lost_claim_stays_lost_and_the_next_one_begins_afresh() {
    let (gate, old) = (Gate::new(PLENTY), owner(1));
    let new = Owner { fence: Fence(2), ..old };
    let store = gate.behind(Options::default());
    gate.inner.apply(new, batch(0, Durability::Durable)).await.unwrap();
    store.apply(old, batch(1, Durability::Relaxed)).await.unwrap();
    for key in [2, 3] {
        assert!(matches!(store.apply(old, batch(key, Durability::Durable)).await, Err(Error::Fenced)));
        assert!(matches!(store.apply(old, batch(key, Durability::Relaxed)).await, Err(Error::Fenced)));
    }
    assert!(store.get(new, "k", &[1]).await.unwrap().is_none());
    store.apply(new, batch(4, Durability::Durable)).await.unwrap();
}

#[tokio::test]
async fn a_task_that_is_dropped_tells_those_who_wait() {
    let (gate, owner) = (Gate::new(0), owner(1));
    let inner: Arc<dyn Store> = Arc::<Gate>::clone(&gate);
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = other.handle().clone();
    let spawn = Arc::new(move |task| drop(handle.spawn(task)));
    let store = Arc::new(WriteBehind::new(inner, Options::default(), Time::new().clock(), spawn));
    let waiting = store.apply(owner, batch(1, Durability::Durable));
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    other.shutdown_background();
    assert!(matches!(waiting.await, Err(Error::Unavailable(_))));
}
