//! App state of an account: versioned, encrypted collections. The phone and all devices have the key, so the
//! simulator can read and write them as the phone; for what devices write it needs no key.

use std::collections::HashMap;

use buffa::{Message as _, MessageField};
use wacore::appstate::{
    ExpandedAppStateKeys, Mutation, decode_record, encode_record, expand_app_state_keys,
    hash::generate_patch_mac, schemas::Collection as Name,
};
use waproto::whatsapp::{
    KeyId, SyncActionValue, SyncdPatch, sync_action_value::PushNameSetting, syncd_mutation::SyncdOperation,
};

use super::collection::{Collection, Page};

/// Collections and their key.
pub(crate) struct AppState {
    pub(crate) key_id: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) collections: HashMap<String, Collection>,
}

impl Default for AppState {
    fn default() -> Self {
        let key_id = [&[0, 1], &rand::random::<[u8; 4]>()[..]].concat();
        Self { key_id, key: rand::random::<[u8; 32]>().to_vec(), collections: HashMap::new() }
    }
}

/// A change that the phone makes.
pub(crate) struct Record {
    pub(crate) collection: Name,
    /// JSON array of strings.
    pub(crate) index: Vec<u8>,
    /// Nothing removes the record.
    pub(crate) value: SyncActionValue,
    pub(crate) remove: bool,
    /// Schema version of the action.
    pub(crate) version: i32,
}

/// Why a device's patch was not taken.
pub(crate) enum Refused {
    /// It is based on another version than the current one.
    Conflict,
    /// It cannot be read, or the collection does not exist.
    Invalid,
}

/// Whether a collection of this name exists.
fn known(name: &str) -> bool {
    wacore::appstate::schemas::COLLECTIONS.iter().any(|collection| collection.as_str() == name)
}

impl AppState {
    fn keys(&self) -> ExpandedAppStateKeys {
        expand_app_state_keys(&self.key)
    }

    /// What a device at `version` reads next; `fresh` asks for a snapshot.
    pub(crate) fn read(&self, collection: &str, version: u64, fresh: bool) -> Page {
        match self.collections.get(collection) {
            Some(found) => found.read(collection, version, fresh, &self.keys(), &self.key_id),
            None => Page { version: 0, snapshot: None, patches: Vec::new(), more: false },
        }
    }

    /// Appends a device's patch on top of version `base`, and returns the new version.
    pub(crate) fn append(&mut self, collection: &str, base: u64, patch: &[u8]) -> Result<u64, Refused> {
        let patch = SyncdPatch::decode_from_slice(patch).map_err(|_| Refused::Invalid)?;
        if !known(collection) {
            return Err(Refused::Invalid);
        }
        let keys = self.keys();
        let found = self.collections.entry(collection.to_owned()).or_default();
        if found.now.version != base {
            return Err(Refused::Conflict);
        }
        let mac = found.now.mac_after(&patch.mutations, collection, &keys);
        if mac.is_none() || mac != patch.snapshot_mac {
            // The real server cannot check this; the account's other devices would fail on it.
            tracing::warn!(collection, base, "an app-state patch states a wrong MAC");
        }
        found.append(patch).ok_or(Refused::Invalid)
    }

    /// Writes records as the phone, all in one collection, and returns its new version.
    pub(crate) fn write(&mut self, records: &[Record]) -> Option<u64> {
        let name = records.first()?.collection.as_str();
        let keys = self.keys();
        let mutations: Vec<_> = records
            .iter()
            .map(|record| {
                let operation = if record.remove { SyncdOperation::REMOVE } else { SyncdOperation::SET };
                let iv = rand::random::<[u8; 16]>();
                let encoded = encode_record(
                    operation,
                    &record.index,
                    &record.value,
                    &keys,
                    &self.key_id,
                    &iv,
                    record.version,
                );
                encoded.0
            })
            .collect();
        let collection = self.collections.entry(name.to_owned()).or_default();
        let mut patch = SyncdPatch {
            snapshot_mac: collection.now.mac_after(&mutations, name, &keys),
            key_id: MessageField::some(KeyId { id: Some(self.key_id.clone()) }),
            mutations,
            ..Default::default()
        };
        let version = collection.now.version + 1;
        patch.patch_mac = Some(generate_patch_mac(&patch, name, &keys.patch_mac, version));
        collection.append(patch)
    }

    /// Puts the push name into `critical_block` when nothing is there yet: without one a client cannot
    /// send presence (whatsapp-rust 0.7.0).
    pub(crate) fn seed_push_name(&mut self, name: &str) {
        if !self.collections.contains_key(Name::CriticalBlock.as_str()) {
            self.write(&[push_name(name)]);
        }
    }

    /// The records of a collection as the phone reads them; those that cannot be decrypted are left out.
    pub(crate) fn decoded(&self, collection: &str) -> Vec<Mutation> {
        let keys = self.keys();
        let records = self.collections.get(collection).map(|found| found.now.records.values());
        records
            .into_iter()
            .flatten()
            .filter_map(|record| {
                let key_id = record.key_id.as_option()?.id.as_deref()?;
                Some(decode_record(SyncdOperation::SET, record, &keys, key_id, true).ok()?.0)
            })
            .collect()
    }
}

/// The record of the push name.
pub(crate) fn push_name(name: &str) -> Record {
    Record {
        collection: Name::CriticalBlock,
        index: br#"["setting_pushName"]"#.to_vec(),
        value: SyncActionValue {
            timestamp: i64::try_from(crate::clock::unix_millis()).ok(),
            push_name_setting: MessageField::some(PushNameSetting { name: Some(name.to_owned()) }),
            ..Default::default()
        },
        remove: false,
        version: 1,
    }
}
