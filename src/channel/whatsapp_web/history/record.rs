//! One part of a history: it is compressed, read one chat at a time and recorded a batch at a time.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use wacore::types::events::LazyHistorySync;
use waproto::whatsapp as wa;
use waproto::whatsapp::history_sync::HistorySyncType;
use waproto::whatsapp::web_message_info::Status;
use whatsapp_rust::Client;

use crate::channel::whatsapp_web::address::{self, Shown};
use crate::channel::whatsapp_web::connection::Context;
use crate::channel::whatsapp_web::content::Content;
use crate::channel::whatsapp_web::hook;
use crate::channel::whatsapp_web::inbound::source;
use crate::domain::address::JidKind;
use crate::domain::message::{OWN_NAME, present};
use crate::domain::{EventKind, HistoryPart, MessageKey, MessageStatus, StoredMessage};
use crate::events::{self, ChatState, Spooled, Unread, Write};

/// Messages, chats or contacts of one transaction.
const BATCH: usize = 200;

/// What the messages of a blob are told with. The newest part of a history comes first.
fn part_of(blob: &LazyHistorySync) -> HistoryPart {
    let is = |kind: HistorySyncType| blob.sync_type() == kind as i32;
    let is_first =
        is(HistorySyncType::INITIAL_BOOTSTRAP) && blob.chunk_order().is_none_or(|order| order <= 1);
    let is_latest = (!is(HistorySyncType::ON_DEMAND)).then_some(is_first);
    HistoryPart { is_latest, progress: blob.progress() }
}

/// How far the recording of a part came.
pub enum Recorded {
    /// All that can be recorded is.
    Whole,
    /// It cannot be read to its end.
    Unreadable,
    /// The connection is as good as over.
    Stopped,
}

/// Whether writes are on record.
enum Committed {
    Yes,
    /// The database does not take them.
    Refused(events::Error),
    /// The connection is as good as over.
    Stopped,
}

/// Records a part from where it was left: each chat is noted in the transaction of its last messages.
pub async fn all(context: &Context, client: &Client, blob: &LazyHistorySync, part: &Spooled) -> Recorded {
    let (mut stream, told_with) = (blob.stream(), part_of(blob));
    let mut chats: Vec<Value> = Vec::new();
    let mut seen = 0;
    let unreadable = |error: &dyn std::error::Error| {
        tracing::error!(instance = %context.seat.name, %error, "a history cannot be read");
        Recorded::Unreadable
    };
    loop {
        let conversation = match stream.next_conversation() {
            Ok(Some(conversation)) => conversation,
            Ok(None) => break,
            Err(error) => return unreadable(&error),
        };
        seen += 1;
        let Some(chat) = chat_of(client, &conversation).await else { continue };
        if chat.jid.kind() == JidKind::Group && context.seat.settings.borrow().groups_ignore {
            continue;
        }
        // Also those that are on record: whether they were told before the interruption is not.
        chats.push(json!({
            "remoteJid": chat.jid, "instanceId": context.seat.instance, "name": name_of(&conversation),
        }));
        let noted = Write::Spooled { message_id: part.message_id.clone(), done: Some(seen) };
        if seen > part.done
            && !self::conversation(context, client, (&chat, conversation), (told_with, noted)).await
        {
            return Recorded::Stopped;
        }
        if chats.len() >= BATCH && !tell(context, EventKind::ChatsSet, &mut chats).await {
            return Recorded::Stopped;
        }
    }
    if !chats.is_empty() && !tell(context, EventKind::ChatsSet, &mut chats).await {
        return Recorded::Stopped;
    }
    let rest = match stream.remainder() {
        Ok(rest) => rest,
        Err(error) => return unreadable(&error),
    };
    if names(context, client, rest.pushnames).await { Recorded::Whole } else { Recorded::Stopped }
}

async fn commit(context: &Context, writes: Vec<Write>) -> Committed {
    match hook::commit(context, writes).await {
        Ok(()) => Committed::Yes,
        Err(events::Error::Fenced) => {
            context.fenced();
            Committed::Stopped
        }
        Err(events::Error::Unavailable(_)) => Committed::Stopped,
        Err(error) => Committed::Refused(error),
    }
}

