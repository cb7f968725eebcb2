//! What can be written, as data: nothing here touches the database.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::db::{Contact, GroupRow, InstanceUpdate, Spooled};
use crate::domain::{Event, Fence, InstanceId, MediaKind, MessageKey, MessageStatus, StoredMessage};

/// Writes of one instance that happen together or not at all, in order.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Whose data.
    pub instance: InstanceId,
    /// The claim under which it is written; an older one than the row's is refused.
    pub fence: Fence,
    /// The writes; later ones see earlier ones.
    pub writes: Vec<Write>,
}

/// One write. Events of a write reach the outbox in the same transaction, and only when the write
/// changed something.
#[derive(Clone)]
pub enum Write {
    /// Stores a message. Does nothing when its key or its idempotency key is on record.
    Message {
        /// The row.
        message: Arc<StoredMessage>,
        /// The caller's own name of the request that made it, unique in the instance.
        idempotency_key: Option<String>,
        /// The id was chosen by us: the check for an existing key is skipped.
        fresh: bool,
        /// Told when stored.
        events: Vec<Routed>,
    },
    /// Notes that the file of a message is to be kept. Does nothing when `message` names a message of this
    /// unit that was on record already.
    Media {
        /// The row of the message.
        message: Uuid,
        /// What it is.
        kind: MediaKind,
    },
    /// Moves a message forward and appends the status to its `updates`. Does nothing when the
    /// message is absent or already there. An error only replaces `Pending`.
    Status {
        /// WhatsApp's id.
        key_id: String,
        /// The chat in either form; `None` is any.
        remote_jid: Option<String>,
        /// Whose message.
        from_me: bool,
        /// How far.
        status: MessageStatus,
        /// Told when it moved.
        events: EventsFor,
    },
    /// The answer to a send, by our own id without a look at the row; a status that is ahead
    /// stays. Its events are told in any case.
    Sent {
        /// The row.
        id: Uuid,
        /// How far.
        status: MessageStatus,
        /// WhatsApp's time, unix seconds.
        message_timestamp: Option<i64>,
        /// Told.
        events: Vec<Routed>,
    },
    /// Replaces the content of a message and appends `EDITED`.
    Edit {
        /// WhatsApp's id.
        key_id: String,
        /// The chat in either form; `None` is any.
        remote_jid: Option<String>,
        /// Whose message.
        from_me: bool,
        /// Who edits, in the form in which the message has its sender: nobody edits the message
        /// of somebody else. `None` is not checked.
        sender: Option<String>,
        /// The new content as JSON text.
        message: String,
        /// Told when edited.
        events: EventsFor,
    },
    /// Changes the content of a message by what it is: our own message or that of somebody else.
    /// Does nothing when the message is absent or deleted, or when the change answers `None`.
    Amend {
        /// WhatsApp's id.
        key_id: String,
        /// The chat in either form; `None` is any.
        remote_jid: Option<String>,
        /// The new content of the old.
        change: Amendment,
        /// Told when changed.
        events: EventsFor,
    },
    /// Marks a message as deleted and appends `DELETED`.
    Delete {
        /// WhatsApp's id.
        key_id: String,
        /// The chat in either form; `None` is any.
        remote_jid: Option<String>,
        /// Whose message.
        from_me: bool,
        /// Who deletes; `None` is not checked (for example an admin of the group).
        sender: Option<String>,
        /// Told when deleted.
        events: EventsFor,
    },
    /// Creates or changes a chat. Does nothing when `last` names a message of this unit that was on
    /// record already: a repeat is counted once.
    Chat {
        /// The chat.
        remote_jid: String,
        /// Its other form; kept when `None`.
        remote_jid_alt: Option<String>,
        /// Its name; kept when `None`.
        name: Option<String>,
        /// What happens to the number of unread messages.
        unread: Unread,
        /// Its newest message: row id and unix seconds; an older one than the known is ignored.
        last: Option<(Uuid, i64)>,
        /// Told when created.
        on_new: Vec<Routed>,
        /// Told when it existed and changed.
        on_change: Vec<Routed>,
    },
    /// Changes what the account's devices agreed on about a chat. A chat that is not on record is made
    /// when the change says anything of it.
    ChatState {
        /// The chat.
        remote_jid: String,
        /// Its other form; kept when `None`.
        remote_jid_alt: Option<String>,
        /// The change.
        state: ChatState,
        /// Told when created.
        on_new: Vec<Routed>,
        /// Told when it existed and changed.
        on_change: Vec<Routed>,
    },
    /// Removes a chat from the list; its messages stay.
    ChatRemoved {
        /// The chat.
        remote_jid: String,
        /// Told when it was there.
        events: Vec<Routed>,
    },
    /// Creates or changes a label.
    Label {
        /// WhatsApp's id of it.
        label_id: String,
        /// Its name.
        name: String,
        /// Number of its colour.
        color: i32,
        /// Which of WhatsApp's own labels it is.
        predefined_id: Option<String>,
        /// Told when something changed.
        events: Vec<Routed>,
    },
    /// Removes a label, from all chats too.
    LabelRemoved {
        /// WhatsApp's id of it.
        label_id: String,
        /// Told when it was there.
        events: Vec<Routed>,
    },
    /// Puts a label on a chat, or takes it off.
    LabelChat {
        /// WhatsApp's id of the label.
        label_id: String,
        /// The chat.
        remote_jid: String,
        /// Whether the chat has it.
        labeled: bool,
        /// Told when something changed.
        events: Vec<Routed>,
    },
    /// Creates or changes a contact. What is `None` is kept.
    Contact {
        /// The contact.
        remote_jid: String,
        /// Its other form.
        remote_jid_alt: Option<String>,
        /// The name that the contact chose.
        push_name: Option<String>,
        /// Address of the picture.
        profile_pic_url: Option<String>,
        /// The name in the account's address book; `Some(None)` takes it out of the book.
        saved_name: Option<Option<String>>,
        /// Told when created or changed.
        events: ContactEvents,
    },
    /// Notes where the picture of a contact is, or that it has none. A contact that is not on record is
    /// made for a picture.
    ContactPicture {
        /// The contact.
        remote_jid: String,
        /// Address of the picture.
        profile_pic_url: Option<String>,
        /// Told when something changed.
        events: Vec<Routed>,
    },
    /// Learns which phone number a hidden identity has; a newer pair replaces an older one. The chat, its
    /// labels and the contact that are on record under the identity come to those under the number.
    Address {
        /// Hidden identity.
        lid: String,
        /// Phone number address.
        pn: String,
        /// Told when a chat came.
        on_chat: Vec<Routed>,
    },
    /// Records what is known of a group, or forgets it.
    Group {
        /// The group.
        jid: String,
        /// What is known; `None` forgets it.
        row: Option<Arc<GroupRow>>,
        /// Told in any case.
        events: Vec<Routed>,
    },
    /// Forgets every group: another account has other ones.
    ForgetGroups,
    /// Makes every group one of which WhatsApp was never asked: what is on record is not to be believed.
    DoubtGroups,
    /// Notes a part of a history that is to be recorded. Does nothing when it is on record.
    Spool(Arc<Spooled>),
    /// Notes how far the recording of a part of a history is.
    Spooled {
        /// WhatsApp's id of the message that announced it.
        message_id: String,
        /// How many of its chats are recorded; `None` is all of it, and the part is forgotten.
        done: Option<i32>,
    },
    /// Forgets every part of a history that waits: another account has another one.
    ForgetSpool,
    /// Changes protocol key material.
    Session {
        /// The change.
        change: SessionChange,
    },
    /// Changes the instance's own row.
    Instance(InstanceUpdate),
    /// Tells an event that comes with no other change.
    Event(Routed),
}

