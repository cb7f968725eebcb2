//! Signatures after the Standard Webhooks scheme.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key that deliveries are signed with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text that is no signing secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a signing secret is whsec_ followed by base64, or any text")]
pub struct InvalidSecret;

impl Secret {
    /// Takes the key's bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Reads `whsec_` and base64, or takes any other text as the key itself.
    ///
    /// # Errors
    /// [`InvalidSecret`] when empty, or when what follows `whsec_` is not base64.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded.trim()).map_err(|_| InvalidSecret)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.is_empty() { Err(InvalidSecret) } else { Ok(Self(bytes)) }
    }

    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// The value of `webhook-signature`: one signature per live secret, separated by spaces; `None`
/// without secrets. `timestamp` is in unix seconds.
pub(super) fn sign(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let mut value = String::new();
    for signature in secrets.iter().filter_map(|secret| secret.sign(id, timestamp, body)) {
        let gap = if value.is_empty() { "" } else { " " };
        let _ = write!(value, "{gap}{signature}");
    }
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with `openssl dgst -sha256 -hmac` over the text `id.timestamp.body`.
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    #[test]
    fn the_signature_is_the_schemes() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let value = sign(&[secret], ID, 1_614_265_330, BODY);
        assert_eq!(value.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn a_rotation_has_two_signatures_and_a_plain_secret_is_its_bytes() {
        let secrets = [Secret::parse("new").unwrap(), Secret::new(*b"old")];
        let both = sign(&secrets, ID, 7, BODY).unwrap();
        let single = |secret: &Secret| sign(std::slice::from_ref(secret), ID, 7, BODY).unwrap();
        assert_eq!(both, format!("{} {}", single(&secrets[0]), single(&secrets[1])));
        assert_ne!(single(&secrets[0]), single(&secrets[1]));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_none_signs_nothing() {
        assert_eq!(Secret::parse(""), Err(InvalidSecret));
        assert_eq!(Secret::parse("whsec_"), Err(InvalidSecret));
        assert_eq!(Secret::parse("whsec_%"), Err(InvalidSecret));
        assert_eq!(sign(&[], ID, 7, BODY), None);
        assert_eq!(format!("{:?}", Secret::new(*b"hunter2")), "[hidden]");
    }
}
