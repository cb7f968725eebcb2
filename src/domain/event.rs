//! What happened, as it is told to the outside.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::InstanceId;

/// Declares every event once: variant, dotted name on the wire, name in configuration.
macro_rules! event_kinds {
    ($($variant:ident $wire:literal $config:literal,)*) => {
        /// The kinds of event, named as the contract names them.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[allow(missing_docs, reason = "the names are the contract's")]
        pub enum EventKind { $($variant,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The dotted name on the wire, for example `messages.upsert`.
            #[must_use]
            pub const fn wire(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }

            /// The name in configuration, for example `MESSAGES_UPSERT`.
            #[must_use]
            pub const fn config(self) -> &'static str {
                match self { $(Self::$variant => $config,)* }
            }
        }
    };
}

event_kinds! {
    ApplicationStartup "application.startup" "APPLICATION_STARTUP",
    InstanceCreate "instance.create" "INSTANCE_CREATE",
    InstanceDelete "instance.delete" "INSTANCE_DELETE",
    QrcodeUpdated "qrcode.updated" "QRCODE_UPDATED",
    ConnectionUpdate "connection.update" "CONNECTION_UPDATE",
    StatusInstance "status.instance" "STATUS_INSTANCE",
    LogoutInstance "logout.instance" "LOGOUT_INSTANCE",
    RemoveInstance "remove.instance" "REMOVE_INSTANCE",
    MessagesSet "messages.set" "MESSAGES_SET",
    MessagesUpsert "messages.upsert" "MESSAGES_UPSERT",
    MessagesEdited "messages.edited" "MESSAGES_EDITED",
    MessagesUpdate "messages.update" "MESSAGES_UPDATE",
    MessagesDelete "messages.delete" "MESSAGES_DELETE",
    SendMessage "send.message" "SEND_MESSAGE",
    SendMessageUpdate "send.message.update" "SEND_MESSAGE_UPDATE",
    ContactsSet "contacts.set" "CONTACTS_SET",
    ContactsUpsert "contacts.upsert" "CONTACTS_UPSERT",
    ContactsUpdate "contacts.update" "CONTACTS_UPDATE",
    PresenceUpdate "presence.update" "PRESENCE_UPDATE",
    ChatsSet "chats.set" "CHATS_SET",
    ChatsUpdate "chats.update" "CHATS_UPDATE",
    ChatsUpsert "chats.upsert" "CHATS_UPSERT",
    ChatsDelete "chats.delete" "CHATS_DELETE",
    GroupsUpsert "groups.upsert" "GROUPS_UPSERT",
    GroupsUpdate "groups.update" "GROUP_UPDATE",
    GroupParticipantsUpdate "group-participants.update" "GROUP_PARTICIPANTS_UPDATE",
    LabelsEdit "labels.edit" "LABELS_EDIT",
    LabelsAssociation "labels.association" "LABELS_ASSOCIATION",
    Call "call" "CALL",
    TypebotStart "typebot.start" "TYPEBOT_START",
    TypebotChangeStatus "typebot.change-status" "TYPEBOT_CHANGE_STATUS",
    Errors "errors" "ERRORS",
}

impl EventKind {
    /// Reads a dotted or a configuration name in any letter case. `GROUPS_UPDATE` and
    /// `GROUP_UPDATE` are one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = |text: &str| text.to_ascii_lowercase().replace(['.', '-'], "_");
        let wanted = plain(name.trim());
        Self::ALL.iter().copied().find(|kind| plain(kind.wire()) == wanted || plain(kind.config()) == wanted)
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.config())
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown event `{name}`")))
    }
}

/// How far a history is with an event that tells a part of it. Evolution API has it beside `data`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPart {
    /// Whether it is of the newest part, which comes first; `None` for what was asked for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_latest: Option<bool>,
    /// How much of the history has come with it, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u32>,
}

/// One thing that happened to one instance.
#[derive(Clone, Debug)]
pub struct Event {
    /// Stable across redelivery: the same happening has the same id.
    pub id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// Events of one chat are delivered in order; `None` is the instance's own order.
    pub chat: Option<String>,
    /// Unix milliseconds.
    pub time: i64,
    /// The contract's `data`, as JSON text.
    pub data: Box<RawValue>,
    /// Of a history's events only.
    pub history: Option<HistoryPart>,
}

impl Event {
    /// An event that will not be told twice, with a random id.
    ///
    /// # Errors
    /// When `data` cannot be written as JSON.
    pub fn once(kind: EventKind, time: i64, data: &impl Serialize) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(data)?;
        Ok(Self { id: Uuid::now_v7(), kind, chat: None, time, data, history: None })
    }

    /// An event about a message: its id is derived, so that a repeat of the same happening is
    /// known as one. `discriminator` tells several events of one kind about one message apart,
    /// for example the status.
    ///
    /// # Errors
    /// When `data` cannot be written as JSON.
    pub fn about_message(
        instance: InstanceId,
        kind: EventKind,
        (chat, sender, message_id, discriminator): (&str, &str, &str, &str),
        time: i64,
        data: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(data)?;
        let id = derived_id(instance, kind, &[chat, sender, message_id, discriminator]);
        Ok(Self { id, kind, chat: Some(chat.to_owned()), time, data, history: None })
    }
}

/// The id of an event that may be told again: a custom-layout UUID (version 8) over a hash of what
/// happened, since the time of the telling must not change it.
fn derived_id(instance: InstanceId, kind: EventKind, parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(instance.0.as_bytes());
    for part in std::iter::once(&kind.wire()).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_every_kind_are_read() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.wire()), Some(*kind));
            assert_eq!(EventKind::from_name(kind.config()), Some(*kind));
        }
        assert_eq!(EventKind::from_name("GROUPS_UPDATE"), Some(EventKind::GroupsUpdate));
        assert_eq!(EventKind::from_name("nonsense"), None);
    }

    #[test]
    fn the_id_of_a_happening_is_stable_and_its_own() {
        let instance = InstanceId::random();
        let id = |parts: &[&str]| derived_id(instance, EventKind::MessagesUpsert, parts);
        assert_eq!(id(&["a", "b"]), id(&["a", "b"]));
        assert_ne!(id(&["a", "b"]), id(&["ab", ""]));
        assert_ne!(id(&["a"]), derived_id(InstanceId::random(), EventKind::MessagesUpsert, &["a"]));
    }
}
