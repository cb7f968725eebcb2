//! Media storage and conversion.

use std::path::PathBuf;
use std::time::Duration;

use super::objects::{Account, Objects};
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Media",
    variables: &[
        Variable::flag("S3_ENABLED", "false", "stores media in S3 or MinIO"),
        Variable::text("S3_ACCESS_KEY", "", "credentials"),
        Variable::text("S3_SECRET_KEY", "", "credentials").secret(),
        Variable::text("S3_ENDPOINT", "", "host, without scheme"),
        Variable::text("S3_BUCKET", "", "bucket"),
        Variable::number("S3_PORT", "9000", "port", "port"),
        Variable::flag("S3_USE_SSL", "false", "speaks TLS"),
        Variable::text("S3_REGION", "", "region"),
        Variable::ignored("S3_SKIP_POLICY", "the bucket's policy is left alone: no file is public"),
        Variable::flag(
            "S3_SAVE_VIDEO",
            "false",
            "stores video too, where an instance does not say otherwise",
        ),
        Variable::text(
            "WAGGLE_MEDIA_FOLDER",
            "",
            "stores media in this folder instead, which all nodes share",
        ),
        Variable::number(
            "WAGGLE_MEDIA_RETENTION_DAYS",
            "0",
            "days",
            "how long files are kept, where an instance does not say otherwise; 0 is as long as the instance",
        ),
        Variable::number(
            "WAGGLE_MEDIA_LINK_DAYS",
            "7",
            "days",
            "how long a mediaUrl works; 0 is as long as the file is kept",
        ),
        Variable::number(
            "WAGGLE_MEDIA_MAX_BYTES",
            "104857600",
            "bytes",
            "largest file that is sent or handed out",
        ),
        Variable::number(
            "WAGGLE_MEDIA_FETCH_TIMEOUT_SECONDS",
            "60",
            "seconds",
            "how long a file may take to arrive from the address that a caller names",
        ),
        Variable::number(
            "WAGGLE_MEDIA_BASE64_MAX_BYTES",
            "16777216",
            "bytes",
            "largest file that goes along with the event of its message, for webhooks that ask for base64",
        ),
        Variable::text(
            "WAGGLE_FFMPEG",
            "ffmpeg",
            "the program for voice notes and for the length and pictures of videos; ffprobe is beside it",
        ),
        Variable::url("API_AUDIO_CONVERTER", "", "address of an external audio converter"),
        Variable::text("API_AUDIO_CONVERTER_KEY", "", "its key").secret(),
    ],
    switches: None,
};

/// Media storage and conversion.
#[derive(Debug, Clone)]
pub struct Media {
    /// An account of an object store, as far as it is set; sessions may be there too.
    pub account: Account,
    /// Where media is stored, when it is.
    pub store: Option<Objects>,
    /// Whether video is stored too.
    pub save_video: bool,
    /// How long files are kept; `None` is as long as the instance.
    pub retention: Option<Duration>,
    /// How long the link to a file works; `None` is as long as the file is kept.
    pub link_lifetime: Option<Duration>,
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// How long a file may take to arrive from its address.
    pub fetch_timeout: Duration,
    /// Largest file that goes along with an event, in bytes.
    pub base64_max_bytes: u64,
    /// The program `ffmpeg`, with `ffprobe` beside it.
    pub ffmpeg: PathBuf,
    /// External audio converter.
    pub audio_converter: Option<AudioConverter>,
}

/// An external audio converter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConverter {
    /// Its address.
    pub url: String,
    /// Its key.
    pub key: Option<Secret>,
}

/// What the names of files begin with in a bucket, which may have other things.
const PREFIX: &str = "waggle";

impl Media {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let key = reader.secret("API_AUDIO_CONVERTER_KEY");
        let url = reader.http_url("API_AUDIO_CONVERTER");
        let account = Account::read(reader);
        let store = store(reader, &account);
        Self {
            account,
            store,
            save_video: reader.flag("S3_SAVE_VIDEO"),
            retention: days(reader, "WAGGLE_MEDIA_RETENTION_DAYS"),
            link_lifetime: days(reader, "WAGGLE_MEDIA_LINK_DAYS"),
            max_bytes: reader.number("WAGGLE_MEDIA_MAX_BYTES", 1..=2 << 30),
            fetch_timeout: reader.seconds("WAGGLE_MEDIA_FETCH_TIMEOUT_SECONDS", 1..=3_600),
            base64_max_bytes: reader.number("WAGGLE_MEDIA_BASE64_MAX_BYTES", 0..=256 << 20),
            ffmpeg: reader.string("WAGGLE_FFMPEG").into(),
            audio_converter: url.map(|url| AudioConverter { url, key }),
        }
    }
}

/// The bucket or the folder, when there is one.
fn store(reader: &mut Reader<'_>, account: &Account) -> Option<Objects> {
    let enabled = reader.flag("S3_ENABLED");
    let (name, folder) = (reader.text("S3_BUCKET"), reader.text("WAGGLE_MEDIA_FOLDER"));
    reader.ignore("S3_SKIP_POLICY");
    if !enabled {
        return folder.map(|folder| Objects::Folder(folder.into()));
    }
    let why = "S3_ENABLED=true needs it";
    if folder.is_some() {
        reader.refuse("WAGGLE_MEDIA_FOLDER", "S3_ENABLED=true stores media already");
    }
    reader.require("S3_ENDPOINT", &account.endpoint, why);
    reader.require("S3_BUCKET", &name, why);
    account.bucket(reader, why, name.unwrap_or_default(), PREFIX.to_owned()).map(Objects::Bucket)
}

fn days(reader: &mut Reader<'_>, name: &'static str) -> Option<Duration> {
    match reader.number(name, 0..=36_500_u32) {
        0 => None,
        days => Some(Duration::from_hours(24) * days),
    }
}
