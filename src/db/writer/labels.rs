//! Labels within a batch.

use super::directory::clean;
use super::state::{Row, State};
use crate::db::Label;
use crate::domain::InstanceId;

/// Creates or changes a label: its name, its colour, and which of WhatsApp's own it is.
pub fn edit(
    state: &mut State,
    instance: InstanceId,
    label_id: &str,
    (name, color, predefined_id): (&str, i32, Option<&str>),
) -> bool {
    let now = state.now;
    let (name, predefined_id) = (clean(name), predefined_id.map(clean));
    let mut new = false;
    let entry = state.labels.entry((instance, label_id.to_owned())).or_insert_with(|| {
        new = true;
        let row = Label {
            label_id: label_id.to_owned(),
            name: name.clone(),
            color,
            predefined_id: predefined_id.clone(),
            created_at: now,
            updated_at: now,
        };
        Row { row, changed: true }
    });
    let row = &mut entry.row;
    let known = (&row.name, row.color, &row.predefined_id);
    if !new && known == (&name, color, &predefined_id) {
        return false;
    }
    (row.name, row.color, row.predefined_id, row.updated_at) = (name, color, predefined_id, now);
    entry.changed = true;
    true
}

/// Removes a label, from all chats too.
pub fn remove(state: &mut State, instance: InstanceId, label_id: &str) -> bool {
    let known = state.labels.remove(&(instance, label_id.to_owned())).is_some();
    state.removed_labels.insert((instance, label_id.to_owned()));
    state.labelled.retain(|(owner, label, _), _| *owner != instance || label != label_id);
    known
}

/// Puts a label on a chat, or takes it off.
pub fn put(
    state: &mut State,
    instance: InstanceId,
    (label_id, remote_jid): (&str, &str),
    labeled: bool,
) -> bool {
    let key = (instance, label_id.to_owned(), remote_jid.to_owned());
    let entry = state.labelled.entry(key).or_insert(Row { row: false, changed: false });
    let changed = entry.row != labeled;
    entry.changed |= changed;
    entry.row = labeled;
    changed
}
