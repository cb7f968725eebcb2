//! Uploaded media blobs, in memory, oldest dropped first.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use bytes::Bytes;

use super::lock;

/// Most bytes kept.
const MAX_BYTES: usize = 512 * 1024 * 1024;

#[derive(Default)]
struct Blobs {
    by_path: HashMap<String, Bytes>,
    order: VecDeque<String>,
    bytes: usize,
}

/// The media host's storage.
#[derive(Default)]
pub(crate) struct Media(Mutex<Blobs>);

impl Media {
    /// Stores a blob under its direct path.
    pub(crate) fn put(&self, path: String, blob: Bytes) {
        let mut blobs = lock(&self.0);
        blobs.bytes += blob.len();
        if let Some(old) = blobs.by_path.insert(path.clone(), blob) {
            blobs.bytes -= old.len();
        } else {
            blobs.order.push_back(path);
        }
        while blobs.bytes > MAX_BYTES {
            let Some(oldest) = blobs.order.pop_front() else { break };
            if let Some(old) = blobs.by_path.remove(&oldest) {
                blobs.bytes -= old.len();
            }
        }
    }

    /// The blob at a direct path.
    pub(crate) fn get(&self, path: &str) -> Option<Bytes> {
        lock(&self.0).by_path.get(path).cloned()
    }
}
