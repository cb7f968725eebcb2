//! Application state: keys durable, versions and MACs relaxed (see the folder's table).

use std::collections::HashMap;

use async_trait::async_trait;
use wacore::appstate::hash::HashState;
use wacore::appstate::processor::AppStateMutationMAC;
use wacore::store::error::Result;
use wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::keys::{self, SYNC_KEY, SYNC_MAC, SYNC_VERSION};
use super::{Backend, delete, from_json, put, to_json};

/// Where the newest key's id is; ids have [`ID`] before them.
const LATEST: &[u8] = b"latest";
const ID: u8 = b'#';

fn key_of(id: &[u8]) -> Vec<u8> {
    [&[ID], id].concat()
}

fn mac_of(name: &str, index_mac: &[u8]) -> Vec<u8> {
    [&keys::joined(&[name]), index_mac].concat()
}

#[async_trait]
impl AppSyncStore for Backend {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        self.get(SYNC_KEY, &key_of(key_id)).await?.map(|value| from_json(&value)).transpose()
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        let latest = put(SYNC_KEY, LATEST.to_vec(), key_id.to_vec());
        self.durable(vec![put(SYNC_KEY, key_of(key_id), to_json(&key)?), latest]).await
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SYNC_KEY, LATEST).await?.map(Vec::from))
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        match self.get(SYNC_VERSION, &keys::text(name)).await? {
            Some(value) => from_json(&value),
            None => Ok(HashState::default()),
        }
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        self.relaxed(vec![put(SYNC_VERSION, keys::text(name), to_json(&state)?)]).await
    }

    async fn put_mutation_macs(
        &self,
        name: &str,
        _version: u64,
        mutations: &[AppStateMutationMAC],
    ) -> Result<()> {
        let change = |m: &AppStateMutationMAC| put(SYNC_MAC, mac_of(name, &m.index_mac), m.value_mac.clone());
        self.relaxed(mutations.iter().map(change).collect()).await
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SYNC_MAC, &mac_of(name, index_mac)).await?.map(Vec::from))
    }

    async fn get_mutation_macs(
        &self,
        name: &str,
        index_macs: &[[u8; 32]],
    ) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        let wanted: Vec<_> = index_macs.iter().map(|mac| mac_of(name, mac)).collect();
        let found = self.get_many(SYNC_MAC, &wanted).await?;
        Ok(index_macs.iter().zip(found).filter_map(|(mac, value)| Some((*mac, value?.into()))).collect())
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        self.relaxed(index_macs.iter().map(|mac| delete(SYNC_MAC, mac_of(name, mac))).collect()).await
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        let rows = self.scan(SYNC_MAC, &keys::joined(&[name])).await?;
        self.relaxed(rows.into_iter().map(|(key, _)| delete(SYNC_MAC, key)).collect()).await
    }
}
