//! Files of messages: downloaded and decrypted to disk, piece by piece.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::runtime::Handle;
use wacore::download::{DownloadWriter, MediaHost, MediaRoute, MediaType};
use wacore::net::HttpClient;
use wacore::proto_helpers::MessageExt as _;
use waproto::whatsapp as wa;
use whatsapp_rust::Client;
use whatsapp_rust::download::{DownloadParams, MediaDownloader};
use whatsapp_rust::features::{MediaRetryResult, MediaReuploadRequest};
use whatsapp_rust::http::HttpStatusError;

use super::address::to_wire;
use super::connection::Connection;
use super::http_client::WhatsAppHttp;
use super::json::from_value;
use super::runtime::MainRuntime;
use crate::channel::{Error, Files, Opened};
use crate::domain::{Jid, MessageKey};
use crate::events::{self, MessageHead};
use crate::media::{self, Sink};
use crate::net;

/// How long a download may take beside the time that its size allows.
const DOWNLOAD: Duration = Duration::from_secs(30);
/// How long a phone may take to upload a file again; it may be asleep.
const AGAIN: Duration = Duration::from_secs(30);

/// A file as its message describes it.
struct Described {
    params: DownloadParams,
    opened: Opened,
    /// The host that it was uploaded to.
    host: Option<String>,
}

/// Takes the plaintext. The library empties it before every attempt, and rewinds it at the end.
struct Target(Sink);

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Nothing is written after rewinding that did not empty it first.
        if to == SeekFrom::Start(0) { Ok(0) } else { Err(io::ErrorKind::Unsupported.into()) }
    }
}

impl DownloadWriter for Target {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if length > 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.0.clear();
        Ok(())
    }
}

#[async_trait]
impl Files for Connection {
    fn handle(&self) -> &media::Handle {
        &self.context.files
    }

    async fn open(&self, key: &MessageKey, message: &str) -> Result<Opened, Error> {
        let client = self.client()?;
        let Described { mut params, mut opened, .. } = describe(message)?;
        let limit = self.context.files.max_bytes();
        if params.file_length > limit {
            return Err(invalid(&media::Error::TooLarge(limit)));
        }
        opened.file = match self.download(client, &params).await {
            Err(error) if is_gone(&error) => {
                params.direct_path = self.uploaded_again(client, key, &params).await?;
                let again = self.download(client, &params).await;
                if again.is_ok() {
                    self.note_path(key, &params).await;
                }
                again
            }
            done => done,
        }
        .map_err(|error| refused(client, &error))?;
        Ok(opened)
    }

    async fn recognise(&self, message: &str, file: media::File) -> Result<Opened, Error> {
        recognised(&self.context.files, message, file).await
    }
}

impl Connection {
    async fn download(&self, client: &Client, params: &DownloadParams) -> anyhow::Result<media::File> {
        let sink = self.context.files.sink();
        let within = DOWNLOAD + Duration::from_secs(params.file_length / net::SLOWEST);
        let downloading = client.download_to_writer(params, Target(sink));
        let done = self.while_connected(within, downloading).await;
        let Target(sink) = done.ok_or_else(|| anyhow::anyhow!("it did not arrive in time"))??;
        Ok(sink.finish()?)
    }

    /// Where the sender's phone has uploaded the file again.
    async fn uploaded_again(
        &self,
        client: &Client,
        key: &MessageKey,
        params: &DownloadParams,
    ) -> Result<String, Error> {
        let gone = || Error::Refused("the file is not at WhatsApp any more".to_owned());
        let wire = |text: &str| Jid::parse(text).ok().and_then(|jid| to_wire(&jid).ok());
        let chat = wire(&key.remote_jid).ok_or_else(gone)?;
        let participant = key.participant.as_deref().and_then(wire);
        let request = MediaReuploadRequest {
            msg_id: &key.id,
            chat_jid: &chat,
            media_key: params.media_key.as_deref().ok_or_else(gone)?,
            is_from_me: key.from_me,
            participant: participant.as_ref(),
        };
        let reupload = client.media_reupload();
        match self.while_connected(AGAIN, reupload.request(&request)).await {
            Some(Ok(MediaRetryResult::Success { direct_path })) => Ok(direct_path),
            None if self.context.over.is_cancelled() => Err(Error::NotConnected),
            _ => Err(gone()),
        }
    }

