//! The media host's storage: ciphertexts by direct path, in memory, oldest dropped first.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
};

use bytes::Bytes;
use serde::Serialize;

use super::lock;

struct Blob {
    bytes: Bytes,
    /// False while an upload that broke off may still be resumed.
    complete: bool,
    /// The status that downloads get instead of the bytes; the phones still have the file.
    gone: Option<u16>,
}

struct Blobs {
    by_path: HashMap<String, Blob>,
    order: VecDeque<String>,
    bytes: usize,
    auth: String,
    /// Coming uploads that break off, each after this many bytes.
    cuts: VecDeque<usize>,
    uploads: u64,
    downloads: u64,
}

/// What the media host holds and has done.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaStats {
    /// Stored files.
    pub files: usize,
    /// Their size in bytes, unfinished uploads included.
    pub bytes: usize,
    /// Uploads that were finished.
    pub uploads: u64,
    /// Downloads that were answered with bytes.
    pub downloads: u64,
}

/// The media host's storage.
pub(crate) struct Media {
    /// Most bytes kept.
    pub(crate) limit: usize,
    blobs: Mutex<Blobs>,
}

impl Media {
    pub(crate) fn new(limit: usize) -> Self {
        let blobs = Blobs {
            by_path: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            auth: "sim".to_owned(),
            cuts: VecDeque::new(),
            uploads: 0,
            downloads: 0,
        };
        Self { limit, blobs: Mutex::new(blobs) }
    }

    fn blobs(&self) -> MutexGuard<'_, Blobs> {
        lock(&self.blobs)
    }

    /// Stores a finished file under its direct path.
    pub(crate) fn put(&self, path: String, bytes: Bytes) {
        self.insert(path, Blob { bytes, complete: true, gone: None });
    }

    /// Keeps the beginning of an upload that broke off.
    pub(crate) fn put_part(&self, path: String, bytes: Bytes) {
        self.insert(path, Blob { bytes, complete: false, gone: None });
    }

    fn insert(&self, path: String, blob: Blob) {
        let mut blobs = self.blobs();
        blobs.bytes += blob.bytes.len();
        blobs.uploads += u64::from(blob.complete);
        if let Some(old) = blobs.by_path.insert(path.clone(), blob) {
            blobs.bytes -= old.bytes.len();
        } else {
            blobs.order.push_back(path);
        }
        while blobs.bytes > self.limit {
            let Some(oldest) = blobs.order.pop_front() else { break };
            if let Some(old) = blobs.by_path.remove(&oldest) {
                blobs.bytes -= old.bytes.len();
            }
        }
    }

    /// The file at a direct path, or the status that its download is refused with.
    pub(crate) fn get(&self, path: &str) -> Result<Bytes, u16> {
        let mut blobs = self.blobs();
        let bytes = match blobs.by_path.get(path) {
            Some(Blob { gone: Some(status), .. }) => return Err(*status),
            Some(Blob { complete: true, bytes, .. }) => bytes.clone(),
            _ => return Err(404),
        };
        blobs.downloads += 1;
        Ok(bytes)
    }

    /// Whether a finished file can be downloaded, without counting it as a download.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.blobs().by_path.get(path).is_some_and(|blob| blob.complete && blob.gone.is_none())
    }

    /// The beginning of an unfinished upload.
    pub(crate) fn part(&self, path: &str) -> Bytes {
        let blobs = self.blobs();
        blobs
            .by_path
            .get(path)
            .filter(|blob| !blob.complete)
            .map(|blob| blob.bytes.clone())
            .unwrap_or_default()
    }

    /// Downloads of the path fail with `status` from now on, until it is uploaded again.
    pub(crate) fn expire(&self, path: &str, status: u16) -> bool {
        self.blobs().by_path.get_mut(path).map(|blob| blob.gone = Some(status)).is_some()
    }

    /// Drops a file, as if it had been the oldest one when the store was full.
    pub(crate) fn forget(&self, path: &str) -> bool {
        let mut blobs = self.blobs();
        let Some(old) = blobs.by_path.remove(path) else { return false };
        blobs.bytes -= old.bytes.len();
        blobs.order.retain(|other| other != path);
        true
    }

    /// Uploads the ciphertext of an expired path again, under a new one.
    pub(crate) fn again(&self, path: &str) -> Option<String> {
        let bytes = self.blobs().by_path.get(path).filter(|blob| blob.complete)?.bytes.clone();
        let kind = path.split('/').nth(2).unwrap_or("document");
        let path = format!("/v/{kind}/{}", hex::encode(rand::random::<[u8; 16]>()));
        self.put(path.clone(), bytes);
        Some(path)
    }

    /// The credential that `media_conn` hands out.
    pub(crate) fn auth(&self) -> String {
        self.blobs().auth.clone()
    }

    /// Replaces the credential; requests with the old one are refused with 403.
    pub(crate) fn renew_auth(&self) {
        self.blobs().auth = hex::encode(rand::random::<[u8; 8]>());
    }

    /// Makes the next upload break off after `bytes` bytes.
    pub(crate) fn cut_next(&self, bytes: usize) {
        self.blobs().cuts.push_back(bytes);
    }

    /// Takes the order to break off an upload.
    pub(crate) fn take_cut(&self) -> Option<usize> {
        self.blobs().cuts.pop_front()
    }

    pub(crate) fn stats(&self) -> MediaStats {
        let blobs = self.blobs();
        MediaStats {
            files: blobs.by_path.len(),
            bytes: blobs.bytes,
            uploads: blobs.uploads,
            downloads: blobs.downloads,
        }
    }
}
