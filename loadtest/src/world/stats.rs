//! Counters since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counters that the server increments.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_total: AtomicU64,
    pub(crate) logins: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) pairings: AtomicU64,
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_relayed: AtomicU64,
    pub(crate) contact_messages: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) undecryptable: AtomicU64,
    pub(crate) unknown_queries: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) stanzas_in: Tally<13>,
    pub(crate) stanzas_out: Tally<13>,
    pub(crate) receipts: Tally<8>,
}

/// Tags that are counted apart; the last one stands for all others.
pub(crate) const TAGS: [&str; 13] = [
    "message",
    "receipt",
    "ack",
    "iq",
    "notification",
    "presence",
    "chatstate",
    "call",
    "ib",
    "success",
    "failure",
    "stream:error",
    "other",
];

/// Receipt types that are counted apart; the last one stands for all others.
pub(crate) const RECEIPTS: [&str; 8] =
    ["delivered", "read", "played", "retry", "inactive", "sender", "peer_msg", "other"];

/// Counters for names of a list.
pub(crate) struct Tally<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const N: usize> Tally<N> {
    /// Adds one to the counter of `name`, or to the last one.
    pub(crate) fn count(&self, names: &[&str; N], name: &str) {
        let index = names.iter().position(|known| *known == name).unwrap_or(N - 1);
        if let Some(counter) = self.0.get(index) {
            count(counter);
        }
    }

    /// The counters in the order of their names.
    pub(crate) fn read(&self) -> Vec<u64> {
        self.0.iter().map(read).collect()
    }
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
    /// Logins of devices that had a connection still; the older one was ended as replaced.
    pub replaced: u64,
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

/// Adds many.
pub(crate) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

/// Reads a counter.
pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
