//! `POST /chat/markMessageAsRead/{instance}`.

use actix_web::HttpResponse;
use serde_json::json;
use utoipa::ToSchema;

use super::all_forms;
use super::key::Key;
use crate::domain::MessageKey;
use crate::events::{Unread, Write};
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

/// Most messages of one request.
const MOST: usize = 500;

/// Messages that were read.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MarkRead {
    /// Which.
    read_messages: Vec<Key>,
}

impl Input for MarkRead {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let objects = fields.required_objects(fields.either(&["readMessages", "read_messages"]))?;
        if objects.len() > MOST {
            fields.wrong("readMessages", &format!("does not meet maximum length of {MOST}"));
        }
        let read_messages: Option<Vec<Key>> = objects.iter().map(Key::among).collect();
        Some(Self { read_messages: read_messages? })
    }
}

/// Nothing of these chats is unread any more. Chats that we do not know stay unknown.
async fn reset(instance: &LocalInstance, keys: &[MessageKey]) -> Result<(), Error> {
    let mut chats: Vec<String> = keys.iter().map(|key| key.remote_jid.clone()).collect();
    chats.sort_unstable();
    chats.dedup();
    let scope = instance.scope();
    let known = scope.chats().by_jids(&all_forms(&scope, chats).await?).await?;
    let unread = known.into_iter().filter(|chat| chat.unread_count != 0);
    let writes: Vec<Write> = unread
        .map(|chat| Write::Chat {
            remote_jid: chat.remote_jid,
            remote_jid_alt: None,
            name: None,
            unread: Unread::Reset,
            last: None,
            on_new: Vec::new(),
            on_change: Vec::new(),
        })
        .collect();
    if !writes.is_empty() {
        instance.journal().commit(writes).await.map_err(|error| instance.explain(error))?;
    }
    Ok(())
}

/// Tells the senders that their messages were read.
pub async fn handle(instance: LocalInstance, Valid(body): Valid<MarkRead>) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let mut keys = Key::all_whole(&body.read_messages, &instance).await?;
    keys.retain(|key| !key.from_me);
    working.messages().mark_read(&keys).await.map_err(|error| instance.explain(error))?;
    reset(&instance, &keys).await?;
    Ok(HttpResponse::Created().json(json!({"message": "Read messages", "read": "success"})))
}
