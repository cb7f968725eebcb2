//! A delivery as a message.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::db::OutboxRow;
use crate::domain::{Event, EventKind, HistoryPart, InstanceId};
use crate::webhook::{GLOBAL, OWN};

/// One event on its way to one endpoint. Where that is, and every secret, stays in the database.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub struct Envelope {
    id: Uuid,
    instance: InstanceId,
    sink: Cow<'static, str>,
    sequence: i64,
    kind: Cow<'static, str>,
    chat: Option<String>,
    data: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    history: Option<HistoryPart>,
    time: i64,
    /// Attempts that failed.
    attempt: i32,
    /// How often it was put off without an attempt, since the last one.
    #[serde(default)]
    put_off: u32,
    /// When it was published first, unix milliseconds; another one for every redrive.
    first_seen: i64,
}

/// Tells one copy of a message from the next: the same for a redelivery, another one after a retry.
pub type Copy = (Uuid, bool, i64, i32, u32);

impl Envelope {
    /// The envelope of a row of the outbox.
    #[must_use]
    pub fn new(row: &OutboxRow, now: i64) -> Self {
        Self {
            id: row.event.id,
            instance: row.instance,
            sink: row.sink.clone(),
            sequence: row.sequence,
            kind: row.event.kind.wire().into(),
            chat: row.event.chat.clone(),
            data: row.event.data.clone(),
            history: row.event.history,
            time: row.event.time,
            attempt: row.attempt,
            put_off: 0,
            first_seen: now,
        }
    }

    /// After so many attempts that failed.
    #[must_use]
    pub const fn tried(mut self, attempt: i32) -> Self {
        (self.attempt, self.put_off) = (attempt, 0);
        self
    }

    /// After it was put off once more without an attempt.
    #[must_use]
    pub const fn put_off(mut self) -> Self {
        self.put_off = self.put_off.saturating_add(1);
        self
    }

    /// How often it was put off since the last attempt.
    #[must_use]
    pub const fn times_put_off(&self) -> u32 {
        self.put_off
    }

    /// The id of the event.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Which copy it is.
    #[must_use]
    pub fn copy(&self) -> Copy {
        (self.id, self.sink == GLOBAL, self.first_seen, self.attempt, self.put_off)
    }

    /// The row that attempts are made with, under a position of the caller's; `None` for an event or
    /// a sink that this build does not know.
    #[must_use]
    pub fn row(&self, position: i64) -> Option<OutboxRow> {
        let known = [OWN, GLOBAL].contains(&self.sink.as_ref());
        let kind = EventKind::ALL.iter().copied().find(|kind| kind.wire() == self.kind).filter(|_| known)?;
        let (chat, data) = (self.chat.clone(), self.data.clone());
        Some(OutboxRow {
            id: position,
            instance: self.instance,
            sink: self.sink.clone(),
            sequence: self.sequence,
            event: Arc::new(Event { id: self.id, kind, chat, time: self.time, data, history: self.history }),
            attempt: self.attempt,
            due_at: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_the_way_and_what_is_unknown_is_none() {
        let data = RawValue::from_string(r#"{"a":1.50,  "n":12345678901234567890123}"#.to_owned()).unwrap();
        let history = Some(HistoryPart { is_latest: Some(true), progress: None });
        let (id, kind, chat) = (Uuid::now_v7(), EventKind::Call, Some("x".to_owned()));
        let event = Event { id, kind, chat, time: 7, data, history };
        let row = OutboxRow {
            id: 1,
            instance: InstanceId::random(),
            sink: GLOBAL.into(),
            sequence: 42,
            event: Arc::new(event),
            attempt: 3,
            due_at: 9,
        };
        let text = serde_json::to_vec(&Envelope::new(&row, 8)).unwrap();
        let read: Envelope = serde_json::from_slice(&text).unwrap();
        let back = read.row(5).unwrap();
        assert_eq!(
            (back.id, back.instance, back.sink.as_ref(), back.sequence),
            (5, row.instance, GLOBAL, 42)
        );
        assert_eq!((back.event.id, back.event.kind, back.attempt), (row.event.id, EventKind::Call, 3));
        assert_eq!((back.event.data.get(), back.event.history), (row.event.data.get(), history));
        assert_eq!(read.copy(), Envelope::new(&row, 8).copy());
        assert!(Envelope { kind: "of the future".into(), ..read.clone() }.row(5).is_none());
        assert!(Envelope { sink: "rabbitmq".into(), ..read }.row(5).is_none());
    }
}
