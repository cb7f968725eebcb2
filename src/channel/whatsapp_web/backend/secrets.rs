//! Message secrets: what later edits, votes and reactions to a message are decrypted with.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes};
use wacore::store::error::Result;
use wacore::store::traits::{
    MessageSecret, MsgSecretEntry, MsgSecretStore, merge_msg_secret_expiry, merge_msg_secret_message_ts,
};

use super::keys::{self, SECRET};
use super::{Backend, damaged, delete};
use crate::session::Change;

/// A secret with its times in unix seconds; 0 is never and unknown.
struct Row {
    secret: MessageSecret,
    expires_at: i64,
    message_ts: i64,
}

#[async_trait]
impl MsgSecretStore for Backend {
    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        let count = entries.len();
        let _merging = self.merging.secrets.lock().await;
        let wanted: Vec<_> = entries.iter().map(|e| keys::joined(&[&e.chat, &e.sender, &e.msg_id])).collect();
        let found = self.get_many(SECRET, &wanted).await?;
        let mut rows: HashMap<Vec<u8>, Row> = HashMap::with_capacity(count);
        for ((key, known), entry) in wanted.into_iter().zip(found).zip(entries) {
            let mut row =
                Row { secret: entry.secret, expires_at: entry.expires_at, message_ts: entry.message_ts };
            match rows.entry(key) {
                Entry::Occupied(mut earlier) => {
                    row.merge(earlier.get());
                    earlier.insert(row);
                }
                Entry::Vacant(empty) => {
                    if let Some(known) = known {
                        row.merge(&Row::decode(known)?);
                    }
                    empty.insert(row);
                }
            }
        }
        self.relaxed(rows.into_iter().map(|(key, row)| row.put(key)).collect()).await?;
        Ok(count)
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get_msg_secret_with_ts(chat, sender, msg_id).await?.map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        let Some(value) = self.get(SECRET, &keys::joined(&[chat, sender, msg_id])).await? else {
            return Ok(None);
        };
        let row = Row::decode(value)?;
        Ok(Some((row.secret.to_vec(), row.message_ts)))
    }

    /// The store forgets them itself; only a cut-off in the future asks for a look at them.
    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        if cutoff_timestamp.saturating_mul(1000) <= self.now() {
            return Ok(0);
        }
        let _merging = self.merging.secrets.lock().await;
        let mut changes = Vec::new();
        for (key, value) in self.scan(SECRET, &[]).await? {
            let expires_at = Row::decode(value)?.expires_at;
            if expires_at != 0 && expires_at <= cutoff_timestamp {
                changes.push(delete(SECRET, key));
            }
        }
        let removed = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        self.relaxed(changes).await?;
        Ok(removed)
    }
}

impl Row {
    fn merge(&mut self, known: &Self) {
        self.expires_at = merge_msg_secret_expiry(known.expires_at, self.expires_at);
        self.message_ts = merge_msg_secret_message_ts(known.message_ts, self.message_ts);
    }

    /// Both times (8 bytes each), then the secret.
    fn put(self, key: Vec<u8>) -> Change {
        let mut value = Vec::with_capacity(16 + self.secret.len());
        value.put_i64(self.expires_at);
        value.put_i64(self.message_ts);
        value.extend_from_slice(&self.secret);
        let expires_at = (self.expires_at != 0).then(|| self.expires_at.saturating_mul(1000));
        Change::Put { kind: SECRET, key, value: value.into(), expires_at }
    }

    fn decode(mut value: Bytes) -> Result<Self> {
        let damage = |_| damaged("message secret");
        let expires_at = value.try_get_i64().map_err(damage)?;
        let message_ts = value.try_get_i64().map_err(damage)?;
        let secret = value.as_ref().try_into().map_err(|_| damaged("message secret"))?;
        Ok(Self { secret, expires_at, message_ts })
    }
}
