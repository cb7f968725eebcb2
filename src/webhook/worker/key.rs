//! Names of what the worker schedules.

use std::sync::Arc;

use crate::db::OutboxRow;
use crate::domain::InstanceId;
use crate::webhook::{GLOBAL, OWN};

/// Which of the two sinks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Feed {
    /// The instance's own webhook.
    Own,
    /// The webhook of every instance.
    Global,
}

impl Feed {
    pub(super) const ALL: [Self; 2] = [Self::Own, Self::Global];

    /// The sink's name in the outbox.
    pub(super) const fn sink(self) -> &'static str {
        match self {
            Self::Own => OWN,
            Self::Global => GLOBAL,
        }
    }

    pub(super) fn of(sink: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feed| feed.sink() == sink)
    }
}

/// One endpoint: what has a bound of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) instance: InstanceId,
    pub(super) feed: Feed,
}

impl Key {
    /// Whose row it is; `None` for rows of other sinks.
    pub(super) fn of(row: &OutboxRow) -> Option<Self> {
        Some(Self { instance: row.instance, feed: Feed::of(&row.sink)? })
    }
}

/// The lane of a row within its endpoint: the chat, or nothing for the instance's own order.
pub(super) fn lane_of(row: &OutboxRow) -> &str {
    row.event.chat.as_deref().unwrap_or_default()
}

/// Scheme, host and port; empty for an endpoint that has none.
pub(super) type Origin = Arc<str>;

/// One attempt to make.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) origin: Origin,
    pub(super) row: OutboxRow,
}
