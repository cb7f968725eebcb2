//! What an incoming message changes, and what is told about it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use wacore::types::events::InboundMessage;
use wacore::types::message::MessageInfo;
use wacore_binary::JidExt as _;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::protocol_message::Type as ProtocolType;
use whatsapp_rust::Client;

use super::address::{self, Shown};
use super::connection::Context;
use super::content::Content;
use super::{changes, votes};
use crate::domain::address::JidKind;
use crate::domain::message::{OWN_NAME, present};
use crate::domain::{Event, EventKind, MessageKey, MessageStatus, StoredMessage};
use crate::events::{ContactEvents, EventsFor, Routed, Unread, Write};

/// An incoming message with its addresses in the form of the API.
struct Incoming<'a> {
    context: &'a Context,
    message: &'a wa::Message,
    inbound: &'a InboundMessage,
    chat: Shown,
    sender: Shown,
}

/// The writes that an incoming message is; empty when it is of no interest to clients.
pub async fn translate(context: &Context, client: &Client, inbound: &InboundMessage) -> Vec<Write> {
    let source = &inbound.info.source;
    if is_ignored(context, &inbound.info) {
        return Vec::new();
    }
    let chat_alt = if source.is_from_me { source.recipient_alt.as_ref() } else { source.sender_alt.as_ref() };
    let chat = address::shown(client, &source.chat, chat_alt).await;
    let sender = address::shown(client, &source.sender, source.sender_alt.as_ref()).await;
    let (Some(chat), Some(sender)) = (chat, sender) else { return Vec::new() };
    Incoming { context, message: &inbound.message, inbound, chat, sender }.writes()
}

/// Whether the instance wants to know nothing of it. Statuses are for those who want to see them: who
/// answers every message would answer them too. The posts of newsletters never come here.
pub fn is_ignored(context: &Context, info: &MessageInfo) -> bool {
    let (chat, settings) = (&info.source.chat, context.seat.settings.borrow());
    (chat.is_group() && settings.groups_ignore) || (chat.is_status_broadcast() && !settings.read_status)
}

