//! What is queued and not yet in the store, by record: reads look here first.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;

use super::{Change, Kind};

/// A queued value; `None` is a deletion.
pub(super) type Queued = Option<(Bytes, Option<i64>)>;

/// The queued changes of one instance. Batches are numbered in the order of the queue.
#[derive(Default)]
pub(super) struct Overlay {
    kinds: HashMap<Kind, Records>,
}

#[derive(Default)]
struct Records {
    /// The last batch that clears the kind: what is not in `changed` is absent.
    cleared: Option<u64>,
    changed: BTreeMap<Vec<u8>, (u64, Queued)>,
}

/// What a kind looks like from the overlay.
pub(super) struct Seen {
    /// The store's records do not count.
    pub(super) cleared: bool,
    /// These replace the store's.
    pub(super) changed: BTreeMap<Vec<u8>, Queued>,
}

impl Overlay {
    /// Adds the changes of a batch, which is newer than every earlier one.
    pub(super) fn add(&mut self, number: u64, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Put { kind, key, value, expires_at } => {
                    let queued = Some((value.clone(), *expires_at));
                    self.kinds.entry(kind).or_default().changed.insert(key.clone(), (number, queued));
                }
                Change::Delete { kind, key } => {
                    self.kinds.entry(kind).or_default().changed.insert(key.clone(), (number, None));
                }
                Change::Clear { kind } => {
                    let records = self.kinds.entry(kind).or_default();
                    records.cleared = Some(number);
                    records.changed.clear();
                }
            }
        }
    }

    /// Forgets what the batches up to `number`, which made these changes, have put into the store.
    pub(super) fn settle(&mut self, number: u64, changes: &[Change]) {
        for change in changes {
            let (Change::Put { kind, .. } | Change::Delete { kind, .. } | Change::Clear { kind }) = change;
            let Some(records) = self.kinds.get_mut(kind) else { continue };
            if let Change::Put { key, .. } | Change::Delete { key, .. } = change
                && records.changed.get(key).is_some_and(|(by, _)| *by <= number)
            {
                records.changed.remove(key);
            }
            if records.cleared.is_some_and(|by| by <= number) {
                records.cleared = None;
            }
            if records.cleared.is_none() && records.changed.is_empty() {
                self.kinds.remove(kind);
            }
        }
    }

    /// The record if it is queued: `Some(None)` is absent, `None` is up to the store.
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<Queued> {
        let records = self.kinds.get(kind)?;
        match records.changed.get(key) {
            Some((_, queued)) => Some(queued.clone()),
            None => records.cleared.map(|_| None),
        }
    }

    /// The part of a kind below `prefix`.
    pub(super) fn below(&self, kind: Kind, prefix: &[u8]) -> Seen {
        let Some(records) = self.kinds.get(kind) else {
            return Seen { cleared: false, changed: BTreeMap::new() };
        };
        let changed = records
            .changed
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, (_, queued))| (key.clone(), queued.clone()))
            .collect();
        Seen { cleared: records.cleared.is_some(), changed }
    }
}
