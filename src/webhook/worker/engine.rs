//! What to do next: the desk, the scans and the ledger as one pure machine. The service carries
//! out its orders and reports back; a test does the same with a table and a time of its own.

use std::collections::VecDeque;

use super::attempt::{Attempted, Verdict};
use super::desk::{Desk, End, Limits};
use super::intake::PageRead;
use super::key::{Feed, Job, Key, Origin};
use super::ledger::{Change, Setback};
use super::scan::Scan;
use crate::db::OutboxRow;
use crate::domain::InstanceId;
use crate::webhook::metrics;

/// The times, in milliseconds; see [`crate::webhook::Options`].
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) poll: i64,
    pub(super) beat: i64,
    pub(super) linger: i64,
    pub(super) batch: usize,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Order {
    Attempt(Job),
    Resolve(Key),
    Page(PageRead),
    Scan(Feed, i64),
    Delete(Vec<i64>),
    Settle(Vec<Setback>),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Report {
    Attempted(Box<Attempted>),
    Resolved(Key, Option<Origin>),
    /// `None` when the table could not be read.
    Paged(PageRead, Option<Vec<OutboxRow>>),
    /// The ids that were there, with their endpoints, in order.
    Scanned(Feed, Result<Vec<(Key, i64)>, ()>),
    Deleted(Vec<i64>, bool),
    /// What was written and what was not.
    Settled(Vec<Setback>, Vec<Setback>),
}

pub(super) struct Engine {
    desk: Desk,
    scans: [(Feed, Scan); 2],
    times: Times,
    /// Results that may wait to be written before no more attempts are made.
    backlog: usize,
    /// Rows that scans have seen, and when to act on them.
    sightings: VecDeque<(i64, Vec<(Key, i64)>)>,
    tidy_at: i64,
    stopping: bool,
}

/// How long after a commit the fast path may take, in milliseconds.
const CALM: i64 = 50;

impl Engine {
    pub(super) fn new(limits: Limits, times: Times) -> Self {
        let backlog = (times.batch * 4).max(limits.concurrency * 2);
        let scans = Feed::ALL.map(|feed| (feed, Scan::new(times.poll, times.beat)));
        Self {
            desk: Desk::new(limits),
            scans,
            times,
            backlog,
            sightings: VecDeque::new(),
            tidy_at: 0,
            stopping: false,
        }
    }

    /// Rows of the fast path, in the order of their commits.
    pub(super) fn committed(&mut self, rows: Vec<OutboxRow>, now: i64) {
        rows.into_iter().for_each(|row| self.desk.offer(row, now));
    }

    /// Rows of the fast path were dropped. To be told before any row that was committed later.
    pub(super) fn lost_track(&mut self) {
        self.desk.distrust();
        self.hurry();
    }

    /// The rows of an instance have to be read from the table.
    pub(super) fn look(&mut self, instance: InstanceId, now: i64) {
        self.desk.look(instance, now);
    }

    fn hurry(&mut self) {
        self.scans.iter_mut().for_each(|(_, scan)| scan.hurry());
    }

    /// Makes no more attempts and writes what is left.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.times.linger = 0;
    }

    /// Attempts under way.
    pub(super) const fn in_flight(&self) -> usize {
        self.desk.in_flight()
    }

    /// Rows in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.desk.held.len()
    }

    /// Whether everything that was tried is on record.
    pub(super) fn is_settled(&self) -> bool {
        self.desk.in_flight() == 0 && self.desk.ledger.is_settled()
    }

    /// The next thing to do now; to be asked until there is none.
    pub(super) fn next(&mut self, now: i64) -> Option<Order> {
        let Times { linger, batch, .. } = self.times;
        if let Some(ids) = self.desk.ledger.next_deletes(batch, linger, now) {
            return Some(Order::Delete(ids));
        }
        if let Some(setbacks) = self.desk.ledger.next_setbacks(now) {
            return Some(Order::Settle(setbacks));
        }
        if self.stopping {
            return None;
        }
        if now >= self.tidy_at {
            self.tidy_at = now + self.times.beat;
            self.desk.tidy(now);
            metrics::circuits("node", self.desk.failing());
        }
        self.desk.wake(now);
        self.ripen(now);
        if self.desk.ledger.backlog() + self.desk.in_flight() < self.backlog
            && let Some(job) = self.desk.next(now)
        {
            return Some(Order::Attempt(job));
        }
        if let Some(key) = self.desk.next_unresolved() {
            return Some(Order::Resolve(key));
        }
        if let Some(read) = self.desk.next_page(now) {
            return Some(Order::Page(read));
        }
        self.scans.iter_mut().find_map(|(feed, scan)| Some(Order::Scan(*feed, scan.next(now)?)))
    }

    pub(super) fn report(&mut self, report: Report, now: i64) {
        match report {
            Report::Attempted(attempted) => self.attempted(*attempted, now),
            Report::Resolved(key, origin) => self.desk.resolved(key, origin, now),
            Report::Paged(read, rows) => self.desk.paged(read, rows, now),
            Report::Scanned(feed, found) => self.scanned(feed, found, now),
            Report::Deleted(ids, written) => self.desk.ledger.deleted(ids, written, now),
            Report::Settled(written, unwritten) => self.desk.ledger.settled(&written, unwritten, now),
        }
    }

    fn attempted(&mut self, attempted: Attempted, now: i64) {
        let Attempted { job, verdict, health, origin } = attempted;
        let id = job.row.id;
        let end = match verdict {
            Verdict::Delivered => {
                self.desk.ledger.delivered(id, now);
                End::Gone
            }
            Verdict::Dead(failure) => {
                self.desk.ledger.failed(Setback { id, change: Change::Bury(failure) });
                End::Gone
            }
            Verdict::Again { attempt, delay } => {
                let due_at = now.saturating_add(delay);
                self.desk.ledger.failed(Setback { id, change: Change::Again { attempt, due_at } });
                End::Again { attempt, due_at }
            }
            Verdict::Later { delay } => {
                End::Again { attempt: job.row.attempt, due_at: now.saturating_add(delay) }
            }
        };
        self.desk.finish(&job, end, health, origin, now);
    }

    fn scanned(&mut self, feed: Feed, found: Result<Vec<(Key, i64)>, ()>, now: i64) {
        if let Some((_, scan)) = self.scans.iter_mut().find(|(known, _)| *known == feed) {
            let last = found.as_ref().map(|rows| rows.last().map(|(_, id)| *id)).map_err(drop);
            scan.done(last, now);
        }
        if let Some(found) = found.ok().filter(|found| !found.is_empty()) {
            self.sightings.push_back((now + CALM, found));
        }
    }

    /// Looks again at what scans have seen: what the fast path has not brought by now it never will.
    fn ripen(&mut self, now: i64) {
        while let Some((_, found)) = self.sightings.pop_front_if(|(due, _)| *due <= now) {
            for (key, id) in found {
                self.desk.notice(key, id, now);
            }
        }
    }

    /// When there is something to do if nothing is reported before.
    pub(super) fn wake_at(&self) -> Option<i64> {
        let desk = self.desk.wake_at().filter(|_| !self.stopping);
        let scans = self.scans.iter().filter(|_| !self.stopping).filter_map(|(_, scan)| scan.wake_at());
        let sightings = self.sightings.front().map(|(due, _)| *due).filter(|_| !self.stopping);
        scans.chain(desk).chain(sightings).chain(self.desk.ledger.wake_at(self.times.linger)).min()
    }
}