    /// Notes where the file of a message is now, if the message is on record: the next one who wants it
    /// need not wake the phone.
    async fn note_path(&self, key: &MessageKey, params: &DownloadParams) {
        let Some(media_key) = params.media_key.as_ref().map(|key| STANDARD.encode(key)) else { return };
        let path = params.direct_path.clone();
        let change = move |head: &MessageHead| {
            let mut content: Value = serde_json::from_str(head.message.as_deref()?).ok()?;
            moved(&mut content, &media_key, &path).then(|| content.to_string())
        };
        let write = events::Write::Amend {
            key_id: key.id.clone(),
            remote_jid: Some(key.remote_jid.clone()),
            change: Arc::new(change),
            events: None,
        };
        if let Err(error) = self.context.record(vec![write]).await {
            tracing::warn!(instance = %self.context.seat.name, %error, "the new place of a file is not on record");
        }
    }
}

/// Puts the new path of a file, which is known by its key, where a content describes it.
fn moved(content: &mut Value, media_key: &str, path: &str) -> bool {
    let Value::Object(fields) = content else { return false };
    if fields.get("mediaKey").and_then(Value::as_str) != Some(media_key) {
        return fields.values_mut().any(|field| moved(field, media_key, path));
    }
    let url = fields.get("url").and_then(Value::as_str).and_then(|url| net::Url::parse(url).ok());
    let there = |url: net::Url| url.join(path).ok().filter(|joined| joined.origin() == url.origin());
    if let Some(url) = url.and_then(there) {
        fields.insert("url".to_owned(), url.as_str().into());
    }
    fields.insert("directPath".to_owned(), path.into());
    true
}

fn is_gone(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<HttpStatusError>().map(|error| error.status);
    status.is_some_and(|status| matches!(status, 404 | 410))
}

/// What is wrong with a file of a field: only that is the caller's fault.
pub(super) fn of_media(field: &'static str, error: media::Error) -> Error {
    match error {
        media::Error::Invalid(_) | media::Error::TooLarge(_) | media::Error::Unsupported(_) => {
            Error::Invalid { field, reason: format!("has a file that {error}") }
        }
        media::Error::Busy | media::Error::Unavailable(_) => Error::Unavailable(Box::new(error)),
        media::Error::Failed(_) => Error::Protocol(error.to_string()),
    }
}

fn invalid(error: &media::Error) -> Error {
    Error::Invalid { field: "message", reason: format!("has a file that {error}") }
}

fn refused(client: &Client, error: &anyhow::Error) -> Error {
    match of_sink(error) {
        Some(full) => invalid(&full),
        None if !client.is_connected() => Error::NotConnected,
        None => Error::Refused(format!("the file could not be downloaded: {error}")),
    }
}

/// Whether it was the file's size.
fn of_sink(error: &anyhow::Error) -> Option<media::Error> {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.find_map(media::Error::of_sink)
}

/// Finds the file of a message.
fn describe(message: &str) -> Result<Described, Error> {
    let none = || Error::Invalid { field: "message", reason: "has no file".to_owned() };
    let value: Value = serde_json::from_str(message).map_err(|_| none())?;
    let message: wa::Message = from_value(&value).map_err(|_| none())?;
    described(message.get_base_message()).ok_or_else(none)
}

/// A message's file is the one with its hash, wherever the bytes come from.
async fn recognised(files: &media::Handle, message: &str, file: media::File) -> Result<Opened, Error> {
    let Described { params, opened, .. } = describe(message)?;
    let bytes = file.clone();
    let hash = files.work(move || Ok(bytes.sha256()?)).await.map_err(|error| of_media("message", error))?;
    if params.file_sha256 != hash {
        return Err(Error::Invalid { field: "message", reason: "has another file".to_owned() });
    }
    Ok(Opened { file, ..opened })
}

/// Takes the fields of `$part` that every kind of file has.
macro_rules! described {
    ($part:expr, $name:expr, $kind:ident, { $($field:ident: $value:expr),* $(,)? }) => {{
        let part = $part;
        let params = DownloadParams {
            direct_path: part.direct_path.clone()?,
            media_key: part.media_key.clone(),
            file_sha256: part.file_sha256.clone().unwrap_or_default(),
            file_enc_sha256: part.file_enc_sha256.clone(),
            file_length: part.file_length.unwrap_or_default(),
            media_type: MediaType::$kind,
        };
        let mimetype = part.mimetype.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        let opened = Opened {
            media_type: $name.to_owned(),
            mimetype,
            $($field: $value,)*
            ..nothing()
        };
        return Some(Described { params, opened, host: part.url.as_deref().and_then(host) });
    }};
}

