//! Receipts and presences: how far our messages have come, and what contacts are doing.

use std::sync::Arc;

use serde_json::json;
use wacore::types::events::{ChatPresenceUpdate, PresenceUpdate, Receipt};
use wacore::types::message::MessageInfo;
use wacore::types::presence::{ChatPresence, ChatPresenceMedia, ReceiptType};
use wacore_binary::JidExt as _;
use whatsapp_rust::Client;

use super::address::{self, Shown};
use super::connection::Context;
use crate::domain::address::JidKind;
use crate::domain::{Event, EventKind, MessageStatus};
use crate::events::{EventsFor, Unread, Write};

/// Moves our messages on, or notes that we read a chat on another device.
pub async fn receipt(context: &Context, client: &Client, receipt: &Receipt) {
    let source = &receipt.source;
    let Some(chat) = address::shown(client, &source.chat, source.sender_alt.as_ref()).await else { return };
    let writes = match &receipt.r#type {
        ReceiptType::Delivered | ReceiptType::Inactive => {
            moved(context, client, receipt, &chat, MessageStatus::DeliveryAck).await
        }
        ReceiptType::Read => moved(context, client, receipt, &chat, MessageStatus::Read).await,
        ReceiptType::Played => moved(context, client, receipt, &chat, MessageStatus::Played).await,
        ReceiptType::ReadSelf => vec![read_elsewhere(context, &chat)],
        _ => Vec::new(),
    };
    context.note(writes).await;
}

async fn moved(
    context: &Context,
    client: &Client,
    receipt: &Receipt,
    chat: &Shown,
    status: MessageStatus,
) -> Vec<Write> {
    // Our own devices acknowledge to each other; that says nothing about the recipient.
    if receipt.source.is_from_me {
        return Vec::new();
    }
    let several = matches!(chat.jid.kind(), JidKind::Group | JidKind::Broadcast);
    let participant = if several {
        let sender = address::shown(client, &receipt.source.sender, receipt.source.sender_alt.as_ref()).await;
        sender.map(|sender| sender.jid.to_string())
    } else {
        None
    };
    // What was read or played has been delivered. The library handles receipts side by side, so that the
    // delivery's own receipt may come after this one, too late to be told.
    let passed: &[MessageStatus] = match status {
        MessageStatus::DeliveryAck => &[],
        _ => &[MessageStatus::DeliveryAck],
    };
    let statuses = passed.iter().copied().chain([status]);
    let told: Vec<_> =
        statuses.map(|status| (status, update_event(context, chat, participant.clone(), status))).collect();
    let write = |id: &String, (status, events): &(MessageStatus, EventsFor)| Write::Status {
        key_id: id.clone(),
        remote_jid: Some(chat.jid.to_string()),
        from_me: true,
        status: *status,
        events: events.clone(),
    };
    receipt.message_ids.iter().flat_map(|id| told.iter().map(move |told| write(id, told))).collect()
}

fn update_event(
    context: &Context,
    chat: &Shown,
    participant: Option<String>,
    status: MessageStatus,
) -> EventsFor {
    let journal = context.seat.journal.clone();
    if !journal.wants(EventKind::MessagesUpdate) {
        return None;
    }
    let chat = chat.jid.to_string();
    Some(Arc::new(move |head| {
        let mut data = json!({
            "keyId": head.key.id,
            "remoteJid": head.key.remote_jid,
            "fromMe": head.key.from_me,
            "status": status,
            "instanceId": journal.instance(),
            "messageId": head.id,
        });
        if let Some(participant) = &participant {
            data["participant"] = json!(participant);
        }
        let about = (chat.as_str(), "me", head.key.id.as_str(), status.as_str());
        let event =
            Event::about_message(journal.instance(), EventKind::MessagesUpdate, about, journal.now(), &data);
        event.map(|event| journal.routed(event)).unwrap_or_default()
    }))
}

fn read_elsewhere(context: &Context, chat: &Shown) -> Write {
    let data = json!([{"remoteJid": chat.jid, "unreadMessages": 0, "instanceId": context.seat.instance}]);
    Write::Chat {
        remote_jid: chat.jid.to_string(),
        remote_jid_alt: chat.alt.as_ref().map(ToString::to_string),
        name: None,
        unread: Unread::Reset,
        last: None,
        on_new: Vec::new(),
        on_change: context.seat.journal.event(EventKind::ChatsUpdate, &data),
    }
}

/// Marks an incoming message as read.
pub async fn mark_read(client: &Client, info: &MessageInfo) {
    let source = &info.source;
    let several = source.is_group || source.chat.is_status_broadcast();
    let sender = several.then_some(&source.sender);
    if let Err(error) = client.mark_as_read(&source.chat, sender, &[info.id.as_str()]).await {
        tracing::debug!(%error, "a message could not be marked as read");
    }
}

/// A contact types or records.
pub async fn typing(context: &Context, client: &Client, update: &ChatPresenceUpdate) {
    let state = match (update.state, update.media) {
        (ChatPresence::Composing, ChatPresenceMedia::Audio) => "recording",
        (ChatPresence::Composing, ChatPresenceMedia::Text) => "composing",
        // The contract knows no other word for those who stop.
        (ChatPresence::Paused, _) => "available",
    };
    let source = &update.source;
    let chat = address::shown(client, &source.chat, source.sender_alt.as_ref()).await;
    let sender = address::shown(client, &source.sender, source.sender_alt.as_ref()).await;
    if let (Some(chat), Some(sender)) = (chat, sender) {
        tell(context, chat.jid.as_str(), sender.jid.as_str(), json!({"lastKnownPresence": state})).await;
    }
}

/// A contact comes or goes.
pub async fn presence(context: &Context, client: &Client, update: &PresenceUpdate) {
    let Some(contact) = address::shown(client, &update.from, None).await else { return };
    let mut state =
        json!({"lastKnownPresence": if update.unavailable { "unavailable" } else { "available" }});
    if let Some(seen) = update.last_seen {
        state["lastSeen"] = json!(seen.timestamp());
    }
    tell(context, contact.jid.as_str(), contact.jid.as_str(), state).await;
}

async fn tell(context: &Context, chat: &str, contact: &str, state: serde_json::Value) {
    let journal = &context.seat.journal;
    let data = json!({"id": chat, "presences": {contact: state}});
    journal.emit(journal.event(EventKind::PresenceUpdate, &data)).await;
}
