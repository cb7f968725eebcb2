//! `POST /message/sendSticker/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::Common;
use super::file::{self, Place};
use crate::channel::{Content, Media};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Upload};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::{Kind, Request};

/// A sticker to send; as JSON, or as a form with the file as its part `file`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendSticker {
    /// Its fields stand beside the file.
    #[schema(ignore)]
    options: Common,
    /// The picture: a URL, base64 or a `data:` URI; in old requests it is in `stickerMessage.image`.
    #[schema(value_type = String)]
    sticker: Place,
    /// Whether it is WebP already and stays as it is; no when absent.
    not_convert_sticker: Option<bool>,
}

impl Input for SendSticker {
    const FILES: &'static [&'static str] = &["sticker", "image"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("stickerMessage").filter(|_| !fields.has("sticker"));
        let sticker = match &old {
            Some(old) => Place::read(old, fields, old.either(&["image", "sticker"])),
            None => Place::read(fields, fields, "sticker"),
        };
        let not_convert_sticker = fields.flag("notConvertSticker");
        Some(Self { not_convert_sticker, options: options?, sticker: sticker? })
    }
}

/// Sends a sticker.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Upload(body, part): Upload<SendSticker>,
) -> Result<HttpResponse, Error> {
    let request = Request { as_is: body.not_convert_sticker == Some(true), ..Request::default() };
    let content = |file| Content::Media(Media { file, caption: None, gif: false });
    let from = (body.sticker, part);
    file::send((&instance, &state), body.options, from, (Kind::Sticker, request), content, key).await
}
