//! Connections that wait to be paired.

use std::sync::{Arc, Mutex, MutexGuard};

use dashmap::DashMap;

use crate::world::{account::Account, device::Keys, lock, outbox::Link};

/// A device that the phone has accepted; it exists once the client has signed.
pub(crate) struct Accepted {
    pub(crate) account: Arc<Account>,
    pub(crate) device: u16,
    pub(crate) key_index: u32,
}

/// A pair code request of a connection.
#[derive(Clone)]
pub(crate) struct CodeRequest {
    pub(crate) phone: String,
    pub(crate) reference: Vec<u8>,
    /// The client's ephemeral key under its code (80 bytes).
    pub(crate) wrapped: Vec<u8>,
    /// Set when the phone has answered: its ephemeral private key and the client's public one.
    pub(crate) exchange: Option<([u8; 32], [u8; 32])>,
}

/// What changes while a connection is being paired.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) accepted: Option<Accepted>,
    pub(crate) code: Option<CodeRequest>,
}

/// An unpaired connection.
pub(crate) struct Slot {
    pub(crate) link: Link,
    pub(crate) keys: Keys,
    /// Push name of the registration: selects the account.
    pub(crate) push_name: Option<String>,
    pub(crate) refs: Vec<String>,
    progress: Mutex<Progress>,
}

impl Slot {
    pub(crate) fn new(link: Link, keys: Keys, push_name: Option<String>) -> Self {
        let refs = (0..6).map(|_| format!("2@{}", hex::encode(rand::random::<[u8; 20]>()))).collect();
        Self { link, keys, push_name, refs, progress: Mutex::default() }
    }

    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

/// All unpaired connections, by QR reference and by phone number of their pair code.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) refs: DashMap<String, Arc<Slot>>,
    pub(crate) codes: DashMap<String, Arc<Slot>>,
}

impl Desk {
    pub(crate) fn open(&self, slot: &Arc<Slot>) {
        for reference in &slot.refs {
            self.refs.insert(reference.clone(), slot.clone());
        }
    }

    pub(crate) fn close(&self, slot: &Arc<Slot>) {
        for reference in &slot.refs {
            self.refs.remove(reference);
        }
        self.codes.retain(|_, other| !Arc::ptr_eq(other, slot));
    }
}
