//! Changes that the phone's user makes and all devices learn of: app state written by the phone.

use buffa::MessageField;
use serde::Deserialize;
use wacore::appstate::schemas::{self, Schema};
use waproto::whatsapp::{
    SyncActionValue,
    sync_action_value::{
        ArchiveChatAction, ClearChatAction, ContactAction, DeleteChatAction, DeleteMessageForMeAction,
        LabelAssociationAction, LabelEditAction, MarkChatAsReadAction, MuteAction, NctSaltSyncAction,
        PinAction, StarAction, SyncActionMessageRange,
    },
};

use crate::{
    clock::{unix_millis, unix_seconds},
    relay::sync,
    world::{
        World,
        account::Account,
        appstate::{Record, push_name},
    },
};

/// A change on the phone. Chats and contacts are JIDs.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "change", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// Mutes a chat, or ends that.
    Mute {
        /// The chat.
        chat: String,
        /// Whether it is muted.
        muted: bool,
        /// Until when in milliseconds since the Unix epoch; for ever when absent.
        #[serde(default)]
        until: Option<i64>,
    },
    /// Pins a chat, or ends that.
    Pin {
        /// The chat.
        chat: String,
        /// Whether it is pinned.
        pinned: bool,
    },
    /// Archives a chat, or ends that.
    Archive {
        /// The chat.
        chat: String,
        /// Whether it is archived.
        archived: bool,
    },
    /// Marks a chat as read or unread.
    Read {
        /// The chat.
        chat: String,
        /// False is unread.
        read: bool,
    },
    /// Stars a message, or ends that.
    Star {
        /// The chat.
        chat: String,
        /// The message.
        id: String,
        /// Whether the account sent it.
        from_me: bool,
        /// Its author, in groups.
        #[serde(default)]
        participant: Option<String>,
        /// Whether it is starred.
        starred: bool,
    },
    /// Deletes a chat.
    DeleteChat {
        /// The chat.
        chat: String,
    },
    /// Deletes the messages of a chat.
    ClearChat {
        /// The chat.
        chat: String,
    },
    /// Deletes a message on the account's own devices only.
    DeleteForMe {
        /// The chat.
        chat: String,
        /// The message.
        id: String,
        /// Whether the account sent it.
        from_me: bool,
        /// Its author, in groups.
        #[serde(default)]
        participant: Option<String>,
    },
    /// Saves a contact in the address book.
    Contact {
        /// The contact.
        jid: String,
        /// Full name.
        full_name: String,
        /// First name.
        #[serde(default)]
        first_name: Option<String>,
    },
    /// Changes the push name.
    PushName {
        /// The new name.
        name: String,
    },
    /// Makes a secret from which the devices make tokens for restricted accounts that gave them none.
    StrangerSalt,
    /// Makes, changes or deletes a label.
    Label {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Number of its colour.
        #[serde(default)]
        color: i32,
        /// Whether it is deleted.
        #[serde(default)]
        deleted: bool,
    },
    /// Puts a label on a chat, or takes it off.
    LabelChat {
        /// Id of the label.
        id: String,
        /// The chat.
        chat: String,
        /// Whether the chat has it.
        labeled: bool,
    },
}

/// Writes a change and tells all devices.
pub(crate) fn apply(world: &World, account: &Account, change: &Change) {
    if let Change::PushName { name } = change {
        account.state().name.clone_from(name);
    }
    let record = record(account, change);
    let written = account.state().app_state.write(std::slice::from_ref(&record));
    if let Some(version) = written {
        sync::notify(world, account, None, record.collection.as_str(), version);
    }
    world.touch();
}

fn flag(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}

/// The range of messages that a change of a whole chat covers: all until now.
fn range() -> MessageField<SyncActionMessageRange> {
    MessageField::some(SyncActionMessageRange {
        last_message_timestamp: i64::try_from(unix_seconds()).ok(),
        ..Default::default()
    })
}

