//! Parts of the history of one instance that are announced and not recorded yet.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::entity::history_spool::{Column, Entity, Model};
use super::{Error, Scope};

/// Queries over the parts that wait; written through the writer.
#[derive(Clone)]
pub struct HistorySpool {
    pub(super) scope: Scope,
}

/// A part of a history that waits to be recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct Spooled {
    /// WhatsApp's id of the message that announced it.
    pub message_id: String,
    /// The phone number of the account that it is of.
    pub account: String,
    /// Where it is and its key, or the part itself, in the channel's own form.
    pub notice: Vec<u8>,
    /// How many of its chats are recorded.
    pub done: i32,
    /// Since when it waits, in unix milliseconds.
    pub created_at: i64,
}

impl std::fmt::Debug for Spooled {
    /// Without the notice: keys do not belong into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spooled").field("message_id", &self.message_id).field("done", &self.done).finish()
    }
}

impl HistorySpool {
    /// Names of the parts of an account that wait, oldest first, at most `most`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn waiting(&self, account: &str, most: u64) -> Result<Vec<String>, Error> {
        let rows = self.rows().filter(Column::Account.eq(account)).limit(most);
        let rows = rows.order_by_asc(Column::CreatedAt).order_by_asc(Column::MessageId);
        let names = rows.select_only().column(Column::MessageId).into_tuple();
        Ok(names.all(self.scope.pools.read()).await?)
    }

    /// One part.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, message_id: &str) -> Result<Option<Spooled>, Error> {
        let row = self.rows().filter(Column::MessageId.eq(message_id)).one(self.scope.pools.read()).await?;
        Ok(row.map(Spooled::from))
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }
}

impl From<Model> for Spooled {
    fn from(Model { message_id, account, notice, done, created_at, .. }: Model) -> Self {
        Self { message_id, account, notice, done, created_at }
    }
}
