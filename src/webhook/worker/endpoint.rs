//! What the desk knows of one endpoint.

use std::collections::{HashMap, VecDeque};

use super::key::Origin;
use super::lane::{Lane, State};

#[derive(Default)]
pub(super) struct Endpoint {
    /// Lanes that have rows, by chat.
    pub(super) lanes: HashMap<String, Lane>,
    /// Lanes whose first row may be tried, in the order in which they are served.
    pub(super) ready: VecDeque<String>,
    /// Rows in memory.
    pub(super) rows: usize,
    /// Attempts under way.
    pub(super) in_flight: usize,
    /// In the desk's queue, or waiting at its origin.
    pub(super) queued: bool,
    /// Where it leads, once resolved.
    pub(super) origin: Option<Origin>,
    pub(super) resolving: bool,
    /// Attempts that failed since the last success.
    pub(super) failures: u32,
    /// The epoch in which its rows were last known to be complete; 0 is never.
    pub(super) epoch: u64,
    pub(super) paging: Paging,
    /// When it last had a row, unix milliseconds.
    pub(super) used_at: i64,
}

/// Which of its rows are in the table only.
#[derive(Default, Debug)]
pub(super) struct Paging {
    /// All rows after this id have to be read; `None` when everything is in memory.
    pub(super) from: Option<i64>,
    /// The read that is under way began here.
    pub(super) active: Option<i64>,
    /// What was seen since it began and may not be in it, as in `from`.
    pub(super) missed: Option<i64>,
    /// In the desk's queue of endpoints to read.
    pub(super) wanting: bool,
    /// Not read before the alarm rings.
    pub(super) parked: bool,
}

impl Paging {
    /// Everything of the endpoint is in memory.
    pub(super) const fn is_complete(&self) -> bool {
        self.from.is_none() && self.active.is_none()
    }

    /// The rows after an id are in the table and not in memory.
    pub(super) fn note(&mut self, after: i64) {
        let place = if self.active.is_some() { &mut self.missed } else { &mut self.from };
        *place = Some(place.map_or(after, |known| known.min(after)));
    }

    /// The read has ended; `next` is where the following one begins, if there has to be one.
    pub(super) fn end(&mut self, next: Option<i64>) {
        self.active = None;
        self.from = next.into_iter().chain(self.missed.take()).min();
    }

    pub(super) const fn is_due(&self) -> bool {
        self.from.is_some() && self.active.is_none() && !self.parked
    }
}

impl Endpoint {
    /// When the first of its sleeping lanes wakes; `None` when a lane is awake or there is none.
    pub(super) fn asleep_until(&self) -> Option<i64> {
        let mut first = None;
        for lane in self.lanes.values() {
            let State::Asleep((due, _)) = lane.state else { return None };
            first = Some(first.map_or(due, |known: i64| known.min(due)));
        }
        first
    }

    /// Nothing to remember but what can be learnt again.
    pub(super) fn is_idle(&self) -> bool {
        self.rows == 0 && self.in_flight == 0 && !self.queued && !self.resolving && self.paging.is_complete()
    }
}