/// What happens to a chat's number of unread messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unread {
    /// So many more.
    Add(i32),
    /// So many in a chat that is not on record yet; as it was in others.
    Initial(i32),
    /// None is unread.
    Reset,
    /// As it was.
    Keep,
}

/// What the account's devices agreed on about a chat; what is `None` is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChatState {
    /// Whether it is put away.
    pub archived: Option<bool>,
    /// Whether it stays on top.
    pub pinned: Option<bool>,
    /// Until when it is mute, in unix milliseconds, -1 is for ever; `Some(None)` is not at all.
    pub muted_until: Option<Option<i64>>,
    /// Whether it is marked as unread; that counts as one unread message where there is none.
    pub unread: Option<bool>,
}

/// A change of protocol key material.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionChange {
    /// Store, replacing what was there.
    Put {
        /// Key space, at most 32 bytes.
        kind: Cow<'static, str>,
        /// Key, at most 255 bytes.
        key: Vec<u8>,
        /// Value.
        value: Bytes,
        /// Unix milliseconds from which it is as if absent; `None` is never.
        expires_at: Option<i64>,
    },
    /// Remove; removing what is absent is fine.
    Delete {
        /// Key space.
        kind: Cow<'static, str>,
        /// Key.
        key: Vec<u8>,
    },
    /// Remove every record of a kind.
    Clear {
        /// Key space.
        kind: Cow<'static, str>,
    },
    /// Remove every record of the instance.
    Destroy,
}

