//! What everybody may see of an instance at any time, without waiting.

use std::sync::Arc;

use crate::channel::Channel;
use crate::domain::instance::Disconnection;
use crate::domain::{ConnectionState, Instance, Jid};

/// A QR that waits to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    /// The text of the QR.
    pub code: Arc<str>,
    /// The QR as a data URI of a PNG.
    pub base64: Arc<str>,
    /// The code to type on the phone instead, when one was asked for.
    pub pairing_code: Option<Arc<str>>,
    /// How many were shown since the request to connect.
    pub count: u32,
}

/// The state of an instance.
#[derive(Clone)]
pub struct View {
    /// What clients see of the connection.
    pub state: ConnectionState,
    /// The contract's number for why.
    pub reason: i32,
    /// Whether an account is linked.
    pub paired: bool,
    /// The account's address.
    pub owner: Option<Jid>,
    /// The account's hidden identity.
    pub owner_lid: Option<Jid>,
    /// The account's own name.
    pub profile_name: Option<String>,
    /// Address of the account's picture.
    pub profile_pic_url: Option<String>,
    /// How much of the phone's history is on record, in percent; `None` before any of it came.
    pub history_progress: Option<u32>,
    /// Why the last connection ended.
    pub disconnection: Option<Disconnection>,
    /// The QR to scan, while there is one.
    pub qr: Option<Qr>,
    /// Unix milliseconds since when it is not open; `None` while it is.
    pub closed_since: Option<i64>,
    /// The connection, while it is open.
    pub(super) channel: Option<Arc<dyn Channel>>,
}

impl View {
    /// What the row says, before anything runs. A row that was open when its node died is closed
    /// since `now`.
    pub(super) fn of_row(row: &Instance, now: i64) -> Self {
        let parse = |text: &Option<String>| text.as_deref().and_then(|text| Jid::parse(text).ok());
        Self {
            state: ConnectionState::Close,
            reason: row.disconnection.as_ref().map_or(super::state::reason::OK, |d| d.code),
            paired: row.paired,
            owner: parse(&row.owner_jid),
            owner_lid: parse(&row.owner_lid),
            profile_name: row.profile_name.clone(),
            profile_pic_url: row.profile_pic_url.clone(),
            history_progress: None,
            disconnection: row.disconnection.clone(),
            qr: None,
            closed_since: Some(match (&row.disconnection, row.paired) {
                (Some(disconnection), _) => disconnection.at,
                (None, true) => now,
                (None, false) => row.created_at,
            }),
            channel: None,
        }
    }
}
