//! Which files of messages are kept, and the links to them that are told.
//!
//! A link is a promise: it is made when its message is recorded, before the file is in the store. Who
//! follows it too early waits. It names the instance, the message and when it ends, and is signed with
//! a key that all nodes derive from the global key; who knows a link can have that file and nothing else.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::{InstanceId, InstanceName, MediaKind, MediaPolicy};

/// What the key of links is derived with.
const PURPOSE: &[u8] = b"waggle link to a file v1";

/// In milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// Decides which files are kept, signs the links to them, and rings when there are new ones.
pub struct Keeper {
    key: [u8; 32],
    base: String,
    lifetime: Option<Duration>,
    video: bool,
    rung: Mutex<BTreeSet<InstanceId>>,
    bell: Notify,
}

/// What the operator says of files.
#[derive(Clone, Debug)]
pub struct KeeperOptions {
    /// Our public address.
    pub server_url: String,
    /// How long a link works; `None` is as long as the file is kept.
    pub lifetime: Option<Duration>,
    /// Whether films are kept where the tenant does not say.
    pub video: bool,
}

/// A file that is to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keep {
    /// What it is.
    pub kind: MediaKind,
    /// The link to it, if that is to be told.
    pub url: Option<String>,
}

/// Why a link is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadLink {
    /// It was not made here.
    Forged,
    /// Its time is over.
    Expired,
}

impl Keeper {
    /// A keeper whose links are signed with what `secret` derives.
    #[must_use]
    pub fn new(options: KeeperOptions, secret: &[u8]) -> Self {
        let KeeperOptions { server_url, lifetime, video } = options;
        Self {
            key: mac(secret, PURPOSE),
            base: server_url.trim_end_matches('/').to_owned(),
            lifetime,
            video,
            rung: Mutex::default(),
            bell: Notify::new(),
        }
    }

    /// Whether the file of a message is kept, whose content this is, and under which link. `now` is
    /// unix milliseconds.
    #[must_use]
    pub fn keep(
        &self,
        policy: &MediaPolicy,
        name: &InstanceName,
        message: Uuid,
        content: &Map<String, Value>,
        now: i64,
    ) -> Option<Keep> {
        let kind = MediaKind::of(content).filter(|kind| policy.keeps(*kind, self.video))?;
        let url = policy.media_url.unwrap_or(true).then(|| self.link(name.as_str(), message, now));
        Some(Keep { kind, url })
    }

    /// The link to the file of a message, for as long as the operator says and to the end of that day: it is
    /// the same whenever it is asked for on one day, so that receivers can cache.
    #[must_use]
    pub fn link(&self, instance: &str, message: Uuid, now: i64) -> String {
        let tomorrow = now - now.rem_euclid(DAY) + DAY;
        self.link_for(instance, message, tomorrow, self.lifetime)
    }

    /// The link to the file of a message, for some time; `None` is for as long as it is kept.
    #[must_use]
    pub fn link_for(&self, instance: &str, message: Uuid, now: i64, lifetime: Option<Duration>) -> String {
        let lifetime = lifetime.and_then(|lifetime| i64::try_from(lifetime.as_secs()).ok());
        // 0 is for ever.
        let expires = lifetime.map_or(0, |lifetime| now / 1000 + lifetime);
        let signature = hex::encode(self.signature(instance, message, expires));
        let name: String = url::form_urlencoded::byte_serialize(instance.as_bytes()).collect();
        // In a path a plus is a plus.
        let name = name.replace('+', "%20");
        format!("{}/s3/file/{name}?id={message}&expires={expires}&signature={signature}", self.base)
    }

    /// Whether a link was made by [`Keeper::link`] and its time is not over; `expires` is unix seconds.
    ///
    /// # Errors
    /// [`BadLink`] says what is wrong.
    pub fn check(
        &self,
        (instance, message, expires): (&str, Uuid, i64),
        signature: &str,
        now: i64,
    ) -> Result<(), BadLink> {
        let signature = hex::decode(signature).map_err(|_| BadLink::Forged)?;
        let mac = self.mac(instance, message, expires).ok_or(BadLink::Forged)?;
        mac.verify_slice(&signature).map_err(|_| BadLink::Forged)?;
        if expires != 0 && expires < now / 1000 { Err(BadLink::Expired) } else { Ok(()) }
    }

