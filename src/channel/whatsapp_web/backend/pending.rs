//! Messages that were decrypted and not yet handed over. A crash must not lose what the ratchet
//! cannot decrypt again: the store keeps the order of an instance's writes, and the ratchet's advance
//! is flushed after the copy was queued. (Not when another flush begins before the message is through:
//! see [`barrier`](super::super::barrier).) Nobody has to wait for the copy itself.

use bytes::{Buf, BufMut, Bytes};
use wacore::store::error::Result;
use wacore::store::traits::{PendingInboundKey, PendingInboundRow};

use super::keys::{self, PENDING};
use super::{Backend, damaged, delete};
use crate::session::Change;

/// How long one is kept, in milliseconds: as long as the library's sweep leaves it.
const KEPT: i64 = 7 * 24 * 60 * 60 * 1000;

fn key(key: &PendingInboundKey<'_>) -> Vec<u8> {
    keys::joined(&[key.chat, key.sender, key.id])
}

impl Backend {
    pub(super) async fn put_pending(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        let now = self.now();
        let change = |row: &PendingInboundRow<'_>| {
            let mut value = Vec::with_capacity(8 + row.message.len());
            value.put_i64(now.div_euclid(1000));
            value.extend_from_slice(row.message);
            let key = keys::joined(&[row.chat, row.sender, row.id]);
            Change::Put { kind: PENDING, key, value: value.into(), expires_at: Some(now + KEPT) }
        };
        // An error would make the library go on without the message: WhatsApp repeats it to the next
        // connection only, whose ratchet is past it by then.
        self.relaxed_in_time(rows.iter().map(change).collect()).await?;
        self.barrier.decrypted(rows.iter().filter(|row| is_direct(row.chat)).count());
        Ok(())
    }

    pub(super) async fn pending(&self, of: PendingInboundKey<'_>) -> Result<Option<Vec<u8>>> {
        let Some(mut value) = self.get(PENDING, &key(&of)).await? else { return Ok(None) };
        stamp(&mut value)?;
        Ok(Some(value.into()))
    }

    pub(super) async fn delete_pending(&self, of: &[PendingInboundKey<'_>]) -> Result<()> {
        self.relaxed(of.iter().map(|of| delete(PENDING, key(of))).collect()).await
    }

    /// The store forgets them itself; only a cut-off inside their time asks for a look at them.
    pub(super) async fn prune_pending(&self, cutoff: i64) -> Result<u32> {
        if cutoff.saturating_mul(1000).saturating_add(KEPT) <= self.now() {
            return Ok(0);
        }
        let mut changes = Vec::new();
        for (key, mut value) in self.scan(PENDING, &[]).await? {
            if stamp(&mut value)? < cutoff {
                changes.push(delete(PENDING, key));
            }
        }
        let removed = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        self.durable(changes).await?;
        Ok(removed)
    }
}

/// Whether the messages of a chat are decrypted with a session: groups and statuses have sender keys.
fn is_direct(chat: &str) -> bool {
    ["@s.whatsapp.net", "@lid"].iter().any(|server| chat.ends_with(server))
}

/// Takes the time of arrival (unix seconds) off a value.
fn stamp(value: &mut Bytes) -> Result<i64> {
    value.try_get_i64().map_err(|_| damaged("pending message"))
}
