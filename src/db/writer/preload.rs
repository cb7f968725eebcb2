//! Reads the rows that a batch needs, in as few queries as possible.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Statement, Value,
};
use uuid::Uuid;

use super::message::Slot;
use super::sql::{self, Columns, Type};
use super::state::{Grown, Life, Row, State};
use super::{Unit, Write};
use crate::db::entity::instance;
use crate::db::{Chat, Contact, Error, Label};
use crate::domain::{InstanceId, MessageKey, MessageStatus};

type Names<'a> = BTreeSet<(Uuid, &'a str)>;

/// What the writes of a batch look at.
#[derive(Default)]
struct Needs<'a> {
    messages: Names<'a>,
    /// Messages whose content is told when they are deleted, or changed by what it is.
    contents: Names<'a>,
    idempotency_keys: Names<'a>,
    chats: Names<'a>,
    contacts: Names<'a>,
    labels: Names<'a>,
    /// Chats whose labels are looked at.
    labelled: Names<'a>,
}

/// Locks the instances, in one order everywhere so that two nodes cannot wait for each other.
pub async fn instances(
    transaction: &DatabaseTransaction,
    ids: &BTreeSet<Uuid>,
) -> Result<HashMap<InstanceId, Life>, Error> {
    use instance::Column::{DeletedAt, EventSequence, Fence, Id};
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for some in ids.chunks(sql::LOOKUP) {
        let wanted = fill(some);
        let rows: Vec<(Uuid, i64, i64, Option<i64>)> = instance::Entity::find()
            .select_only()
            .columns([Id, Fence, EventSequence, DeletedAt])
            .filter(Id.is_in(wanted))
            .order_by_asc(Id)
            .lock_exclusive()
            .into_tuple()
            .all(transaction)
            .await?;
        found.extend(rows.into_iter().map(|(id, fence, sequence, deleted_at)| {
            let (deleted, grown) = (deleted_at.is_some(), Grown::default());
            let life = Life { fence, sequence, deleted, told: false, grown };
            (InstanceId(id), life)
        }));
    }
    Ok(found)
}

