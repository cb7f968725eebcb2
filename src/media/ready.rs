//! From the bytes of a file to what is sent.

use super::mime::{demuxer, essence, extension as extension_of, is_mimetype, of_extension, sniffed};
use super::name::{cleaned, extension};
use super::{Error, Fetched, File, Handle, whole};

/// How a file is shown in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A picture.
    Image,
    /// A video; one that loops without sound when it is a GIF.
    Video,
    /// A round video note.
    RoundVideo,
    /// A piece of audio.
    Audio,
    /// A voice note.
    Voice,
    /// A sticker.
    Sticker,
    /// Anything, as a file.
    Document,
}

/// What a caller says of a file.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its mimetype.
    pub mimetype: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Leave its encoding as it is: voice notes and stickers are made otherwise.
    pub as_is: bool,
}

/// What WhatsApp shows of a file before it is downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    /// Its length in seconds.
    pub seconds: Option<u32>,
    /// A small JPEG.
    pub thumbnail: Option<Vec<u8>>,
    /// 64 samples of 0 to 100.
    pub waveform: Option<Vec<u8>>,
    /// Whether a sticker moves.
    pub animated: bool,
}

/// A file that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Ready {
    /// How it is shown.
    pub kind: Kind,
    /// Its bytes.
    pub file: File,
    /// Its mimetype, with parameters where WhatsApp wants them.
    pub mimetype: String,
    /// Its name, which is harmless.
    pub name: String,
    /// What is shown of it.
    pub facts: Facts,
    /// Whether it came as a GIF.
    pub was_gif: bool,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video | Self::RoundVideo => "video",
            Self::Audio | Self::Voice => "audio",
            Self::Sticker => "sticker",
            Self::Document => "file",
        }
    }

    /// Whether what the bytes say can be shown so.
    fn takes(self, sniffed: Option<&str>) -> bool {
        let Some(sniffed) = sniffed else { return self == Self::Document };
        match self {
            Self::Document => true,
            Self::Image | Self::Sticker => {
                matches!(sniffed, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
            }
            Self::Video | Self::RoundVideo => sniffed.starts_with("video/") || sniffed == "image/gif",
            // A file with nothing but sound is often taken for a video.
            Self::Audio | Self::Voice => {
                sniffed.starts_with("audio/")
                    || matches!(sniffed, "video/mp4" | "video/webm" | "video/ogg" | "video/3gpp")
            }
        }
    }

    /// Whether a mimetype that a caller chose can be told of it.
    fn may_be(self, mimetype: &str) -> bool {
        let group = essence(mimetype).split('/').next().unwrap_or_default().to_ascii_lowercase();
        match self {
            Self::Document => true,
            Self::Image | Self::Sticker => group == "image",
            Self::Video => group == "video" || mimetype.eq_ignore_ascii_case("image/gif"),
            Self::RoundVideo => group == "video",
            Self::Audio | Self::Voice => matches!(group.as_str(), "audio" | "video"),
        }
    }
}

impl Handle {
    /// Checks a file against what it is to be shown as, converts it where WhatsApp needs it, and
    /// finds out what is shown of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is something else or broken, [`Error::Unsupported`] when it would
    /// have to be converted and cannot be.
    pub async fn ready(&self, kind: Kind, fetched: Fetched, request: Request) -> Result<Ready, Error> {
        let Fetched { file, name, mimetype, guess } = fetched;
        if file.length() == 0 {
            return Err(Error::invalid("is empty"));
        }
        let chosen = request.mimetype.or(mimetype);
        if chosen.as_deref().is_some_and(|chosen| !is_mimetype(chosen)) {
            return Err(Error::invalid("has a mimetype that is none"));
        }
        if let Some(chosen) = chosen.as_deref().filter(|chosen| !kind.may_be(chosen)) {
            return Err(Error::Invalid(format!(
                "is not of the type {}: its mimetype is {chosen}",
                kind.word()
            )));
        }
        let found = sniffed(&file)?;
        if !kind.takes(found) {
            let is = found.unwrap_or("something else");
            return Err(Error::Invalid(format!("is not of the type {}: it is {is}", kind.word())));
        }
        let name = request.name.as_deref().or(name.as_deref()).and_then(cleaned);
        let named = name.as_deref().and_then(extension).and_then(|extension| of_extension(&extension));
        let named = named.filter(|named| kind.may_be(named)).map(ToOwned::to_owned);
        let guess = guess.filter(|guess| kind == Kind::Document && is_mimetype(guess));
        let said = chosen.or(named).or(found.map(ToOwned::to_owned)).or(guess);
        let said = said.unwrap_or_else(|| "application/octet-stream".to_owned());
        let is = found.unwrap_or_default();
        if matches!(kind, Kind::Video | Kind::RoundVideo | Kind::Audio | Kind::Voice) {
            let file = file.clone();
            self.work(move || whole::check(&file, is)).await?;
        }
        let (file, mimetype, facts) = match kind {
            Kind::Document => (file, said, Facts::default()),
            Kind::Image => {
                let facts = self.picture_facts(&file, is).await?;
                (file, said, facts)
            }
            Kind::Video | Kind::RoundVideo => self.video(file, said, is).await?,
            Kind::Audio => {
                let facts = self.audio_facts(&file, is, false).await?;
                (file, said, facts)
            }
            Kind::Voice => self.voice(file, said, is, request.as_is).await?,
            Kind::Sticker => self.sticker(file, is, request.as_is).await?,
        };
        let name = match (kind, name) {
            (Kind::Document, Some(name)) => name,
            (_, name) => {
                let stem = name.as_deref().map_or(kind.word(), |name| name.split('.').next().unwrap_or(name));
                format!("{stem}.{}", extension_of(&mimetype))
            }
        };
        Ok(Ready { kind, file, mimetype, name, facts, was_gif: is == "image/gif" })
    }

    /// A file of sound as MP4 with AAC, which players that know no Opus can play.
    ///
    /// # Errors
    /// As [`Handle::ready`].
    pub async fn as_mp4(&self, file: &File) -> Result<File, Error> {
        let from = sniffed(file)?.and_then(demuxer).ok_or_else(|| Error::invalid("is not audio"))?;
        let arguments = ["-f", from, "-i", "/dev/stdin", "-vn", "-c:a", "aac", "-b:a", "96k"];
        let arguments =
            arguments.iter().chain(&["-movflags", "+faststart", "-f", "mp4", "-y", "/dev/stdout"]);
        let arguments = arguments.map(ToString::to_string).collect();
        let converted = self.run("ffmpeg", file, arguments, self.max_bytes()).await?;
        converted.ok_or(Error::Unsupported("cannot be converted: ffmpeg is not installed"))
    }
}
