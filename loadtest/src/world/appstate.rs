//! App-state collections of an account: an opaque, versioned list of patches per collection.
//!
//! The server never needs to decrypt them. The phone contributes one patch: the push name in
//! `critical_block`, without which a client cannot send presence (whatsapp-rust 0.7.0).

use std::collections::HashMap;

use buffa::{Message as _, MessageField};
use wacore::appstate::{
    encode::encode_record,
    hash::{HashState, generate_patch_mac},
    keys::expand_app_state_keys,
};
use waproto::whatsapp::{
    KeyId, SyncActionValue, SyncdPatch, SyncdVersion, sync_action_value::PushNameSetting,
    syncd_mutation::SyncdOperation,
};

/// The collection of the push name.
const CRITICAL_BLOCK: &str = "critical_block";

/// Collections and their key.
pub(crate) struct AppState {
    pub(crate) key_id: Vec<u8>,
    pub(crate) key: Vec<u8>,
    /// Encoded `SyncdPatch`es; patch n has version n + 1.
    pub(crate) collections: HashMap<String, Vec<Vec<u8>>>,
}

impl Default for AppState {
    fn default() -> Self {
        let key_id = [&[0, 1], &rand::random::<[u8; 4]>()[..]].concat();
        Self { key_id, key: rand::random::<[u8; 32]>().to_vec(), collections: HashMap::new() }
    }
}

impl AppState {
    /// Patches of a collection after `version`, and the current version.
    pub(crate) fn since(&self, collection: &str, version: usize) -> (&[Vec<u8>], usize) {
        let patches = self.collections.get(collection).map(Vec::as_slice).unwrap_or_default();
        (patches.get(version..).unwrap_or_default(), patches.len())
    }

    /// Appends a client's patch; `None` when `base` is not the current version.
    pub(crate) fn append(&mut self, collection: &str, base: usize, patch: &[u8]) -> Option<usize> {
        let patches = self.collections.entry(collection.to_owned()).or_default();
        if patches.len() != base {
            return None;
        }
        let version = base + 1;
        let mut patch = SyncdPatch::decode_from_slice(patch).ok()?;
        patch.version = syncd_version(version);
        patches.push(patch.encode_to_vec());
        Some(version)
    }

    /// Puts the push name into `critical_block` when nothing is there yet.
    pub(crate) fn seed_push_name(&mut self, name: &str) {
        if self.collections.contains_key(CRITICAL_BLOCK) {
            return;
        }
        let keys = expand_app_state_keys(&self.key);
        let value = SyncActionValue {
            timestamp: i64::try_from(crate::clock::unix_millis()).ok(),
            push_name_setting: MessageField::some(PushNameSetting { name: Some(name.to_owned()) }),
            ..Default::default()
        };
        let (mutation, _) = encode_record(
            SyncdOperation::SET,
            br#"["setting_pushName"]"#,
            &value,
            &keys,
            &self.key_id,
            &rand::random::<[u8; 16]>(),
            1,
        );
        let mutations = vec![mutation];
        let mut hash = HashState::default();
        // The first patch of an empty collection has no previous values.
        let _ = hash.update_hash(&mutations, |_, _| Ok(None));
        hash.version = 1;
        let mut patch = SyncdPatch {
            snapshot_mac: Some(hash.generate_snapshot_mac(CRITICAL_BLOCK, &keys.snapshot_mac)),
            key_id: MessageField::some(KeyId { id: Some(self.key_id.clone()) }),
            mutations,
            ..Default::default()
        };
        patch.patch_mac = Some(generate_patch_mac(&patch, CRITICAL_BLOCK, &keys.patch_mac, 1));
        patch.version = syncd_version(1);
        self.collections.insert(CRITICAL_BLOCK.to_owned(), vec![patch.encode_to_vec()]);
    }
}

fn syncd_version(version: usize) -> MessageField<SyncdVersion> {
    MessageField::some(SyncdVersion { version: Some(version as u64) })
}