/// As [`commit`], of what cannot be taken apart; answers whether to go on.
async fn commit_or_leave_out(context: &Context, writes: Vec<Write>) -> bool {
    match commit(context, writes).await {
        Committed::Yes => true,
        Committed::Refused(error) => {
            tracing::error!(instance = %context.seat.name, %error, "a part of the history could not be recorded");
            true
        }
        Committed::Stopped => false,
    }
}

async fn tell(context: &Context, kind: EventKind, of: &mut Vec<Value>) -> bool {
    let events = context.seat.journal.event(kind, of);
    of.clear();
    events.is_empty() || commit_or_leave_out(context, events.into_iter().map(Write::Event).collect()).await
}

async fn chat_of(client: &Client, conversation: &wa::Conversation) -> Option<Shown> {
    let parse = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    let id: wacore_binary::Jid = conversation.id.parse().ok()?;
    let stated = if id.is_lid() { parse(&conversation.pn_jid) } else { parse(&conversation.lid_jid) };
    address::shown(client, &id, stated.as_ref()).await
}

fn name_of(conversation: &wa::Conversation) -> Option<&String> {
    conversation.name.as_ref().or(conversation.display_name.as_ref())
}

/// Records a chat and its messages, newest first as they come; answers whether to go on.
async fn conversation(
    context: &Context,
    client: &Client,
    (chat, mut conversation): (&Shown, wa::Conversation),
    (part, noted): (HistoryPart, Write),
) -> bool {
    let messages = std::mem::take(&mut conversation.messages);
    let mut first: Vec<Write> = context.learn(chat).into_iter().collect();
    let chunks = messages.len().div_ceil(BATCH);
    for (number, some) in messages.chunks(BATCH).enumerate() {
        let mut stored = Vec::with_capacity(some.len());
        for message in some {
            if let Some(info) = message.message.as_option()
                && let Some(message) = message_of(client, chat, info).await
            {
                stored.push(Arc::new(message));
            }
        }
        // What the database does not take is halved until it is one message: only that is left out.
        let mut left = vec![stored];
        while let Some(mut stored) = left.pop() {
            let mut writes = first.clone();
            writes.extend(writes_of(context, (chat, &conversation), &stored, part));
            if number + 1 == chunks && left.is_empty() {
                writes.push(noted.clone());
            }
            match commit(context, writes).await {
                Committed::Yes => first.clear(),
                Committed::Stopped => return false,
                Committed::Refused(error) if stored.len() < 2 => {
                    let id = stored.first().map(|message| message.id);
                    tracing::error!(instance = %context.seat.name, ?id, %error, "a message of the history could not be recorded");
                }
                Committed::Refused(_) => {
                    let rest = stored.split_off(stored.len() / 2);
                    left.extend([rest, stored]);
                }
            }
        }
    }
    if messages.is_empty() {
        first.extend(writes_of(context, (chat, &conversation), &[], part));
        first.push(noted);
        return commit_or_leave_out(context, first).await;
    }
    true
}

/// What is to be written of a chat and some of its messages.
fn writes_of(
    context: &Context,
    (chat, conversation): (&Shown, &wa::Conversation),
    stored: &[Arc<StoredMessage>],
    part: HistoryPart,
) -> Vec<Write> {
    let mut writes = Vec::new();
    if context.history.keep {
        let row = |message: &Arc<StoredMessage>| Write::Message {
            message: Arc::clone(message),
            idempotency_key: None,
            fresh: false,
            events: Vec::new(),
        };
        writes.extend(stored.iter().map(row));
        writes.extend(chat_writes(chat, conversation, stored));
    }
    if context.seat.journal.wants(EventKind::MessagesSet) && !stored.is_empty() {
        let instance = context.seat.instance;
        let shown: Vec<_> = stored.iter().map(|message| present::received(message, instance, None)).collect();
        let told = context.seat.journal.event_of_history(EventKind::MessagesSet, &shown, part);
        writes.extend(told.into_iter().map(Write::Event));
    }
    writes
}

