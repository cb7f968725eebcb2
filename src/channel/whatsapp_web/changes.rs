//! What was changed on the phone or another device of the account, and what contacts changed of
//! themselves.

use serde_json::{Map, Value, json};
use wacore::types::events::{Event, LabelAssociationUpdate, LabelEditUpdate};
use wacore_binary::Jid as WireJid;
use whatsapp_rust::Client;

use super::address::{self, Shown};
use super::connection::Context;
use super::intake::Picture;
use crate::channel::Signal;
use crate::domain::address::JidKind;
use crate::domain::label::Edited;
use crate::domain::{self, EventKind, InstanceId, Jid};
use crate::events::{ChatState, Contact, Write};

/// Whether a report is a change of this kind.
pub const fn is_one(event: &Event) -> bool {
    matches!(
        event,
        Event::ArchiveUpdate(_)
            | Event::PinUpdate(_)
            | Event::MuteUpdate(_)
            | Event::MarkChatAsReadUpdate(_)
            | Event::DeleteChatUpdate(_)
            | Event::LabelEditUpdate(_)
            | Event::LabelAssociationUpdate(_)
            | Event::PictureUpdate(_)
            | Event::ContactUpdated(_)
    )
}

/// Records a change and tells it.
pub async fn apply(context: &Context, client: &Client, event: &Event) {
    let (chat, state) = match event {
        Event::ArchiveUpdate(update) => {
            (&update.jid, ChatState { archived: update.action.archived, ..ChatState::default() })
        }
        Event::PinUpdate(update) => {
            (&update.jid, ChatState { pinned: update.action.pinned, ..ChatState::default() })
        }
        Event::MuteUpdate(update) => {
            let until = update
                .action
                .muted
                .unwrap_or_default()
                .then(|| update.action.mute_end_timestamp.unwrap_or(-1));
            (&update.jid, ChatState { muted_until: Some(until), ..ChatState::default() })
        }
        Event::MarkChatAsReadUpdate(update) => {
            let unread = update.action.read.map(|read| !read);
            (&update.jid, ChatState { unread, ..ChatState::default() })
        }
        Event::DeleteChatUpdate(update) => return delete(context, client, &update.jid).await,
        Event::LabelEditUpdate(update) => return label(context, update).await,
        Event::LabelAssociationUpdate(update) => return association(context, client, update).await,
        Event::PictureUpdate(update) => {
            return context.intake.look_up(Picture { of: update.jid.clone(), removed: update.removed });
        }
        Event::ContactUpdated(update) => {
            return context.intake.look_up(Picture { of: update.jid.clone(), removed: false });
        }
        _ => return,
    };
    if let Some(chat) = address::shown(client, chat, None).await {
        let mut writes: Vec<Write> = context.learn(&chat).into_iter().collect();
        writes.push(chat_state(context, &chat, state));
        context.note(writes).await;
    }
}

fn chat_state(context: &Context, chat: &Shown, state: ChatState) -> Write {
    let journal = &context.seat.journal;
    let data = json!([shown(&chat.jid, state, context)]);
    Write::ChatState {
        remote_jid: chat.jid.to_string(),
        remote_jid_alt: chat.alt.as_ref().map(ToString::to_string),
        state,
        on_new: journal.event(EventKind::ChatsUpsert, &data),
        on_change: journal.event(EventKind::ChatsUpdate, &data),
    }
}

/// The chat with what has changed of it.
fn shown(chat: &Jid, state: ChatState, context: &Context) -> Value {
    let mut shown = Map::new();
    shown.insert("remoteJid".to_owned(), json!(chat));
    if let Some(archived) = state.archived {
        shown.insert("archived".to_owned(), json!(archived));
    }
    if let Some(pinned) = state.pinned {
        shown.insert("pinned".to_owned(), json!(pinned));
    }
    if let Some(until) = state.muted_until {
        shown.insert("mutedUntil".to_owned(), json!(until));
    }
    if let Some(unread) = state.unread {
        shown.insert("markedAsUnread".to_owned(), json!(unread));
    }
    shown.insert("instanceId".to_owned(), json!(context.seat.instance));
    Value::Object(shown)
}

/// A contact as it is told; of its names the one that it is told for.
pub fn contact(contact: &Contact, name: Option<&str>, instance: InstanceId) -> Value {
    json!({
        "remoteJid": contact.remote_jid, "pushName": name, "profilePicUrl": contact.profile_pic_url,
        "instanceId": instance,
    })
}

async fn delete(context: &Context, client: &Client, chat: &WireJid) {
    let Some(chat) = address::shown(client, chat, None).await else { return };
    let events = context.seat.journal.event(EventKind::ChatsDelete, &json!([chat.jid]));
    context.note(vec![Write::ChatRemoved { remote_jid: chat.jid.to_string(), events }]).await;
}

async fn label(context: &Context, update: &LabelEditUpdate) {
    let (label_id, action) = (update.label_id.clone(), &update.action);
    let deleted = action.deleted.unwrap_or_default();
    let name = action.name.clone().unwrap_or_default();
    let color = action.color.unwrap_or_default();
    // WhatsApp's own labels are counted from one.
    let predefined_id = action.predefined_id.filter(|id| *id != 0).map(|id| id.to_string());
    let edited =
        Edited { id: &label_id, name: &name, color, predefined_id: predefined_id.as_deref(), deleted };
    let events = context.seat.journal.event(EventKind::LabelsEdit, &edited.of(&context.seat.name));
    let write = if deleted {
        Write::LabelRemoved { label_id, events }
    } else {
        Write::Label { label_id, name, color, predefined_id, events }
    };
    context.note(vec![write]).await;
}

async fn association(context: &Context, client: &Client, update: &LabelAssociationUpdate) {
    let Some(chat) = address::shown(client, &update.chat_jid, None).await else { return };
    let labeled = update.action.labeled.unwrap_or_default();
    let data = domain::label::associated(&context.seat.name, &update.label_id, &chat.jid, labeled);
    let events = context.seat.journal.event(EventKind::LabelsAssociation, &data);
    let (label_id, remote_jid) = (update.label_id.clone(), chat.jid.to_string());
    context.note(vec![Write::LabelChat { label_id, remote_jid, labeled, events }]).await;
}

/// Looks up where a picture is now, keeps the address with the contact or the group and tells it.
pub async fn picture(context: &Context, client: &Client, changed: &Picture) {
    let url = if changed.removed {
        None
    } else {
        match context.answer(client, client.contacts().get_profile_picture(&changed.of, false)).await {
            Ok(found) => found.map(|picture| picture.url),
            Err(error) => {
                tracing::debug!(instance = %context.seat.name, %error, "a picture could not be looked up");
                return;
            }
        }
    };
    let Some(of) = address::shown(client, &changed.of, None).await else { return };
    let own = client.pn().and_then(|own| address::from_wire(&own));
    if own.as_ref() == Some(&of.jid) {
        context.signal(Signal::Profile { name: None, picture: Some(url.clone()) }).await;
    }
    let journal = &context.seat.journal;
    let data = json!([{"remoteJid": of.jid, "profilePicUrl": url, "instanceId": context.seat.instance}]);
    let events = journal.event(EventKind::ContactsUpdate, &data);
    if of.jid.kind() == JidKind::Group {
        if let Err(error) = context.note_picture(&of.jid, url.as_ref(), events).await {
            tracing::warn!(instance = %context.seat.name, %error, "the picture of a group could not be recorded");
        }
        return;
    }
    let remote_jid = of.jid.to_string();
    context.note(vec![Write::ContactPicture { remote_jid, profile_pic_url: url, events }]).await;
}
