//! Files of messages: a phone encrypts and uploads those it sends, downloads and decrypts those it receives.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wacore::{
    download::{DownloadUtils, Downloadable, MediaType},
    proto_helpers::MessageExt as _,
    upload,
};
use waproto::whatsapp::{
    Message,
    message::{ImageMessage, interactive_message::header::Media},
};

use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    world::{World, ledger::Entry},
};

/// A file that was encrypted and uploaded: what a message says about it.
pub(crate) struct Uploaded {
    pub(crate) url: Option<String>,
    pub(crate) direct_path: Option<String>,
    pub(crate) media_key: Option<Vec<u8>>,
    pub(crate) file_sha256: Option<Vec<u8>>,
    pub(crate) file_enc_sha256: Option<Vec<u8>>,
    pub(crate) file_length: Option<u64>,
    pub(crate) media_key_timestamp: Option<i64>,
    pub(crate) streaming_sidecar: Option<Vec<u8>>,
}

/// Encrypts a file and puts it on the media host.
pub(crate) fn upload(world: &World, bytes: &[u8], kind: MediaType) -> Result<Uploaded> {
    let sealed = upload::encrypt_media(bytes, kind).map_err(|error| Error::Crypto(error.to_string()))?;
    let path = format!("/v/{}/{}", kind.mms_type(), BASE64_URL_SAFE_NO_PAD.encode(sealed.file_enc_sha256));
    let url = format!("https://{}{path}", world.media_host);
    world.media.put(path.clone(), sealed.data_to_upload.into());
    Ok(Uploaded {
        url: Some(url),
        direct_path: Some(path),
        media_key: Some(sealed.media_key.to_vec()),
        file_sha256: Some(sealed.file_sha256.to_vec()),
        file_enc_sha256: Some(sealed.file_enc_sha256.to_vec()),
        file_length: u64::try_from(bytes.len()).ok(),
        media_key_timestamp: i64::try_from(unix_seconds()).ok(),
        streaming_sidecar: sealed.streaming_sidecar,
    })
}

/// The file of a received message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedMedia {
    /// Where it is on the media host.
    pub direct_path: String,
    /// Its key in base64.
    pub media_key: String,
    /// Media type of the key derivation: `image`, `video`, `audio`, `document`, ...
    pub media_type: String,
    /// MIME type as the message states it.
    pub mimetype: Option<String>,
    /// File name of a document.
    pub file_name: Option<String>,
    /// Length in bytes as the message states it.
    pub length: u64,
    /// SHA-256 of the decrypted bytes in hex; absent when the phone could not get them.
    pub sha256: Option<String>,
    /// Why the phone could not get the bytes, or what differs from the message's statements.
    pub problem: Option<String>,
}

/// A file as a message describes it.
struct Described<'a> {
    file: &'a dyn Downloadable,
    mimetype: Option<&'a String>,
    file_name: Option<&'a String>,
}

fn describe(message: &Message) -> Option<Described<'_>> {
    let message = message.get_base_message();
    if let Some(image) = message.image_message.as_option() {
        return Some(Described { file: image, mimetype: image.mimetype.as_ref(), file_name: None });
    }
    if let Some(video) = message.video_message.as_option().or(message.ptv_message.as_option()) {
        return Some(Described { file: video, mimetype: video.mimetype.as_ref(), file_name: None });
    }
    if let Some(audio) = message.audio_message.as_option() {
        return Some(Described { file: audio, mimetype: audio.mimetype.as_ref(), file_name: None });
    }
    if let Some(document) = message.document_message.as_option() {
        let file_name = document.file_name.as_ref();
        return Some(Described { file: document, mimetype: document.mimetype.as_ref(), file_name });
    }
    if let Some(image) = header(message) {
        return Some(Described { file: image, mimetype: image.mimetype.as_ref(), file_name: None });
    }
    let sticker = message.sticker_message.as_option()?;
    Some(Described { file: sticker, mimetype: sticker.mimetype.as_ref(), file_name: None })
}

/// The picture above a text with buttons.
fn header(message: &Message) -> Option<&ImageMessage> {
    match &message.interactive_message.as_option()?.header.as_option()?.media {
        Some(Media::ImageMessage(image)) => Some(image),
        _ => None,
    }
}

/// Notes where the file of a message is, so that a phone can upload it again.
pub(crate) fn remember(world: &World, id: &str, message: &Message) {
    let Some(described) = describe(message) else { return };
    if let (Some(path), Some(key)) = (described.file.direct_path(), described.file.media_key()) {
        world.ledger.remember(id, Entry { path: path.to_owned(), key: key.to_vec() });
    }
}

/// Downloads and checks the file of a received message.
pub(crate) fn receive(world: &World, message: &Message) -> Option<ReceivedMedia> {
    let described = describe(message)?;
    let file = described.file;
    let path = file.direct_path().unwrap_or_default();
    let key = file.media_key().unwrap_or_default();
    let kind = file.app_info();
    let length = file.file_length().unwrap_or_default();
    let (sha256, problem) = match download(world, path, key, kind) {
        Ok(bytes) => (Some(hex::encode(Sha256::digest(&bytes))), bytes.len() as u64 != length),
        Err(problem) => return Some(report(&described, path, key, kind, None, Some(problem.to_string()))),
    };
    let stated = file.file_sha256().map(hex::encode);
    let problem = match (problem, stated == sha256) {
        (true, _) => Some("length differs".to_owned()),
        (_, false) => Some("hash differs".to_owned()),
        _ => None,
    };
    Some(report(&described, path, key, kind, sha256, problem))
}

fn report(
    described: &Described<'_>,
    path: &str,
    key: &[u8],
    kind: MediaType,
    sha256: Option<String>,
    problem: Option<String>,
) -> ReceivedMedia {
    ReceivedMedia {
        direct_path: path.to_owned(),
        media_key: BASE64_STANDARD.encode(key),
        media_type: kind.mms_type().to_owned(),
        mimetype: described.mimetype.cloned(),
        file_name: described.file_name.cloned(),
        length: described.file.file_length().unwrap_or_default(),
        sha256,
        problem,
    }
}

/// The decrypted bytes of a file that a phone received.
pub(crate) fn open(world: &World, media: &ReceivedMedia) -> Result<Vec<u8>> {
    let key = BASE64_STANDARD.decode(&media.media_key).map_err(|error| Error::Invalid(error.to_string()))?;
    let kind = match media.media_type.as_str() {
        "image" => MediaType::Image,
        "video" => MediaType::Video,
        "audio" => MediaType::Audio,
        _ => MediaType::Document,
    };
    download(world, &media.direct_path, &key, kind)
}

fn download(world: &World, path: &str, key: &[u8], kind: MediaType) -> Result<Vec<u8>> {
    let sealed = world.media.get(path).map_err(|status| Error::NotFound(format!("{path}: {status}")))?;
    let mut bytes = Vec::from(sealed);
    if key.is_empty() {
        return Ok(bytes);
    }
    DownloadUtils::verify_and_decrypt_in_place(&mut bytes, key, kind)
        .map_err(|error| Error::Crypto(error.to_string()))?;
    Ok(bytes)
}
