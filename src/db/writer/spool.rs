//! Parts of histories within a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Value};

use super::flush::{Flush, replace};
use super::sql::Type;
use super::state::State;
use crate::db::entity::history_spool::{Column, Entity};
use crate::db::{Error, Spooled};
use crate::domain::InstanceId;

const PART: [&str; 6] = ["instance_id", "message_id", "account", "notice", "done", "created_at"];

/// What becomes of a part.
enum Change {
    Added(Arc<Spooled>),
    /// So many of its chats are recorded.
    Done(i32),
    Removed,
}

/// What a batch does to the parts that wait.
#[derive(Default)]
pub struct Spool {
    changes: BTreeMap<(InstanceId, String), Change>,
    /// Forgetting comes before what is recorded in the same batch afterwards.
    forgotten: BTreeSet<InstanceId>,
}

impl Spool {
    pub fn add(&mut self, instance: InstanceId, part: &Arc<Spooled>) {
        let name = (instance, part.message_id.clone());
        self.changes.entry(name).or_insert_with(|| Change::Added(Arc::clone(part)));
    }

    pub fn done(&mut self, instance: InstanceId, message_id: &str, done: Option<i32>) {
        let name = (instance, message_id.to_owned());
        let change = match (done, self.changes.get(&name)) {
            (None, _) | (Some(_), Some(Change::Removed)) => Change::Removed,
            (Some(done), Some(Change::Added(part))) => {
                Change::Added(Arc::new(Spooled { done, ..Spooled::clone(part) }))
            }
            (Some(done), Some(Change::Done(_)) | None) => Change::Done(done),
        };
        self.changes.insert(name, change);
    }

    pub fn forget(&mut self, instance: InstanceId) {
        self.changes.retain(|(owner, _), _| *owner != instance);
        self.forgotten.insert(instance);
    }
}

impl Flush<'_> {
    pub(super) async fn spool(&self, state: &State) -> Result<(), Error> {
        for id in &state.spool.forgotten {
            Entity::delete_many().filter(Column::InstanceId.eq(id.0)).exec(self.transaction).await?;
        }
        let mut removed: Vec<Vec<Value>> = Vec::new();
        for ((instance, message_id), change) in &state.spool.changes {
            let key = vec![instance.0.into(), message_id.clone().into()];
            match change {
                Change::Removed => removed.push(key),
                Change::Done(done) => {
                    let row = Entity::update_many().col_expr(Column::Done, Expr::value(*done));
                    let row = row.filter(Column::InstanceId.eq(instance.0));
                    row.filter(Column::MessageId.eq(message_id)).exec(self.transaction).await?;
                }
                Change::Added(part) => {
                    let mut row = key;
                    row.extend([
                        part.account.clone().into(),
                        part.notice.clone().into(),
                        part.done.into(),
                        part.created_at.into(),
                    ]);
                    // A statement of its own: several could be more than a server takes at once. A part that
                    // comes again stays as it is.
                    let conflict = replace(&["instance_id", "message_id"], &["account"]);
                    self.insert("history_spool", &PART, conflict, &[row]).await?;
                }
            }
        }
        self.delete("history_spool", &[("instance_id", Type::Id), ("message_id", Type::Text)], &removed).await
    }
}
