//! Everything the server knows: accounts with their devices and phones, groups, pairings, faults.
//!
//! Lock order: a phone's `signal`, then its `companions`, then its `agent`, then any account's `state`; a
//! group's `info` before any account's `state`. Never two accounts' `state`, never a phone's keys and a
//! group's `info`.

pub(crate) mod account;
pub(crate) mod appstate;
pub(crate) mod collection;
pub(crate) mod device;
pub(crate) mod directory;
pub(crate) mod faults;
pub(crate) mod groups;
pub(crate) mod latency;
pub(crate) mod ledger;
pub(crate) mod media;
pub(crate) mod newsletters;
pub(crate) mod outages;
pub(crate) mod outbox;
pub(crate) mod persist;
pub(crate) mod record;
pub(crate) mod saver;
pub(crate) mod social;
pub(crate) mod stats;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicU64};

use dashmap::DashMap;
use tokio::{sync::Notify, time::Instant};
use wacore_libsignal::protocol::KeyPair;

use self::faults::conditions::Conditions;
use crate::{options::Options, pairing::desk::Desk, phone::past::History, task::Tasks, wire::certificate};

/// The whole server.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) tasks: Tasks,
    pub(crate) server_key: KeyPair,
    pub(crate) certificate: Vec<u8>,
    pub(crate) directory: directory::Directory,
    pub(crate) groups: DashMap<String, std::sync::Arc<groups::Group>>,
    /// Picture ids of groups by JID.
    pub(crate) group_pictures: DashMap<String, String>,
    pub(crate) desk: Desk,
    pub(crate) media: media::Media,
    pub(crate) ledger: ledger::Ledger,
    pub(crate) newsletters: newsletters::Newsletters,
    /// Server properties by code.
    pub(crate) props: Mutex<BTreeMap<u32, String>>,
    /// History that devices get when they are linked.
    pub(crate) history: Mutex<Option<History>>,
    pub(crate) faults: faults::Faults,
    pub(crate) latency: latency::Latency,
    /// Of the network to every device; its delay is in `latency`.
    pub(crate) conditions: faults::conditions::Conditions,
    pub(crate) stats: stats::Counters,
    pub(crate) outages: outages::Log,
    /// Wakes the saver.
    pub(crate) dirty: Notify,
    /// Host and port that `media_conn` answers with.
    pub(crate) media_host: String,
    pub(crate) serial: AtomicU64,
}

impl World {
    pub(crate) fn new(options: Options, server_key: KeyPair, media_host: String) -> Self {
        let certificate = certificate::chain(server_key.public_key.public_key_bytes());
        Self {
            latency: latency::Latency::new(options.latency_ms, options.jitter_ms),
            media: media::Media::new(options.max_media_bytes),
            props: Mutex::default(),
            history: Mutex::new(options.history.clone()),
            options,
            tasks: Tasks::default(),
            certificate,
            server_key,
            directory: directory::Directory::default(),
            groups: DashMap::new(),
            group_pictures: DashMap::new(),
            desk: Desk::default(),
            ledger: ledger::Ledger::default(),
            newsletters: newsletters::Newsletters::default(),
            faults: faults::Faults::default(),
            conditions: faults::conditions::Conditions::default(),
            stats: stats::Counters::default(),
            outages: outages::Log::default(),
            dirty: Notify::new(),
            media_host,
            serial: AtomicU64::new(rand::random_range(0..1 << 40)),
        }
    }

    /// Asks for a save of the state file soon.
    pub(crate) fn touch(&self) {
        self.dirty.notify_one();
    }

    /// When a stanza to a device may leave; `None` is at once.
    pub(crate) fn due(&self, account: &account::Account, device: &Conditions) -> Option<Instant> {
        let scopes = [&device.latency, &account.conditions.latency];
        scopes.into_iter().find(|latency| latency.is_set()).unwrap_or(&self.latency).due()
    }

    /// A stanza id that is unique within this process.
    pub(crate) fn next_id(&self) -> String {
        format!("{:012X}", self.serial.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    /// An id in the form of a phone's message ids, unique within this process.
    pub(crate) fn message_id(&self) -> String {
        format!("3EB0{}{:08X}", self.next_id(), rand::random::<u32>())
    }
}

/// Locks a mutex; a panic while it was held does not make its data unusable here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
