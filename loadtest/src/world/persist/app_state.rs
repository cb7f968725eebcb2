//! App state in the state file.

use std::collections::HashMap;

use buffa::Message as _;
use serde::{Deserialize, Serialize};
use waproto::whatsapp::SyncdRecord;

use super::{StateError, bytes::Base64};
use crate::world::{
    appstate::AppState,
    collection::{Collection, Contents},
};

#[derive(Serialize, Deserialize)]
pub(super) struct AppStateRecord {
    key_id: Base64,
    key: Base64,
    /// Patches by collection.
    collections: HashMap<String, Vec<Base64>>,
    /// What came before the patches, by collection.
    #[serde(default)]
    bases: HashMap<String, BaseRecord>,
}

#[derive(Default, Serialize, Deserialize)]
struct BaseRecord {
    version: u64,
    records: Vec<Base64>,
}

impl AppStateRecord {
    pub(super) fn of(state: &AppState) -> Self {
        let patches = |collection: &Collection| collection.patches.iter().cloned().map(Base64).collect();
        let base = |base: &Contents| BaseRecord {
            version: base.version,
            records: base.records.values().map(|record| Base64(record.encode_to_vec())).collect(),
        };
        let collections = &state.collections;
        Self {
            key_id: Base64(state.key_id.clone()),
            key: Base64(state.key.clone()),
            collections: collections.iter().map(|(name, found)| (name.clone(), patches(found))).collect(),
            bases: collections
                .iter()
                .filter(|(_, found)| found.base.version > 0)
                .map(|(name, found)| (name.clone(), base(&found.base)))
                .collect(),
        }
    }

    pub(super) fn restore(mut self) -> Result<AppState, StateError> {
        let mut collections = HashMap::new();
        for (name, patches) in self.collections {
            let base = self.bases.remove(&name).unwrap_or_default();
            let records = base
                .records
                .iter()
                .map(|record| SyncdRecord::decode_from_slice(&record.0))
                .collect::<Result<_, _>>()
                .map_err(|error| StateError::Content(error.to_string()))?;
            let base = Contents::restore(base.version, records);
            let patches = patches.into_iter().map(|patch| patch.0).collect();
            collections.insert(name, Collection::restore(base, patches));
        }
        Ok(AppState { key_id: self.key_id.0, key: self.key.0, collections })
    }
}
