//! `POST /chat/findStatusMessage/{instance}`: what became of messages.

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{forms_of, paging};
use crate::db::{MessageFilter, Page, Updates};
use crate::domain::InstanceId;
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

/// Statuses that a filter may name.
const STATUSES: [&str; 6] = ["ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED"];

/// Of which messages.
#[derive(ToSchema)]
pub struct FindStatus {
    /// `{id, remoteJid, fromMe, participant, status}`; with `status`, of messages that came to it.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
    /// Counted from 1; `offset` or `limit` is the size of a page, 50 when absent and 1000 at most.
    #[schema(value_type = Option<u64>)]
    page: Page,
}

#[derive(Default)]
struct Filter {
    rest: MessageFilter,
    remote_jid: Option<String>,
    participant: Option<String>,
    status: Option<String>,
}

impl Filter {
    fn read(fields: &Fields<'_>) -> Self {
        let Some(given) = fields.object("where") else { return Self::default() };
        let filled = |name: &str| if given.has(name) { given.filled_text(name) } else { None };
        let status = filled("status");
        if status.as_deref().is_some_and(|status| !STATUSES.contains(&status)) {
            given.wrong("status", &format!("is not one of enum values: {}", STATUSES.join(",")));
        }
        let rest =
            MessageFilter { key_id: filled("id"), from_me: given.flag("fromMe"), ..MessageFilter::default() };
        Self { rest, remote_jid: filled("remoteJid"), participant: filled("participant"), status }
    }
}

impl Input for FindStatus {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { filter: Filter::read(fields), page: paging::page(fields) })
    }
}

fn shown(message: &Updates, (at, status): (usize, &String), instance: InstanceId) -> Value {
    json!({
        "id": format!("{}-{at}", message.id),
        "keyId": message.key.id,
        "remoteJid": message.key.remote_jid,
        "fromMe": message.key.from_me,
        "participant": message.key.participant,
        "pollUpdates": null,
        "status": status,
        "messageId": message.id,
        "instanceId": instance,
    })
}

/// What became of messages, newest message first.
pub async fn handle(instance: LocalInstance, Valid(body): Valid<FindStatus>) -> Result<HttpResponse, Error> {
    let scope = instance.scope();
    let filter = MessageFilter {
        remote_jids: forms_of(&scope, body.filter.remote_jid.as_deref()).await?,
        participants: forms_of(&scope, body.filter.participant.as_deref()).await?,
        ..body.filter.rest
    };
    let status = body.filter.status.as_deref();
    let messages = scope.messages().updates(&filter, status, body.page).await?;
    let wanted = |one: &String| status.is_none_or(|wanted| wanted == one);
    let mut rows: Vec<Value> = Vec::new();
    for message in &messages {
        let updates = message.statuses.iter().enumerate().filter(|(_, one)| wanted(one));
        rows.extend(updates.map(|update| shown(message, update, instance.id())));
    }
    Ok(HttpResponse::Ok().json(rows))
}
