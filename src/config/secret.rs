//! Values that must not be printed.

use subtle::ConstantTimeEq;
use url::Url;

/// What is shown in place of a secret.
pub const HIDDEN: &str = "[hidden]";

/// A text that never appears in logs: its `Debug` and `Display` show `[hidden]`.
///
/// Comparing two secrets takes the same time wherever they differ.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Secret bytes, such as a signing or sealing key. Printed as `[hidden]`.
#[derive(Clone, Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Wraps bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// A secret address as far as it may be shown: scheme, host and port, without user, path or query.
pub(super) fn origin_of(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) => match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{}://{HIDDEN}@{host}:{port}", url.scheme()),
            (Some(host), None) => format!("{}://{HIDDEN}@{host}", url.scheme()),
            (None, _) => HIDDEN.to_owned(),
        },
        Err(_) => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", SecretBytes::new(*b"hunter2")),
            "[hidden] [hidden] [hidden]"
        );
        assert_eq!(secret, Secret::new("hunter2"));
        assert_ne!(secret, Secret::new("hunter3"));
    }

    #[test]
    fn an_address_shows_its_host_only() {
        assert_eq!(
            origin_of("postgresql://u:p@db.example:5432/x?password=q"),
            "postgresql://[hidden]@db.example:5432"
        );
        assert_eq!(origin_of("not an address"), HIDDEN);
    }
}
