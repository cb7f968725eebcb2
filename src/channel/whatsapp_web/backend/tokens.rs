//! Privacy tokens of contacts. One is asked for before every direct message, so they are cached,
//! and so is their absence.

use std::sync::{Mutex, PoisonError};

use bytes::{Buf, BufMut, Bytes};
use wacore::store::error::Result;
use wacore::store::traits::TcTokenEntry;

use super::bounded::Bounded;
use super::keys::{self, TC_TOKEN};
use super::{Backend, damaged, delete, put};
use crate::session::Change;

/// Contacts whose token (or absence of one) is remembered, per instance.
const CACHED: usize = 256;

/// What the store is known to hold.
pub(super) struct Cache(Mutex<Bounded<String, Option<TcTokenEntry>>>);

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(CACHED)))
    }
}

impl Cache {
    fn get(&self, jid: &str) -> Option<Option<TcTokenEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(jid).cloned()
    }

    fn set(&self, jid: &str, entry: Option<TcTokenEntry>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(jid.to_owned(), entry);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Backend {
    pub(super) async fn token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        if let Some(known) = self.tokens.get(jid) {
            return Ok(known);
        }
        // Under the lock, or a slow read could put an older entry over a newer write.
        let _merging = self.merging.tokens.lock().await;
        self.token_locked(jid).await
    }

    async fn token_locked(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        if let Some(known) = self.tokens.get(jid) {
            return Ok(known);
        }
        let entry = self.get(TC_TOKEN, &keys::text(jid)).await?.map(decode).transpose()?;
        self.tokens.set(jid, entry.clone());
        Ok(entry)
    }

    /// Replaces a token by what `merge` makes of it; unchanged when that is `None`.
    pub(super) async fn merge_token(
        &self,
        jid: &str,
        merge: impl FnOnce(Option<TcTokenEntry>) -> Option<TcTokenEntry> + Send,
    ) -> Result<()> {
        let _merging = self.merging.tokens.lock().await;
        match merge(self.token_locked(jid).await?) {
            Some(entry) => self.write_token(jid, Some(entry)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn set_token(&self, jid: &str, entry: Option<TcTokenEntry>) -> Result<()> {
        let _merging = self.merging.tokens.lock().await;
        self.write_token(jid, entry).await
    }

    async fn write_token(&self, jid: &str, entry: Option<TcTokenEntry>) -> Result<()> {
        let change = match &entry {
            Some(entry) => put(TC_TOKEN, keys::text(jid), encode(entry)),
            None => delete(TC_TOKEN, keys::text(jid)),
        };
        self.write_tokens(vec![change], || self.tokens.set(jid, entry)).await
    }

    async fn write_tokens(&self, changes: Vec<Change>, then: impl FnOnce() + Send) -> Result<()> {
        match self.relaxed(changes).await {
            Ok(()) => then(),
            Err(error) => {
                // It may or may not have been written.
                self.tokens.clear();
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) async fn token_jids(&self) -> Result<Vec<String>> {
        let rows = self.scan(TC_TOKEN, &[]).await?;
        Ok(rows.into_iter().filter_map(|(key, _)| String::from_utf8(key).ok()).collect())
    }

    /// Removes the tokens of which neither the received nor the sending side is live.
    pub(super) async fn prune_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        let _merging = self.merging.tokens.lock().await;
        let mut changes = Vec::new();
        for (key, value) in self.scan(TC_TOKEN, &[]).await? {
            let entry = decode(value)?;
            let received = !entry.token.is_empty() && entry.token_timestamp >= token_cutoff;
            let sending = entry.sender_timestamp.is_some_and(|at| at >= sender_cutoff);
            if !received && !sending {
                changes.push(delete(TC_TOKEN, key));
            }
        }
        let removed = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        self.write_tokens(changes, || self.tokens.clear()).await?;
        Ok(removed)
    }
}

/// Time of receipt (8 bytes), a flag, time of sending (8 bytes), token.
fn encode(entry: &TcTokenEntry) -> Vec<u8> {
    let mut out = Vec::with_capacity(17 + entry.token.len());
    out.put_i64(entry.token_timestamp);
    out.put_u8(entry.sender_timestamp.is_some().into());
    out.put_i64(entry.sender_timestamp.unwrap_or_default());
    out.extend_from_slice(&entry.token);
    out
}

fn decode(mut value: Bytes) -> Result<TcTokenEntry> {
    if value.len() < 17 {
        return Err(damaged("privacy token"));
    }
    let token_timestamp = value.get_i64();
    let sent = value.get_u8() != 0;
    let at = value.get_i64();
    Ok(TcTokenEntry { token: value.into(), token_timestamp, sender_timestamp: sent.then_some(at) })
}
