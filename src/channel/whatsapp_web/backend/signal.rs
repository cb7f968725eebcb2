//! Signal's keys and sessions. All durable: a ratchet that goes back repeats message keys.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wacore::store::error::Result;
use wacore::store::traits::SignalStore;

use super::keys::{self, IDENTITY, PREKEY, SENDER_KEY, SESSION, SIGNED_PREKEY};
use super::{Backend, damaged, delete, put};

#[async_trait]
impl SignalStore for Backend {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.durable(vec![put(IDENTITY, keys::text(address), key.to_vec())]).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        self.durable(identities.iter().map(|(a, key)| put(IDENTITY, keys::text(a), key.to_vec())).collect())
            .await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let Some(value) = self.get(IDENTITY, &keys::text(address)).await? else { return Ok(None) };
        value.as_ref().try_into().map(Some).map_err(|_| damaged("identity"))
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.durable(vec![delete(IDENTITY, keys::text(address))]).await
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        self.get(SESSION, &keys::text(address)).await
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        self.durable(vec![put(SESSION, keys::text(address), session.to_vec())]).await
    }

    /// All that have changed: this is how the library flushes.
    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        let storing = self.barrier.storing();
        self.durable(sessions.iter().map(|(a, value)| put(SESSION, keys::text(a), value.clone())).collect())
            .await?;
        self.barrier.stored(&storing);
        Ok(())
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.durable(vec![delete(SESSION, keys::text(address))]).await
    }

    /// Addresses are `user@server` or `user:device@server`.
    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        // Identities first: they are small, and exist wherever a session does.
        for kind in [IDENTITY, SESSION] {
            for end in ['@', ':'] {
                if !self.scan(kind, format!("{user}{end}").as_bytes()).await?.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn store_prekey(&self, id: u32, record: &[u8], _uploaded: bool) -> Result<()> {
        self.durable(vec![put(PREKEY, keys::number(id), record.to_vec())]).await
    }

    async fn store_prekeys_batch(&self, records: &[(u32, Bytes)], _uploaded: bool) -> Result<()> {
        self.durable(
            records.iter().map(|(id, value)| put(PREKEY, keys::number(*id), value.clone())).collect(),
        )
        .await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        self.get(PREKEY, &keys::number(id)).await
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::number(*id)).collect();
        let found = self.get_many(PREKEY, &wanted).await?;
        Ok(ids.iter().zip(found).filter_map(|(id, value)| Some((*id, value?))).collect())
    }

    /// Nothing to do: the library never asks for the mark (the watermarks in the device say what
    /// was uploaded), and without a write no consumed key can come back.
    async fn mark_prekeys_uploaded(&self, _ids: &[u32]) -> Result<()> {
        Ok(())
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.durable(vec![delete(PREKEY, keys::number(id))]).await
    }

    /// Reads every pre-key; the library asks only for devices older than its counter.
    async fn get_max_prekey_id(&self) -> Result<u32> {
        Ok(self.scan(PREKEY, &[]).await?.last().and_then(|(key, _)| keys::to_number(key)).unwrap_or(0))
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        self.durable(vec![put(SIGNED_PREKEY, keys::number(id), record.to_vec())]).await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SIGNED_PREKEY, &keys::number(id)).await?.map(Vec::from))
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let rows = self.scan(SIGNED_PREKEY, &[]).await?;
        rows.into_iter()
            .map(|(key, value)| {
                Ok((keys::to_number(&key).ok_or_else(|| damaged("signed pre-key"))?, value.into()))
            })
            .collect()
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.durable(vec![delete(SIGNED_PREKEY, keys::number(id))]).await
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.durable(vec![put(SENDER_KEY, keys::text(address), record.to_vec())]).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.durable(
            sender_keys.iter().map(|(a, value)| put(SENDER_KEY, keys::text(a), value.clone())).collect(),
        )
        .await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SENDER_KEY, &keys::text(address)).await?.map(Vec::from))
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.durable(vec![delete(SENDER_KEY, keys::text(address))]).await
    }
}
