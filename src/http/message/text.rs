//! `POST /message/sendText/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::{Common, send};
use crate::channel::Content;
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Valid};
use crate::http::fields::Fields;
use crate::http::{Error, State};

/// A text to send.
#[derive(ToSchema)]
pub struct SendText {
    /// Its fields stand beside the text.
    #[schema(ignore)]
    options: Common,
    /// The text; in old requests it is in `textMessage`.
    text: String,
}

impl Input for SendText {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("textMessage").filter(|_| !fields.has("text"));
        let text = old.as_ref().unwrap_or(fields).filled_text("text");
        Some(Self { options: options?, text: text? })
    }
}

/// Sends a text.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Valid(SendText { options, text }): Valid<SendText>,
) -> Result<HttpResponse, Error> {
    let content = Content::Text { text, link_preview: options.link_preview.unwrap_or(true) };
    send((&instance, &state), options, content, key).await
}