/// An event and the sinks that want it: one outbox row each, under one sequence number.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The event.
    pub event: Arc<Event>,
    /// The sinks; with none the event is not on record and takes no number.
    pub sinks: Vec<&'static str>,
}

/// Makes the events of a change to a message that the caller does not have: it is called inside
/// the writer with the message as it became, and must neither block nor take long.
pub type EventsFor = Option<Arc<dyn Fn(&MessageHead) -> Vec<Routed> + Send + Sync>>;

/// Makes the events of a contact that came or changed, as [`EventsFor`] is called: with the contact as it
/// became, and whether it is new.
pub type ContactEvents = Option<Arc<dyn Fn(&Contact, bool) -> Vec<Routed> + Send + Sync>>;

/// Makes the new content of a message's content, as [`EventsFor`] is called.
pub type Amendment = Arc<dyn Fn(&MessageHead) -> Option<String> + Send + Sync>;

/// A message on record, as [`EventsFor`] sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct MessageHead {
    /// Our id.
    pub id: Uuid,
    /// WhatsApp's identity of it.
    pub key: MessageKey,
    /// After the change.
    pub status: MessageStatus,
    /// The name of the content's field.
    pub message_type: String,
    /// The sender's name.
    pub push_name: Option<String>,
    /// Unix seconds.
    pub timestamp: i64,
    /// Which kind of client sent it.
    pub source: String,
    /// The content as JSON text, for edits (the new one) and deletions; `None` for a change of
    /// status, which does not read it.
    pub message: Option<String>,
}

impl std::fmt::Debug for Write {
    /// Names the write only: contents and key material do not belong into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Message { .. } => "Message",
            Self::Media { .. } => "Media",
            Self::Status { .. } => "Status",
            Self::Sent { .. } => "Sent",
            Self::Edit { .. } => "Edit",
            Self::Amend { .. } => "Amend",
            Self::Delete { .. } => "Delete",
            Self::Chat { .. } => "Chat",
            Self::ChatState { .. } => "ChatState",
            Self::ChatRemoved { .. } => "ChatRemoved",
            Self::Label { .. } => "Label",
            Self::LabelRemoved { .. } => "LabelRemoved",
            Self::LabelChat { .. } => "LabelChat",
            Self::Contact { .. } => "Contact",
            Self::ContactPicture { .. } => "ContactPicture",
            Self::Address { .. } => "Address",
            Self::Group { .. } => "Group",
            Self::ForgetGroups => "ForgetGroups",
            Self::DoubtGroups => "DoubtGroups",
            Self::Spool(_) => "Spool",
            Self::Spooled { .. } => "Spooled",
            Self::ForgetSpool => "ForgetSpool",
            Self::Session { .. } => "Session",
            Self::Instance(_) => "Instance",
            Self::Event(_) => "Event",
        })
    }
}
