//! The effect of each write on the rows in memory.

use uuid::Uuid;

use super::directory::{self, ChatChange, ContactChange, Effect};
use super::labels;
use super::merge;
use super::message::{Slot, is_ahead};
use super::state::{Sent, State};
use super::{EventsFor, Routed, Unit, Write};
use crate::domain::{InstanceId, MessageStatus};

/// Applies a unit's writes in order; answers which changed something.
pub fn unit(state: &mut State, unit: &Unit) -> Vec<bool> {
    let mut repeated: Vec<Uuid> = Vec::new();
    let mut changed = Vec::with_capacity(unit.writes.len());
    for write in &unit.writes {
        let did = match write {
            // The chat has counted this message already, and its file is kept.
            Write::Chat { last: Some((message, _)), .. } | Write::Media { message, .. }
                if repeated.contains(message) =>
            {
                false
            }
            _ => apply(state, unit.instance, write),
        };
        if let (false, Write::Message { message, .. }) = (did, write) {
            repeated.push(message.id);
        }
        changed.push(did);
    }
    changed
}

fn apply(state: &mut State, instance: InstanceId, write: &Write) -> bool {
    match write {
        Write::Message { message, idempotency_key, events, .. } => {
            let name = idempotency_key.as_ref().map(|key| (instance, key.clone()));
            if name.as_ref().is_some_and(|name| state.idempotency_keys.contains(name)) {
                return false;
            }
            let known = state.by_key.get(&(instance, message.key.id.clone()));
            if known.is_some_and(|slots| slots.iter().any(|slot| state.messages[*slot].is(&message.key))) {
                return false;
            }
            state.idempotency_keys.extend(name);
            state.add_message(Slot::insert(instance, message, idempotency_key.clone()));
            state.tell(instance, events);
            true
        }
        Write::Media { message, kind } => {
            state.media.push((*message, instance, *kind));
            true
        }
        Write::Status { key_id, remote_jid, from_me, status, events } => {
            let found = find(state, instance, key_id, remote_jid.as_deref(), *from_me);
            change(state, &found, events, false, |slot| {
                let ahead = is_ahead(*status, slot.status);
                if ahead {
                    slot.status = *status;
                    slot.append(status.as_str());
                }
                ahead
            })
        }
        Write::Sent { id, status, message_timestamp, events } => {
            sent(state, (*id, instance), *status, *message_timestamp);
            state.tell(instance, events);
            true
        }
        Write::Edit { key_id, remote_jid, from_me, sender, message, events } => {
            let found = find(state, instance, key_id, remote_jid.as_deref(), *from_me);
            change(state, &found, events, true, |slot| {
                let allowed = slot.is_by(sender.as_deref()) && !slot.deleted;
                if allowed {
                    slot.content = Some(message.clone());
                    slot.edited = true;
                    slot.append("EDITED");
                }
                allowed
            })
        }
        Write::Amend { key_id, remote_jid, change: amend, events } => {
            let side = |from_me| find(state, instance, key_id, remote_jid.as_deref(), from_me);
            let found = [side(true), side(false)].concat();
            change(state, &found, events, true, |slot| {
                let content = amend(&slot.head(true)).filter(|_| !slot.deleted);
                let amended = content.is_some();
                slot.content = content.or(slot.content.take());
                slot.edited |= amended;
                slot.changed |= amended;
                amended
            })
        }
        Write::Delete { key_id, remote_jid, from_me, sender, events } => {
            let found = find(state, instance, key_id, remote_jid.as_deref(), *from_me);
            change(state, &found, events, true, |slot| {
                let allowed = slot.is_by(sender.as_deref()) && !slot.deleted;
                if allowed {
                    slot.deleted = true;
                    slot.append("DELETED");
                }
                allowed
            })
        }
        Write::Chat { remote_jid, remote_jid_alt, name, unread, last, on_new, on_change } => {
            let change = ChatChange { remote_jid, remote_jid_alt, name, unread: *unread, last: *last };
            let effect = directory::chat(state, instance, &change);
            if effect == Effect::New {
                state.grow(instance, |grown| grown.chats += 1);
            }
            effect.tell(state, instance, on_new, on_change)
        }
        Write::ChatState { remote_jid, remote_jid_alt, state: wanted, on_new, on_change } => {
            let effect = directory::chat_state(state, instance, (remote_jid, remote_jid_alt), *wanted);
            if effect == Effect::New {
                state.grow(instance, |grown| grown.chats += 1);
            }
            effect.tell(state, instance, on_new, on_change)
        }
        Write::ChatRemoved { remote_jid, events } => {
            let removed = directory::remove_chat(state, instance, remote_jid);
            if removed {
                state.grow(instance, |grown| grown.chats -= 1);
            }
            told(state, instance, removed, events)
        }
        Write::Label { label_id, name, color, predefined_id, events } => {
            let changed = labels::edit(state, instance, label_id, (name, *color, predefined_id.as_deref()));
            told(state, instance, changed, events)
        }
        Write::LabelRemoved { label_id, events } => {
            let removed = labels::remove(state, instance, label_id);
            told(state, instance, removed, events)
        }
        Write::LabelChat { label_id, remote_jid, labeled, events } => {
            let changed = labels::put(state, instance, (label_id, remote_jid), *labeled);
            told(state, instance, changed, events)
        }
        Write::Contact { remote_jid, remote_jid_alt, push_name, profile_pic_url, saved_name, events } => {
            let change = ContactChange { remote_jid, remote_jid_alt, push_name, profile_pic_url, saved_name };
            let effect = directory::contact(state, instance, &change);
            if effect == Effect::New {
                state.grow(instance, |grown| grown.contacts += 1);
            }
            let contact = state.contacts.get(&(instance, remote_jid.clone()));
            let told_of = match (events, contact) {
                (Some(events), Some(contact)) if effect != Effect::Same => {
                    events(&contact.row, effect == Effect::New)
                }
                _ => Vec::new(),
            };
            told(state, instance, effect != Effect::Same, &told_of)
        }
        Write::ContactPicture { remote_jid, profile_pic_url, events } => {
            let effect = directory::picture(state, instance, remote_jid, profile_pic_url.as_deref());
            if effect == Effect::New {
                state.grow(instance, |grown| grown.contacts += 1);
            }
            effect.tell(state, instance, events, events)
        }
        Write::Address { lid, pn, on_chat } => {
            state.addresses.insert((instance, lid.clone()), pn.clone());
            let moved = merge::all(state, instance, lid, pn);
            told(state, instance, moved, on_chat);
            true
        }
        Write::Group { jid, row, events } => {
            state.groups.insert((instance, jid.clone()), row.clone());
            state.tell(instance, events);
            true
        }
        Write::ForgetGroups => {
            state.forget_groups(instance);
            true
        }
        Write::DoubtGroups => {
            state.doubt_groups(instance);
            true
        }
        Write::Spool(part) => {
            state.spool.add(instance, part);
            true
        }
        Write::Spooled { message_id, done } => {
            state.spool.done(instance, message_id, *done);
            true
        }
        Write::ForgetSpool => {
            state.spool.forget(instance);
            true
        }
        Write::Session { change } => {
            state.session(instance, change);
            true
        }
        Write::Instance(update) => {
            state.updates.push((instance, update.clone()));
            true
        }
        Write::Event(event) => {
            state.tell(instance, std::slice::from_ref(event));
            true
        }
    }
}

