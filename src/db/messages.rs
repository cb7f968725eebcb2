//! Messages of one instance.

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::entity::message::{Column, Entity, Model};
use super::{Error, Scope};
use crate::domain::{MessageKey, MessageStatus, StoredMessage};

/// How far back a message without an answer is looked for, in seconds: the index is by time.
const PENDING_WINDOW: i64 = 7 * 24 * 3600;

/// Queries over the messages of one instance.
#[derive(Clone)]
pub struct Messages {
    pub(super) scope: Scope,
}

/// Which messages; what is `None` or empty is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessageFilter {
    /// WhatsApp's id.
    pub key_id: Option<String>,
    /// Any of these chats (a client's one chat has up to two forms).
    pub remote_jids: Vec<String>,
    /// The chat's other form.
    pub remote_jid_alt: Option<String>,
    /// Whose messages.
    pub from_me: Option<bool>,
    /// Any of these senders.
    pub participants: Vec<String>,
    /// Unix seconds, inclusive.
    pub from: Option<i64>,
    /// Unix seconds, inclusive.
    pub until: Option<i64>,
    /// The name of the content's field.
    pub message_type: Option<String>,
}

/// A part of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Counted from 1.
    pub number: u64,
    /// Rows of a page.
    pub size: u64,
}

impl Messages {
    /// A page of the matching messages, newest first, and how many match in all.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, filter: &MessageFilter, page: Page) -> Result<(Vec<StoredMessage>, u64), Error> {
        let rows = self.matching(filter);
        let total = rows.clone().count(self.scope.pools.read()).await?;
        let skip = page.number.saturating_sub(1).saturating_mul(page.size);
        if skip >= total || page.size == 0 {
            return Ok((Vec::new(), total));
        }
        Ok((self.newest(rows.offset(skip).limit(page.size)).await?, total))
    }

    /// Every message with WhatsApp's id (it is unique in one chat only), newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_key_id(&self, key_id: &str) -> Result<Vec<StoredMessage>, Error> {
        self.newest(self.rows().filter(Column::KeyId.eq(key_id))).await
    }

    /// The message of a row id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_id(&self, id: Uuid) -> Result<Option<StoredMessage>, Error> {
        Ok(self.rows().filter(Column::Id.eq(id)).one(self.scope.pools.read()).await?.map(stored))
    }

    /// The message that a request with this idempotency key made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_idempotency_key(&self, key: &str) -> Result<Option<StoredMessage>, Error> {
        let row = self.rows().filter(Column::IdempotencyKey.eq(key)).one(self.scope.pools.read()).await?;
        Ok(row.map(stored))
    }

    /// Own messages that were never answered for and were stored before a time (unix
    /// milliseconds), oldest first; a crash between sending and recording leaves such rows. Rows
    /// of more than a week before that time are not looked for.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn pending_older_than(&self, time: i64, limit: u64) -> Result<Vec<StoredMessage>, Error> {
        let rows = self
            .rows()
            .filter(Column::MessageTimestamp.gte(time / 1000 - PENDING_WINDOW))
            .filter(Column::FromMe.eq(true))
            .filter(Column::Status.eq(MessageStatus::Pending.rank()))
            .filter(Column::CreatedAt.lt(time))
            .order_by_asc(Column::MessageTimestamp)
            .order_by_asc(Column::Id)
            .limit(limit);
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(stored).collect())
    }

    /// The newest message of a chat that is known by any of these addresses.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn last_of_chat(&self, remote_jids: &[String]) -> Result<Option<StoredMessage>, Error> {
        let rows = self.rows().filter(Column::RemoteJid.is_in(remote_jids)).limit(1);
        Ok(self.newest(rows).await?.pop())
    }

    /// The oldest message of a chat that is known by any of these addresses.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn first_of_chat(&self, remote_jids: &[String]) -> Result<Option<StoredMessage>, Error> {
        let rows = self
            .rows()
            .filter(Column::RemoteJid.is_in(remote_jids))
            .order_by_asc(Column::MessageTimestamp)
            .order_by_asc(Column::Id);
        Ok(rows.one(self.scope.pools.read()).await?.map(stored))
    }

    /// The messages of some row ids, in no order.
    pub(super) async fn by_ids(&self, ids: Vec<Uuid>) -> Result<Vec<StoredMessage>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows().filter(Column::Id.is_in(ids)).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }

    async fn newest(&self, rows: Select<Entity>) -> Result<Vec<StoredMessage>, Error> {
        let rows = rows.order_by_desc(Column::MessageTimestamp).order_by_desc(Column::Id);
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(stored).collect())
    }

    fn matching(&self, filter: &MessageFilter) -> Select<Entity> {
        let mut rows = self.rows();
        if let Some(id) = &filter.key_id {
            rows = rows.filter(Column::KeyId.eq(id));
        }
        if !filter.remote_jids.is_empty() {
            rows = rows.filter(Column::RemoteJid.is_in(&filter.remote_jids));
        }
        if let Some(jid) = &filter.remote_jid_alt {
            rows = rows.filter(Column::RemoteJidAlt.eq(jid));
        }
        if let Some(from_me) = filter.from_me {
            rows = rows.filter(Column::FromMe.eq(from_me));
        }
        if !filter.participants.is_empty() {
            rows = rows.filter(Column::Participant.is_in(&filter.participants));
        }
        if let Some(from) = filter.from {
            rows = rows.filter(Column::MessageTimestamp.gte(from));
        }
        if let Some(until) = filter.until {
            rows = rows.filter(Column::MessageTimestamp.lte(until));
        }
        if let Some(kind) = &filter.message_type {
            rows = rows.filter(Column::MessageType.eq(kind));
        }
        rows
    }
}

fn stored(row: Model) -> StoredMessage {
    StoredMessage {
        id: row.id,
        key: MessageKey {
            id: row.key_id,
            remote_jid: row.remote_jid,
            from_me: row.from_me,
            participant: Some(row.participant).filter(|sender| !sender.is_empty()),
            remote_jid_alt: row.remote_jid_alt,
        },
        push_name: row.push_name,
        status: MessageStatus::from_rank(row.status),
        updates: row.updates.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        message_type: row.message_type,
        message: row.message,
        context_info: row.context_info,
        source: row.source,
        timestamp: row.message_timestamp,
        deleted: row.deleted,
    }
}
