//! The backend against upstream's own, and what it promises to the store.

mod compared;
mod counted;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::Backend;
use crate::domain::{Fence, InstanceId};
use crate::session::memory::Memory;
use crate::session::{Batch, Durability, Error, Kind, Owner, Store};

/// Counts calls, and refuses when told.
struct Counting {
    inner: Memory,
    applied: Mutex<Vec<Durability>>,
    reads: AtomicUsize,
    fenced: AtomicBool,
    away: AtomicBool,
}

#[async_trait]
impl Store for Counting {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.get(owner, kind, key).await
    }

    async fn get_many(&self, o: Owner, kind: Kind, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.get_many(o, kind, keys).await
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.scan(owner, kind, prefix).await
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        if self.fenced.load(Ordering::Relaxed) {
            return Err(Error::Fenced);
        }
        if self.away.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("away".into()));
        }
        self.applied.lock().unwrap().push(batch.durability);
        self.inner.apply(owner, batch).await
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        self.inner.destroy(owner).await
    }
}

struct Bench {
    store: Arc<Counting>,
    backend: Backend,
    now: Arc<AtomicI64>,
    told: Arc<AtomicUsize>,
}

/// A backend over a counted store in memory, at the library's present time.
fn bench() -> Bench {
    let now = Arc::new(AtomicI64::new(wacore::time::now_millis()));
    let time = Arc::clone(&now);
    let clock: Arc<dyn Fn() -> i64 + Send + Sync> = Arc::new(move || time.load(Ordering::Relaxed));
    let store = Arc::new(Counting {
        inner: Memory::new(Arc::clone(&clock)),
        applied: Mutex::default(),
        reads: AtomicUsize::new(0),
        fenced: AtomicBool::new(false),
        away: AtomicBool::new(false),
    });
    let told = Arc::new(AtomicUsize::new(0));
    let tell = Arc::clone(&told);
    let on_fenced = Arc::new(move || {
        tell.fetch_add(1, Ordering::Relaxed);
    });
    let owner = Owner { instance: InstanceId::random(), fence: Fence(1) };
    let shared: Arc<dyn Store> = Arc::<Counting>::clone(&store);
    let backend = Backend::new(shared, owner, on_fenced).with_clock(clock);
    Bench { store, backend, now, told }
}
