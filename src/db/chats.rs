//! Chats of one instance.

use std::collections::HashMap;

use sea_orm::sea_query::NullOrdering;
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::entity::chat::{Column, Entity, Model};
use super::{Contact, Error, GroupRow, Scope};
use crate::domain::StoredMessage;

/// How the addresses of groups end.
const GROUPS: &str = "@g.us";

/// Queries over the chats of one instance.
#[derive(Clone)]
pub struct Chats {
    pub(super) scope: Scope,
}

/// A chat on record. Times are unix milliseconds unless said otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chat {
    /// Identity of the row, shown to clients.
    pub id: Uuid,
    /// The chat.
    pub remote_jid: String,
    /// Its other form.
    pub remote_jid_alt: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Unread messages.
    pub unread_count: i32,
    /// Row id of its newest message.
    pub last_message_id: Option<Uuid>,
    /// Time of its newest message, unix seconds.
    pub last_message_at: Option<i64>,
    /// Creation time.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
    /// Whether it is put away.
    pub archived: bool,
    /// Whether it stays on top.
    pub pinned: bool,
    /// Until when it is mute, in unix milliseconds; -1 is for ever.
    pub muted_until: Option<i64>,
}

/// A chat with what a list of chats shows beside it.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatEntry {
    /// The chat.
    pub chat: Chat,
    /// Its newest message.
    pub last_message: Option<StoredMessage>,
    /// The contact of the same address.
    pub contact: Option<Contact>,
    /// What is known of the group that it is of, without its members.
    pub group: Option<GroupRow>,
}

/// Which chats; what is `None` or empty is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChatFilter {
    /// Any of these chats.
    pub remote_jids: Vec<String>,
    /// Time of the newest message: unix seconds, inclusive.
    pub from: Option<i64>,
    /// Unix seconds, inclusive.
    pub until: Option<i64>,
}

impl Chats {
    /// The matching chats, newest message first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, filter: &ChatFilter, take: u64, skip: u64) -> Result<Vec<Chat>, Error> {
        let mut rows = self.newest().limit(take).offset(skip);
        if !filter.remote_jids.is_empty() {
            rows = rows.filter(Column::RemoteJid.is_in(&filter.remote_jids));
        }
        if let Some(from) = filter.from {
            rows = rows.filter(Column::LastMessageAt.gte(from));
        }
        if let Some(until) = filter.until {
            rows = rows.filter(Column::LastMessageAt.lte(until));
        }
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(Chat::from).collect())
    }

    /// Chats with what a list of chats shows beside them, in the same order and in a constant number of
    /// queries.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn entries(&self, chats: Vec<Chat>) -> Result<Vec<ChatEntry>, Error> {
        let ids = chats.iter().filter_map(|chat| chat.last_message_id).collect();
        let messages = self.scope.messages().by_ids(ids).await?;
        let mut messages: HashMap<Uuid, StoredMessage> =
            messages.into_iter().map(|message| (message.id, message)).collect();
        let jids: Vec<String> = chats.iter().map(|chat| chat.remote_jid.clone()).collect();
        let contacts = self.scope.contacts().by_jids(&jids).await?;
        let mut contacts: HashMap<String, Contact> =
            contacts.into_iter().map(|contact| (contact.remote_jid.clone(), contact)).collect();
        let groups: Vec<&str> = jids.iter().map(String::as_str).filter(|jid| jid.ends_with(GROUPS)).collect();
        let mut groups = self.scope.groups().by_jids(&groups).await?;
        let entry = |chat: Chat| ChatEntry {
            last_message: chat.last_message_id.and_then(|id| messages.remove(&id)),
            contact: contacts.remove(&chat.remote_jid),
            group: groups.remove(&chat.remote_jid),
            chat,
        };
        Ok(chats.into_iter().map(entry).collect())
    }

    /// The chats of some addresses, newest message first; unknown ones are left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_jids(&self, remote_jids: &[String]) -> Result<Vec<Chat>, Error> {
        if remote_jids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.newest().filter(Column::RemoteJid.is_in(remote_jids));
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(Chat::from).collect())
    }

    fn newest(&self) -> Select<Entity> {
        let rows = Entity::find().filter(self.scope.owns(Column::InstanceId));
        // PostgreSQL alone puts NULL first when descending.
        let rows = if self.scope.pools.backend() == DbBackend::Postgres {
            rows.order_by_with_nulls(Column::LastMessageAt, Order::Desc, NullOrdering::Last)
        } else {
            rows.order_by_desc(Column::LastMessageAt)
        };
        rows.order_by_asc(Column::RemoteJid)
    }
}

impl From<Model> for Chat {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            remote_jid: row.remote_jid,
            remote_jid_alt: row.remote_jid_alt,
            name: row.name,
            unread_count: row.unread_count,
            last_message_id: row.last_message_id,
            last_message_at: row.last_message_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            archived: row.archived,
            pinned: row.pinned,
            muted_until: row.muted_until,
        }
    }
}
