//! Copies of sent messages, for devices that ask for one again.

use bytes::{Buf, BufMut, Bytes};
use wacore::store::error::Result;

use super::keys::{self, SENT};
use super::{Backend, damaged, delete};
use crate::session::Change;

/// How long a copy is kept, in milliseconds: the library's default.
const KEPT: i64 = 2 * 60 * 60 * 1000;

impl Backend {
    pub(super) async fn put_sent(&self, chat: &str, id: &str, payload: &[u8]) -> Result<()> {
        let now = self.now();
        let mut value = Vec::with_capacity(8 + payload.len());
        value.put_i64(now.div_euclid(1000));
        value.extend_from_slice(payload);
        let (key, expires_at) = (keys::joined(&[chat, id]), Some(now + KEPT));
        self.relaxed(vec![Change::Put { kind: SENT, key, value: value.into(), expires_at }]).await
    }

    /// At most one caller gets a copy.
    pub(super) async fn take_sent(&self, chat: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let key = keys::joined(&[chat, id]);
        let _taking = self.merging.sent.lock().await;
        let Some(mut value) = self.get(SENT, &key).await? else { return Ok(None) };
        self.relaxed(vec![delete(SENT, key)]).await?;
        stamp(&mut value)?;
        Ok(Some(value.into()))
    }

    /// The store forgets copies itself; only a cut-off inside their time asks for a look at them.
    pub(super) async fn prune_sent(&self, cutoff: i64) -> Result<u32> {
        if cutoff.saturating_mul(1000).saturating_add(KEPT) <= self.now() {
            return Ok(0);
        }
        let mut changes = Vec::new();
        for (key, mut value) in self.scan(SENT, &[]).await? {
            if stamp(&mut value)? < cutoff {
                changes.push(delete(SENT, key));
            }
        }
        let removed = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        self.relaxed(changes).await?;
        Ok(removed)
    }
}

/// Takes the time of sending (unix seconds) off a value.
fn stamp(value: &mut Bytes) -> Result<i64> {
    value.try_get_i64().map_err(|_| damaged("sent message"))
}