/// Reads everything else.
pub async fn rows<'a>(
    transaction: &DatabaseTransaction,
    units: impl Iterator<Item = &'a Unit>,
    state: &mut State,
) -> Result<(), Error> {
    let mut needs = Needs::default();
    for unit in units {
        for write in &unit.writes {
            needs.add(unit.instance.0, write);
        }
    }
    for name in &needs.contents {
        needs.messages.remove(name);
    }
    for (names, with_content) in [(&needs.messages, false), (&needs.contents, true)] {
        let select = &MESSAGE[..if with_content { MESSAGE.len() } else { MESSAGE.len() - 1 }];
        for row in lookup(transaction, "message", select, "key_id", names).await? {
            state.add_message(message(&row, with_content)?);
        }
    }
    let select = &["instance_id", "idempotency_key"];
    for row in lookup(transaction, "message", select, "idempotency_key", &needs.idempotency_keys).await? {
        let name = (InstanceId(row.try_get_by_index(0)?), row.try_get_by_index(1)?);
        state.idempotency_keys.insert(name);
    }
    for row in lookup(transaction, "chat", &CHAT, "remote_jid", &needs.chats).await? {
        let (instance, row) = chat(&row)?;
        state.chats.insert((instance, row.remote_jid.clone()), Row { row, changed: false });
    }
    for row in lookup(transaction, "contact", &CONTACT, "remote_jid", &needs.contacts).await? {
        let (instance, row) = contact(&row)?;
        state.contacts.insert((instance, row.remote_jid.clone()), Row { row, changed: false });
    }
    for row in lookup(transaction, "label", &LABEL, "label_id", &needs.labels).await? {
        let (instance, row) = label(&row)?;
        state.labels.insert((instance, row.label_id.clone()), Row { row, changed: false });
    }
    let select = &["instance_id", "label_id", "remote_jid", "id"];
    for row in lookup(transaction, "label_chat", select, "remote_jid", &needs.labelled).await? {
        let key = (InstanceId(row.try_get_by_index(0)?), row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        state.labelled.insert(key, Row { row: true, changed: false });
    }
    Ok(())
}

impl<'a> Needs<'a> {
    fn add(&mut self, instance: Uuid, write: &'a Write) {
        match write {
            Write::Message { message, idempotency_key, fresh, .. } => {
                if !fresh {
                    self.messages.insert((instance, &message.key.id));
                }
                self.idempotency_keys.extend(idempotency_key.as_deref().map(|key| (instance, key)));
            }
            Write::Status { key_id, .. } | Write::Edit { key_id, .. } => {
                self.messages.insert((instance, key_id));
            }
            Write::Amend { key_id, .. } => {
                self.contents.insert((instance, key_id));
            }
            Write::Delete { key_id, events, .. } => {
                let names = if events.is_some() { &mut self.contents } else { &mut self.messages };
                names.insert((instance, key_id));
            }
            Write::Chat { remote_jid, .. }
            | Write::ChatState { remote_jid, .. }
            | Write::ChatRemoved { remote_jid, .. } => {
                self.chats.insert((instance, remote_jid));
            }
            Write::Label { label_id, .. } | Write::LabelRemoved { label_id, .. } => {
                self.labels.insert((instance, label_id));
            }
            Write::LabelChat { remote_jid, .. } => {
                self.labelled.insert((instance, remote_jid));
            }
            Write::Contact { remote_jid, .. } | Write::ContactPicture { remote_jid, .. } => {
                self.contacts.insert((instance, remote_jid));
            }
            Write::Address { lid, pn, .. } => {
                for jid in [lid, pn] {
                    self.chats.insert((instance, jid));
                    self.contacts.insert((instance, jid));
                    self.labelled.insert((instance, jid));
                }
            }
            Write::Sent { .. }
            | Write::Media { .. }
            | Write::Group { .. }
            | Write::ForgetGroups
            | Write::DoubtGroups
            | Write::Spool(_)
            | Write::Spooled { .. }
            | Write::ForgetSpool
            | Write::Session { .. }
            | Write::Instance(_)
            | Write::Event(_) => {}
        }
    }
}

/// Repeats the last key up to the next size.
fn fill<T: Clone>(some: &[T]) -> Vec<T> {
    let last = some.last().cloned();
    let missing = sql::padded(some.len()) - some.len();
    some.iter().cloned().chain(last.into_iter().cycle().take(missing)).collect()
}

/// Rows by instance and name; each once.
async fn lookup(
    transaction: &DatabaseTransaction,
    table: &str,
    select: &[&str],
    name: &'static str,
    names: &Names<'_>,
) -> Result<Vec<QueryResult>, Error> {
    let backend = transaction.get_database_backend();
    let keys: &Columns = &[("instance_id", Type::Id), (name, Type::Text)];
    let names: Vec<(Uuid, &str)> = names.iter().copied().collect();
    let mut found = Vec::new();
    for some in names.chunks(sql::LOOKUP) {
        let wanted = fill(some);
        let values = wanted.iter().flat_map(|(id, name)| [Value::from(*id), Value::from(*name)]);
        let text = sql::lookup(backend, table, select, keys, wanted.len());
        let rows = transaction.query_all_raw(Statement::from_sql_and_values(backend, text, values)).await?;
        // Rows of a repeated key come more than once.
        let mut seen = HashSet::with_capacity(rows.len());
        for row in rows {
            if wanted.len() == some.len() || seen.insert(identity(&row, select)?) {
                found.push(row);
            }
        }
    }
    Ok(found)
}

/// What tells rows of one lookup apart: their own id, or their name.
fn identity(row: &QueryResult, select: &[&str]) -> Result<(Uuid, String), Error> {
    match select.iter().position(|column| *column == "id") {
        Some(id) => Ok((row.try_get_by_index(id)?, String::new())),
        None => Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)),
    }
}

