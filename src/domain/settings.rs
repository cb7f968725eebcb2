//! Behaviour of an instance, chosen by its tenant.

use serde::{Deserialize, Serialize};

use super::MediaPolicy;

/// The settings of an instance as the contract names them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Reject every incoming call.
    pub reject_call: bool,
    /// Text sent to a caller whose call was rejected; empty for none.
    pub msg_call: String,
    /// Neither store nor deliver messages of groups.
    pub groups_ignore: bool,
    /// Appear online while connected.
    pub always_online: bool,
    /// Mark every incoming message as read.
    pub read_messages: bool,
    /// Mark every status update as read.
    pub read_status: bool,
    /// Ask the phone for its whole history when pairing.
    pub sync_full_history: bool,
    /// Kept for clients that set it; has no effect.
    pub wavoip_token: String,
    /// Which files are kept, where that is not left to the operator.
    #[serde(skip_serializing_if = "MediaPolicy::is_default")]
    pub media: MediaPolicy,
}
