//! Files: encrypted to disk, uploaded from there, and described by a message.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::time::Duration;

use buffa::MessageField;
use wacore::download::MediaType;
use wacore::upload::{EncryptedMediaInfo, UploadSource, encrypt_media_streaming};
use waproto::whatsapp as wa;
use whatsapp_rust::upload::UploadResponse;

use super::Connection;
use crate::channel::whatsapp_web::files::of_media;
use crate::channel::{Error, Media};
use crate::media::{self, File, Kind, Ready, Sink};

/// How long an upload may take beside the time that its size allows.
const UPLOAD: Duration = Duration::from_mins(1);
/// Bytes that encryption adds at most: the padding and the code of authentication.
const ADDED: u64 = 64;

struct Ciphertext(File);

impl UploadSource for Ciphertext {
    fn len(&self) -> u64 {
        self.0.length()
    }

    fn reader_from(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut reader = self.0.reader();
        reader.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(reader))
    }
}

/// Builds the message `$message` with the fields that every kind of file has.
macro_rules! message {
    ($message:ident, $at:expr, $mimetype:expr, { $($field:ident: $value:expr),* $(,)? }) => {
        MessageField::some(wa::message::$message {
            url: Some($at.url),
            direct_path: Some($at.direct_path),
            media_key: Some($at.media_key.to_vec()),
            file_sha256: Some($at.file_sha256.to_vec()),
            file_enc_sha256: Some($at.file_enc_sha256.to_vec()),
            file_length: Some($at.file_length),
            media_key_timestamp: Some($at.media_key_timestamp),
            mimetype: Some($mimetype),
            $($field: $value,)*
            ..Default::default()
        })
    };
}

impl Connection {
    /// Uploads a file, and composes the message that describes it.
    pub(super) async fn media_message(&self, media: Media) -> Result<wa::Message, Error> {
        let at = self.upload(&media.file).await?;
        Ok(message(media, at))
    }

    async fn upload(&self, ready: &Ready) -> Result<UploadResponse, Error> {
        let client = self.client()?;
        let kind = media_type(ready.kind);
        let (file, files) = (ready.file.clone(), &self.context.files);
        let sink = files.sink_of(file.length() + ADDED);
        let sealing = files.work(move || sealed(&file, sink, kind));
        let (ciphertext, info) = sealing.await.map_err(|error| of_media("message", error))?;
        let within = UPLOAD + Duration::from_secs(ciphertext.length() / crate::net::SLOWEST);
        let uploading = client.upload_stream(Ciphertext(ciphertext), info, kind);
        match self.while_connected(within, uploading).await {
            Some(Ok(at)) => Ok(at),
            Some(Err(error)) if client.is_connected() => {
                Err(Error::Refused(format!("the file could not be uploaded: {error}")))
            }
            None if client.is_connected() => Err(Error::Timeout),
            Some(Err(_)) | None => Err(Error::NotConnected),
        }
    }
}

fn sealed(file: &File, mut sink: Sink, kind: MediaType) -> Result<(File, EncryptedMediaInfo), media::Error> {
    let sealed = encrypt_media_streaming(file.reader(), &mut sink, kind);
    let info = sealed.map_err(|error| media::Error::Unavailable(error.to_string()))?;
    Ok((sink.finish()?, info))
}

/// Under which name the keys of a kind are derived, and where it is uploaded.
pub(super) const fn media_type(kind: Kind) -> MediaType {
    match kind {
        Kind::Image => MediaType::Image,
        Kind::Video | Kind::RoundVideo => MediaType::Video,
        Kind::Audio | Kind::Voice => MediaType::Audio,
        Kind::Sticker => MediaType::Sticker,
        Kind::Document => MediaType::Document,
    }
}

fn message(Media { file, caption, gif }: Media, at: UploadResponse) -> wa::Message {
    let Ready { kind, mimetype, name, facts, .. } = file;
    let none = wa::Message::default();
    match kind {
        Kind::Image => {
            let image = message!(ImageMessage, at, mimetype, {
                caption: caption,
                width: facts.width,
                height: facts.height,
                jpeg_thumbnail: facts.thumbnail,
            });
            wa::Message { image_message: image, ..none }
        }
        Kind::Video | Kind::RoundVideo => {
            let is_round = kind == Kind::RoundVideo;
            let video = message!(VideoMessage, at, mimetype, {
                caption: caption.filter(|_| !is_round),
                gif_playback: gif.then_some(true),
                seconds: facts.seconds,
                width: facts.width,
                height: facts.height,
                jpeg_thumbnail: facts.thumbnail,
                streaming_sidecar: at.streaming_sidecar,
            });
            if is_round {
                wa::Message { ptv_message: video, ..none }
            } else {
                wa::Message { video_message: video, ..none }
            }
        }
        Kind::Audio | Kind::Voice => {
            let audio = message!(AudioMessage, at, mimetype, {
                seconds: facts.seconds,
                ptt: Some(kind == Kind::Voice),
                waveform: facts.waveform,
                streaming_sidecar: at.streaming_sidecar,
            });
            wa::Message { audio_message: audio, ..none }
        }
        Kind::Sticker => {
            let sticker = message!(StickerMessage, at, mimetype, {
                width: facts.width,
                height: facts.height,
                is_animated: Some(facts.animated),
            });
            wa::Message { sticker_message: sticker, ..none }
        }
        Kind::Document => {
            let document = message!(DocumentMessage, at, mimetype, {
                title: Some(name.clone()),
                file_name: Some(name),
                caption: caption,
            });
            wa::Message { document_message: document, ..none }
        }
    }
}
