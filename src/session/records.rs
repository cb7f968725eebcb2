//! The records of one instance in memory, by kind and key.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;

use super::{Change, Kind};

/// After so many records with an end, those past theirs are removed.
const SWEEP: usize = 1024;

/// What a record takes besides its key and value, roughly.
const OVERHEAD: usize = 64;

/// The records of one instance.
#[derive(Clone, Default)]
pub(super) struct Records {
    kinds: HashMap<Cow<'static, str>, BTreeMap<Vec<u8>, Record>>,
    ending: usize,
}

/// A value and its end.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) value: Bytes,
    pub(super) expires_at: Option<i64>,
}

impl Record {
    fn at(&self, now: i64) -> Option<&Bytes> {
        self.expires_at.is_none_or(|end| end > now).then_some(&self.value)
    }
}

impl Records {
    /// The value of a key, unless its time is over.
    pub(super) fn get(&self, kind: Kind, key: &[u8], now: i64) -> Option<Bytes> {
        self.kinds.get(kind)?.get(key)?.at(now).cloned()
    }

    /// Every record of a kind whose key begins with `prefix`, in the order of the keys.
    pub(super) fn scan(&self, kind: Kind, prefix: &[u8], now: i64) -> Vec<(Vec<u8>, Bytes)> {
        let Some(records) = self.kinds.get(kind) else { return Vec::new() };
        records
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter_map(|(key, record)| Some((key.clone(), record.at(now)?.clone())))
            .collect()
    }

    /// Applies a change.
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Put { kind, key, value, expires_at } => {
                self.put(Cow::Borrowed(kind), key, Record { value, expires_at });
            }
            Change::Delete { kind, key } => self.delete(kind, &key),
            Change::Clear { kind } => self.clear(kind),
        }
    }

    /// Stores a record.
    pub(super) fn put(&mut self, kind: Cow<'static, str>, key: Vec<u8>, record: Record) {
        self.ending += usize::from(record.expires_at.is_some());
        self.kinds.entry(kind).or_default().insert(key, record);
    }

    /// Removes a record.
    pub(super) fn delete(&mut self, kind: &str, key: &[u8]) {
        if let Some(records) = self.kinds.get_mut(kind) {
            records.remove(key);
        }
    }

    /// Removes the records of a kind.
    pub(super) fn clear(&mut self, kind: &str) {
        self.kinds.remove(kind);
    }

    /// Removes those whose time is over, when there may be many.
    pub(super) fn sweep(&mut self, now: i64) {
        if self.ending >= SWEEP {
            self.ending = 0;
            self.kinds.values_mut().for_each(|kind| kind.retain(|_, record| record.at(now).is_some()));
        }
    }

    /// Every record whose time is not over.
    pub(super) fn live(&self, now: i64) -> impl Iterator<Item = (&str, &[u8], &Record)> {
        self.kinds.iter().flat_map(move |(kind, records)| {
            let live = records.iter().filter(move |(_, record)| record.at(now).is_some());
            live.map(move |(key, record)| (&**kind, &**key, record))
        })
    }

    /// The memory that they take, roughly.
    pub(super) fn weight(&self) -> usize {
        let weight = |(key, record): (&Vec<u8>, &Record)| key.len() + record.value.len() + OVERHEAD;
        self.kinds.values().flatten().map(weight).sum()
    }
}
