//! Media storage and conversion.

use std::path::PathBuf;
use std::time::Duration;

use super::parse;
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
        Variable::flag(
            "S3_SKIP_POLICY",
            "false",
            "does not set a bucket policy, which some providers refuse",
        ),
        Variable::flag("S3_SAVE_VIDEO", "false", "stores video too"),
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
    /// Where media is stored, when enabled.
    pub s3: Option<S3>,
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

/// An account of an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Access key.
    pub access_key: Option<String>,
    /// Secret key.
    pub secret_key: Option<Secret>,
    /// Host, without scheme.
    pub endpoint: Option<String>,
    /// Port.
    pub port: u16,
    /// Speak TLS.
    pub tls: bool,
    /// Region.
    pub region: Option<String>,
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: Secret,
    /// Host, without scheme.
    pub endpoint: String,
    /// Bucket.
    pub bucket: String,
    /// Port.
    pub port: u16,
    /// Speak TLS.
    pub tls: bool,
    /// Region.
    pub region: Option<String>,
    /// Leave the bucket's policy alone.
    pub skip_policy: bool,
    /// Store video too.
    pub save_video: bool,
}

/// An external audio converter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConverter {
    /// Its address.
    pub url: String,
    /// Its key.
    pub key: Option<Secret>,
}

impl Media {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let key = reader.secret("API_AUDIO_CONVERTER_KEY");
        let url = reader.http_url("API_AUDIO_CONVERTER");
        let account = Account::read(reader);
        let s3 = S3::read(reader, &account);
        Self {
            account,
            s3,
            max_bytes: reader.number("WAGGLE_MEDIA_MAX_BYTES", 1..=2 << 30),
            fetch_timeout: reader.seconds("WAGGLE_MEDIA_FETCH_TIMEOUT_SECONDS", 1..=3_600),
            base64_max_bytes: reader.number("WAGGLE_MEDIA_BASE64_MAX_BYTES", 0..=256 << 20),
            ffmpeg: reader.string("WAGGLE_FFMPEG").into(),
            audio_converter: url.map(|url| AudioConverter { url, key }),
        }
    }
}

impl Account {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            access_key: reader.text("S3_ACCESS_KEY"),
            secret_key: reader.secret("S3_SECRET_KEY"),
            endpoint: reader.parse("S3_ENDPOINT", host),
            port: reader.number("S3_PORT", 1..=u16::MAX),
            tls: reader.flag("S3_USE_SSL"),
            region: reader.text("S3_REGION"),
        }
    }
}

impl S3 {
    fn read(reader: &mut Reader<'_>, account: &Account) -> Option<Self> {
        let enabled = reader.flag("S3_ENABLED");
        let bucket = reader.text("S3_BUCKET");
        let skip_policy = reader.flag("S3_SKIP_POLICY");
        let save_video = reader.flag("S3_SAVE_VIDEO");
        let Account { access_key, secret_key, endpoint, port, tls, region } = account.clone();
        if enabled {
            let why = "S3_ENABLED=true needs it";
            reader.require("S3_ACCESS_KEY", &access_key, why);
            reader.require("S3_SECRET_KEY", &secret_key, why);
            reader.require("S3_ENDPOINT", &endpoint, why);
            reader.require("S3_BUCKET", &bucket, why);
        }
        let (access_key, secret_key) = (access_key?, secret_key?);
        let (endpoint, bucket) = (endpoint?, bucket?);
        let s3 =
            Self { access_key, secret_key, endpoint, bucket, port, tls, region, skip_policy, save_video };
        enabled.then_some(s3)
    }
}

fn host(value: &str) -> Result<String, String> {
    match parse::url(&format!("http://{value}"), &["http"]) {
        Ok(_) if !value.contains(['/', ':', '@']) => Ok(value.to_owned()),
        _ => Err("a host name without scheme, port and path".to_owned()),
    }
}
