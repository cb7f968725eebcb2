//! Rate and size limits.

use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Limits",
    variables: &[
        Variable::number(
            "WAGGLE_RATE_LIMIT_PER_SECOND",
            "0",
            "count",
            "requests per second that one instance may make of WhatsApp; 0 is unlimited",
        ),
        Variable::number(
            "WAGGLE_RATE_LIMIT_BURST",
            "",
            "count",
            "requests that an instance may make of WhatsApp at once; unset, two seconds' worth",
        ),
        Variable::number(
            "WAGGLE_BODY_LIMIT_MB",
            "136",
            "megabytes",
            "largest request body with a file in base64; any other may have 2",
        ),
    ],
    switches: None,
};

/// Rate and size limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests of one instance; `None` is unlimited.
    pub rate: Option<Rate>,
    /// Largest request body with a file in base64, in bytes.
    pub body_bytes: usize,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come in per second, at least one.
    pub per_second: u32,
    /// Tokens that the bucket holds, at least one.
    pub burst: u32,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let per_second: u32 = reader.number("WAGGLE_RATE_LIMIT_PER_SECOND", 0..=1_000_000);
        let burst = reader.optional_number("WAGGLE_RATE_LIMIT_BURST", 1..=10_000_000);
        let megabytes: usize = reader.number("WAGGLE_BODY_LIMIT_MB", 1..=4_000);
        Self {
            rate: (per_second > 0)
                .then(|| Rate { per_second, burst: burst.unwrap_or(per_second.saturating_mul(2)) }),
            body_bytes: megabytes * 1024 * 1024,
        }
    }
}
