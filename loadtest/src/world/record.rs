//! What went over an account's connections: a bounded record of stanzas, kept while it is switched on.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;

use super::lock;
use crate::clock::unix_millis;

/// Longest text kept of one stanza, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Which way a stanza went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client.
    In,
    /// To the client.
    Out,
}

/// A stanza that was read from or written to a connection.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedStanza {
    /// Number in the order of passing, from 1.
    pub seq: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Device of the account.
    pub device: u16,
    /// Which way it went.
    pub direction: Direction,
    /// XML-like text; bytes that are not text are given by their number. At most 64 KiB.
    pub xml: String,
}

#[derive(Default)]
struct Ring {
    stanzas: VecDeque<RecordedStanza>,
    limit: usize,
    seq: u64,
}

/// The record of one account.
#[derive(Default)]
pub(crate) struct Record {
    on: AtomicBool,
    ring: Mutex<Ring>,
}

impl Record {
    /// Keeps the last `limit` stanzas from now on; zero switches off and forgets.
    pub(crate) fn switch(&self, limit: usize) {
        let mut ring = lock(&self.ring);
        ring.limit = limit;
        let surplus = ring.stanzas.len().saturating_sub(limit);
        ring.stanzas.drain(..surplus);
        self.on.store(limit > 0, Ordering::Relaxed);
    }

    /// Notes a stanza; `xml` is only called while the record is on.
    pub(crate) fn note(&self, device: u16, direction: Direction, xml: impl FnOnce() -> String) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let mut xml = xml();
        xml.truncate(xml.floor_char_boundary(MAX_TEXT));
        let mut ring = lock(&self.ring);
        if ring.limit == 0 {
            return;
        }
        ring.seq += 1;
        let seq = ring.seq;
        if ring.stanzas.len() >= ring.limit {
            ring.stanzas.pop_front();
        }
        ring.stanzas.push_back(RecordedStanza { seq, at_ms: unix_millis(), device, direction, xml });
    }

    /// Stanzas with a number above `after`, oldest first.
    pub(crate) fn after(&self, after: u64) -> Vec<RecordedStanza> {
        lock(&self.ring).stanzas.iter().filter(|stanza| stanza.seq > after).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_newest_and_nothing_while_off() {
        let record = Record::default();
        record.note(1, Direction::In, || unreachable!("off"));
        record.switch(2);
        for n in 0..5 {
            record.note(1, Direction::Out, || format!("<a n=\"{n}\"/>"));
        }
        let kept: Vec<u64> = record.after(0).iter().map(|stanza| stanza.seq).collect();
        assert_eq!(kept, [4, 5]);
        assert_eq!(record.after(4).len(), 1);
        record.note(1, Direction::Out, || "ä".repeat(MAX_TEXT));
        assert!(record.after(5)[0].xml.len() <= MAX_TEXT);
        record.switch(0);
        assert!(record.after(0).is_empty());
    }
}
