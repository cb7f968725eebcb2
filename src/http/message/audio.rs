//! `POST /message/sendWhatsAppAudio/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::Common;
use super::file::{self, Place};
use crate::channel::{ChatState, Content, Media};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Upload};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::{Kind, Request};

/// A voice note to send; as JSON, or as a form with the file as its part `file`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendAudio {
    /// Its fields stand beside the file.
    #[schema(ignore)]
    options: Common,
    /// The sound: a URL, base64 or a `data:` URI; in old requests it is in `audioMessage`.
    #[schema(value_type = String)]
    audio: Place,
    /// Whether it is converted to what phones record; yes when absent.
    encoding: Option<bool>,
}

impl Input for SendAudio {
    const FILES: &'static [&'static str] = &["audio"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read_showing(fields, ChatState::Recording);
        let old = fields.object("audioMessage").filter(|_| !fields.has("audio"));
        let audio = Place::read(old.as_ref().unwrap_or(fields), fields, "audio");
        Some(Self { encoding: fields.flag("encoding"), options: options?, audio: audio? })
    }
}

/// Sends a voice note.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Upload(body, part): Upload<SendAudio>,
) -> Result<HttpResponse, Error> {
    let request = Request { as_is: body.encoding == Some(false), ..Request::default() };
    let content = |file| Content::Media(Media { file, caption: None, gif: false });
    let from = (body.audio, part);
    file::send((&instance, &state), body.options, from, (Kind::Voice, request), content, key).await
}
