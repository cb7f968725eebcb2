//! Messages that carry a file.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use buffa::MessageField;
use rand::Rng as _;
use serde::{Deserialize, Deserializer, de::Error as _};
use wacore::download::MediaType;
use waproto::whatsapp::{
    Message,
    message::{
        AudioMessage, DocumentMessage, FutureProofMessage, ImageMessage, StickerMessage, VideoMessage,
    },
};

use super::{
    attach::{self, Uploaded},
    kinds::File,
};
use crate::{error::Result, world::World};

/// An uploaded file and its MIME type.
pub(crate) struct Sealed {
    at: Uploaded,
    mimetype: Option<String>,
}

/// Uploads a file; its MIME type is `fallback` unless it says one.
pub(crate) fn upload(world: &World, file: &File, kind: MediaType, fallback: &str) -> Result<Sealed> {
    let mut random = Vec::new();
    let bytes = if file.bytes.is_empty() && file.size > 0 {
        random.resize(file.size.min(world.media.limit), 0);
        rand::rng().fill_bytes(&mut random);
        &random
    } else {
        &file.bytes
    };
    let mimetype = file.mimetype.clone().unwrap_or_else(|| fallback.to_owned());
    Ok(Sealed { at: attach::upload(world, bytes, kind)?, mimetype: Some(mimetype) })
}

/// Builds a message of type `$message` with the fields that all kinds of files have.
macro_rules! message {
    ($message:ident, $file:expr, { $($field:ident: $value:expr),* $(,)? }) => {{
        let Sealed { at, mimetype } = $file;
        $message {
            url: at.url,
            direct_path: at.direct_path,
            media_key: at.media_key,
            file_sha256: at.file_sha256,
            file_enc_sha256: at.file_enc_sha256,
            file_length: at.file_length,
            media_key_timestamp: at.media_key_timestamp,
            mimetype,
            $($field: $value,)*
            ..Default::default()
        }
    }};
}

pub(crate) fn image(file: Sealed, caption: Option<String>) -> ImageMessage {
    message!(ImageMessage, file, { caption: caption })
}

pub(crate) fn video(file: Sealed, caption: Option<String>, gif: bool) -> VideoMessage {
    let sidecar = file.at.streaming_sidecar.clone();
    message!(VideoMessage, file, {
        caption: caption,
        gif_playback: gif.then_some(true),
        streaming_sidecar: sidecar,
    })
}

pub(crate) fn audio(file: Sealed, voice: bool, seconds: u32) -> AudioMessage {
    let sidecar = file.at.streaming_sidecar.clone();
    message!(AudioMessage, file, {
        ptt: Some(voice),
        seconds: Some(seconds),
        waveform: voice.then(|| vec![50; 64]),
        streaming_sidecar: sidecar,
    })
}

pub(crate) fn sticker(file: Sealed, animated: bool) -> StickerMessage {
    message!(StickerMessage, file, { is_animated: Some(animated) })
}

/// A document; with a caption it is wrapped, as phones do it.
pub(crate) fn document(file: Sealed, name: Option<String>, caption: Option<String>) -> Message {
    let captioned = caption.is_some();
    let document =
        message!(DocumentMessage, file, { title: name.clone(), file_name: name, caption: caption });
    let message = Message { document_message: MessageField::some(document), ..Default::default() };
    if !captioned {
        return message;
    }
    let wrapper = FutureProofMessage { message: MessageField::some(message) };
    Message { document_with_caption_message: MessageField::some(wrapper), ..Default::default() }
}

/// Wraps a message so that it may be opened once.
pub(crate) fn view_once(mut message: Message) -> Message {
    if let Some(image) = message.image_message.as_option_mut() {
        image.view_once = Some(true);
    }
    if let Some(video) = message.video_message.as_option_mut() {
        video.view_once = Some(true);
    }
    if let Some(audio) = message.audio_message.as_option_mut() {
        audio.view_once = Some(true);
    }
    let info = message.message_context_info.clone();
    let wrapper = FutureProofMessage { message: MessageField::some(message) };
    Message {
        view_once_message_v2: MessageField::some(wrapper),
        message_context_info: info,
        ..Default::default()
    }
}

/// Reads base64 text as bytes, if there is any.
pub(crate) fn optional_base64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| BASE64_STANDARD.decode(text).map_err(D::Error::custom)).transpose()
}

/// Reads base64 text as bytes.
pub(super) fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}
