//! Kinds and keys of the records.

use sha2::{Digest as _, Sha256};

use crate::session::Kind;

pub(super) const DEVICE: Kind = "device";
pub(super) const IDENTITY: Kind = "identity";
pub(super) const SESSION: Kind = "session";
pub(super) const PREKEY: Kind = "prekey";
pub(super) const SIGNED_PREKEY: Kind = "signed_prekey";
pub(super) const SENDER_KEY: Kind = "sender_key";
pub(super) const SYNC_KEY: Kind = "sync_key";
pub(super) const SYNC_VERSION: Kind = "sync_version";
pub(super) const SYNC_MAC: Kind = "sync_mac";
pub(super) const SENDER_KEY_DEVICE: Kind = "sender_key_device";
pub(super) const LID: Kind = "lid";
pub(super) const PN: Kind = "pn";
pub(super) const BASE_KEY: Kind = "base_key";
pub(super) const DEVICES: Kind = "devices";
pub(super) const GROUP: Kind = "group";
pub(super) const TC_TOKEN: Kind = "tc_token";
pub(super) const SENT: Kind = "sent";
pub(super) const PENDING: Kind = "pending";
pub(super) const SECRET: Kind = "secret";

/// Marks a hash; no UTF-8 text begins with it, and no length equals it.
const HASHED: u8 = 0xff;

/// The key of one text: the text itself, so that a prefix of it can be looked for. Longer ones
/// than any address of WhatsApp become a hash.
pub(super) fn text(text: &str) -> Vec<u8> {
    if text.len() <= 200 { text.as_bytes().to_vec() } else { hashed(text) }
}

/// The key of up to three texts; the keys of the first ones are prefixes of it.
pub(super) fn joined(parts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        match u8::try_from(part.len()) {
            // Three times 81 bytes fit into the 255 that a store takes.
            Ok(length @ ..=80) => {
                key.push(length);
                key.extend_from_slice(part.as_bytes());
            }
            _ => key.extend(hashed(part)),
        }
    }
    key
}

/// The key of a number; numbers sort as they count.
pub(super) fn number(id: u32) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// The number of a key.
pub(super) fn to_number(key: &[u8]) -> Option<u32> {
    key.try_into().ok().map(u32::from_be_bytes)
}

fn hashed(text: &str) -> Vec<u8> {
    let mut key = vec![HASHED];
    key.extend(Sha256::digest(text.as_bytes()));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_distinct_and_fit() {
        let long = "x".repeat(300);
        assert_ne!(joined(&["a", "bc"]), joined(&["ab", "c"]));
        assert!(joined(&["g", "d"]).starts_with(&joined(&["g"])));
        assert!(!joined(&["gg", "d"]).starts_with(&joined(&["g"])));
        assert!(joined(&[&long, &long, &long]).len() <= 255 && text(&long).len() <= 255);
        assert_ne!(joined(&[&long]), joined(&[&"y".repeat(300)]));
        assert_eq!(to_number(&number(7)), Some(7));
    }
}