impl Incoming<'_> {
    fn writes(&self) -> Vec<Write> {
        let mut writes: Vec<Write> = self.context.learn(&self.sender).into_iter().collect();
        writes.extend(self.context.learn(&self.chat));
        match self.protocol() {
            Some(protocol) => writes.extend(self.protocol_writes(protocol)),
            None if self.message.poll_update_message.is_set() => writes.extend(self.vote_writes()),
            None => writes.extend(self.content_writes()),
        }
        writes
    }

    /// The protocol message inside, if it is one: edits may be wrapped once more.
    fn protocol(&self) -> Option<&wa::message::ProtocolMessage> {
        let wrapped =
            || self.message.edited_message.as_option()?.message.as_option()?.protocol_message.as_option();
        self.message.protocol_message.as_option().or_else(wrapped)
    }

    fn protocol_writes(&self, protocol: &wa::message::ProtocolMessage) -> Option<Write> {
        let key_id = protocol.key.as_option()?.id.clone()?;
        let from_me = self.inbound.info.source.is_from_me;
        let (remote_jid, sender) = (Some(self.chat.jid.to_string()), self.participant());
        match protocol.r#type? {
            ProtocolType::REVOKE => {
                let events = self.told_later(EventKind::MessagesDelete, |key| json!(present::told_key(key)));
                Some(Write::Delete { key_id, remote_jid, from_me, sender, events })
            }
            ProtocolType::MESSAGE_EDIT => {
                let content = Content::of(protocol.edited_message.as_option()?)?.fields;
                let time = protocol.timestamp_ms.unwrap_or_else(|| self.context.seat.journal.now());
                let edited = content.clone();
                let events = self.told_later(EventKind::MessagesEdited, move |key| {
                    json!({"key": key, "type": "MESSAGE_EDIT", "editedMessage": edited, "timestampMs": time.to_string()})
                });
                let message = Value::Object(content).to_string();
                Some(Write::Edit { key_id, remote_jid, from_me, sender, message, events })
            }
            _ => None,
        }
    }

    /// A vote is a change of its poll, and no message of its own.
    fn vote_writes(&self) -> impl Iterator<Item = Write> {
        let addresses = [&self.chat, &self.sender];
        let counted = votes::counted(self.context, self.message, &self.inbound.info, addresses);
        counted.into_iter().chain(self.contact_write())
    }

    fn content_writes(&self) -> Vec<Write> {
        let Some(content) = Content::of(self.message) else { return Vec::new() };
        let Content { message_type, fields, context_info } = content;
        let (id, seat) = (Uuid::now_v7(), &self.context.seat);
        let policy = || seat.settings.borrow().media.clone();
        let keep = seat.journal.keep(policy, &seat.name, id, || Some(Cow::Borrowed(&fields)));
        let info = &self.inbound.info;
        let from_me = info.source.is_from_me;
        let stored = Arc::new(StoredMessage {
            id,
            key: self.key(),
            push_name: self.push_name().or_else(|| from_me.then(|| OWN_NAME.to_owned())),
            status: if from_me { MessageStatus::ServerAck } else { MessageStatus::DeliveryAck },
            updates: Vec::new(),
            context_info,
            message: Value::Object(fields).to_string(),
            message_type,
            source: source(&info.id).to_owned(),
            timestamp: info.timestamp.timestamp(),
            deleted: false,
        });
        let upsert = if seat.journal.wants(EventKind::MessagesUpsert) {
            let url = keep.as_ref().and_then(|keep| keep.url.as_deref());
            self.event(EventKind::MessagesUpsert, &present::received(&stored, seat.instance, url))
        } else {
            Vec::new()
        };
        let mut writes = vec![
            Write::Message {
                message: Arc::clone(&stored),
                idempotency_key: None,
                fresh: false,
                events: upsert,
            },
            self.chat_write(&stored),
        ];
        writes.extend(keep.map(|keep| Write::Media { message: id, kind: keep.kind }));
        writes.extend(self.contact_write());
        writes
    }

    fn chat_write(&self, stored: &StoredMessage) -> Write {
        let from_me = stored.key.from_me;
        let data = || json!([{"remoteJid": self.chat.jid, "instanceId": self.context.seat.instance}]);
        let is_user = matches!(self.chat.jid.kind(), JidKind::Phone | JidKind::Lid);
        Write::Chat {
            remote_jid: self.chat.jid.to_string(),
            remote_jid_alt: self.chat.alt.as_ref().map(ToString::to_string),
            name: if is_user && !from_me { self.push_name() } else { None },
            unread: if from_me { Unread::Keep } else { Unread::Add(1) },
            last: Some((stored.id, stored.timestamp)),
            on_new: self.event(EventKind::ChatsUpsert, &data()),
            on_change: self.event(EventKind::ChatsUpdate, &data()),
        }
    }

    /// The sender as a contact, unless it was recorded lately with the same name.
    fn contact_write(&self) -> Option<Write> {
        let name = self.push_name()?;
        if self.inbound.info.source.is_from_me || !self.context.names.learn(&self.sender.jid, &name) {
            return None;
        }
        Some(Write::Contact {
            remote_jid: self.sender.jid.to_string(),
            remote_jid_alt: self.sender.alt.as_ref().map(ToString::to_string),
            push_name: Some(name),
            profile_pic_url: None,
            saved_name: None,
            events: self.contact_told(),
        })
    }

    /// What is told of the sender, with the picture that is on record.
    fn contact_told(&self) -> ContactEvents {
        let journal = self.context.seat.journal.clone();
        let (chat, id) = (self.chat.jid.to_string(), self.inbound.info.id.clone());
        Some(Arc::new(move |contact, is_new| {
            let data = changes::contact(contact, contact.push_name.as_deref(), journal.instance());
            let (kind, data) = if is_new {
                (EventKind::ContactsUpsert, data)
            } else {
                (EventKind::ContactsUpdate, json!([data]))
            };
            if !journal.wants(kind) {
                return Vec::new();
            }
            let about = (chat.as_str(), contact.remote_jid.as_str(), id.as_str(), "");
            let event = Event::about_message(journal.instance(), kind, about, journal.now(), &data);
            event.map(|event| journal.routed(event)).unwrap_or_default()
        }))
    }

    fn key(&self) -> MessageKey {
        MessageKey {
            id: self.inbound.info.id.clone(),
            remote_jid: self.chat.jid.to_string(),
            from_me: self.inbound.info.source.is_from_me,
            participant: self.participant(),
            remote_jid_alt: self.chat.alt.as_ref().map(ToString::to_string),
        }
    }

    /// The sender where a chat has several.
    fn participant(&self) -> Option<String> {
        let several = matches!(self.chat.jid.kind(), JidKind::Group | JidKind::Broadcast);
        several.then(|| self.sender.jid.to_string())
    }

    fn push_name(&self) -> Option<String> {
        Some(self.inbound.info.push_name.clone()).filter(|name| !name.is_empty())
    }

    fn event(&self, kind: EventKind, data: &impl serde::Serialize) -> Vec<Routed> {
        let journal = &self.context.seat.journal;
        if !journal.wants(kind) {
            return Vec::new();
        }
        let (sender, id) = (self.sender.jid.as_str(), self.inbound.info.id.as_str());
        let about = (self.chat.jid.as_str(), sender, id, "");
        match Event::about_message(self.context.seat.instance, kind, about, journal.now(), data) {
            Ok(event) => journal.routed(event),
            Err(error) => {
                tracing::error!(kind = kind.wire(), %error, "an event cannot be written as JSON");
                Vec::new()
            }
        }
    }

    /// An event that is told only when the message that it is about is on record.
    fn told_later(
        &self,
        kind: EventKind,
        data: impl Fn(&MessageKey) -> Value + Send + Sync + 'static,
    ) -> EventsFor {
        let journal = self.context.seat.journal.clone();
        if !journal.wants(kind) {
            return None;
        }
        let chat = self.chat.jid.to_string();
        let (sender, stanza) = (self.sender.jid.to_string(), self.inbound.info.id.clone());
        Some(Arc::new(move |head| {
            let about = (chat.as_str(), sender.as_str(), head.key.id.as_str(), stanza.as_str());
            let event =
                Event::about_message(journal.instance(), kind, about, journal.now(), &data(&head.key));
            event.map(|event| journal.routed(event)).unwrap_or_default()
        }))
    }
}

/// Which kind of client chose a message id, by the habits of WhatsApp's clients.
pub fn source(id: &str) -> &'static str {
    match (id.get(..2), id.len()) {
        (Some("3A"), 20) => "ios",
        (Some("3E"), 22) => "web",
        (_, 21 | 32) => "android",
        (Some("3F"), _) | (_, 18) => "desktop",
        _ => "unknown",
    }
}
