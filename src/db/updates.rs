//! What became of the messages of one instance, without the messages.

use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::entity::message::Column;
use super::messages::newest;
use super::{Error, MessageFilter, Messages, Page};
use crate::domain::MessageKey;

/// What became of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Updates {
    /// Row id of the message.
    pub id: Uuid,
    /// Its identity.
    pub key: MessageKey,
    /// The statuses it came to, oldest first.
    pub statuses: Vec<String>,
}

/// What is read of a message.
type Row = (Uuid, String, String, Option<String>, bool, String, String);

const READ: [Column; 7] = [
    Column::Id,
    Column::KeyId,
    Column::RemoteJid,
    Column::RemoteJidAlt,
    Column::FromMe,
    Column::Participant,
    Column::Updates,
];

impl Messages {
    /// A page of the matching messages that came to any status, or to this one, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn updates(
        &self,
        filter: &MessageFilter,
        status: Option<&str>,
        page: Page,
    ) -> Result<Vec<Updates>, Error> {
        let rows = self.matching(filter);
        let rows = match status {
            // No status is a part of another.
            Some(status) => rows.filter(Column::Updates.contains(status)),
            None => rows.filter(Column::Updates.ne("")),
        };
        let rows = newest(rows).offset(page.skip()).limit(page.size).select_only().columns(READ);
        let rows: Vec<Row> = rows.into_tuple().all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(Updates::from).collect())
    }
}

impl From<Row> for Updates {
    fn from((id, key_id, remote_jid, remote_jid_alt, from_me, participant, updates): Row) -> Self {
        let participant = Some(participant).filter(|sender| !sender.is_empty());
        Self {
            id,
            key: MessageKey { id: key_id, remote_jid, from_me, participant, remote_jid_alt },
            statuses: updates.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        }
    }
}
