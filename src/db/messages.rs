//! Messages of one instance.

use sea_orm::sea_query::{Asterisk, Expr, Func, Query, SelectStatement, SubQueryStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait, Select,
};
use uuid::Uuid;

use super::entity::instance;
use super::entity::message::{Column, Entity};
use super::{Error, Scope, search};
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
    pub(super) const fn skip(self) -> u64 {
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
        let (read, backend) = (self.scope.pools.read(), self.scope.pools.backend());
        let rows = read.query_all_raw(backend.build(&self.statement(filter, page))).await?;
        let found: Vec<StoredMessage> = rows.iter().map(stored).collect::<Result<_, _>>()?;
        let (skip, length) = (page.skip(), found.len() as u64);
        if length < page.size && (length > 0 || skip == 0) {
            return Ok((found, skip + length));
        }
        let total: i64 = match rows.first() {
            Some(row) if is_counted(filter) => row.try_get_by_index(READ.len())?,
            _ => {
                let row = read.query_one_raw(backend.build(&self.total(filter, page))).await?;
                row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default()
            }
        };
        Ok((found, u64::try_from(total).unwrap_or_default()))
    }

    /// A page of the matching messages, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page(&self, filter: &MessageFilter, page: Page) -> Result<Vec<StoredMessage>, Error> {
        self.all(newest(self.part(filter, page))).await
    }

    /// How the database looks for a page and counts what matches: its own words, for those who watch over
    /// the indexes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn plan(&self, filter: &MessageFilter, page: Page) -> Result<String, Error> {
        let (read, backend) = (self.scope.pools.read(), self.scope.pools.backend());
        let explain = match backend {
            DbBackend::Sqlite => "EXPLAIN QUERY PLAN",
            // As one text.
            DbBackend::MySql => "EXPLAIN FORMAT=JSON",
            _ => "EXPLAIN",
        };
        let mut plan = String::new();
        for asked in [self.statement(filter, page), self.total(filter, page)] {
            let mut statement = backend.build(&asked);
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

    /// A page, with how many match in all at the end of each row where [`is_counted`] says so.
    fn statement(&self, filter: &MessageFilter, page: Page) -> SelectStatement {
        let mut rows = columns(newest(self.part(filter, page)));
        if is_counted(filter) {
            let total = SubQueryStatement::SelectStatement(self.total(filter, page));
            rows.expr(Expr::SubQuery(None, Box::new(total)));
        }
        rows
    }

    fn total(&self, filter: &MessageFilter, page: Page) -> SelectStatement {
        if *filter == MessageFilter::default() {
            let row = instance::Entity::find().select_only().column(instance::Column::MessageCount);
            let row = row.filter(instance::Column::Id.eq(self.scope.id.0));
            return QueryTrait::into_query(row.filter(instance::Column::DeletedAt.is_null()));
        }
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
        self.all(newest(self.rows().filter(Column::KeyId.eq(key_id)))).await
    }

    /// Every message with any of WhatsApp's ids, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_key_ids(&self, key_ids: &[String]) -> Result<Vec<StoredMessage>, Error> {
        if key_ids.is_empty() {
            return Ok(Vec::new());
        }
        self.all(newest(self.rows().filter(Column::KeyId.is_in(key_ids)))).await
    }

    /// The message of a row id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_id(&self, id: Uuid) -> Result<Option<StoredMessage>, Error> {
        self.first(self.rows().filter(Column::Id.eq(id))).await
    }

    /// The message that a request with this idempotency key made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_idempotency_key(&self, key: &str) -> Result<Option<StoredMessage>, Error> {
        self.first(self.rows().filter(Column::IdempotencyKey.eq(key))).await
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
        self.all(rows).await
    }

    /// The newest message of a chat that is known by any of these addresses.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn last_of_chat(&self, remote_jids: &[String]) -> Result<Option<StoredMessage>, Error> {
        self.first(newest(self.rows().filter(Column::RemoteJid.is_in(remote_jids)))).await
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
        self.first(rows).await
    }

    /// The messages of some row ids, in no order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_ids(&self, ids: Vec<Uuid>) -> Result<Vec<StoredMessage>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.all(self.rows().filter(Column::Id.is_in(ids))).await
    }

    async fn all(&self, rows: Select<Entity>) -> Result<Vec<StoredMessage>, Error> {
        let statement = self.scope.pools.backend().build(&columns(rows));
        let rows = self.scope.pools.read().query_all_raw(statement).await?;
        rows.iter().map(stored).collect()
    }

    async fn first(&self, rows: Select<Entity>) -> Result<Option<StoredMessage>, Error> {
        Ok(self.all(rows.limit(1)).await?.pop())
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }

    pub(super) fn matching(&self, filter: &MessageFilter) -> Select<Entity> {
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
            rows = rows.filter(self.of_type(kind, filter));
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

    /// SQLite takes the index by type for better than those by a chat or an id, which leave fewer messages;
    /// behind a plus it does not see the column.
    fn of_type(&self, kind: &str, filter: &MessageFilter) -> Expr {
        let narrow = filter.id.is_some() || filter.key_id.is_some() || !filter.remote_jids.is_empty();
        if self.scope.pools.backend() == DbBackend::Sqlite && narrow {
            return Expr::cust_with_values("+message.message_type = ?", [kind]);
        }
        Column::MessageType.eq(kind)
    }
}

/// Whether a page is counted as it is read: to ask again costs as much as the page. To look for words twice
/// costs more than that, and what has them most often fits on a page, whose length says it all.
const fn is_counted(filter: &MessageFilter) -> bool {
    filter.words.is_empty()
}

pub(super) fn newest(rows: Select<Entity>) -> Select<Entity> {
    rows.order_by_desc(Column::MessageTimestamp).order_by_desc(Column::Id)
}

/// What is read of a message, in the order in which [`stored`] takes it. By number, since to look every
/// column of every row up by its name costs more than all the rest of reading a page.
const READ: [Column; 15] = [
    Column::Id,
    Column::KeyId,
    Column::RemoteJid,
    Column::RemoteJidAlt,
    Column::FromMe,
    Column::Participant,
    Column::PushName,
    Column::Status,
    Column::Updates,
    Column::MessageType,
    Column::Message,
    Column::ContextInfo,
    Column::MessageTimestamp,
    Column::Source,
    Column::Deleted,
];

fn columns(rows: Select<Entity>) -> SelectStatement {
    QueryTrait::into_query(rows.select_only().columns(READ))
}

fn stored(row: &QueryResult) -> Result<StoredMessage, Error> {
    let (participant, updates): (String, String) = (row.try_get_by_index(5)?, row.try_get_by_index(8)?);
    Ok(StoredMessage {
        id: row.try_get_by_index(0)?,
        key: MessageKey {
            id: row.try_get_by_index(1)?,
            remote_jid: row.try_get_by_index(2)?,
            from_me: row.try_get_by_index(4)?,
            participant: Some(participant).filter(|sender| !sender.is_empty()),
            remote_jid_alt: row.try_get_by_index(3)?,
        },
        push_name: row.try_get_by_index(6)?,
        status: MessageStatus::from_rank(row.try_get_by_index(7)?),
        updates: updates.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        message_type: row.try_get_by_index(9)?,
        message: row.try_get_by_index(10)?,
        context_info: row.try_get_by_index(11)?,
        timestamp: row.try_get_by_index(12)?,
        source: row.try_get_by_index(13)?,
        deleted: row.try_get_by_index(14)?,
    })
}
