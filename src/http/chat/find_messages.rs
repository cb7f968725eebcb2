//! `POST /chat/findMessages/{instance}`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{forms_of, paging};
use crate::db::{MessageFilter, Page, Scope};
use crate::domain::message::present::{self, raw, with_url};
use crate::domain::{InstanceId, MessageStatus, StoredMessage, poll};
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// Which messages, and which part of them.
#[derive(ToSchema)]
pub struct FindMessages {
    /// `{id, key: {id, remoteJid, fromMe, participant, remoteJidAlt}, messageType, source, messageTimestamp:
    /// {gte, lte}}`.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
    /// Counted from 1; `offset` or `limit` is the size of a page, 50 when absent and 1000 at most.
    #[schema(value_type = Option<u64>)]
    page: Page,
}

/// Which messages, with addresses as the caller wrote them.
#[derive(Default)]
pub(super) struct Filter {
    rest: MessageFilter,
    remote_jid: Option<String>,
    participant: Option<String>,
}

/// Unix seconds out of what clients write: seconds, milliseconds, a time or a date.
pub(super) fn seconds(fields: &Fields<'_>, name: &str) -> Option<i64> {
    let text = fields.text(name)?;
    let text = text.trim();
    let read = match text.parse::<i64>() {
        // After the year 5000 in seconds: they are milliseconds.
        Ok(number) if number > 100_000_000_000 => Some(number / 1000),
        Ok(number) => Some(number),
        Err(_) => DateTime::parse_from_rfc3339(text).map(|time| time.timestamp()).ok().or_else(|| {
            let date = text.parse::<NaiveDate>().ok()?;
            Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp())
        }),
    };
    if read.is_none() {
        fields.wrong(name, "is not a time");
    }
    read
}

impl Filter {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let Some(given) = fields.object("where") else { return Self::default() };
        let mut filter = Self::default();
        if let Some(key) = given.object("key") {
            let filled = |name: &str| if key.has(name) { key.filled_text(name) } else { None };
            filter.rest.key_id = filled("id");
            filter.rest.from_me = key.flag("fromMe");
            filter.rest.remote_jid_alt = filled("remoteJidAlt");
            filter.remote_jid = filled("remoteJid");
            filter.participant = filled("participant");
        }
        let filled = |name: &str| if given.has(name) { given.filled_text(name) } else { None };
        filter.rest.id = filled("id").and_then(|id| {
            id.parse().inspect_err(|_| given.wrong("id", "is not the id of a message on record")).ok()
        });
        filter.rest.message_type = filled("messageType");
        filter.rest.source = filled("source");
        if let Some(time) = given.object("messageTimestamp") {
            filter.rest.from = seconds(&time, "gte");
            filter.rest.until = seconds(&time, "lte");
        }
        filter
    }

    /// With every known form of the addresses.
    pub(super) async fn resolved(self, scope: &Scope) -> Result<MessageFilter, Error> {
        Ok(MessageFilter {
            remote_jids: forms_of(scope, self.remote_jid.as_deref()).await?,
            participants: forms_of(scope, self.participant.as_deref()).await?,
            ..self.rest
        })
    }
}

impl Input for FindMessages {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { filter: Filter::read(fields), page: paging::page(fields) })
    }
}

/// A message on record, as clients read it. It is written as it is: a tree of values for every message would
/// cost more than to find it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown<'a> {
    id: Uuid,
    key: present::Key<'a>,
    push_name: Option<&'a str>,
    message_type: &'a str,
    message: Option<Cow<'a, RawValue>>,
    message_timestamp: i64,
    instance_id: InstanceId,
    source: &'a str,
    context_info: Option<&'a RawValue>,
    status: MessageStatus,
    #[serde(rename = "MessageUpdate")]
    updates: Vec<Update<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Update<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_updates: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    total: u64,
    pages: u64,
    current_page: u64,
    records: Vec<Shown<'a>>,
}

/// A message with the link to its file when that is kept.
pub fn record<'a>(message: &'a StoredMessage, instance: InstanceId, media_url: Option<&str>) -> Shown<'a> {
    let (content, tally) = poll::shown(&message.message_type, &message.message);
    let content = match media_url {
        Some(url) => content.map(|content| with_url(content, url)),
        None => content,
    };
    let update = |status| Update { status, poll_updates: None };
    let mut updates: Vec<Update<'_>> = message.updates.iter().map(|status| update(status)).collect();
    updates
        .extend(tally.map(|tally| Update { poll_updates: Some(tally), ..update(message.status.as_str()) }));
    Shown {
        id: message.id,
        key: present::key(&message.key, message.deleted),
        push_name: message.push_name.as_deref(),
        message_type: &message.message_type,
        message: content,
        message_timestamp: message.timestamp,
        instance_id: instance,
        source: &message.source,
        context_info: raw(message.context_info.as_deref()),
        status: message.status,
        updates,
    }
}

/// A page of messages, newest first.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<FindMessages>,
) -> Result<HttpResponse, Error> {
    let filter = body.filter.resolved(&instance.scope()).await?;
    answer((&instance, &state), &filter, body.page).await
}

/// New links to the files of messages, as far as those are kept.
async fn links(
    instance: &LocalInstance,
    state: &State,
    messages: &[StoredMessage],
) -> Result<HashMap<Uuid, String>, Error> {
    let Some(files) = &state.files else { return Ok(HashMap::new()) };
    // What is not told in events is not told here.
    if !instance.settings().media.media_url.unwrap_or(true) {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = messages
        .iter()
        .filter(|message| message.message.contains("\"mediaKey\""))
        .map(|message| message.id)
        .collect();
    let kept = instance.scope().media().among(&ids).await?;
    let (name, now) = (instance.name().as_str(), state.clock.now_ms());
    Ok(kept.into_iter().map(|id| (id, files.keeper.link(name, id, now))).collect())
}

/// The answer to those who look for messages.
pub(super) async fn answer(
    (instance, state): (&LocalInstance, &State),
    filter: &MessageFilter,
    page: Page,
) -> Result<HttpResponse, Error> {
    let (records, total) = instance.scope().messages().find(filter, page).await?;
    let links = links(instance, state, &records).await?;
    let messages = Found {
        total,
        pages: total.div_ceil(page.size),
        current_page: page.number,
        records: records
            .iter()
            .map(|message| record(message, instance.id(), links.get(&message.id).map(String::as_str)))
            .collect(),
    };
    Ok(HttpResponse::Ok().json(BTreeMap::from([("messages", messages)])))
}
