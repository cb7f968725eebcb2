//! `POST /message/sendPtv/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::Common;
use super::file::{self, Place};
use crate::channel::{Content, Media};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Upload};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::{Kind, Request};

/// A round video note to send; as JSON, or as a form with the file as its part `file`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendPtv {
    /// Its fields stand beside the file.
    #[schema(ignore)]
    options: Common,
    /// The video: a URL, base64 or a `data:` URI.
    #[schema(value_type = String)]
    video: Place,
}

impl Input for SendPtv {
    const FILES: &'static [&'static str] = &["video"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let video = Place::read(fields, fields, "video");
        Some(Self { options: options?, video: video? })
    }
}

/// Sends a round video note.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Upload(body, part): Upload<SendPtv>,
) -> Result<HttpResponse, Error> {
    let request = Request { as_is: false, ..Request::default() };
    let content = |file| Content::Media(Media { file, caption: None, gif: false });
    let from = (body.video, part);
    file::send((&instance, &state), body.options, from, (Kind::RoundVideo, request), content, key).await
}
