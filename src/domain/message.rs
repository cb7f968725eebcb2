//! Messages as they are stored and shown.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What identifies a message within an instance.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageKey {
    /// WhatsApp's id, chosen by the sender.
    pub id: String,
    /// The chat, by phone number where that is known.
    pub remote_jid: String,
    /// Whether the account itself sent it (from any of its devices).
    pub from_me: bool,
    /// The sender in a group or a status feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The chat's other form (LID beside the phone number, or the reverse).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_jid_alt: Option<String>,
}

impl MessageKey {
    /// In which form the addresses of the key are: `pn` by phone number, `lid` by hidden identity. `None`
    /// for other addresses, as of a newsletter.
    #[must_use]
    pub fn addressing_mode(&self) -> Option<&'static str> {
        let sender = self.participant.as_deref().unwrap_or(&self.remote_jid);
        match sender.rsplit('@').next() {
            Some("s.whatsapp.net") => Some("pn"),
            Some("lid") => Some("lid"),
            _ => None,
        }
    }
}

/// The sender's name of the account's own messages where it has none: Evolution API shows this one.
pub const OWN_NAME: &str = "Você";

/// A short name of what a message is, out of a closed list; `message_type` is the name of the content's
/// field. What is not in the list is `other`.
#[must_use]
pub fn kind(message_type: &str) -> &'static str {
    match message_type {
        "conversation" | "extendedTextMessage" => "text",
        "imageMessage" => "image",
        "videoMessage" => "video",
        "ptvMessage" => "ptv",
        "audioMessage" => "audio",
        "documentMessage" | "documentWithCaptionMessage" => "document",
        "stickerMessage" | "lottieStickerMessage" => "sticker",
        "locationMessage" | "liveLocationMessage" => "location",
        "contactMessage" | "contactsArrayMessage" => "contact",
        "reactionMessage" => "reaction",
        "pollCreationMessage" | "pollCreationMessageV2" | "pollCreationMessageV3" => "poll",
        "pollUpdateMessage" => "vote",
        "listMessage" => "list",
        "buttonsMessage" | "interactiveMessage" | "templateMessage" => "buttons",
        "eventMessage" => "event",
        _ => "other",
    }
}

/// How far a message has come. The order is that of progress: a status never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageStatus {
    /// It could not be sent.
    Error,
    /// On record, not yet acknowledged by WhatsApp.
    Pending,
    /// WhatsApp has it.
    ServerAck,
    /// The recipient's device has it.
    DeliveryAck,
    /// The recipient has read it.
    Read,
    /// The recipient has played it.
    Played,
}

impl MessageStatus {
    /// The text on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Pending => "PENDING",
            Self::ServerAck => "SERVER_ACK",
            Self::DeliveryAck => "DELIVERY_ACK",
            Self::Read => "READ",
            Self::Played => "PLAYED",
        }
    }

    /// The number in the database; it keeps the order.
    #[must_use]
    pub const fn rank(self) -> i16 {
        self as i16
    }

    /// Reads the database's number; anything unknown is [`Self::Pending`].
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        match rank {
            0 => Self::Error,
            2 => Self::ServerAck,
            3 => Self::DeliveryAck,
            4 => Self::Read,
            5 => Self::Played,
            _ => Self::Pending,
        }
    }
}

/// A message on record.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredMessage {
    /// Our id (UUIDv7), which events call `messageId`.
    pub id: Uuid,
    /// WhatsApp's identity of it.
    pub key: MessageKey,
    /// The sender's name as the sender chose it.
    pub push_name: Option<String>,
    /// How far it has come.
    pub status: MessageStatus,
    /// What happened to it later, oldest first: statuses, `EDITED`, `DELETED`.
    pub updates: Vec<String>,
    /// The name of the field of `message` that holds the content, for example `conversation`.
    pub message_type: String,
    /// WhatsApp's message as JSON text: camelCase fields, bytes as base64, longs as numbers.
    pub message: String,
    /// Quoted message, mentions and so on, as JSON text.
    pub context_info: Option<String>,
    /// Which kind of client sent it: `android`, `ios`, `web`, `desktop`, `unknown`.
    pub source: String,
    /// Unix seconds, as WhatsApp has it.
    pub timestamp: i64,
    /// Whether it was deleted for everyone.
    pub deleted: bool,
}