fn told(state: &mut State, instance: InstanceId, changed: bool, events: &[Routed]) -> bool {
    if changed {
        state.tell(instance, events);
    }
    changed
}

fn find(
    state: &State,
    instance: InstanceId,
    key_id: &str,
    remote_jid: Option<&str>,
    from_me: bool,
) -> Vec<usize> {
    let slots = state.by_key.get(&(instance, key_id.to_owned())).map(Vec::as_slice).unwrap_or_default();
    slots.iter().copied().filter(|slot| state.messages[*slot].answers_to(remote_jid, from_me)).collect()
}

/// Changes messages and tells of each that changed.
fn change(
    state: &mut State,
    found: &[usize],
    events: &EventsFor,
    with_content: bool,
    mut to: impl FnMut(&mut Slot) -> bool,
) -> bool {
    let mut any = false;
    for index in found {
        let slot = &mut state.messages[*index];
        if !to(slot) {
            continue;
        }
        any = true;
        if let Some(events) = events {
            let instance = slot.instance;
            let events = events(&slot.head(with_content));
            state.tell(instance, &events);
        }
    }
    any
}

fn sent(state: &mut State, id: (Uuid, InstanceId), status: MessageStatus, timestamp: Option<i64>) {
    if let Some(slot) = state.by_id.get(&id).map(|index| &mut state.messages[*index]) {
        if is_ahead(status, slot.status) {
            slot.status = status;
        }
        slot.timestamp = timestamp.unwrap_or(slot.timestamp);
        slot.changed = true;
        return;
    }
    let sent = state.blind.entry(id).or_insert(Sent { status, timestamp });
    if is_ahead(status, sent.status) {
        sent.status = status;
    }
    sent.timestamp = timestamp.or(sent.timestamp);
}
