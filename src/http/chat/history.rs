//! `POST /chat/fetchHistory/{instance}`: asks the phone for older messages of a chat.

use actix_web::HttpResponse;
use serde_json::json;
use utoipa::ToSchema;

use super::forms;
use crate::channel::Anchor;
use crate::domain::Jid;
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::message::address;

/// Messages that are asked for when the request does not say.
const DEFAULT: u32 = 50;
/// Most messages of one request.
const MOST: u64 = 500;

/// Which messages.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct FetchHistory {
    /// The chat.
    #[schema(value_type = String)]
    remote_jid: Jid,
    /// How many, 50 when absent.
    count: Option<u32>,
}

impl Input for FetchHistory {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let remote_jid = address(fields, fields.either(&["remoteJid", "chat", "number"]));
        let count = fields.integer("count");
        if count.is_some_and(|count| count == 0 || count > MOST) {
            fields.wrong("count", &format!("must be from 1 to {MOST}"));
        }
        let count = count.and_then(|count| u32::try_from(count).ok());
        Some(Self { remote_jid: remote_jid?, count })
    }
}

/// Asks for messages that are older than the oldest on record; they come as `messages.set`.
pub async fn handle(
    instance: LocalInstance,
    Valid(FetchHistory { remote_jid, count }): Valid<FetchHistory>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let count = count.unwrap_or(DEFAULT);
    let scope = instance.scope();
    let forms = forms(&scope, remote_jid.as_str()).await?;
    let oldest = scope.messages().first_of_chat(&forms).await?;
    let nothing = || Error::NotFound(format!("There is no message of {remote_jid} to go back from"));
    let oldest = oldest.ok_or_else(nothing)?;
    let oldest = Anchor { key: oldest.key, timestamp: oldest.timestamp };
    let asked = working.chats()?.fetch_older(&remote_jid, &oldest, count).await;
    let id = asked.map_err(|error| instance.explain(error))?;
    Ok(HttpResponse::Created().json(json!({"requestId": id, "remoteJid": remote_jid, "count": count})))
}
