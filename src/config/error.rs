//! What can be wrong with an environment, and what is only worth a word.

use super::variable::Variable;

/// One thing wrong with the environment. Every case names its variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value that does not parse.
    #[error("{name}={value}: expected {expected}")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value, or `[hidden]` for a secret.
        value: String,
        /// What it should have been.
        expected: String,
    },
    /// A variable that must be set, given the others.
    #[error("{name} is not set: {why}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What needs it.
        why: String,
    },
    /// A value that parses but is refused.
    #[error("{name}: {why}")]
    Refused {
        /// The variable.
        name: &'static str,
        /// The rule and the way out.
        why: String,
    },
}

impl Error {
    /// The variable that the error is about.
    pub fn variable(&self) -> &'static str {
        match self {
            Self::Value { name, .. } | Self::Missing { name, .. } | Self::Refused { name, .. } => name,
        }
    }

    pub(super) fn value(variable: &Variable, value: &str, expected: String) -> Self {
        // A service called `proxy` makes Kubernetes set PROXY_PORT=tcp://... in every pod beside it.
        let expected = if value.starts_with("tcp://") {
            format!("{expected} (Kubernetes sets such values itself: enableServiceLinks: false)")
        } else {
            expected
        };
        Self::Value { name: variable.name, value: variable.shown(value), expected }
    }
}

/// Everything wrong with the environment, so that an operator repairs it in one go. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(pub Vec<Error>);

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Something in the environment that the node starts with, but that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A variable of ours, or of a family of ours, that nothing reads.
    Unknown {
        /// The variable.
        name: String,
        /// The known name nearest to it, if one is near.
        nearest: Option<&'static str>,
    },
    /// A known variable whose value has no effect here.
    Ignored {
        /// The variable.
        name: &'static str,
        /// Why it has none.
        why: String,
    },
    /// Something is turned on that is read and checked, and not served yet.
    Unserved {
        /// What turns it on.
        name: &'static str,
    },
    /// A setting that works but carries a risk.
    Risky {
        /// The variable.
        name: &'static str,
        /// The risk.
        why: String,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown { name, nearest: Some(nearest) } => {
                write!(f, "{name} is not read by anything: did you mean {nearest}?")
            }
            Self::Unknown { name, nearest: None } => write!(f, "{name} is not read by anything"),
            Self::Ignored { name, why } => write!(f, "{name} is ignored: {why}"),
            Self::Unserved { name } => write!(f, "{name} has no effect: this version does not serve it yet"),
            Self::Risky { name, why } => write!(f, "{name}: {why}"),
        }
    }
}