fn chat_writes(chat: &Shown, conversation: &wa::Conversation, stored: &[Arc<StoredMessage>]) -> [Write; 2] {
    let newest = stored.iter().max_by_key(|message| message.timestamp);
    let unread = conversation.unread_count.and_then(|count| i32::try_from(count).ok()).unwrap_or_default();
    let state = ChatState {
        archived: conversation.archived.filter(|archived| *archived),
        pinned: conversation.pinned.is_some_and(|pinned| pinned > 0).then_some(true),
        muted_until: conversation.mute_end_time.filter(|end| *end > 0).map(|end| i64::try_from(end).ok()),
        unread: None,
    };
    let (remote_jid, remote_jid_alt) = (chat.jid.to_string(), chat.alt.as_ref().map(ToString::to_string));
    [
        Write::Chat {
            remote_jid: remote_jid.clone(),
            remote_jid_alt: remote_jid_alt.clone(),
            name: name_of(conversation).cloned(),
            unread: Unread::Initial(unread),
            last: newest.map(|message| (message.id, message.timestamp)),
            on_new: Vec::new(),
            on_change: Vec::new(),
        },
        Write::ChatState { remote_jid, remote_jid_alt, state, on_new: Vec::new(), on_change: Vec::new() },
    ]
}

async fn message_of(client: &Client, chat: &Shown, info: &wa::WebMessageInfo) -> Option<StoredMessage> {
    let (key, message) = (info.key.as_option()?, info.message.as_option()?);
    if message.protocol_message.is_set() {
        return None;
    }
    let Content { message_type, fields, context_info } = Content::of(message)?;
    let from_me = key.from_me.unwrap_or_default();
    let several = matches!(chat.jid.kind(), JidKind::Group | JidKind::Broadcast);
    let participant = match info.participant.as_ref().or(key.participant.as_ref()).filter(|_| several) {
        Some(sender) => address::shown(client, &sender.parse().ok()?, None).await,
        None => None,
    };
    let id = key.id.clone()?;
    Some(StoredMessage {
        id: Uuid::now_v7(),
        source: source(&id).to_owned(),
        key: MessageKey {
            id,
            remote_jid: chat.jid.to_string(),
            from_me,
            participant: participant.map(|sender| sender.jid.to_string()),
            remote_jid_alt: chat.alt.as_ref().map(ToString::to_string),
        },
        push_name: info.push_name.clone().or_else(|| from_me.then(|| OWN_NAME.to_owned())),
        status: status(info.status, from_me),
        updates: Vec::new(),
        context_info,
        message: Value::Object(fields).to_string(),
        message_type,
        timestamp: info.message_timestamp.and_then(|time| i64::try_from(time).ok()).unwrap_or_default(),
        deleted: false,
    })
}

const fn status(known: Option<Status>, from_me: bool) -> MessageStatus {
    match known {
        Some(Status::PLAYED) => MessageStatus::Played,
        Some(Status::READ) => MessageStatus::Read,
        Some(Status::DELIVERY_ACK) => MessageStatus::DeliveryAck,
        _ if from_me => MessageStatus::ServerAck,
        _ => MessageStatus::DeliveryAck,
    }
}

/// Records the names that contacts chose; answers whether to go on.
async fn names(context: &Context, client: &Client, names: Vec<wa::Pushname>) -> bool {
    for some in names.chunks(BATCH) {
        let (mut writes, mut shown) = (Vec::new(), Vec::new());
        for known in some {
            let parsed = known.id.as_deref().and_then(|id| id.parse().ok());
            let (Some(jid), Some(name)) = (parsed, &known.pushname) else { continue };
            let Some(contact) = address::shown(client, &jid, None).await else { continue };
            writes.extend(context.learn(&contact));
            shown.push(json!({
                "remoteJid": contact.jid, "pushName": name, "profilePicUrl": null,
                "instanceId": context.seat.instance,
            }));
            if context.history.keep {
                writes.push(Write::Contact {
                    remote_jid: contact.jid.to_string(),
                    remote_jid_alt: contact.alt.as_ref().map(ToString::to_string),
                    push_name: Some(name.clone()),
                    profile_pic_url: None,
                    saved_name: None,
                    events: None,
                });
            }
        }
        // Evolution API has both in its list, and tells the second.
        for kind in [EventKind::ContactsSet, EventKind::ContactsUpsert] {
            writes.extend(context.seat.journal.event(kind, &shown).into_iter().map(Write::Event));
        }
        if !writes.is_empty() && !commit_or_leave_out(context, writes).await {
            return false;
        }
    }
    true
}
