//! `POST /message/sendMedia/{instance}`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use super::common::Common;
use super::file::{self, Place};
use crate::channel::{Content, Media};
use crate::http::extract::{IdempotencyKey, Input, LocalInstance, Upload};
use crate::http::fields::Fields;
use crate::http::{Error, State};
use crate::media::{Kind, Request};

/// A file to send; as JSON, or as a form with the file as its part `file`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SendMedia {
    /// Its fields stand beside the file.
    #[schema(ignore)]
    options: Common,
    /// `image`, `video`, `audio` or `document`; in old requests all of this is in `mediaMessage`.
    #[schema(value_type = String)]
    mediatype: Kind,
    /// The file: a URL, base64 or a `data:` URI.
    #[schema(value_type = String)]
    media: Place,
    /// Its mimetype; found out when absent.
    mimetype: Option<String>,
    /// Its name; found out when absent.
    file_name: Option<String>,
    /// The text below it.
    caption: Option<String>,
    /// A video that plays in a loop without sound; a GIF always is.
    gif_playback: Option<bool>,
}

impl Input for SendMedia {
    const FILES: &'static [&'static str] = &["media"];

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let options = Common::read(fields);
        let old = fields.object("mediaMessage").filter(|_| !fields.has("mediatype"));
        let own = old.as_ref().unwrap_or(fields);
        let (mediatype, media) = (kind(own), Place::read(own, fields, "media"));
        Some(Self {
            mimetype: own.text("mimetype").filter(|text| !text.is_empty()),
            file_name: own.text("fileName").filter(|text| !text.is_empty()),
            caption: own.text("caption").filter(|text| !text.is_empty()),
            gif_playback: own.flag("gifPlayback"),
            options: options?,
            mediatype: mediatype?,
            media: media?,
        })
    }
}

fn kind(fields: &Fields<'_>) -> Option<Kind> {
    // The name of old requests has a capital letter.
    let name = fields.either(&["mediatype", "mediaType"]);
    match fields.required_text(name)?.to_ascii_lowercase().as_str() {
        "image" => Some(Kind::Image),
        "video" => Some(Kind::Video),
        "audio" => Some(Kind::Audio),
        "document" => Some(Kind::Document),
        _ => {
            fields.wrong(name, "is not one of enum values: image,document,video,audio");
            None
        }
    }
}

/// Sends a file.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    IdempotencyKey(key): IdempotencyKey,
    Upload(body, part): Upload<SendMedia>,
) -> Result<HttpResponse, Error> {
    let (caption, kind) = (body.caption, body.mediatype);
    let request = Request { mimetype: body.mimetype, name: body.file_name, as_is: false };
    let gif = body.gif_playback;
    let content = |file: crate::media::Ready| {
        let gif = kind == Kind::Video && gif.unwrap_or(file.was_gif);
        Content::Media(Media { file, caption, gif })
    };
    file::send((&instance, &state), body.options, (body.media, part), (kind, request), content, key).await
}
