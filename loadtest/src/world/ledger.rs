//! Which file each message carried, as far as any phone of the simulation knows: a phone answers a
//! re-upload request from it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use super::lock;

/// Most messages remembered.
const MAX_MESSAGES: usize = 10_000;

/// Where the file of a message is, and its key.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) key: Vec<u8>,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<String, Entry>,
    order: VecDeque<String>,
}

/// Files by message id.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

impl Ledger {
    pub(crate) fn remember(&self, id: &str, entry: Entry) {
        let mut entries = lock(&self.0);
        if entries.by_id.insert(id.to_owned(), entry).is_none() {
            entries.order.push_back(id.to_owned());
        }
        if entries.order.len() > MAX_MESSAGES
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.by_id.remove(&oldest);
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<Entry> {
        lock(&self.0).by_id.get(id).cloned()
    }
}
