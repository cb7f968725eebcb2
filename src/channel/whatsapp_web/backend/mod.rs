//! Owns the protocol library's storage traits, written once over [`session::Store`]; must not know
//! which store it is. To add a trait's method: its file here, a kind in `keys.rs`, and one
//! [`Batch`] for whatever it changes.
//!
//! | durable before the call returns | may lose the last moments |
//! |---|---|
//! | device, sessions, identities, (signed) pre-keys, sender keys, application state keys | pending inbound messages, copies of sent messages, message secrets, privacy tokens, device lists, LID maps, sender key devices, base keys, group metadata, application state versions and MACs |
//!
//! What may be lost is lost from the end only (the store keeps the order), so versions and MACs of
//! application state go back together and the next sync repeats what is missing; a pending inbound
//! message that is lost has its ratchet's advance lost with it, and WhatsApp delivers it again.

mod app_sync;
mod bounded;
mod device;
mod keys;
mod lid;
mod pending;
mod protocol;
mod secrets;
mod sent;
mod signal;
#[cfg(test)]
mod tests;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use wacore::store::error::{Result, StoreError};

use super::barrier::Barrier;
use crate::session::{self, Batch, Change, Durability, Kind, Owner, Store};

/// First wait for a store that is away; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Is told of pairs that were not on record: users of hidden identities, and of phone numbers.
pub type OnPairs = Arc<dyn Fn(Vec<(String, String)>) + Send + Sync>;

/// One instance's storage for the protocol library.
pub struct Backend {
    store: Arc<dyn Store>,
    owner: Owner,
    on_fenced: Arc<dyn Fn() + Send + Sync>,
    fenced: AtomicBool,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    barrier: Arc<Barrier>,
    on_pairs: OnPairs,
    /// The connection is over.
    over: CancellationToken,
    tokens: tokens::Cache,
    /// Held over a read, a merge and a write, one per kind of record that is merged.
    merging: Merging,
}

#[derive(Default)]
struct Merging {
    tokens: Mutex<()>,
    lids: Mutex<()>,
    secrets: Mutex<()>,
    sent: Mutex<()>,
}

impl Backend {
    /// Serves the instance and the claim of `owner`. `on_fenced` is called once, when the store
    /// says that a newer claim exists: the runner must stop the client then. Every later write
    /// fails too.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, owner: Owner, on_fenced: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self {
            store,
            owner,
            on_fenced,
            fenced: AtomicBool::new(false),
            // The library's own wall clock: it makes the cut-offs of its sweeps with it.
            clock: Arc::new(wacore::time::now_millis),
            barrier: Arc::default(),
            on_pairs: Arc::new(drop),
            over: CancellationToken::new(),
            tokens: tokens::Cache::default(),
            merging: Merging::default(),
        }
    }

    /// Takes wall time (unix milliseconds) from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        self.clock = clock;
        self
    }

    /// Tells `barrier` what of the sessions is stored.
    #[must_use]
    pub fn telling(mut self, barrier: Arc<Barrier>) -> Self {
        self.barrier = barrier;
        self
    }

    /// Tells `on_pairs` which phone numbers the library has learnt.
    #[must_use]
    pub fn learning(mut self, on_pairs: OnPairs) -> Self {
        self.on_pairs = on_pairs;
        self
    }

    /// Waits for no store any more once `over` is cancelled.
    #[must_use]
    pub fn until(mut self, over: CancellationToken) -> Self {
        self.over = over;
        self
    }

    /// Unix milliseconds.
    fn now(&self) -> i64 {
        (self.clock)()
    }

    async fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Bytes>> {
        self.store.get(self.owner, kind, key).await.map_err(|e| self.failed(e))
    }

    async fn get_many(&self, kind: Kind, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.store.get_many(self.owner, kind, keys).await.map_err(|e| self.failed(e))
    }

    async fn scan(&self, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>> {
        self.store.scan(self.owner, kind, prefix).await.map_err(|e| self.failed(e))
    }

    async fn durable(&self, changes: Vec<Change>) -> Result<()> {
        self.apply(changes, Durability::Durable).await
    }

    async fn relaxed(&self, changes: Vec<Change>) -> Result<()> {
        self.apply(changes, Durability::Relaxed).await
    }

    /// As [`Backend::relaxed`], and waits for a store that is away for as long as the connection lasts.
    async fn relaxed_in_time(&self, changes: Vec<Change>) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.relaxed(changes.clone()).await {
                Err(StoreError::Connection(error)) => {
                    if self.over.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return Err(StoreError::Connection(error));
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                done => return done,
            }
        }
    }

    async fn apply(&self, changes: Vec<Change>, durability: Durability) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let batch = Batch { changes, durability };
        self.store.apply(self.owner, batch).await.map_err(|e| self.failed(e))
    }

    fn failed(&self, error: session::Error) -> StoreError {
        match error {
            session::Error::Fenced => {
                if !self.fenced.swap(true, Ordering::AcqRel) {
                    (self.on_fenced)();
                }
                StoreError::Database(Box::new(error))
            }
            session::Error::Unavailable(_) => StoreError::Connection(Box::new(error)),
            session::Error::Corrupt(_) => StoreError::Serialization(Box::new(error)),
        }
    }
}

fn put(kind: Kind, key: Vec<u8>, value: impl Into<Bytes>) -> Change {
    Change::Put { kind, key, value: value.into(), expires_at: None }
}

fn delete(kind: Kind, key: Vec<u8>) -> Change {
    Change::Delete { kind, key }
}

/// Upstream's own types are kept as JSON: they grow fields with defaults, which formats without
/// names cannot read back.
fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| StoreError::Serialization(Box::new(e)))
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| StoreError::Serialization(Box::new(e)))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Validation(format!("a damaged {what} record"))
}