fn described(message: &wa::Message) -> Option<Described> {
    if let Some(image) = message.image_message.as_option() {
        described!(image, "imageMessage", Image, {
            caption: image.caption.clone(), width: image.width, height: image.height,
        });
    }
    for (field, name) in [(&message.video_message, "videoMessage"), (&message.ptv_message, "ptvMessage")] {
        if let Some(video) = field.as_option() {
            described!(video, name, Video, {
                caption: video.caption.clone(), width: video.width, height: video.height,
            });
        }
    }
    if let Some(audio) = message.audio_message.as_option() {
        described!(audio, "audioMessage", Audio, {});
    }
    if let Some(document) = message.document_message.as_option() {
        described!(document, "documentMessage", Document, {
            caption: document.caption.clone(), file_name: document.file_name.clone(),
        });
    }
    let sticker = message.sticker_message.as_option()?;
    described!(sticker, "stickerMessage", Sticker, { width: sticker.width, height: sticker.height });
}

fn nothing() -> Opened {
    Opened {
        media_type: String::new(),
        mimetype: String::new(),
        file_name: None,
        caption: None,
        width: None,
        height: None,
        file: media::File::new(Vec::new()),
    }
}

/// Where a file is, when that is WhatsApp's: what a message says is a stranger's word.
fn host(url: &str) -> Option<String> {
    let url = net::Url::parse(url).ok()?;
    let host = url.host_str()?;
    let simulated = cfg!(feature = "simulator") && host == "127.0.0.1";
    let known = simulated || host.ends_with(".whatsapp.net");
    known.then(|| url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Gets files without a connection of the account: whoever has a message can read its file.
pub struct Downloads {
    http: Arc<dyn HttpClient>,
    main: Handle,
    files: media::Handle,
}

impl Downloads {
    /// Takes the client for WhatsApp's hosts and the main runtime.
    #[must_use]
    pub fn new(http: net::Client, main: Handle, files: media::Handle) -> Self {
        Self { http: WhatsAppHttp::new(http, main.clone()).shared(), main, files }
    }

    /// The file of a message, whose content is JSON text in the form of the API.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the message has no file or it is larger than `limit` bytes,
    /// [`Error::Refused`] when it cannot be had.
    pub async fn get(&self, message: &str, limit: u64) -> Result<Opened, Error> {
        let Described { params, host, mut opened } = describe(message)?;
        let within = DOWNLOAD + Duration::from_secs(params.file_length / net::SLOWEST);
        let too_large = || invalid(&media::Error::TooLarge(limit));
        if params.file_length > limit {
            return Err(too_large());
        }
        let mut route = MediaRoute::default_hosts();
        route.hosts.splice(0..0, host.map(MediaHost::new));
        let runtime = Arc::new(MainRuntime::new(self.main.clone()));
        let downloader = MediaDownloader::new(Arc::clone(&self.http), runtime, route);
        let target = Target(self.files.sink_of(limit));
        let downloading = downloader.download_to_writer(&params, target);
        let refused = |why: String| Error::Refused(format!("the file could not be downloaded: {why}"));
        let done = tokio::time::timeout(within, downloading).await;
        let done = done.map_err(|_| refused("it did not arrive in time".to_owned()))?;
        let Target(sink) = done.map_err(anyhow::Error::from).map_err(|error| match of_sink(&error) {
            Some(full) => invalid(&full),
            None => refused(error.to_string()),
        })?;
        opened.file = sink.finish().map_err(|error| refused(error.to_string()))?;
        Ok(opened)
    }
}

#[async_trait]
impl Files for Downloads {
    fn handle(&self) -> &media::Handle {
        &self.files
    }

    async fn open(&self, _: &MessageKey, message: &str) -> Result<Opened, Error> {
        self.get(message, self.files.max_bytes()).await
    }

    async fn recognise(&self, message: &str, file: media::File) -> Result<Opened, Error> {
        recognised(&self.files, message, file).await
    }
}