    fn mac(&self, instance: &str, message: Uuid, expires: i64) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(format!("{instance}\n{message}\n{expires}").as_bytes());
        Some(mac)
    }

    fn signature(&self, instance: &str, message: Uuid, expires: i64) -> [u8; 32] {
        self.mac(instance, message, expires).map_or([0; 32], |mac| mac.finalize().into_bytes().into())
    }

    /// Says that an instance has new files to keep.
    pub(super) fn ring(&self, instance: InstanceId) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).insert(instance);
        self.bell.notify_one();
    }

    /// Waits until somebody rings.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Those who have rung since this was asked for last.
    #[must_use]
    pub fn ringing(&self) -> BTreeSet<InstanceId> {
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("base", &self.base).field("video", &self.video).finish_non_exhaustive()
    }
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn keeper(secret: &[u8], lifetime: Option<Duration>) -> Keeper {
        let server_url = "https://gate.example/".to_owned();
        Keeper::new(KeeperOptions { server_url, lifetime, video: false }, secret)
    }

    fn asked(link: &str) -> (String, Uuid, i64, String) {
        let url = url::Url::parse(link).unwrap();
        let pairs: std::collections::HashMap<String, String> = url.query_pairs().into_owned().collect();
        let name = url.path_segments().unwrap().next_back().unwrap().to_owned();
        (name, pairs["id"].parse().unwrap(), pairs["expires"].parse().unwrap(), pairs["signature"].clone())
    }

    #[test]
    fn a_link_is_for_one_file_of_one_instance_and_one_time() {
        let keeper_of = |secret: &[u8]| keeper(secret, Some(Duration::from_hours(24)));
        let (one, other) = (keeper_of(b"key"), keeper_of(b"other"));
        let id = Uuid::now_v7();
        let link = one.link("acme", id, NOW);
        assert!(link.starts_with("https://gate.example/s3/file/acme?id="));
        let (name, named, expires, signature) = asked(&link);
        assert_eq!((name.as_str(), named), ("acme", id));
        let check = |about, at| one.check(about, &signature, at);
        assert_eq!(check(("acme", id, expires), NOW), Ok(()));
        // A day after the end of the day on which it was made.
        let end = NOW - NOW % DAY + 2 * DAY;
        assert_eq!(check(("acme", id, expires), end), Ok(()));
        assert_eq!(check(("acme", id, expires), end + 1000), Err(BadLink::Expired));
        assert_eq!(one.link("acme", id, NOW - NOW % DAY + DAY - 1), link, "it changes from day to day only");
        assert_eq!(check(("acme2", id, expires), NOW), Err(BadLink::Forged));
        assert_eq!(check(("acme", Uuid::now_v7(), expires), NOW), Err(BadLink::Forged));
        assert_eq!(check(("acme", id, 0), NOW), Err(BadLink::Forged));
        assert_eq!(one.check(("acme", id, expires), "zz", NOW), Err(BadLink::Forged));
        assert_eq!(other.check(("acme", id, expires), &signature, NOW), Err(BadLink::Forged));
        assert_eq!(keeper_of(b"key").check(("acme", id, expires), &signature, NOW), Ok(()));
    }

    #[test]
    fn a_link_may_be_for_ever_and_names_are_escaped() {
        let keeper = keeper(b"key", None);
        let id = Uuid::now_v7();
        let (name, _, expires, signature) = asked(&keeper.link("a b/c", id, NOW));
        assert_eq!((name.as_str(), expires), ("a%20b%2Fc", 0));
        assert_eq!(keeper.check(("a b/c", id, 0), &signature, i64::MAX), Ok(()));
    }

    #[test]
    fn what_is_kept_follows_the_policy() {
        let keeper = keeper(b"key", None);
        let (name, id) = ("acme".parse().unwrap(), Uuid::now_v7());
        let image = json!({"imageMessage": {"mediaKey": "k"}});
        let keep = |policy: &MediaPolicy, content: &Value| {
            keeper.keep(policy, &name, id, content.as_object().unwrap(), NOW)
        };
        let kept = keep(&MediaPolicy::default(), &image).unwrap();
        assert_eq!((kept.kind, kept.url), (MediaKind::Image, Some(keeper.link("acme", id, NOW))));
        let silent = MediaPolicy { media_url: Some(false), ..MediaPolicy::default() };
        assert_eq!(keep(&silent, &image).unwrap().url, None);
        assert_eq!(keep(&MediaPolicy::default(), &json!({"videoMessage": {"mediaKey": "k"}})), None);
        assert_eq!(keep(&MediaPolicy::default(), &json!({"conversation": "hi"})), None);
    }
}