fn of(schema: &Schema, arguments: &[&str], value: SyncActionValue) -> Record {
    let mut index = vec![schema.name];
    index.extend(arguments);
    Record {
        collection: schema.collection,
        index: serde_json::json!(index).to_string().into_bytes(),
        value: SyncActionValue { timestamp: i64::try_from(unix_millis()).ok(), ..value },
        remove: false,
        version: i32::try_from(schema.version).unwrap_or(1),
    }
}

fn stranger_salt(salt: Vec<u8>) -> Record {
    let action = MessageField::some(NctSaltSyncAction { salt: Some(salt) });
    of(&schemas::NCT_SALT_SYNC, &[], SyncActionValue { nct_salt_sync_action: action, ..Default::default() })
}

fn record(account: &Account, change: &Change) -> Record {
    let mut value = SyncActionValue::default();
    match change {
        Change::Mute { chat, muted, until } => {
            let end = if *muted { until.or(Some(-1)) } else { None };
            value.mute_action = MessageField::some(MuteAction {
                muted: Some(*muted),
                mute_end_timestamp: end,
                ..Default::default()
            });
            of(&schemas::MUTE, &[chat], value)
        }
        Change::Pin { chat, pinned } => {
            value.pin_action = MessageField::some(PinAction { pinned: Some(*pinned) });
            of(&schemas::PIN, &[chat], value)
        }
        Change::Archive { chat, archived } => {
            let action = ArchiveChatAction { archived: Some(*archived), message_range: range() };
            value.archive_chat_action = MessageField::some(action);
            of(&schemas::ARCHIVE, &[chat], value)
        }
        Change::Read { chat, read } => {
            let action = MarkChatAsReadAction { read: Some(*read), message_range: range() };
            value.mark_chat_as_read_action = MessageField::some(action);
            of(&schemas::MARK_CHAT_AS_READ, &[chat], value)
        }
        Change::Star { chat, id, from_me, participant, starred } => {
            value.star_action = MessageField::some(StarAction { starred: Some(*starred) });
            let participant = participant.as_deref().unwrap_or("0");
            of(&schemas::STAR, &[chat, id, flag(*from_me), participant], value)
        }
        Change::DeleteChat { chat } => {
            value.delete_chat_action = MessageField::some(DeleteChatAction { message_range: range() });
            of(&schemas::DELETE_CHAT, &[chat, "1"], value)
        }
        Change::ClearChat { chat } => {
            value.clear_chat_action = MessageField::some(ClearChatAction { message_range: range() });
            of(&schemas::CLEAR_CHAT, &[chat, "0", "0"], value)
        }
        Change::DeleteForMe { chat, id, from_me, participant } => {
            value.delete_message_for_me_action = MessageField::some(DeleteMessageForMeAction {
                delete_media: Some(false),
                ..Default::default()
            });
            let participant = participant.as_deref().unwrap_or("0");
            of(&schemas::DELETE_MESSAGE_FOR_ME, &[chat, id, flag(*from_me), participant], value)
        }
        Change::Contact { jid, full_name, first_name } => {
            value.contact_action = MessageField::some(ContactAction {
                full_name: Some(full_name.clone()),
                first_name: first_name.clone(),
                save_on_primary_addressbook: Some(true),
                ..Default::default()
            });
            of(&schemas::CONTACT, &[jid], value)
        }
        Change::PushName { name } => push_name(name),
        Change::StrangerSalt => {
            let salt = rand::random::<[u8; 32]>().to_vec();
            account.state().social.stranger_salt = Some(salt.clone());
            stranger_salt(salt)
        }
        Change::Label { id, name, color, deleted } => {
            value.label_edit_action = MessageField::some(LabelEditAction {
                name: Some(name.clone()),
                color: Some(*color),
                deleted: Some(*deleted),
                ..Default::default()
            });
            of(&schemas::LABEL_EDIT, &[id], value)
        }
        Change::LabelChat { id, chat, labeled } => {
            let action = LabelAssociationAction { labeled: Some(*labeled), ..Default::default() };
            value.label_association_action = MessageField::some(action);
            of(&schemas::LABEL_JID, &[id, chat], value)
        }
    }
}
