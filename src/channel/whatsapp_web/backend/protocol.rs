//! Addresses, devices, groups and messages. All relaxed but pending inbound messages. What has
//! rules of its own is in a file of its own; this one is the list.

use async_trait::async_trait;
use wacore::store::error::Result;
use wacore::store::traits::{
    DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry,
};

use super::keys::{self, BASE_KEY, DEVICES, GROUP, SENDER_KEY_DEVICE};
use super::{Backend, delete, from_json, put, to_json};
use crate::session::Change;

/// How long a base key is kept, in milliseconds. The library deletes it after the retry that it
/// was kept for; a peer that never comes back would leave it for ever.
const BASE_KEY_KEPT: i64 = 7 * 24 * 60 * 60 * 1000;

#[async_trait]
impl ProtocolStore for Backend {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let rows = self.scan(SENDER_KEY_DEVICE, &keys::joined(&[group_jid])).await?;
        Ok(rows.iter().filter_map(|(_, value)| read_sender_key_device(value)).collect())
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        let change = |(device, has_key): &(&str, bool)| {
            let value = [&[u8::from(*has_key)], device.as_bytes()].concat();
            put(SENDER_KEY_DEVICE, keys::joined(&[group_jid, device]), value)
        };
        self.relaxed(entries.iter().map(change).collect()).await
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        let rows = self.scan(SENDER_KEY_DEVICE, &keys::joined(&[group_jid])).await?;
        self.relaxed(rows.into_iter().map(|(key, _)| delete(SENDER_KEY_DEVICE, key)).collect()).await
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        if device_jids.is_empty() {
            return Ok(());
        }
        let rows = self.scan(SENDER_KEY_DEVICE, &[]).await?;
        let gone = |value: &[u8]| {
            read_sender_key_device(value).is_none_or(|(device, _)| device_jids.contains(&device.as_str()))
        };
        let changes = rows.into_iter().filter(|(_, value)| gone(value));
        self.relaxed(changes.map(|(key, _)| delete(SENDER_KEY_DEVICE, key)).collect()).await
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        self.relaxed(vec![Change::Clear { kind: SENDER_KEY_DEVICE }]).await
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.by_lid(lid).await
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        self.by_phone(phone).await
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        self.put_lids(std::slice::from_ref(entry)).await
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        self.put_lids(entries).await
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        self.all_lids().await
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        let (key, value) = (keys::joined(&[address, message_id]), base_key.to_vec().into());
        let expires_at = Some(self.now() + BASE_KEY_KEPT);
        self.relaxed(vec![Change::Put { kind: BASE_KEY, key, value, expires_at }]).await
    }

    async fn has_same_base_key(
        &self,
        address: &str,
        message_id: &str,
        current_base_key: &[u8],
    ) -> Result<bool> {
        let saved = self.get(BASE_KEY, &keys::joined(&[address, message_id])).await?;
        Ok(saved.is_some_and(|saved| saved == current_base_key))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        self.relaxed(vec![delete(BASE_KEY, keys::joined(&[address, message_id]))]).await
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        self.update_device_lists(vec![record]).await
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        let change = |record: &DeviceListRecord| Ok(put(DEVICES, keys::text(&record.user), to_json(record)?));
        self.relaxed(records.iter().map(change).collect::<Result<_>>()?).await
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        self.get(DEVICES, &keys::text(user)).await?.map(|value| from_json(&value)).transpose()
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.relaxed(vec![delete(DEVICES, keys::text(user))]).await
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(GROUP, &keys::text(group_jid)).await?.map(Vec::from))
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.relaxed(vec![put(GROUP, keys::text(group_jid), blob.to_vec())]).await
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.relaxed(vec![delete(GROUP, keys::text(group_jid))]).await
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        self.token(jid).await
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        self.set_token(jid, Some(entry.clone())).await
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.set_token(jid, None).await
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        self.token_jids().await
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        self.prune_tokens(token_cutoff, sender_cutoff).await
    }

    /// The time only moves forward; a placeholder without a token stands in for an absent one.
    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        self.merge_token(jid, |known| {
            let mut entry = known.unwrap_or_else(|| TcTokenEntry {
                token: Vec::new(),
                token_timestamp: sender_timestamp,
                sender_timestamp: None,
            });
            let at = entry.sender_timestamp.map_or(sender_timestamp, |known| known.max(sender_timestamp));
            // Most calls repeat what is known: no write then.
            if entry.sender_timestamp.replace(at) == Some(at) { None } else { Some(entry) }
        })
        .await
    }

    /// A newer token wins; the time of sending stays.
    async fn store_received_tc_token(&self, jid: &str, token: &[u8], token_timestamp: i64) -> Result<()> {
        self.merge_token(jid, |known| {
            let stale = |e: &TcTokenEntry| !e.token.is_empty() && token_timestamp < e.token_timestamp;
            if known.as_ref().is_some_and(stale) {
                return None;
            }
            let sender_timestamp = known.and_then(|entry| entry.sender_timestamp);
            Some(TcTokenEntry { token: token.to_vec(), token_timestamp, sender_timestamp })
        })
        .await
    }

    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        self.put_sent(chat_jid, message_id, payload).await
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        self.take_sent(chat_jid, message_id).await
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.prune_sent(cutoff_timestamp).await
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        self.put_pending(&[PendingInboundRow { chat, sender, id, message }]).await
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.pending(PendingInboundKey { chat, sender, id }).await
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        self.delete_pending(&[PendingInboundKey { chat, sender, id }]).await
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.prune_pending(cutoff_timestamp).await
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        self.put_pending(rows).await
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        self.delete_pending(keys).await
    }
}

/// A flag and the device's address: the key may hold a hash of it only.
fn read_sender_key_device(value: &[u8]) -> Option<(String, bool)> {
    let (has_key, device) = value.split_first()?;
    Some((String::from_utf8(device.to_vec()).ok()?, *has_key != 0))
}