/// Messages as the API and the events show them.
pub mod present {
    use std::borrow::Cow;

    use serde_json::json;
    use serde_json::value::RawValue;

    use super::{MessageKey, StoredMessage};
    use crate::domain::{InstanceId, poll};

    /// The identity of a message, as clients read it.
    #[derive(serde::Serialize)]
    pub struct Key<'a> {
        #[serde(flatten)]
        key: &'a MessageKey,
        #[serde(skip_serializing_if = "Option::is_none")]
        deleted: Option<bool>,
        #[serde(rename = "addressingMode", skip_serializing_if = "Option::is_none")]
        addressing_mode: Option<&'static str>,
    }

    /// The identity of a message, with a mark when it was deleted for everyone.
    #[must_use]
    pub fn key(key: &MessageKey, deleted: bool) -> Key<'_> {
        Key { key, deleted: deleted.then_some(true), addressing_mode: None }
    }

    /// The identity of a message in what WhatsApp has just told, which says how it is addressed.
    #[must_use]
    pub fn told_key(key: &MessageKey) -> Key<'_> {
        Key { key, deleted: None, addressing_mode: key.addressing_mode() }
    }

    /// JSON text as it is, or `null` when it is not JSON.
    #[must_use]
    pub fn raw(text: Option<&str>) -> Option<&RawValue> {
        text.and_then(|text| serde_json::from_str(text).ok())
    }

    /// The answer to a send and the `send.message` event.
    #[must_use]
    pub fn sent(message: &StoredMessage, instance: InstanceId, media_url: Option<&str>) -> Box<RawValue> {
        object((key(&message.key, false), message), instance, "PENDING", media_url)
    }

    /// The `messages.upsert` event.
    #[must_use]
    pub fn received(message: &StoredMessage, instance: InstanceId, media_url: Option<&str>) -> Box<RawValue> {
        object((told_key(&message.key), message), instance, message.status.as_str(), media_url)
    }

    /// A content with the link to its file, which comes last: clients take the first field for what the
    /// message is. As it is when it is no JSON object with a field.
    #[must_use]
    pub fn with_url<'a>(content: Cow<'a, RawValue>, url: &str) -> Cow<'a, RawValue> {
        let Some(fields) = content.get().trim_end().strip_suffix('}') else { return content };
        let linked = RawValue::from_string(format!("{fields},\"mediaUrl\":{}}}", json!(url)));
        linked.map_or(content, Cow::Owned)
    }

    /// Kinds that the contract shows without the field when nothing goes along.
    fn has_no_context(message_type: &str) -> bool {
        let plain = matches!(
            message_type,
            "conversation" | "reactionMessage" | "viewOnceMessage" | "viewOnceMessageV2"
        );
        plain || poll::is_poll(message_type)
    }

    fn object(
        (key, message): (Key<'_>, &StoredMessage),
        instance: InstanceId,
        status: &str,
        media_url: Option<&str>,
    ) -> Box<RawValue> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown<'a> {
            key: Key<'a>,
            push_name: Option<&'a str>,
            status: &'a str,
            message: Option<Cow<'a, RawValue>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            context_info: Option<Option<&'a RawValue>>,
            message_type: &'a str,
            message_timestamp: i64,
            instance_id: InstanceId,
            source: &'a str,
        }
        let content = poll::shown(&message.message_type, &message.message).0;
        let shown = Shown {
            key,
            push_name: message.push_name.as_deref(),
            status,
            message: match media_url {
                Some(url) => content.map(|content| with_url(content, url)),
                None => content,
            },
            context_info: match raw(message.context_info.as_deref()) {
                None if has_no_context(&message.message_type) => None,
                context => Some(context),
            },
            message_type: &message.message_type,
            message_timestamp: message.timestamp,
            instance_id: instance,
            source: &message.source,
        };
        serde_json::value::to_raw_value(&shown).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}
