//! Writes what a batch changed, with statements over many rows.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, Statement, Value,
};

use uuid::Uuid;

use super::columns::{
    CHAT, CHAT_SET, CONTACT, CONTACT_SET, GROUP, INSTANCE_CHANGE, INSTANCE_SET, LABEL, LABEL_SET, MESSAGE,
    MESSAGE_CHANGE, MESSAGE_SET, OUTBOX, RECORD, RECORD_KEY,
};
use super::directory::clean;
use super::message::{New, Slot};
use super::sql::{self, Columns, Conflict, Type};
use super::state::{Grown, Row, Sent, State};
use crate::db::entity::{group_metadata, instance, session_record};
use crate::db::instances::changes;
use crate::db::{Error, outbox, search};
use crate::domain::InstanceId;

/// The rows of one statement's parameters.
type Values = Vec<Vec<Value>>;

/// Where a batch is written.
pub struct Flush<'a> {
    pub transaction: &'a DatabaseTransaction,
}

impl Flush<'_> {
    /// Writes every changed row, and gives the outbox rows their ids.
    pub async fn all(&self, state: &mut State) -> Result<(), Error> {
        self.messages(state).await?;
        self.media(state).await?;
        self.directory(state).await?;
        self.labels(state).await?;
        self.groups(state).await?;
        self.spool(state).await?;
        self.session(state).await?;
        for (id, update) in &state.updates {
            let row = instance::Entity::update_many().set(changes(update, state.now)?);
            row.filter(instance::Column::Id.eq(id.0)).exec(self.transaction).await?;
        }
        count_messages(state);
        self.instances(state).await?;
        self.outbox(state).await
    }

    async fn messages(&self, state: &State) -> Result<(), Error> {
        let row = |slot: &Slot| slot.new.as_ref().map(|new| insertion(slot, new, state.now));
        let new: Values = state.messages.iter().filter_map(row).collect();
        self.insert("message", &MESSAGE, Conflict::Fail, &new).await?;
        let old = state.messages.iter().filter(|slot| slot.new.is_none());
        let mut changed: Values = old.filter(|slot| slot.changed).map(change_of_slot).collect();
        changed.extend(state.blind.iter().map(|((id, instance), sent)| change_of_sent(*id, *instance, sent)));
        self.update("message", 2, &MESSAGE_CHANGE, &MESSAGE_SET, &changed).await
    }

    async fn directory(&self, state: &State) -> Result<(), Error> {
        for (table, removed) in [("chat", &state.removed_chats), ("contact", &state.removed_contacts)] {
            let removed: Values =
                removed.iter().map(|(id, jid)| vec![id.0.into(), jid.clone().into()]).collect();
            self.delete(table, &[("instance_id", Type::Id), ("remote_jid", Type::Text)], &removed).await?;
        }
        let chats: Values = state
            .chats
            .iter()
            .filter(|(_, row)| row.changed)
            .map(|((instance, jid), chat)| {
                let chat = &chat.row;
                vec![
                    instance.0.into(),
                    jid.clone().into(),
                    chat.id.into(),
                    chat.remote_jid_alt.clone().into(),
                    chat.name.clone().into(),
                    chat.unread_count.into(),
                    chat.last_message_id.into(),
                    chat.last_message_at.into(),
                    chat.created_at.into(),
                    chat.updated_at.into(),
                    chat.archived.into(),
                    chat.pinned.into(),
                    chat.muted_until.into(),
                ]
            })
            .collect();
        self.insert("chat", &CHAT, replace(&["instance_id", "remote_jid"], &CHAT_SET), &chats).await?;
        let contacts: Values = state
            .contacts
            .iter()
            .filter(|(_, row)| row.changed)
            .map(|((instance, jid), contact)| {
                let contact = &contact.row;
                vec![
                    instance.0.into(),
                    jid.clone().into(),
                    contact.id.into(),
                    contact.remote_jid_alt.clone().into(),
                    contact.push_name.clone().into(),
                    contact.saved_name.clone().into(),
                    contact.profile_pic_url.clone().into(),
                    contact.is_saved.into(),
                    contact.created_at.into(),
                    contact.updated_at.into(),
                ]
            })
            .collect();
        let conflict = replace(&["instance_id", "remote_jid"], &CONTACT_SET);
        self.insert("contact", &CONTACT, conflict, &contacts).await?;
        let addresses = state.addresses.iter();
        let addresses: Values = addresses
            .map(|((instance, lid), pn)| vec![instance.0.into(), lid.clone().into(), pn.clone().into()])
            .collect();
        let conflict = replace(&["instance_id", "lid"], &["pn"]);
        self.insert("address", &["instance_id", "lid", "pn"], conflict, &addresses).await
    }

    async fn labels(&self, state: &State) -> Result<(), Error> {
        const KEY: [(&str, Type); 3] =
            [("instance_id", Type::Id), ("label_id", Type::Text), ("remote_jid", Type::Text)];
        let removed: Values =
            state.removed_labels.iter().map(|(id, label)| vec![id.0.into(), label.clone().into()]).collect();
        self.delete("label", &KEY[..2], &removed).await?;
        self.delete("label_chat", &KEY[..2], &removed).await?;
        let changed = state.labels.iter().filter(|(_, label)| label.changed);
        let labels: Values = changed
            .map(|((instance, id), Row { row, .. })| {
                vec![
                    instance.0.into(),
                    id.clone().into(),
                    row.name.clone().into(),
                    row.color.into(),
                    row.predefined_id.clone().into(),
                    row.created_at.into(),
                    row.updated_at.into(),
                ]
            })
            .collect();
        self.insert("label", &LABEL, replace(&["instance_id", "label_id"], &LABEL_SET), &labels).await?;
        let (mut put, mut taken) = (Values::new(), Values::new());
        for ((instance, label, chat), row) in state.labelled.iter().filter(|(_, row)| row.changed) {
            let mut key = vec![instance.0.into(), label.clone().into(), chat.clone().into()];
            if row.row {
                key.push(Uuid::now_v7().into());
                put.push(key);
            } else {
                taken.push(key);
            }
        }
        self.delete("label_chat", &KEY, &taken).await?;
        let conflict = replace(&["instance_id", "remote_jid", "label_id"], &["label_id"]);
        self.insert("label_chat", &["instance_id", "label_id", "remote_jid", "id"], conflict, &put).await
    }

    async fn groups(&self, state: &State) -> Result<(), Error> {
        for id in &state.forgotten_groups {
            let rows = group_metadata::Entity::delete_many();
            rows.filter(group_metadata::Column::InstanceId.eq(id.0)).exec(self.transaction).await?;
        }
        for id in &state.doubted_groups {
            let rows =
                group_metadata::Entity::update_many().filter(group_metadata::Column::InstanceId.eq(id.0));
            rows.col_expr(group_metadata::Column::FetchedAt, Expr::value(0_i64))
                .exec(self.transaction)
                .await?;
        }
        let (mut gone, mut known) = (Values::new(), Values::new());
        for ((id, jid), row) in &state.groups {
            let mut values: Vec<Value> = vec![id.0.into(), jid.clone().into()];
            match row {
                None => gone.push(values),
                Some(row) => {
                    let texts = [row.metadata.clone().into(), row.members.clone().into()];
                    values.extend(texts.into_iter().chain([row.fetched_at.into()]));
                    known.push(values);
                }
            }
        }
        self.delete("group_metadata", &[("instance_id", Type::Id), ("jid", Type::Text)], &gone).await?;
        let conflict = replace(&["instance_id", "jid"], &["metadata", "members", "fetched_at"]);
        self.insert("group_metadata", &GROUP, conflict, &known).await
    }

    async fn session(&self, state: &State) -> Result<(), Error> {
        use session_record::Column::{InstanceId as Instance, Kind};
        for (id, kind) in &state.clears {
            let mut rows = session_record::Entity::delete_many().filter(Instance.eq(id.0));
            if let Some(kind) = kind {
                rows = rows.filter(Kind.eq(&**kind));
            }
            rows.exec(self.transaction).await?;
        }
        let mut deleted = Values::new();
        let mut stored = Values::new();
        for ((id, kind, key), record) in &state.records {
            let mut row = vec![id.0.into(), kind.to_string().into(), key.clone().into()];
            match record {
                None => deleted.push(row),
                Some(record) => {
                    row.extend([record.value.to_vec().into(), record.expires_at.into()]);
                    stored.push(row);
                }
            }
        }
        self.delete("session_record", &RECORD_KEY, &deleted).await?;
        let conflict = replace(&["instance_id", "kind", "record_key"], &["value", "expires_at"]);
        self.insert("session_record", &RECORD, conflict, &stored).await
    }

    /// The numbers of events and of rows; the instances are locked.
    async fn instances(&self, state: &State) -> Result<(), Error> {
        let moved = state.instances.iter().filter(|(_, life)| life.told || life.grown != Grown::default());
        let rows: Values = moved
            .map(|(id, life)| {
                let Grown { messages, chats, contacts } = life.grown;
                vec![id.0.into(), life.sequence.into(), messages.into(), chats.into(), contacts.into()]
            })
            .collect();
        self.update("instance", 1, &INSTANCE_CHANGE, &INSTANCE_SET, &rows).await
    }

    async fn outbox(&self, state: &mut State) -> Result<(), Error> {
        let now = state.now;
        let rows: Values = state
            .outbox
            .iter()
            .map(|row| {
                vec![
                    row.instance.0.into(),
                    row.sink.to_string().into(),
                    row.event.id.into(),
                    row.event.kind.wire().into(),
                    row.event.chat.clone().into(),
                    row.sequence.into(),
                    row.event.data.get().into(),
                    row.event.time.into(),
                    outbox::history(&row.event).into(),
                    now.into(),
                ]
            })
            .collect();
        let mut ids = Vec::with_capacity(rows.len());
        let step = if rows.is_empty() { 1 } else { self.id_step().await? };
        for piece in sql::pieces(&rows) {
            let text = sql::insert(self.backend(), "outbox", &OUTBOX, piece.len(), Conflict::Fail);
            if self.backend() == DbBackend::MySql {
                let first = self.run(text, piece).await?.last_insert_id();
                let first = i64::try_from(first).unwrap_or(i64::MAX);
                ids.extend((0..).zip(piece).map(|(position, _)| first + position * step));
                continue;
            }
            let statement = self.statement(format!("{text} RETURNING id"), piece);
            let mut some = Vec::with_capacity(piece.len());
            for row in self.transaction.query_all_raw(statement).await? {
                some.push(row.try_get_by_index::<i64>(0)?);
            }
            // Numbers are given in the order of the values; the answer may come in another.
            some.sort_unstable();
            ids.extend(some);
        }
        for (row, id) in state.outbox.iter_mut().zip(ids) {
            row.id = id;
        }
        Ok(())
    }

    /// The distance between the ids of one statement, which a cluster of MySQL servers widens.
    async fn id_step(&self) -> Result<i64, Error> {
        if self.backend() != DbBackend::MySql {
            return Ok(1);
        }
        let text = "SELECT CAST(@@auto_increment_increment AS SIGNED)";
        let row = self.transaction.query_one_raw(Statement::from_string(self.backend(), text)).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(1))
    }

    pub(super) async fn insert(
        &self,
        table: &str,
        columns: &[&str],
        conflict: Conflict,
        rows: &[Vec<Value>],
    ) -> Result<(), Error> {
        for piece in sql::pieces(rows) {
            self.run(sql::insert(self.backend(), table, columns, piece.len(), conflict), piece).await?;
        }
        Ok(())
    }

    async fn update(
        &self,
        table: &str,
        key: usize,
        columns: &Columns,
        set: &[(&str, &str)],
        rows: &[Vec<Value>],
    ) -> Result<(), Error> {
        for piece in sql::pieces(rows) {
            self.run(sql::update(self.backend(), table, key, columns, set, piece.len()), piece).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, table: &str, keys: &Columns, rows: &[Vec<Value>]) -> Result<(), Error> {
        for piece in sql::pieces(rows) {
            self.run(sql::delete(self.backend(), table, keys, piece.len()), piece).await?;
        }
        Ok(())
    }

    async fn run(&self, text: String, rows: &[Vec<Value>]) -> Result<sea_orm::ExecResult, Error> {
        Ok(self.transaction.execute_raw(self.statement(text, rows)).await?)
    }

    fn statement(&self, text: String, rows: &[Vec<Value>]) -> Statement {
        Statement::from_sql_and_values(self.backend(), text, rows.iter().flatten().cloned())
    }

    fn backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }
}

