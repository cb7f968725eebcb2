//! The rows that a batch touches, in memory: read once, changed in order, written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::message::Slot;
use super::spool::Spool;
use super::{Routed, SessionChange};
use crate::db::{Chat, Contact, GroupRow, InstanceUpdate, Label, OutboxRow};
use crate::domain::{InstanceId, MediaKind, MessageStatus};

/// A row by its instance and its name in it.
pub type Of<T> = HashMap<(InstanceId, String), T>;

#[derive(Default)]
pub struct State {
    /// Unix milliseconds, one for the whole batch.
    pub now: i64,
    pub instances: HashMap<InstanceId, Life>,
    pub messages: Vec<Slot>,
    pub by_key: Of<Vec<usize>>,
    pub by_id: HashMap<(Uuid, InstanceId), usize>,
    pub blind: BTreeMap<(Uuid, InstanceId), Sent>,
    pub idempotency_keys: HashSet<(InstanceId, String)>,
    pub chats: Of<Row<Chat>>,
    pub contacts: Of<Row<Contact>>,
    /// Removed before the others are written: one may come again in the same batch.
    pub removed_chats: BTreeSet<(InstanceId, String)>,
    pub removed_contacts: BTreeSet<(InstanceId, String)>,
    pub labels: Of<Row<Label>>,
    pub removed_labels: BTreeSet<(InstanceId, String)>,
    /// Whether a chat has a label, by the label and the chat.
    pub labelled: BTreeMap<(InstanceId, String, String), Row<bool>>,
    pub addresses: BTreeMap<(InstanceId, String), String>,
    /// `None` is to be removed.
    pub groups: BTreeMap<(InstanceId, String), Option<Arc<GroupRow>>>,
    pub forgotten_groups: HashSet<InstanceId>,
    /// Instances whose groups on record are not to be believed.
    pub doubted_groups: HashSet<InstanceId>,
    pub spool: Spool,
    pub clears: Vec<(InstanceId, Option<Cow<'static, str>>)>,
    pub records: HashMap<(InstanceId, Cow<'static, str>, Vec<u8>), Option<Record>>,
    pub updates: Vec<(InstanceId, InstanceUpdate)>,
    /// Files that are to be kept, by the rows of their messages.
    pub media: Vec<(Uuid, InstanceId, MediaKind)>,
    pub outbox: Vec<OutboxRow>,
}

/// What a batch knows of an instance.
pub struct Life {
    pub fence: i64,
    pub sequence: i64,
    pub deleted: bool,
    /// Whether the sequence has moved.
    pub told: bool,
    /// How many rows it has more than before.
    pub grown: Grown,
}

/// Rows that were added, less those that were removed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Grown {
    pub messages: i64,
    pub chats: i64,
    pub contacts: i64,
}

/// A row and whether it must be written.
pub struct Row<T> {
    pub row: T,
    pub changed: bool,
}

/// An answer to a send whose row was not read.
pub struct Sent {
    pub status: MessageStatus,
    pub timestamp: Option<i64>,
}

pub struct Record {
    pub value: Bytes,
    pub expires_at: Option<i64>,
}

impl State {
    /// Puts events into the outbox under the next numbers of the instance.
    pub fn tell(&mut self, instance: InstanceId, events: &[Routed]) {
        let Some(life) = self.instances.get_mut(&instance) else { return };
        for Routed { event, sinks } in events.iter().filter(|routed| !routed.sinks.is_empty()) {
            life.sequence += 1;
            life.told = true;
            self.outbox.extend(sinks.iter().map(|sink| OutboxRow {
                id: 0,
                instance,
                sink: Cow::Borrowed(*sink),
                sequence: life.sequence,
                event: Arc::clone(event),
                attempt: 0,
                due_at: 0,
            }));
        }
    }

    /// Counts rows of an instance.
    pub fn grow(&mut self, instance: InstanceId, count: impl FnOnce(&mut Grown)) {
        if let Some(life) = self.instances.get_mut(&instance) {
            count(&mut life.grown);
        }
    }

    pub fn add_message(&mut self, slot: Slot) {
        let index = self.messages.len();
        self.by_id.insert((slot.id, slot.instance), index);
        self.by_key.entry((slot.instance, slot.key.id.clone())).or_default().push(index);
        self.messages.push(slot);
    }

    /// Forgetting comes before what is recorded in the same batch afterwards.
    pub fn forget_groups(&mut self, instance: InstanceId) {
        self.groups.retain(|(owner, _), _| *owner != instance);
        self.forgotten_groups.insert(instance);
    }

    /// Doubt concerns what is recorded in the same batch before, not what is recorded afterwards.
    pub fn doubt_groups(&mut self, instance: InstanceId) {
        let of_instance = self.groups.iter_mut().filter(|((owner, _), _)| *owner == instance);
        for row in of_instance.filter_map(|(_, row)| row.as_mut()) {
            Arc::make_mut(row).fetched_at = 0;
        }
        self.doubted_groups.insert(instance);
    }

    /// The last change of a record wins; clearing comes before all others.
    pub fn session(&mut self, instance: InstanceId, change: &SessionChange) {
        match change {
            SessionChange::Put { kind, key, value, expires_at } => {
                let record = Record { value: value.clone(), expires_at: *expires_at };
                self.records.insert((instance, kind.clone(), key.clone()), Some(record));
            }
            SessionChange::Delete { kind, key } => {
                self.records.insert((instance, kind.clone(), key.clone()), None);
            }
            SessionChange::Clear { kind } => {
                self.records.retain(|(owner, of, _), _| *owner != instance || of != kind);
                self.clears.push((instance, Some(kind.clone())));
            }
            SessionChange::Destroy => {
                self.records.retain(|(owner, ..), _| *owner != instance);
                self.clears.push((instance, None));
            }
        }
    }
}
