//! The invented past of an account: every chat and message follows from its number, so that a later
//! request for older messages fits what was sent before.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use wacore_binary::Jid;
use waproto::whatsapp::{
    Conversation, HistorySyncMsg, Message, MessageKey, PhoneNumberToLIDMapping, Pushname, WebMessageInfo,
    conversation::EndOfHistoryTransferType, message::ImageMessage, web_message_info::Status,
};

use crate::world::account::Account;

/// Seconds between two messages of a chat.
const MESSAGE_SECONDS: u64 = 60;
/// Every so many messages one has a picture, if there are pictures.
const PICTURE_EVERY: u32 = 10;
/// By how many characters a long id is longer.
const LONGER: usize = 200;

/// A history that a phone gives to a new device. Counts are messages per chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct History {
    /// Direct chats; none means no history.
    pub chats: u32,
    /// The newest messages, in the initial bootstrap.
    pub bootstrap: u32,
    /// The next older messages, in blobs of type recent.
    pub recent: u32,
    /// The next older messages, in blobs of type full.
    pub full: u32,
    /// The oldest messages, which stay on the phone until a client asks for them.
    pub on_demand: u32,
    /// Most chats in one blob of recent or full history; 0 is 100.
    pub chats_per_blob: u32,
    /// Least length of a text in bytes.
    pub text_bytes: u32,
    /// Whether every tenth message has a picture.
    pub pictures: bool,
    /// Sends the bootstrap inside the message instead of over the media host.
    pub inline: bool,
    /// The newest messages of each chat that have ids longer than a client may expect.
    pub long_ids: u32,
}

impl History {
    /// All messages of a chat.
    pub(crate) fn total(&self) -> u32 {
        [self.bootstrap, self.recent, self.full, self.on_demand].into_iter().fold(0, u32::saturating_add)
    }
}

/// A history that an account has.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Past {
    pub(crate) plan: History,
    /// Time of the newest message in seconds.
    pub(crate) until: u64,
    /// Phone numbers of the chats that are accounts; the rest is invented.
    pub(crate) known: Vec<(String, String)>,
    /// Whether chats are addressed by LID.
    #[serde(default)]
    pub(crate) by_lid: bool,
}

/// The other side of a chat.
pub(crate) struct Peer {
    pub(crate) pn: Jid,
    pub(crate) lid: Jid,
    pub(crate) name: String,
}

impl Past {
    /// The other side of chat `chat`: the contacts first, then numbers that nobody has.
    pub(crate) fn peer(&self, chat: u32) -> Peer {
        let invented = || (format!("5500{chat:09}"), format!("9{chat:014}"));
        let (phone, lid) = self.known.get(chat as usize).cloned().unwrap_or_else(invented);
        Peer { pn: Jid::pn(phone), lid: Jid::lid(lid), name: format!("Friend {chat}") }
    }

    /// Chat and position of a message, from its id.
    pub(crate) fn position(&self, id: &str) -> Option<(u32, u32)> {
        let (chat, message) = id.strip_prefix("3EB0A5")?.split_at_checked(8)?;
        Some((u32::from_str_radix(chat, 16).ok()?, u32::from_str_radix(message, 16).ok()?))
    }

    /// The number of the chat with this JID.
    pub(crate) fn chat(&self, jid: &str) -> Option<u32> {
        let jid: Jid = jid.parse().ok()?;
        (0..self.plan.chats).find(|chat| {
            let peer = self.peer(*chat);
            peer.pn.user == jid.user || peer.lid.user == jid.user
        })
    }

    fn message(&self, chat: u32, number: u32, picture: Option<&ImageMessage>) -> HistorySyncMsg {
        let from_me = number % 3 == 2;
        let mut text = format!("Message {number} of chat {chat}");
        let missing = (self.plan.text_bytes as usize).saturating_sub(text.len());
        text.extend(std::iter::repeat_n('.', missing));
        let mut message = Message::default();
        match picture.filter(|_| number % PICTURE_EVERY == PICTURE_EVERY - 1) {
            Some(picture) => {
                let picture = ImageMessage { caption: Some(text), ..picture.clone() };
                message.image_message = MessageField::some(picture);
            }
            None => message.conversation = Some(text),
        }
        let peer = self.peer(chat);
        let info = WebMessageInfo {
            key: MessageField::some(MessageKey {
                remote_jid: Some(self.address(&peer)),
                from_me: Some(from_me),
                id: Some(self.id(chat, number)),
                participant: None,
            }),
            message: MessageField::some(message),
            message_timestamp: Some(self.time(number)),
            status: Some(if from_me { Status::READ } else { Status::DELIVERY_ACK }),
            push_name: (!from_me).then_some(peer.name),
            ..Default::default()
        };
        HistorySyncMsg { message: MessageField::some(info), msg_order_id: Some(u64::from(u32::MAX - number)) }
    }

    fn id(&self, chat: u32, number: u32) -> String {
        let longer = if number < self.plan.long_ids { "0".repeat(LONGER) } else { String::new() };
        format!("3EB0A5{chat:08X}{number:08X}{longer}")
    }

    /// The address of a chat.
    fn address(&self, peer: &Peer) -> String {
        if self.by_lid { peer.lid.to_string() } else { peer.pn.to_string() }
    }

    fn time(&self, number: u32) -> u64 {
        self.until.saturating_sub(u64::from(number) * MESSAGE_SECONDS)
    }

    /// A chat with its messages from number `from` (0 is the newest) to before `to`.
    pub(crate) fn conversation(
        &self,
        chat: u32,
        from: u32,
        to: u32,
        picture: Option<&ImageMessage>,
    ) -> Conversation {
        let peer = self.peer(chat);
        let total = self.plan.total();
        let to = to.min(total);
        let end = if to == total {
            EndOfHistoryTransferType::COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
        } else {
            EndOfHistoryTransferType::COMPLETE_BUT_MORE_MESSAGES_REMAIN_ON_PRIMARY
        };
        Conversation {
            id: self.address(&peer),
            messages: (from..to).map(|number| self.message(chat, number, picture)).collect(),
            last_msg_timestamp: Some(self.time(0)),
            conversation_timestamp: Some(self.time(0)),
            unread_count: Some(chat % 3),
            end_of_history_transfer: Some(true),
            end_of_history_transfer_type: Some(end),
            name: Some(peer.name.clone()),
            display_name: Some(peer.name),
            not_spam: Some(true),
            archived: Some(chat % 7 == 6),
            pinned: (chat == 1).then_some(1),
            pn_jid: Some(peer.pn.to_string()),
            lid_jid: Some(peer.lid.to_string()),
            ..Default::default()
        }
    }

    /// Push names of the other sides, and the account's own one.
    pub(crate) fn push_names(&self, account: &Account) -> Vec<Pushname> {
        let own =
            Pushname { id: Some(account.pn().to_string()), pushname: Some(account.state().name.clone()) };
        let others = (0..self.plan.chats).map(|chat| {
            let peer = self.peer(chat);
            Pushname { id: Some(peer.pn.to_string()), pushname: Some(peer.name) }
        });
        std::iter::once(own).filter(|own| own.pushname.as_deref() != Some("")).chain(others).collect()
    }

    /// Which LID belongs to which number.
    pub(crate) fn mappings(&self) -> Vec<PhoneNumberToLIDMapping> {
        (0..self.plan.chats)
            .map(|chat| {
                let peer = self.peer(chat);
                PhoneNumberToLIDMapping {
                    pn_jid: Some(peer.pn.to_string()),
                    lid_jid: Some(peer.lid.to_string()),
                }
            })
            .collect()
    }
}
