//! Faults as they are asked for.

use serde::{Deserialize, Serialize};

use super::{ConnectRefusal, MediaFault, one, queries::RefusedQueries};

/// What a fault concerns: one device, one account, or everything when both are absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// Phone number of the account.
    pub phone: Option<String>,
    /// Device of the account.
    pub device: Option<u16>,
    /// Share (0 to 1) of the connections in scope that are struck, chosen at random; all when absent. Only
    /// for faults of live connections: `drop`, `halfOpen`, `streamError`, `replaced`.
    pub share: Option<f64>,
}

/// A fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fault {
    /// Cuts the live connections without a word.
    Drop,
    /// The server stops reading and writing on the live connections but keeps them open.
    HalfOpen,
    /// Ends `halfOpen` on the connections that are still there.
    Resume,
    /// Delays every stanza to the client. A device's own delay goes before its account's, and that before
    /// the one of all.
    Latency {
        /// Delay in milliseconds.
        latency_ms: u64,
        /// Largest random addition in milliseconds; the order is kept.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// Writes messages after the one that follows them (or half a second later, when none does).
    Reorder {
        /// Probability for each message.
        #[serde(default)]
        probability: f64,
        /// The next this many messages.
        #[serde(default)]
        next: u32,
    },
    /// Writes messages twice.
    Duplicate {
        /// Probability for each message.
        #[serde(default)]
        probability: f64,
        /// The next this many messages.
        #[serde(default)]
        next: u32,
    },
    /// Answers logins with `<failure/>`; a count of zero stops that.
    FailLogins {
        /// Reason code: 401, 403 and 406 logged out, 402 banned, 405 outdated, 429, 500, 503, ...
        reason: u16,
        /// Number of logins.
        #[serde(default = "one")]
        count: u32,
        /// Detail code of a ban (reason 402).
        #[serde(default)]
        code: Option<u32>,
        /// Length of a ban in seconds (reason 402).
        #[serde(default)]
        expire: Option<u64>,
    },
    /// Answers queries with an error; a count of zero stops that.
    FailQueries(RefusedQueries),
    /// Refuses WebSocket upgrades, whoever asks.
    RefuseConnections(ConnectRefusal),
    /// Sends `<stream:error/>` to the live connections and closes them.
    StreamError {
        /// Its code, such as 429, 503 or 515.
        code: u16,
    },
    /// Ends the live connections as if others had taken their place.
    Replaced,
    /// Unlinks the device: `device_removed`, later logins fail with 401.
    RemoveDevice,
    /// Delays or refuses requests of the media host, whoever asks.
    Media(MediaFault),
    /// The contact in scope pretends that it cannot decrypt the next messages, and asks for them again.
    AskRetry {
        /// Number of messages.
        #[serde(default = "one")]
        next: u32,
    },
    /// The next messages of the contact in scope arrive broken; asked again, it sends them whole.
    Corrupt {
        /// Number of messages.
        #[serde(default = "one")]
        next: u32,
    },
    /// Ends every fault that stands in the scope.
    Lift,
}

impl Fault {
    /// Name of the kind, as in JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::HalfOpen => "halfOpen",
            Self::Resume => "resume",
            Self::Latency { .. } => "latency",
            Self::Reorder { .. } => "reorder",
            Self::Duplicate { .. } => "duplicate",
            Self::FailLogins { .. } => "failLogins",
            Self::FailQueries(_) => "failQueries",
            Self::RefuseConnections(_) => "refuseConnections",
            Self::StreamError { .. } => "streamError",
            Self::Replaced => "replaced",
            Self::RemoveDevice => "removeDevice",
            Self::Media(_) => "media",
            Self::AskRetry { .. } => "askRetry",
            Self::Corrupt { .. } => "corrupt",
            Self::Lift => "lift",
        }
    }
}

/// A fault and what it concerns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultOrder {
    /// What it concerns.
    #[serde(flatten)]
    pub scope: Scope,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// A step of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Milliseconds from the start of the scenario.
    pub after_ms: u64,
    /// What happens then.
    pub fault: FaultOrder,
    /// How often it happens, `everyMs` apart.
    #[serde(default = "one")]
    pub times: u32,
    /// Milliseconds between repetitions.
    #[serde(default)]
    pub every_ms: u64,
}
