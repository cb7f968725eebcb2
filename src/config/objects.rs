//! Where objects are: an account of an object store, its buckets, and folders.

use std::path::PathBuf;

use super::parse;
use super::reader::Reader;
use super::secret::Secret;

/// Where objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objects {
    /// Files below a folder.
    Folder(PathBuf),
    /// S3, or what speaks its protocol.
    Bucket(Bucket),
}

/// A bucket of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What the names of objects begin with.
    pub prefix: String,
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: Secret,
    /// Base of addresses; `None` is Amazon's.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
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

impl Account {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            access_key: reader.text("S3_ACCESS_KEY"),
            secret_key: reader.secret("S3_SECRET_KEY"),
            endpoint: reader.parse("S3_ENDPOINT", host),
            port: reader.number("S3_PORT", 1..=u16::MAX),
            tls: reader.flag("S3_USE_SSL"),
            region: reader.text("S3_REGION"),
        }
    }

    /// A bucket of it; the keys are required, for this reason.
    pub(super) fn bucket(
        &self,
        reader: &mut Reader<'_>,
        why: &str,
        name: String,
        prefix: String,
    ) -> Option<Bucket> {
        reader.require("S3_ACCESS_KEY", &self.access_key, why);
        reader.require("S3_SECRET_KEY", &self.secret_key, why);
        let scheme = if self.tls { "https" } else { "http" };
        Some(Bucket {
            name,
            prefix,
            access_key: self.access_key.clone()?,
            secret_key: self.secret_key.clone()?,
            endpoint: self.endpoint.as_ref().map(|host| format!("{scheme}://{host}:{}", self.port)),
            // What S3 calls its first region; other servers do not care.
            region: self.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
        })
    }
}

fn host(value: &str) -> Result<String, String> {
    match parse::url(&format!("http://{value}"), &["http"]) {
        Ok(_) if !value.contains(['/', ':', '@']) => Ok(value.to_owned()),
        _ => Err("a host name without scheme, port and path".to_owned()),
    }
}
