//! What is on record under a hidden identity and comes to the phone number when that becomes known.

use std::collections::hash_map::Entry;

use super::labels;
use super::state::{Row, State};
use crate::db::{Chat, Contact};
use crate::domain::InstanceId;

/// Moves the chat, its labels and the contact; answers whether there was a chat.
pub fn all(state: &mut State, instance: InstanceId, lid: &str, pn: &str) -> bool {
    if lid == pn {
        return false;
    }
    labels(state, instance, lid, pn);
    contact(state, instance, lid, pn);
    chat(state, instance, lid, pn)
}

fn labels(state: &mut State, instance: InstanceId, lid: &str, pn: &str) {
    let of_lid =
        state.labelled.iter().filter(|((owner, _, jid), put)| *owner == instance && jid == lid && put.row);
    let found: Vec<String> = of_lid.map(|((_, label, _), _)| label.clone()).collect();
    for label in &found {
        labels::put(state, instance, (label, lid), false);
        labels::put(state, instance, (label, pn), true);
    }
}

fn chat(state: &mut State, instance: InstanceId, lid: &str, pn: &str) -> bool {
    let old = (instance, lid.to_owned());
    let Some(Row { row: moved, .. }) = state.chats.remove(&old) else { return false };
    state.removed_chats.insert(old);
    let now = state.now;
    match state.chats.entry((instance, pn.to_owned())) {
        Entry::Vacant(place) => {
            let (remote_jid, remote_jid_alt) = (pn.to_owned(), Some(lid.to_owned()));
            let row = Chat { remote_jid, remote_jid_alt, updated_at: now, ..moved };
            place.insert(Row { row, changed: true });
        }
        Entry::Occupied(known) => {
            let Row { row, changed } = known.into_mut();
            (*changed, row.updated_at) = (true, now);
            row.remote_jid_alt = Some(lid.to_owned());
            row.name = row.name.take().or(moved.name);
            // Marked as unread is one, and may be the same one.
            row.unread_count = row.unread_count.max(moved.unread_count);
            if moved.last_message_at > row.last_message_at {
                (row.last_message_id, row.last_message_at) = (moved.last_message_id, moved.last_message_at);
            }
            row.created_at = row.created_at.min(moved.created_at);
            row.archived |= moved.archived;
            row.pinned |= moved.pinned;
            row.muted_until = row.muted_until.or(moved.muted_until);
            state.grow(instance, |grown| grown.chats -= 1);
        }
    }
    true
}

fn contact(state: &mut State, instance: InstanceId, lid: &str, pn: &str) {
    let old = (instance, lid.to_owned());
    let Some(Row { row: moved, .. }) = state.contacts.remove(&old) else { return };
    state.removed_contacts.insert(old);
    let now = state.now;
    match state.contacts.entry((instance, pn.to_owned())) {
        Entry::Vacant(place) => {
            let (remote_jid, remote_jid_alt) = (pn.to_owned(), Some(lid.to_owned()));
            let row = Contact { remote_jid, remote_jid_alt, updated_at: now, ..moved };
            place.insert(Row { row, changed: true });
        }
        Entry::Occupied(known) => {
            let Row { row, changed } = known.into_mut();
            (*changed, row.updated_at) = (true, now);
            row.remote_jid_alt = Some(lid.to_owned());
            row.push_name = row.push_name.take().or(moved.push_name);
            row.saved_name = row.saved_name.take().or(moved.saved_name);
            row.profile_pic_url = row.profile_pic_url.take().or(moved.profile_pic_url);
            row.is_saved |= moved.is_saved;
            row.created_at = row.created_at.min(moved.created_at);
            state.grow(instance, |grown| grown.contacts -= 1);
        }
    }
}
