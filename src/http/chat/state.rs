//! What the account's devices agree on about a chat: `POST /chat/archiveChat`, `/chat/markChatUnread`,
//! `/chat/muteChat` and `/chat/pinChat`, each with `/{instance}`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::change::recorded;
use super::forms;
use super::key::Key;
use crate::channel::{self, Anchor, Mute};
use crate::domain::{EventKind, Jid};
use crate::events::{ChatState, Write};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::message::address;
use crate::http::{Error, State};

/// The names of the field that names a chat.
const CHAT: [&str; 3] = ["chat", "number", "remoteJid"];

/// A chat, named by itself or by its newest message.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Which {
    /// The chat; that of the message when absent.
    #[schema(value_type = Option<String>)]
    chat: Jid,
    /// `{key}` of its newest message: devices that know later ones are not changed.
    #[schema(value_type = Option<Object>)]
    last_message: Option<Key>,
}

impl Which {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        // Some clients send a list of one.
        let list = fields.value("lastMessage").is_some_and(Value::is_array);
        let last = if list {
            fields.required_objects("lastMessage")?.into_iter().next()
        } else {
            fields.object("lastMessage")
        };
        let last_message = match last.as_ref().and_then(|last| last.object("key")) {
            Some(key) => Some(Key::among(&key)?),
            None => None,
        };
        let chat = match &last_message {
            Some(key) if !CHAT.iter().any(|name| fields.has(name)) => Some(key.remote_jid.clone()),
            _ => address(fields, fields.either(&CHAT)),
        };
        Some(Self { chat: chat?, last_message })
    }

    /// The newest message as far as it is on record: a range needs its time.
    async fn newest(&self, instance: &LocalInstance) -> Result<Option<Anchor>, Error> {
        let stored = match &self.last_message {
            Some(key) => key.stored(instance).await?,
            None => {
                let scope = instance.scope();
                let forms = forms(&scope, self.chat.as_str()).await?;
                scope.messages().last_of_chat(&forms).await?
            }
        };
        Ok(stored.map(|message| Anchor { key: message.key, timestamp: message.timestamp }))
    }
}

/// Tells the other devices of a change, and records it.
async fn change(
    (instance, state): (&LocalInstance, &State),
    chat: &Jid,
    tell: impl Future<Output = Result<(), channel::Error>> + Send + 'static,
    (change, mut shown): (ChatState, Value),
) -> Result<(), Error> {
    let scope = instance.scope();
    let known = scope.chats().by_jids(&forms(&scope, chat.as_str()).await?).await?;
    let remote_jid = known.into_iter().next().map_or_else(|| chat.to_string(), |chat| chat.remote_jid);
    shown["remoteJid"] = json!(remote_jid);
    shown["instanceId"] = json!(instance.id());
    let (journal, data) = (instance.journal(), json!([shown]));
    let write = Write::ChatState {
        remote_jid,
        remote_jid_alt: None,
        state: change,
        on_new: journal.event(EventKind::ChatsUpsert, &data),
        on_change: journal.event(EventKind::ChatsUpdate, &data),
    };
    recorded((instance, state), tell, vec![write]).await
}

/// A chat to put away or take back.
#[derive(ToSchema)]
pub struct ArchiveChat {
    /// Its fields stand beside the others.
    #[schema(ignore)]
    which: Which,
    /// Whether it is put away.
    archive: bool,
}

impl Input for ArchiveChat {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let archive = fields.required_flag("archive");
        Some(Self { which: Which::read(fields)?, archive: archive? })
    }
}

/// Puts a chat away, or takes it back.
pub async fn archive(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(ArchiveChat { which, archive }): Valid<ArchiveChat>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let newest = which.newest(&instance).await?;
    let chat = which.chat.clone();
    let tell = async move { working.chats()?.archive(&chat, archive, newest.as_ref()).await };
    let archived = ChatState { archived: Some(archive), ..ChatState::default() };
    change((&instance, &state), &which.chat, tell, (archived, json!({"archived": archive}))).await?;
    Ok(HttpResponse::Created().json(json!({"chatId": which.chat, "archived": archive})))
}

/// A chat to mark as unread.
#[derive(ToSchema)]
pub struct MarkUnread {
    /// Its fields stand beside the others.
    #[schema(ignore)]
    which: Which,
}

impl Input for MarkUnread {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        if !fields.has("lastMessage") && !CHAT.iter().any(|name| fields.has(name)) {
            fields.missing("lastMessage");
            return None;
        }
        Some(Self { which: Which::read(fields)? })
    }
}

/// Marks a chat as unread.
pub async fn unread(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(MarkUnread { which }): Valid<MarkUnread>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let newest = which.newest(&instance).await?;
    let chat = which.chat.clone();
    let tell = async move { working.chats()?.mark(&chat, false, newest.as_ref()).await };
    let unread = ChatState { unread: Some(true), ..ChatState::default() };
    change((&instance, &state), &which.chat, tell, (unread, json!({"markedAsUnread": true}))).await?;
    Ok(HttpResponse::Created().json(json!({"chatId": which.chat, "markedChatUnread": true})))
}

/// A chat to make mute.
#[derive(ToSchema)]
pub struct MuteChat {
    /// Its fields stand beside the others.
    #[schema(ignore)]
    which: Which,
    /// Whether it is mute.
    mute: bool,
    /// Until when, in unix milliseconds; until it is ended when absent.
    until: Option<i64>,
}

impl Input for MuteChat {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let mute = fields.required_flag("mute");
        let until = fields.integer("until").map(|until| i64::try_from(until).unwrap_or(i64::MAX));
        Some(Self { which: Which::read(fields)?, mute: mute?, until })
    }
}

/// Makes a chat mute, or ends that.
pub async fn mute(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(MuteChat { which, mute, until }): Valid<MuteChat>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let wanted = match (mute, until) {
        (false, _) => Mute::Off,
        (true, Some(until)) => Mute::Until(until),
        (true, None) => Mute::Forever,
    };
    let chat = which.chat.clone();
    let tell = async move { working.chats()?.mute(&chat, wanted).await };
    let muted_until = mute.then(|| until.unwrap_or(-1));
    let muted = ChatState { muted_until: Some(muted_until), ..ChatState::default() };
    change((&instance, &state), &which.chat, tell, (muted, json!({"mutedUntil": muted_until}))).await?;
    Ok(HttpResponse::Created().json(json!({"chatId": which.chat, "muted": mute, "mutedUntil": muted_until})))
}

/// A chat to keep on top.
#[derive(ToSchema)]
pub struct PinChat {
    /// Its fields stand beside the others.
    #[schema(ignore)]
    which: Which,
    /// Whether it stays on top.
    pin: bool,
}

impl Input for PinChat {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let pin = fields.required_flag("pin");
        Some(Self { which: Which::read(fields)?, pin: pin? })
    }
}

/// Keeps a chat on top, or ends that.
pub async fn pin(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(PinChat { which, pin }): Valid<PinChat>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let chat = which.chat.clone();
    let tell = async move { working.chats()?.pin(&chat, pin).await };
    let pinned = ChatState { pinned: Some(pin), ..ChatState::default() };
    change((&instance, &state), &which.chat, tell, (pinned, json!({"pinned": pin}))).await?;
    Ok(HttpResponse::Created().json(json!({"chatId": which.chat, "pinned": pin})))
}