/// The content comes last: most writes do not read it.
const MESSAGE: [&str; 15] = [
    "id",
    "instance_id",
    "key_id",
    "remote_jid",
    "remote_jid_alt",
    "from_me",
    "participant",
    "push_name",
    "status",
    "updates",
    "message_type",
    "message_timestamp",
    "source",
    "deleted",
    "message",
];

fn message(row: &QueryResult, with_content: bool) -> Result<Slot, Error> {
    let participant: String = row.try_get_by_index(6)?;
    let updates: String = row.try_get_by_index(9)?;
    Ok(Slot {
        id: row.try_get_by_index(0)?,
        instance: InstanceId(row.try_get_by_index(1)?),
        key: MessageKey {
            id: row.try_get_by_index(2)?,
            remote_jid: row.try_get_by_index(3)?,
            remote_jid_alt: row.try_get_by_index(4)?,
            from_me: row.try_get_by_index(5)?,
            participant: Some(participant).filter(|sender| !sender.is_empty()),
        },
        push_name: row.try_get_by_index(7)?,
        status: MessageStatus::from_rank(row.try_get_by_index(8)?),
        updates: updates.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        message_type: row.try_get_by_index(10)?,
        timestamp: row.try_get_by_index(11)?,
        source: row.try_get_by_index(12)?,
        deleted: row.try_get_by_index(13)?,
        content: if with_content { Some(row.try_get_by_index(14)?) } else { None },
        edited: false,
        changed: false,
        new: None,
    })
}

const CHAT: [&str; 13] = [
    "instance_id",
    "remote_jid",
    "id",
    "remote_jid_alt",
    "name",
    "unread_count",
    "last_message_id",
    "last_message_at",
    "created_at",
    "updated_at",
    "archived",
    "pinned",
    "muted_until",
];

fn chat(row: &QueryResult) -> Result<(InstanceId, Chat), Error> {
    let chat = Chat {
        remote_jid: row.try_get_by_index(1)?,
        id: row.try_get_by_index(2)?,
        remote_jid_alt: row.try_get_by_index(3)?,
        name: row.try_get_by_index(4)?,
        unread_count: row.try_get_by_index(5)?,
        last_message_id: row.try_get_by_index(6)?,
        last_message_at: row.try_get_by_index(7)?,
        created_at: row.try_get_by_index(8)?,
        updated_at: row.try_get_by_index(9)?,
        archived: row.try_get_by_index(10)?,
        pinned: row.try_get_by_index(11)?,
        muted_until: row.try_get_by_index(12)?,
    };
    Ok((InstanceId(row.try_get_by_index(0)?), chat))
}

const CONTACT: [&str; 10] = [
    "instance_id",
    "remote_jid",
    "id",
    "remote_jid_alt",
    "push_name",
    "saved_name",
    "profile_pic_url",
    "is_saved",
    "created_at",
    "updated_at",
];

fn contact(row: &QueryResult) -> Result<(InstanceId, Contact), Error> {
    let contact = Contact {
        remote_jid: row.try_get_by_index(1)?,
        id: row.try_get_by_index(2)?,
        remote_jid_alt: row.try_get_by_index(3)?,
        push_name: row.try_get_by_index(4)?,
        saved_name: row.try_get_by_index(5)?,
        profile_pic_url: row.try_get_by_index(6)?,
        is_saved: row.try_get_by_index(7)?,
        created_at: row.try_get_by_index(8)?,
        updated_at: row.try_get_by_index(9)?,
    };
    Ok((InstanceId(row.try_get_by_index(0)?), contact))
}

const LABEL: [&str; 7] =
    ["instance_id", "label_id", "name", "color", "predefined_id", "created_at", "updated_at"];

fn label(row: &QueryResult) -> Result<(InstanceId, Label), Error> {
    let label = Label {
        label_id: row.try_get_by_index(1)?,
        name: row.try_get_by_index(2)?,
        color: row.try_get_by_index(3)?,
        predefined_id: row.try_get_by_index(4)?,
        created_at: row.try_get_by_index(5)?,
        updated_at: row.try_get_by_index(6)?,
    };
    Ok((InstanceId(row.try_get_by_index(0)?), label))
}
