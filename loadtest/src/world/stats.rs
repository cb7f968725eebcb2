//! Counters since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counters that the server increments.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_total: AtomicU64,
    pub(crate) logins: AtomicU64,
    pub(crate) pairings: AtomicU64,
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_relayed: AtomicU64,
    pub(crate) contact_messages: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) undecryptable: AtomicU64,
    pub(crate) unknown_queries: AtomicU64,
}

/// A reading of the counters.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Open chat connections.
    pub connections: u64,
    /// Chat connections since the start.
    pub connections_total: u64,
    /// Successful logins of paired devices since the start.
    pub logins: u64,
    /// Completed pairings since the start.
    pub pairings: u64,
    /// Messages that clients sent.
    pub messages_in: u64,
    /// Message stanzas handed to devices (one per target device), contacts' messages included.
    pub messages_relayed: u64,
    /// Messages that contacts sent.
    pub contact_messages: u64,
    /// Stanzas dropped because a queue was full.
    pub dropped: u64,
    /// Messages that a phone could not decrypt.
    pub undecryptable: u64,
    /// Queries answered with error 501.
    pub unknown_queries: u64,
    /// Stanzas kept until their receipt or ack.
    pub pending: u64,
    /// Accounts, contacts included.
    pub accounts: u64,
    /// Paired devices.
    pub devices: u64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Reads a counter.
pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