fn count_messages(state: &mut State) {
    let new = state.messages.iter().filter(|slot| slot.new.is_some());
    let new: Vec<InstanceId> = new.map(|slot| slot.instance).collect();
    for instance in new {
        state.grow(instance, |grown| grown.messages += 1);
    }
}

pub(super) const fn replace(key: &'static [&'static str], set: &'static [&'static str]) -> Conflict {
    Conflict::Replace { key, set }
}

fn insertion(slot: &Slot, new: &New, now: i64) -> Vec<Value> {
    let key = &slot.key;
    vec![
        slot.id.into(),
        slot.instance.0.into(),
        key.id.clone().into(),
        key.remote_jid.clone().into(),
        key.remote_jid_alt.clone().into(),
        key.from_me.into(),
        key.participant.clone().unwrap_or_default().into(),
        slot.push_name.as_deref().map(clean).into(),
        slot.status.rank().into(),
        slot.updates.join(",").into(),
        slot.message_type.clone().into(),
        slot.content().unwrap_or("null").into(),
        new.message.context_info.clone().into(),
        slot.timestamp.into(),
        slot.source.clone().into(),
        new.idempotency_key.clone().into(),
        slot.deleted.into(),
        now.into(),
        search::stored(slot.instance, slot.content().unwrap_or("null")).into(),
    ]
}

fn change_of_slot(slot: &Slot) -> Vec<Value> {
    let content = slot.content.clone().filter(|_| slot.edited);
    let search = content.as_deref().and_then(|content| search::stored(slot.instance, content));
    vec![
        slot.id.into(),
        slot.instance.0.into(),
        slot.status.rank().into(),
        slot.updates.join(",").into(),
        content.into(),
        slot.timestamp.into(),
        slot.deleted.into(),
        search.into(),
    ]
}

fn change_of_sent(id: Uuid, instance: InstanceId, sent: &Sent) -> Vec<Value> {
    vec![
        id.into(),
        instance.0.into(),
        sent.status.rank().into(),
        None::<String>.into(),
        None::<String>.into(),
        sent.timestamp.into(),
        None::<bool>.into(),
        None::<String>.into(),
    ]
}
