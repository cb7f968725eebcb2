//! `POST /message/sendReaction/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::transmit;
use crate::channel::{Content, Outgoing};
use crate::http::chat::Key;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// A reaction to send.
#[derive(ToSchema)]
pub struct SendReaction {
    /// The message; in old requests it is in `reactionMessage`.
    key: Key,
    /// The emoji; an empty text takes it back.
    reaction: String,
}

impl Input for SendReaction {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let old = fields.object("reactionMessage").filter(|_| !fields.has("key"));
        let given = old.as_ref().unwrap_or(fields);
        let key = given.required_object("key").and_then(|key| Key::among(&key));
        let reaction = given.required_text("reaction");
        Some(Self { key: key?, reaction: reaction? })
    }
}

/// Reacts to a message.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Valid(SendReaction { key, reaction }): Valid<SendReaction>,
) -> Result<HttpResponse, Error> {
    state.rates.charge(instance.id()).map_err(Error::TooMany)?;
    let working = instance.work().await?;
    let chat = key.remote_jid.clone();
    let content = Content::Reaction { key: key.whole(&instance).await?, text: reaction };
    let composed = working.messages().compose(&chat, Outgoing::from(content)).await;
    let prepared = composed.map_err(|error| instance.explain(error))?;
    transmit((&instance, &state), prepared, idempotency_key).await
}
