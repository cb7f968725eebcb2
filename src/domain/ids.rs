//! Identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One instance for ever; never reused after a deletion.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub Uuid);

impl InstanceId {
    /// A fresh random id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies a node of the cluster across restarts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Rises with every claim of an instance; state is written only with the newest one, so that an
/// owner which does not know that it was replaced cannot hurt a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

/// The name by which clients address an instance: 1 to 100 characters, letters and digits of any
/// script, space, `-`, `_`, `.`, `@`, `+`; first and last not a space.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct InstanceName(String);

/// Longest name, in characters.
pub const INSTANCE_NAME_MAX: usize = 100;

/// Why a text is not an instance name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty, or more than [`INSTANCE_NAME_MAX`] characters.
    #[error("instanceName must have 1 to 100 characters")]
    Length,
    /// A character outside the allowed set.
    #[error("instanceName may contain letters, digits, space and - _ . @ + only")]
    Character,
    /// The first or the last character is a space.
    #[error("instanceName must not begin or end with a space")]
    Space,
}

impl InstanceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // Bytes first: a name of megabytes is refused without walking it.
        if text.is_empty() || text.len() > INSTANCE_NAME_MAX * 4 || text.chars().count() > INSTANCE_NAME_MAX {
            return Err(InvalidName::Length);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(InvalidName::Space);
        }
        let allowed = |c: char| c.is_alphanumeric() || " -_.@+".contains(c);
        // A path of dots only would be eaten by proxies that normalise paths.
        if !text.chars().all(allowed) || text.chars().all(|c| c == '.') {
            return Err(InvalidName::Character);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for InstanceName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["a", "acme-01", "João da Silva", "x@y.z+1", "客户"] {
            assert!(good.parse::<InstanceName>().is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a/b", "..", "a\nb", "a\u{0}", "a?b", &"x".repeat(101)] {
            assert!(bad.parse::<InstanceName>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_text(text in ".*") {
            if let Ok(name) = text.parse::<InstanceName>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
