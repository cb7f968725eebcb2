//! An instance: one WhatsApp account, one token, one isolated set of data.

use serde::{Deserialize, Serialize};

use super::{Fence, InstanceId, InstanceName, Settings};

/// What clients see of the connection to WhatsApp.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// Logged in.
    Open,
    /// Connecting, or waiting for a QR to be scanned.
    Connecting,
    /// Not connected, and not trying.
    Close,
    /// WhatsApp refused the account (for example a ban).
    Refused,
}

impl ConnectionState {
    /// The text on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Connecting => "connecting",
            Self::Close => "close",
            Self::Refused => "refused",
        }
    }

    /// Reads the database's text; anything unknown is [`Self::Close`].
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "connecting" => Self::Connecting,
            "refused" => Self::Refused,
            _ => Self::Close,
        }
    }
}

/// Why and when the connection ended, as clients see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Disconnection {
    /// WhatsApp's or Evolution API's number for the reason, for example 401 for logged out.
    pub code: i32,
    /// A JSON object as text, as `disconnectionObject` carries it.
    pub object: Option<String>,
    /// Unix milliseconds.
    pub at: i64,
}

/// The row of an instance. Times are unix milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct Instance {
    /// Its identity.
    pub id: InstanceId,
    /// Its name, unique in the installation.
    pub name: InstanceName,
    /// Nodes load only the instances of their own client name.
    pub client_name: String,
    /// The provider as clients name it, for example `WHATSAPP-BAILEYS`.
    pub integration: String,
    /// The caller's secret for this instance.
    pub token: String,
    /// The phone number given at creation, digits only.
    pub number: Option<String>,
    /// Meta's business id.
    pub business_id: Option<String>,
    /// The account's own address once paired.
    pub owner_jid: Option<String>,
    /// The account's hidden identity once known.
    pub owner_lid: Option<String>,
    /// The account's own name.
    pub profile_name: Option<String>,
    /// Address of the account's picture.
    pub profile_pic_url: Option<String>,
    /// Last known state.
    pub state: ConnectionState,
    /// Set when the connection has ended.
    pub disconnection: Option<Disconnection>,
    /// Whether a device is linked: it is reconnected at start, without a QR.
    pub paired: bool,
    /// Behaviour chosen by the tenant.
    pub settings: Settings,
    /// Newest claim.
    pub fence: Fence,
    /// Creation time.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}
