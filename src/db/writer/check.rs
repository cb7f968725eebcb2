//! Refuses what the columns cannot hold, before it takes its company down: SQLite would store it,
//! the servers would fail the whole batch.

use super::{Routed, SessionChange, Unit, Write};
use crate::db::Error;
use crate::domain::address::JID_MAX;

const KEY_ID: usize = 128;
const MESSAGE_TYPE: usize = 64;
const SOURCE: usize = 16;
const IDEMPOTENCY_KEY: usize = 255;
const SESSION_KIND: usize = 32;
const SESSION_KEY: usize = 255;
const SINK: usize = 16;
const LABEL: usize = 64;
/// More than a group of the largest size takes, in each of its columns.
const GROUP: usize = 4 << 20;
const ACCOUNT: usize = 64;
/// More than a phone puts into a message, and less than any server takes in one statement.
const NOTICE: usize = 8 << 20;

pub fn unit(unit: &Unit) -> Result<(), Error> {
    unit.writes.iter().try_for_each(write)
}

fn write(write: &Write) -> Result<(), Error> {
    match write {
        Write::Message { message, idempotency_key, events, .. } => {
            key_id(&message.key.id)?;
            jid(&message.key.remote_jid)?;
            optional(message.key.participant.as_deref(), "participant", JID_MAX)?;
            optional(message.key.remote_jid_alt.as_deref(), "remoteJidAlt", JID_MAX)?;
            text(&message.message_type, "messageType", MESSAGE_TYPE)?;
            text(&message.source, "source", SOURCE)?;
            optional(idempotency_key.as_deref(), "idempotency key", IDEMPOTENCY_KEY)?;
            routed(events)
        }
        Write::Sent { events, .. } => routed(events),
        // A message with such an id is not on record: nothing to refuse.
        Write::Status { .. } | Write::Edit { .. } | Write::Amend { .. } | Write::Delete { .. } => Ok(()),
        Write::Contact { remote_jid, remote_jid_alt, .. } => {
            jid(remote_jid)?;
            optional(remote_jid_alt.as_deref(), "remoteJidAlt", JID_MAX)
        }
        Write::Chat { remote_jid, remote_jid_alt, on_new, on_change, .. }
        | Write::ChatState { remote_jid, remote_jid_alt, on_new, on_change, .. } => {
            jid(remote_jid)?;
            optional(remote_jid_alt.as_deref(), "remoteJidAlt", JID_MAX)?;
            routed(on_new)?;
            routed(on_change)
        }
        Write::ChatRemoved { remote_jid, events } | Write::ContactPicture { remote_jid, events, .. } => {
            jid(remote_jid).and_then(|()| routed(events))
        }
        Write::Label { label_id, predefined_id, events, .. } => {
            text(label_id, "id of a label", LABEL)?;
            optional(predefined_id.as_deref(), "predefined id of a label", LABEL)?;
            routed(events)
        }
        Write::LabelRemoved { label_id, events } => {
            text(label_id, "id of a label", LABEL)?;
            routed(events)
        }
        Write::LabelChat { label_id, remote_jid, events, .. } => {
            text(label_id, "id of a label", LABEL)?;
            jid(remote_jid)?;
            routed(events)
        }
        Write::Address { lid, pn, on_chat } => {
            jid(lid)?;
            jid(pn)?;
            routed(on_chat)
        }
        Write::Group { jid: group, row, events } => {
            jid(group)?;
            for part in row.iter().flat_map(|row| [&row.metadata, &row.members]) {
                text(part, "metadata of a group", GROUP)?;
            }
            routed(events)
        }
        Write::Spool(part) => {
            key_id(&part.message_id)?;
            text(&part.account, "account of a history", ACCOUNT)?;
            if part.notice.len() > NOTICE { Err(too_long("part of a history", NOTICE)) } else { Ok(()) }
        }
        // A part with such an id is not on record: nothing to refuse.
        Write::Spooled { .. }
        | Write::ForgetSpool
        | Write::ForgetGroups
        | Write::DoubtGroups
        | Write::Media { .. } => Ok(()),
        Write::Session { change } => session(change),
        Write::Instance(update) => {
            for address in [&update.owner_jid, &update.owner_lid] {
                optional(address.as_ref().and_then(Option::as_deref), "address", JID_MAX)?;
            }
            Ok(())
        }
        Write::Event(event) => routed(std::slice::from_ref(event)),
    }
}

fn session(change: &SessionChange) -> Result<(), Error> {
    let (kind, key) = match change {
        SessionChange::Put { kind, key, .. } | SessionChange::Delete { kind, key } => (&**kind, &**key),
        SessionChange::Clear { kind } => (&**kind, &[][..]),
        SessionChange::Destroy => ("", &[][..]),
    };
    text(kind, "kind of a session record", SESSION_KIND)?;
    if key.len() > SESSION_KEY {
        return Err(too_long("key of a session record", SESSION_KEY));
    }
    Ok(())
}

/// Events of the caller; those that are made inside the writer name chats that are on record.
fn routed(events: &[Routed]) -> Result<(), Error> {
    for routed in events {
        optional(routed.event.chat.as_deref(), "chat of an event", JID_MAX)?;
        for sink in &routed.sinks {
            text(sink, "name of a sink", SINK)?;
        }
    }
    Ok(())
}

fn key_id(id: &str) -> Result<(), Error> {
    text(id, "message id", KEY_ID)
}

fn jid(jid: &str) -> Result<(), Error> {
    text(jid, "address", JID_MAX)
}

fn optional(value: Option<&str>, what: &str, most: usize) -> Result<(), Error> {
    value.map_or(Ok(()), |value| text(value, what, most))
}

fn text(value: &str, what: &str, most: usize) -> Result<(), Error> {
    if value.len() > most {
        return Err(too_long(what, most));
    }
    // PostgreSQL has no zero character.
    if value.contains('\0') {
        return Err(Error::Invalid(format!("the {what} contains a zero character")));
    }
    Ok(())
}

fn too_long(what: &str, most: usize) -> Error {
    Error::Invalid(format!("the {what} is longer than {most} bytes"))
}
