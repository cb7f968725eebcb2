//! Where the keys of WhatsApp sessions live and how they are sealed.

use std::path::PathBuf;

use url::Url;

use super::objects::{Account, Objects};
use super::parse;
use super::reader::Reader;
use super::secret::SecretBytes;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Sessions",
    variables: &[
        Variable::choice(
            "WAGGLE_SESSION_STORE",
            "auto",
            &["auto", "sql", "redis", "object", "memory"],
            "where session keys live; auto is redis when CACHE_REDIS_ENABLED, else sql; object is WAGGLE_SESSION_OBJECT_URL; memory forgets every pairing at exit",
        ),
        Variable::url(
            "WAGGLE_SESSION_OBJECT_URL",
            "",
            "for the store object: s3://BUCKET/PREFIX, with S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION and S3_ENDPOINT (unset: Amazon's), or file:///FOLDER",
        ),
        Variable::choice(
            "WAGGLE_SESSION_DURABILITY",
            "both",
            &["both", "redis"],
            "with Redis: both waits for Redis and the database; redis waits for Redis alone, whose loss then costs pairings",
        ),
        Variable::text(
            "WAGGLE_SESSION_KEY",
            "",
            "seals session keys at rest (AES-256-GCM): 32 bytes in base64 or 64 hexadecimal digits",
        )
        .secret(),
        Variable::text(
            "WAGGLE_SESSION_KEY_PREVIOUS",
            "",
            "key that older rows are sealed with, during a rotation",
        )
        .secret(),
    ],
    switches: None,
};

/// Where session keys live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Rows of the database.
    Sql,
    /// Redis.
    Redis,
    /// An object store.
    Object,
    /// This process; for tests.
    Memory,
}

/// What a write waits for when the store is Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Redis and the database.
    Both,
    /// Redis alone.
    Redis,
}

/// Where the keys of WhatsApp sessions live and how they are sealed.
#[derive(Debug, Clone)]
pub struct Session {
    /// The store.
    pub store: Store,
    /// Where objects are; there is one when the store is of objects.
    pub objects: Option<Objects>,
    /// What a write waits for when the store is Redis.
    pub durability: Durability,
    /// 32 bytes that seal new rows; `None` leaves them open.
    pub key: Option<SecretBytes>,
    /// 32 bytes that open rows sealed before a rotation.
    pub key_previous: Option<SecretBytes>,
}

impl Session {
    pub(super) fn read(reader: &mut Reader<'_>, redis: bool, account: &Account) -> Self {
        let store = reader.parse("WAGGLE_SESSION_STORE", |value| {
            let choices = [
                ("auto", None),
                ("sql", Some(Store::Sql)),
                ("redis", Some(Store::Redis)),
                ("object", Some(Store::Object)),
                ("memory", Some(Store::Memory)),
            ];
            parse::choice(value, &choices)
        });
        let store = store.flatten().unwrap_or(if redis { Store::Redis } else { Store::Sql });
        let url = reader.parse("WAGGLE_SESSION_OBJECT_URL", place);
        if store == Store::Object {
            reader.require("WAGGLE_SESSION_OBJECT_URL", &url, "WAGGLE_SESSION_STORE=object needs it");
        }
        let session = Self {
            store,
            objects: url.filter(|_| store == Store::Object).and_then(|url| objects(reader, url, account)),
            durability: reader
                .parse("WAGGLE_SESSION_DURABILITY", |value| {
                    parse::choice(value, &[("both", Durability::Both), ("redis", Durability::Redis)])
                })
                .unwrap_or(Durability::Both),
            key: reader.parse("WAGGLE_SESSION_KEY", key),
            key_previous: reader.parse("WAGGLE_SESSION_KEY_PREVIOUS", key),
        };
        session.check(reader, redis);
        session
    }

    fn check(&self, reader: &mut Reader<'_>, redis: bool) {
        match self.store {
            Store::Redis if !redis => {
                reader.refuse(
                    "WAGGLE_SESSION_STORE",
                    "redis needs CACHE_REDIS_ENABLED=true and CACHE_REDIS_URI",
                );
            }
            Store::Redis if self.durability == Durability::Redis => reader.risky(
                "WAGGLE_SESSION_DURABILITY",
                "a Redis that comes back empty costs every pairing, unless it runs with appendonly yes",
            ),
            Store::Memory => reader.risky("WAGGLE_SESSION_STORE", "every pairing is forgotten at exit"),
            _ => {}
        }
        if self.key_previous.is_some() && self.key.is_none() {
            reader.missing(
                "WAGGLE_SESSION_KEY",
                "WAGGLE_SESSION_KEY_PREVIOUS is set, and new rows need a key too",
            );
        }
    }
}

/// Bucket and prefix, or a folder.
enum Place {
    Bucket(String, String),
    Folder(PathBuf),
}

fn place(value: &str) -> Result<Place, String> {
    let expected = || "s3://BUCKET/PREFIX or file:///FOLDER".to_owned();
    let url = Url::parse(value).map_err(|_| expected())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    match (url.scheme(), url.host_str()) {
        _ if !plain || url.query().is_some() => Err(expected()),
        ("s3", Some(name)) => Ok(Place::Bucket(name.to_owned(), url.path().trim_matches('/').to_owned())),
        ("file", None) => url.to_file_path().map(Place::Folder).map_err(|()| expected()),
        _ => Err(expected()),
    }
}

fn objects(reader: &mut Reader<'_>, place: Place, account: &Account) -> Option<Objects> {
    let (name, prefix) = match place {
        Place::Folder(folder) => return Some(Objects::Folder(folder)),
        Place::Bucket(name, prefix) => (name, prefix),
    };
    let why = "WAGGLE_SESSION_OBJECT_URL names a bucket, which needs it";
    let bucket = account.bucket(reader, why, name, prefix);
    if account.endpoint.is_none() {
        reader.require("S3_REGION", &account.region, "a bucket at Amazon needs it, another one S3_ENDPOINT");
    }
    bucket.map(Objects::Bucket)
}

fn key(value: &str) -> Result<SecretBytes, String> {
    let bytes = match hex::decode(value) {
        Ok(bytes) if bytes.len() == 32 => Some(bytes),
        _ => parse::base64(value).filter(|bytes| bytes.len() == 32),
    };
    bytes.map(SecretBytes::new).ok_or_else(|| "32 bytes in base64, or 64 hexadecimal digits".to_owned())
}
