//! One app-state collection: its patches, and the records that they add up to.

use std::collections::BTreeMap;

use buffa::{Message as _, MessageField};
use wacore::appstate::{ExpandedAppStateKeys, hash::HashState};
use waproto::whatsapp::{
    KeyId, SyncdMutation, SyncdPatch, SyncdRecord, SyncdSnapshot, SyncdVersion,
    syncd_mutation::SyncdOperation,
};

/// Most patches in one answer; the client asks for the rest.
const PAGE: usize = 50;
/// With more patches than this a device that has nothing gets a snapshot.
const SNAPSHOT_ABOVE: usize = 20;
/// When there are more patches than this, the older half is folded into the base.
const MAX_PATCHES: usize = 1_000;

/// Records at some version.
#[derive(Clone, Default)]
pub(crate) struct Contents {
    pub(crate) version: u64,
    /// By index MAC.
    pub(crate) records: BTreeMap<Vec<u8>, SyncdRecord>,
    hash: HashState,
}

fn index_of(record: &SyncdRecord) -> Option<Vec<u8>> {
    record.index.as_option()?.blob.clone()
}

/// The MAC at the end of a record's value.
fn value_mac(record: &SyncdRecord) -> Option<Vec<u8>> {
    let blob = record.value.as_option()?.blob.as_deref()?;
    Some(blob.split_at_checked(blob.len().checked_sub(32)?)?.1.to_vec())
}

impl Contents {
    /// Contents from a stored snapshot.
    pub(crate) fn restore(version: u64, records: Vec<SyncdRecord>) -> Self {
        let mut hash = HashState { version, ..HashState::default() };
        hash.update_hash_from_records(&records);
        let records = records.into_iter().filter_map(|record| Some((index_of(&record)?, record)));
        Self { version, records: records.collect(), hash }
    }

    /// The hash of all records after `mutations`; `None` when they make no sense.
    fn hash_after(&self, mutations: &[SyncdMutation]) -> Option<HashState> {
        let mut hash = self.hash.clone();
        let records = &self.records;
        let (_, outcome) = hash.update_hash(mutations, |index, _| Ok(records.get(index).and_then(value_mac)));
        outcome.ok()?;
        hash.version += 1;
        Some(hash)
    }

    /// Applies the mutations of the next patch. False, without a change, when they make no sense.
    fn apply(&mut self, mutations: &[SyncdMutation]) -> bool {
        let Some(hash) = self.hash_after(mutations) else { return false };
        self.version += 1;
        self.hash = hash;
        for mutation in mutations {
            let Some(record) = mutation.record.as_option() else { continue };
            let Some(index) = index_of(record) else { continue };
            if mutation.operation.is_some_and(|operation| operation == SyncdOperation::REMOVE) {
                self.records.remove(&index);
            } else {
                self.records.insert(index, record.clone());
            }
        }
        true
    }

    /// The MAC of all records after `mutations`, as the next patch states it.
    pub(crate) fn mac_after(
        &self,
        mutations: &[SyncdMutation],
        name: &str,
        keys: &ExpandedAppStateKeys,
    ) -> Option<Vec<u8>> {
        Some(self.hash_after(mutations)?.generate_snapshot_mac(name, &keys.snapshot_mac))
    }
}

/// A collection.
#[derive(Clone, Default)]
pub(crate) struct Collection {
    /// What the dropped patches added up to.
    pub(crate) base: Contents,
    /// Encoded `SyncdPatch`es; the first one has the version after the base's.
    pub(crate) patches: Vec<Vec<u8>>,
    pub(crate) now: Contents,
}

/// What a device gets that reads a collection.
pub(crate) struct Page {
    pub(crate) version: u64,
    /// An encoded `SyncdSnapshot`, to be read before the patches.
    pub(crate) snapshot: Option<Vec<u8>>,
    pub(crate) patches: Vec<Vec<u8>>,
    pub(crate) more: bool,
}

impl Collection {
    /// A collection from the state file.
    pub(crate) fn restore(base: Contents, patches: Vec<Vec<u8>>) -> Self {
        let mut collection = Self { now: base.clone(), base, patches: Vec::new() };
        for patch in patches {
            if let Ok(decoded) = SyncdPatch::decode_from_slice(&patch)
                && collection.now.apply(&decoded.mutations)
            {
                collection.patches.push(patch);
            }
        }
        collection
    }

    /// Appends a patch and gives it its version; `None` when it makes no sense.
    pub(crate) fn append(&mut self, mut patch: SyncdPatch) -> Option<u64> {
        if !self.now.apply(&patch.mutations) {
            return None;
        }
        patch.version = syncd_version(self.now.version);
        self.patches.push(patch.encode_to_vec());
        if self.patches.len() > MAX_PATCHES {
            for patch in self.patches.drain(..MAX_PATCHES / 2) {
                if let Ok(patch) = SyncdPatch::decode_from_slice(&patch) {
                    self.base.apply(&patch.mutations);
                }
            }
        }
        Some(self.now.version)
    }

    /// What a device at `version` reads next. A device that has nothing, or less than the patches begin
    /// with, gets a snapshot.
    pub(crate) fn read(
        &self,
        name: &str,
        version: u64,
        fresh: bool,
        keys: &ExpandedAppStateKeys,
        key_id: &[u8],
    ) -> Page {
        let large = fresh && self.patches.len() > SNAPSHOT_ABOVE;
        if large || version < self.base.version {
            return Page {
                version: self.now.version,
                snapshot: Some(self.snapshot(name, keys, key_id)),
                patches: Vec::new(),
                more: false,
            };
        }
        let skip = usize::try_from(version - self.base.version).unwrap_or(usize::MAX);
        let rest = self.patches.get(skip..).unwrap_or_default();
        let page = rest.get(..PAGE).unwrap_or(rest);
        Page {
            version: version.saturating_add(page.len() as u64).min(self.now.version),
            snapshot: None,
            patches: page.to_vec(),
            more: page.len() < rest.len(),
        }
    }

    fn snapshot(&self, name: &str, keys: &ExpandedAppStateKeys, key_id: &[u8]) -> Vec<u8> {
        SyncdSnapshot {
            version: syncd_version(self.now.version),
            records: self.now.records.values().cloned().collect(),
            mac: Some(self.now.hash.generate_snapshot_mac(name, &keys.snapshot_mac)),
            key_id: MessageField::some(KeyId { id: Some(key_id.to_vec()) }),
        }
        .encode_to_vec()
    }
}

fn syncd_version(version: u64) -> MessageField<SyncdVersion> {
    MessageField::some(SyncdVersion { version: Some(version) })
}
