//! `POST /message/forward/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// A message on record to pass on.
#[derive(ToSchema)]
pub struct Forward {
    /// Its fields stand beside the message.
    #[schema(ignore)]
    options: Common,
    /// The message, as `{id}` and perhaps `remoteJid`; it may be in `message` too.
    #[schema(value_type = Object)]
    key: (String, Option<String>),
}

impl Input for Forward {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let message = fields.object("message").filter(|_| !fields.has("key"));
        let key = message.as_ref().unwrap_or(fields).required_object("key");
        let key = key.and_then(|key| Some((key.filled_text("id")?, key.text("remoteJid"))));
        Some(Self { options: options?, key: key? })
    }
}

/// The content of the message; of several with its id that of the chat which is named.
async fn content(instance: &LocalInstance, (id, chat): &(String, Option<String>)) -> Result<Content, Error> {
    let found = instance.scope().messages().by_key_id(id).await?;
    let is_there = |jid: &str| chat.as_deref() == Some(jid);
    let best = found.iter().find(|message| {
        is_there(&message.key.remote_jid) || message.key.remote_jid_alt.as_deref().is_some_and(is_there)
    });
    match best.or(found.first()).filter(|message| !message.deleted) {
        Some(message) => {
            let (message, context_info) = (message.message.clone(), message.context_info.clone());
            Ok(Content::Forward { message, context_info })
        }
        None => Err(Error::NotFound("Message not found".to_owned())),
    }
}

/// Passes a message on.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Valid(Forward { options, key }): Valid<Forward>,
) -> Result<HttpResponse, Error> {
    // Nothing is looked up for an instance that cannot send.
    drop(instance.work().await?);
    let content = content(&instance, &key).await?;
    send((&instance, &state), options, content, idempotency_key).await
}
