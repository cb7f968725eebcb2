//! `POST /chat/findChats/{instance}` and `GET /chat/findChatByRemoteJid/{instance}`.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::find_messages::seconds;
use super::{forms, forms_of};
use crate::channel::groups::Group;
use crate::clock::rfc3339;
use crate::db::{self, Chat, ChatEntry, ChatFilter, GroupRow, Scope};
use crate::domain::message::present::{self, raw};
use crate::domain::{InstanceId, Jid, StoredMessage, poll};
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Query, Valid};
use crate::http::fields::Fields;

/// Most chats of one answer.
const MOST: u64 = 10_000;
/// Chats whose last messages are in memory at the same time.
const PART: usize = 200;

/// Which chats, and which part of them.
#[derive(ToSchema)]
pub struct FindChats {
    /// `{remoteJid, messageTimestamp: {gte, lte}}`; the time is that of a chat's newest message.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
    /// How many, 10000 at most and when absent.
    #[schema(value_type = Option<u64>)]
    take: u64,
    /// After how many.
    #[schema(value_type = Option<u64>)]
    skip: u64,
}

#[derive(Default)]
struct Filter {
    remote_jid: Option<String>,
    from: Option<i64>,
    until: Option<i64>,
}

impl Input for FindChats {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let mut filter = Filter::default();
        if let Some(given) = fields.object("where") {
            filter.remote_jid = given.text("remoteJid").filter(|jid| !jid.is_empty());
            if let Some(time) = given.object("messageTimestamp") {
                (filter.from, filter.until) = (seconds(&time, "gte"), seconds(&time, "lte"));
            }
        }
        let take = fields.integer("take").filter(|take| *take > 0).unwrap_or(MOST).min(MOST);
        Some(Self { filter, take, skip: fields.integer("skip").unwrap_or_default() })
    }
}

fn last(message: &StoredMessage, instance: InstanceId) -> Value {
    json!({
        "id": message.id,
        "key": present::key(&message.key, message.deleted),
        "pushName": message.push_name,
        "participant": message.key.participant,
        "messageType": message.message_type,
        "message": poll::shown(&message.message_type, &message.message).0,
        "contextInfo": raw(message.context_info.as_deref()),
        "source": message.source,
        "messageTimestamp": message.timestamp,
        "instanceId": instance,
        "sessionId": null,
        "status": message.status,
    })
}

/// The name of a group that is on record.
fn subject(group: Option<&GroupRow>) -> Option<String> {
    let group: Group = serde_json::from_str(&group?.metadata).ok()?;
    Some(group.subject).filter(|subject| !subject.is_empty())
}

fn entry(entry: &ChatEntry, instance: InstanceId) -> Value {
    let (chat, contact) = (&entry.chat, entry.contact.as_ref());
    let named = || contact.and_then(|contact| contact.push_name.as_ref()).or(chat.name.as_ref()).cloned();
    let name = subject(entry.group.as_ref()).or_else(named);
    let moved = chat.last_message_at.map_or(chat.updated_at, |seconds| seconds.saturating_mul(1000));
    json!({
        "id": chat.id,
        "remoteJid": chat.remote_jid,
        "remoteJidAlt": chat.remote_jid_alt,
        "pushName": name,
        "profilePicUrl": contact.and_then(|contact| contact.profile_pic_url.as_ref()),
        "updatedAt": rfc3339(moved),
        "windowStart": null,
        "windowExpires": null,
        "windowActive": false,
        "lastMessage": entry.last_message.as_ref().map(|message| last(message, instance)),
        "unreadCount": chat.unread_count,
        "isSaved": contact.is_some_and(|contact| contact.is_saved),
        "archived": chat.archived,
        "pinned": chat.pinned,
        "mutedUntil": chat.muted_until,
    })
}

fn row(chat: &Chat, name: Option<&String>, labels: &[String], instance: InstanceId) -> Value {
    json!({
        "id": chat.id,
        "remoteJid": chat.remote_jid,
        "remoteJidAlt": chat.remote_jid_alt,
        "name": name,
        "labels": (!labels.is_empty()).then_some(labels),
        "unreadMessages": chat.unread_count,
        "archived": chat.archived,
        "pinned": chat.pinned,
        "mutedUntil": chat.muted_until,
        "createdAt": rfc3339(chat.created_at),
        "updatedAt": rfc3339(chat.updated_at),
        "instanceId": instance,
    })
}

async fn shown(scope: &Scope, chats: Vec<Chat>, instance: InstanceId) -> Result<Vec<Value>, db::Error> {
    let entries = scope.chats().entries(chats).await?;
    Ok(entries.iter().map(|chat| entry(chat, instance)).collect())
}

/// Chats, newest message first. A long list is written while it is read: which chats and in which order is
/// found out first, and their last messages as they are wanted.
pub async fn list(instance: LocalInstance, Valid(body): Valid<FindChats>) -> Result<HttpResponse, Error> {
    let (scope, id) = (instance.scope(), instance.id());
    let Filter { remote_jid, from, until } = body.filter;
    let filter = ChatFilter { remote_jids: forms_of(&scope, remote_jid.as_deref()).await?, from, until };
    let mut chats = scope.chats().find(&filter, body.take, body.skip).await?;
    let rest = chats.split_off(chats.len().min(PART));
    let first = shown(&scope, chats, id).await?;
    if rest.is_empty() {
        return Ok(HttpResponse::Ok().json(first));
    }
    let parts = stream::try_unfold((scope, rest), move |(scope, mut rest)| async move {
        if rest.is_empty() {
            return Ok::<_, db::Error>(None);
        }
        let later = rest.split_off(rest.len().min(PART));
        let part = format!(",{}", items(&shown(&scope, rest, id).await?));
        Ok(Some((Bytes::from(part), (scope, later))))
    });
    let piece = |text: String| stream::iter([Ok(Bytes::from(text))]);
    let all = piece(format!("[{}", items(&first))).chain(parts).chain(piece("]".to_owned()));
    Ok(HttpResponse::Ok().content_type(ContentType::json()).streaming(all))
}

/// The items of a list as JSON has them between its brackets.
fn items(rows: &[Value]) -> String {
    rows.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}

/// One chat, or `null`.
pub async fn one(instance: LocalInstance, query: Query) -> Result<HttpResponse, Error> {
    let missing = || Error::Invalid("remoteJid is a required query parameter".to_owned());
    let asked = Jid::parse(query.get("remoteJid").ok_or_else(missing)?);
    let asked = asked.map_err(|error| Error::Invalid(format!("remoteJid {error}")))?;
    let scope = instance.scope();
    let asked = forms(&scope, asked.as_str()).await?;
    let Some(chat) = scope.chats().by_jids(&asked).await?.into_iter().next() else {
        return Ok(HttpResponse::Ok().json(Value::Null));
    };
    let labels = scope.labels().of_chat(&asked).await?;
    let group = scope.groups().find(&chat.remote_jid).await?;
    let subject = subject(group.as_ref());
    let name = subject.as_ref().or(chat.name.as_ref());
    Ok(HttpResponse::Ok().json(row(&chat, name, &labels, instance.id())))
}
