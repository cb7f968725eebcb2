//! Chats and contacts within a batch.

use uuid::Uuid;

use super::state::{Row, State};
use super::{ChatState, Routed, Unread};
use crate::db::{Chat, Contact};
use crate::domain::InstanceId;

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    New,
    Changed,
    Same,
}

impl Effect {
    pub fn tell(
        self,
        state: &mut State,
        instance: InstanceId,
        on_new: &[Routed],
        on_change: &[Routed],
    ) -> bool {
        match self {
            Self::New => state.tell(instance, on_new),
            Self::Changed => state.tell(instance, on_change),
            Self::Same => return false,
        }
        true
    }
}

pub struct ChatChange<'a> {
    pub remote_jid: &'a str,
    pub remote_jid_alt: &'a Option<String>,
    pub name: &'a Option<String>,
    pub unread: Unread,
    pub last: Option<(Uuid, i64)>,
}

/// The chat of an address; `new` is set when it was not on record.
fn entry<'a>(
    state: &'a mut State,
    instance: InstanceId,
    remote_jid: &str,
    new: &mut bool,
) -> &'a mut Row<Chat> {
    let now = state.now;
    state.chats.entry((instance, remote_jid.to_owned())).or_insert_with(|| {
        *new = true;
        let row = Chat {
            id: Uuid::now_v7(),
            remote_jid: remote_jid.to_owned(),
            remote_jid_alt: None,
            name: None,
            unread_count: 0,
            last_message_id: None,
            last_message_at: None,
            created_at: now,
            updated_at: now,
            archived: false,
            pinned: false,
            muted_until: None,
        };
        Row { row, changed: true }
    })
}

/// Changes what the devices agreed on about a chat, by its address and the other form of it.
pub fn chat_state(
    state: &mut State,
    instance: InstanceId,
    (remote_jid, alt): (&str, &Option<String>),
    wanted: ChatState,
) -> Effect {
    let now = state.now;
    let says = |wanted: ChatState| {
        wanted.archived == Some(true)
            || wanted.pinned == Some(true)
            || matches!(wanted.muted_until, Some(Some(_)))
            || wanted.unread == Some(true)
    };
    if !says(wanted) && !state.chats.contains_key(&(instance, remote_jid.to_owned())) {
        return Effect::Same;
    }
    let mut new = false;
    let entry = entry(state, instance, remote_jid, &mut new);
    let row = &mut entry.row;
    let known = (row.archived, row.pinned, row.muted_until, row.unread_count);
    row.archived = wanted.archived.unwrap_or(row.archived);
    row.pinned = wanted.pinned.unwrap_or(row.pinned);
    row.muted_until = wanted.muted_until.unwrap_or(row.muted_until);
    row.unread_count = match wanted.unread {
        Some(true) => row.unread_count.max(1),
        Some(false) => 0,
        None => row.unread_count,
    };
    let mut changed = known != (row.archived, row.pinned, row.muted_until, row.unread_count);
    changed |= replace(&mut row.remote_jid_alt, alt.as_deref());
    effect(new, changed, &mut entry.changed, &mut entry.row.updated_at, now)
}

/// Removes a chat; answers whether it was there.
pub fn remove_chat(state: &mut State, instance: InstanceId, remote_jid: &str) -> bool {
    let key = (instance, remote_jid.to_owned());
    let known = state.chats.remove(&key).is_some();
    state.removed_chats.insert(key);
    known
}

pub fn chat(state: &mut State, instance: InstanceId, change: &ChatChange<'_>) -> Effect {
    let now = state.now;
    let mut new = false;
    let entry = entry(state, instance, change.remote_jid, &mut new);
    let row = &mut entry.row;
    let mut changed = replace(&mut row.remote_jid_alt, change.remote_jid_alt.as_deref());
    changed |= replace(&mut row.name, change.name.as_deref());
    let unread = match change.unread {
        Unread::Add(more) => row.unread_count.saturating_add(more).max(0),
        Unread::Initial(count) if new => count.max(0),
        Unread::Reset => 0,
        Unread::Initial(_) | Unread::Keep => row.unread_count,
    };
    changed |= unread != row.unread_count;
    row.unread_count = unread;
    if let Some((id, at)) = change.last
        && row.last_message_at.is_none_or(|known| at >= known)
        && row.last_message_id != Some(id)
    {
        row.last_message_id = Some(id);
        row.last_message_at = Some(at);
        changed = true;
    }
    effect(new, changed, &mut entry.changed, &mut entry.row.updated_at, now)
}

pub struct ContactChange<'a> {
    pub remote_jid: &'a str,
    pub remote_jid_alt: &'a Option<String>,
    pub push_name: &'a Option<String>,
    pub profile_pic_url: &'a Option<String>,
    pub saved_name: &'a Option<Option<String>>,
}

fn contact_entry<'a>(
    state: &'a mut State,
    instance: InstanceId,
    remote_jid: &str,
    new: &mut bool,
) -> &'a mut Row<Contact> {
    let now = state.now;
    state.contacts.entry((instance, remote_jid.to_owned())).or_insert_with(|| {
        *new = true;
        let row = Contact {
            id: Uuid::now_v7(),
            remote_jid: remote_jid.to_owned(),
            remote_jid_alt: None,
            push_name: None,
            saved_name: None,
            profile_pic_url: None,
            is_saved: false,
            created_at: now,
            updated_at: now,
        };
        Row { row, changed: true }
    })
}

/// Notes where the picture of a contact is.
pub fn picture(state: &mut State, instance: InstanceId, remote_jid: &str, url: Option<&str>) -> Effect {
    if url.is_none() && !state.contacts.contains_key(&(instance, remote_jid.to_owned())) {
        return Effect::Same;
    }
    let now = state.now;
    let mut new = false;
    let entry = contact_entry(state, instance, remote_jid, &mut new);
    let url = url.map(clean);
    let changed = entry.row.profile_pic_url != url;
    entry.row.profile_pic_url = url;
    effect(new, changed, &mut entry.changed, &mut entry.row.updated_at, now)
}

pub fn contact(state: &mut State, instance: InstanceId, change: &ContactChange<'_>) -> Effect {
    let now = state.now;
    let mut new = false;
    let entry = contact_entry(state, instance, change.remote_jid, &mut new);
    let row = &mut entry.row;
    let mut changed = replace(&mut row.remote_jid_alt, change.remote_jid_alt.as_deref());
    changed |= replace(&mut row.push_name, change.push_name.as_deref());
    changed |= replace(&mut row.profile_pic_url, change.profile_pic_url.as_deref());
    if let Some(name) = change.saved_name {
        let name = name.as_deref().map(clean);
        changed |= row.saved_name != name;
        row.is_saved = name.is_some();
        row.saved_name = name;
    }
    effect(new, changed, &mut entry.changed, &mut entry.row.updated_at, now)
}

fn effect(new: bool, changed: bool, dirty: &mut bool, updated_at: &mut i64, now: i64) -> Effect {
    if !new && !changed {
        return Effect::Same;
    }
    *dirty = true;
    *updated_at = now;
    if new { Effect::New } else { Effect::Changed }
}

/// Sets what is told and differs.
fn replace(stored: &mut Option<String>, told: Option<&str>) -> bool {
    let Some(told) = told.map(clean) else { return false };
    if stored.as_ref() == Some(&told) {
        return false;
    }
    *stored = Some(told);
    true
}

/// Names are the other side's to choose, zero characters included, which PostgreSQL refuses.
pub fn clean(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() }
}
