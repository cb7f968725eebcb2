//! `POST /chat/findMessages/{instance}`.

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{forms_of, paging};
use crate::db::{MessageFilter, Page, Scope};
use crate::domain::message::present::raw;
use crate::domain::{InstanceId, StoredMessage, poll};
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

/// Which messages, and which part of them.
#[derive(ToSchema)]
pub struct FindMessages {
    /// `{id, key: {id, remoteJid, fromMe, participant, remoteJidAlt}, messageType, source, messageTimestamp:
    /// {gte, lte}}`.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
    /// Counted from 1; `offset` or `limit` is the size of a page.
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
fn seconds(fields: &Fields<'_>, name: &str) -> Option<i64> {
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

/// The identity of a message on record, as clients read it.
pub(super) fn key(message: &StoredMessage) -> Value {
    let mut key = json!(message.key);
    if message.deleted {
        key["deleted"] = json!(true);
    }
    key
}

/// A message on record, as clients read it.
fn shown(message: &StoredMessage, instance: InstanceId) -> Value {
    let (content, tally) = poll::shown(&message.message_type, &message.message);
    let mut updates: Vec<Value> = message.updates.iter().map(|status| json!({"status": status})).collect();
    updates.extend(tally.map(|tally| json!({"status": message.status, "pollUpdates": tally})));
    json!({
        "id": message.id,
        "key": key(message),
        "pushName": message.push_name,
        "messageType": message.message_type,
        "message": content,
        "messageTimestamp": message.timestamp,
        "instanceId": instance,
        "source": message.source,
        "contextInfo": raw(message.context_info.as_deref()),
        "status": message.status,
        "MessageUpdate": updates,
    })
}

/// A page of messages, newest first.
pub async fn handle(
    instance: LocalInstance,
    Valid(body): Valid<FindMessages>,
) -> Result<HttpResponse, Error> {
    let filter = body.filter.resolved(&instance.scope()).await?;
    answer(&instance, &filter, body.page).await
}

/// The answer to those who look for messages.
pub(super) async fn answer(
    instance: &LocalInstance,
    filter: &MessageFilter,
    page: Page,
) -> Result<HttpResponse, Error> {
    let (records, total) = instance.scope().messages().find(filter, page).await?;
    let records: Vec<Value> = records.iter().map(|message| shown(message, instance.id())).collect();
    let messages = json!({
        "total": total,
        "pages": total.div_ceil(page.size),
        "currentPage": page.number,
        "records": records,
    });
    Ok(HttpResponse::Ok().json(json!({"messages": messages})))
}
