//! Messages of one instance.

use sea_orm::sea_query::{Asterisk, Expr, Func, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
};
use uuid::Uuid;

use super::entity::message::{Column, Entity, Model};
use super::{Error, Instances, Scope, search};
use crate::domain::{MessageKey, MessageStatus, StoredMessage};

/// How far back a message without an answer is looked for, in seconds: the index is by time.
const PENDING_WINDOW: i64 = 7 * 24 * 3600;

/// How many of the messages behind a page are counted: to count all of a large result would cost more
/// than the page.
pub const COUNTED: u64 = 10_000;

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
    /// Our id.
    pub id: Option<Uuid>,
    /// Which kind of client sent it.
    pub source: Option<String>,
    /// All of these [`words`](super::words); then what was deleted is left out.
    pub words: Vec<String>,
}

/// A part of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Counted from 1.
    pub number: u64,
    /// Rows of a page.
    pub size: u64,
}

impl Page {
    const fn skip(self) -> u64 {
        self.number.saturating_sub(1).saturating_mul(self.size)
    }
}

impl Messages {
    /// A page of the matching messages, newest first, and how many match in all; of those behind the page
    /// at most [`COUNTED`] are counted, unless all messages are asked for.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, filter: &MessageFilter, page: Page) -> Result<(Vec<StoredMessage>, u64), Error> {
        let found = self.page(filter, page).await?;
        let (skip, length) = (page.skip(), found.len() as u64);
        let is_last = length < page.size && (length > 0 || skip == 0);
        let total = if is_last { skip + length } else { self.total(filter, page).await? };
        Ok((found, total))
    }

    /// A page of the matching messages, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page(&self, filter: &MessageFilter, page: Page) -> Result<Vec<StoredMessage>, Error> {
        let rows = newest(self.part(filter, page)).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    async fn total(&self, filter: &MessageFilter, page: Page) -> Result<u64, Error> {
        if *filter == MessageFilter::default() {
            let instances = Instances { pools: self.scope.pools.clone() };
            let counts = instances.all_counts(&[self.scope.id]).await?;
            return Ok(counts.get(&self.scope.id).map_or(0, |counts| counts.messages));
        }
        let row = self.scope.pools.read().query_one(&self.counted(filter, page)).await?;
        let total: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        Ok(u64::try_from(total).unwrap_or_default())
    }

    /// How the database looks for a page and counts what matches: its own words, for those who watch over
    /// the indexes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn plan(&self, filter: &MessageFilter, page: Page) -> Result<String, Error> {
        let (read, backend) = (self.scope.pools.read(), self.scope.pools.backend());
        let explain = if backend == DbBackend::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let rows = backend.build(&QueryTrait::into_query(newest(self.part(filter, page))));
        let mut plan = String::new();
        for mut statement in [rows, backend.build(&self.counted(filter, page))] {
            statement.sql = format!("{explain} {}", statement.sql);
            for line in read.query_all_raw(statement).await? {
                let column = if backend == DbBackend::Sqlite { 3 } else { 0 };
                plan.push_str(&line.try_get_by_index::<String>(column)?);
                plan.push('\n');
            }
        }
        Ok(plan)
    }

    fn part(&self, filter: &MessageFilter, page: Page) -> Select<Entity> {
        self.matching(filter).offset(page.skip()).limit(page.size)
    }

    fn counted(&self, filter: &MessageFilter, page: Page) -> SelectStatement {
        let most = page.skip().saturating_add(page.size).saturating_add(COUNTED);
        let rows = self.matching(filter).select_only().column(Column::Id).limit(most);
        let mut count = Query::select();
        count.expr(Func::count(Expr::col(Asterisk)));
        count.from_subquery(QueryTrait::into_query(rows), "counted").take()
    }

    /// Every message with WhatsApp's id (it is unique in one chat only), newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_key_id(&self, key_id: &str) -> Result<Vec<StoredMessage>, Error> {
        let rows = newest(self.rows().filter(Column::KeyId.eq(key_id))).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(stored).collect())
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
        let rows = newest(self.rows().filter(Column::RemoteJid.is_in(remote_jids)));
        Ok(rows.one(self.scope.pools.read()).await?.map(stored))
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
        if let Some(id) = filter.id {
            rows = rows.filter(Column::Id.eq(id));
        }
        if let Some(source) = &filter.source {
            rows = rows.filter(Column::Source.eq(source));
        }
        if !filter.words.is_empty() {
            let backend = self.scope.pools.backend();
            rows = rows.filter(search::has(backend, self.scope.id, &filter.words));
            rows = rows.filter(Column::Deleted.eq(false));
        }
        rows
    }
}

fn newest(rows: Select<Entity>) -> Select<Entity> {
    rows.order_by_desc(Column::MessageTimestamp).order_by_desc(Column::Id)
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
