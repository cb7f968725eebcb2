//! What receivers are told of an event: the body that they know from Evolution API, and our additions.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::db::OutboxRow;
use crate::domain::HistoryPart;

/// An event as JSON. What is absent is not told.
#[derive(Serialize)]
pub struct Body<'a> {
    event: &'static str,
    instance: &'a str,
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a str>,
    date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apikey: Option<&'a str>,
    #[serde(flatten)]
    history: Option<HistoryPart>,
    id: Uuid,
    sequence: i64,
}

/// What a body tells beside the event.
#[derive(Clone, Copy, Default, Debug)]
pub struct About<'a> {
    /// The instance's name.
    pub instance: &'a str,
    /// The URL that it is sent to; only webhooks have one.
    pub destination: Option<&'a str>,
    /// The account's address when it is known.
    pub sender: Option<&'a str>,
    /// Our public address.
    pub server_url: Option<&'a str>,
    /// The instance's token, if it may be told.
    pub token: Option<&'a str>,
}

impl<'a> Body<'a> {
    /// The body of a row.
    #[must_use]
    pub fn new(row: &'a OutboxRow, about: About<'a>) -> Self {
        Self {
            event: row.event.kind.wire(),
            instance: about.instance,
            data: &row.event.data,
            destination: about.destination,
            date_time: date_time(row.event.time),
            sender: about.sender,
            server_url: about.server_url,
            apikey: about.token,
            history: row.event.history,
            id: row.event.id,
            sequence: row.sequence,
        }
    }
}

/// RFC 3339 with milliseconds.
#[must_use]
pub fn date_time(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
