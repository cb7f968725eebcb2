//! A table, receivers and a time that move only when told to.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::super::attempt::{Attempted, Verdict};
use super::super::desk::Limits;
use super::super::engine::{Engine, Order, Report, Times};
use super::super::key::{Job, Key, lane_of};
use super::super::ledger::Change;
use super::super::origins::Health;
use super::super::scan;
use crate::db::{Failure, OutboxRow};
use crate::domain::{Event, EventKind, InstanceId};
use crate::webhook::{Decision, Retry};

pub(super) fn instance(number: u8) -> InstanceId {
    InstanceId(Uuid::from_u128(u128::from(number) + 1))
}

pub(super) fn row(id: i64, number: u8, chat: u8) -> OutboxRow {
    let event = Event {
        id: Uuid::from_u128(u128::try_from(id).unwrap()),
        kind: EventKind::MessagesUpsert,
        chat: (chat > 0).then(|| format!("chat {chat}")),
        time: 0,
        data: RawValue::from_string(id.to_string()).unwrap(),
        history: None,
    };
    OutboxRow {
        id,
        instance: instance(number),
        sink: Cow::Borrowed(crate::webhook::OWN),
        sequence: id,
        event: Arc::new(event),
        attempt: 0,
        due_at: 0,
    }
}

pub(super) fn limits() -> Limits {
    Limits {
        rows: 1_000,
        endpoint_rows: 100,
        concurrency: 16,
        endpoint_concurrency: 4,
        origin_concurrency: 8,
        page: 16,
        longest: 300_000,
        share: Arc::new(|_| true),
    }
}

pub(super) const TIMES: Times = Times { poll: 500, beat: 5_000, linger: 5, batch: 8 };

/// The table, the orders under way, and what the receivers saw.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: i64,
    pub(super) table: BTreeMap<i64, OutboxRow>,
    pub(super) under_way: VecDeque<Pending>,
    /// What each lane's receiver took, in order.
    pub(super) taken: BTreeMap<(Key, String), Vec<i64>>,
    pub(super) tries: Vec<(i64, i64)>,
    pub(super) buried: BTreeMap<i64, Failure>,
    pub(super) retry: Retry,
    pub(super) page_reads: usize,
}

/// An order, and for reads what the table showed when it was given.
pub(super) enum Pending {
    Order(Order),
    Read(Report),
}

impl World {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            engine: Engine::new(limits, TIMES),
            now: 1_000_000,
            table: BTreeMap::new(),
            under_way: VecDeque::new(),
            taken: BTreeMap::new(),
            tries: Vec::new(),
            buried: BTreeMap::new(),
            retry: Retry { jitter: 0.0, ..Retry::default() },
            page_reads: 0,
        }
    }

    /// Commits rows; the fast path brings them if `told`.
    pub(super) fn commit(&mut self, rows: Vec<OutboxRow>, told: bool) {
        self.table.extend(rows.iter().map(|row| (row.id, row.clone())));
        if told {
            self.engine.committed(rows, self.now);
        }
    }

    /// The process dies and another one begins; time goes on.
    pub(super) fn crash(&mut self, limits: Limits) {
        self.under_way.clear();
        self.engine = Engine::new(limits, TIMES);
    }

    /// Lets the engine give its orders. Reads see the table as it is now.
    pub(super) fn pump(&mut self) {
        while let Some(order) = self.engine.next(self.now) {
            let pending = match order {
                Order::Page(read) => {
                    self.page_reads += 1;
                    let mine =
                        self.table.range(read.after + 1..).filter(|(_, row)| Key::of(row) == Some(read.key));
                    let rows = mine.take(read.limit).map(|(_, row)| row.clone()).collect();
                    Pending::Read(Report::Paged(read, Some(rows)))
                }
                Order::Scan(feed, after) => {
                    let named =
                        self.table.range(after + 1..).filter_map(|(id, row)| Some((Key::of(row)?, *id)));
                    let found = named.filter(|(key, _)| key.feed == feed).take(scan::PAGE).collect();
                    Pending::Read(Report::Scanned(feed, Ok(found)))
                }
                order => Pending::Order(order),
            };
            self.under_way.push_back(pending);
        }
    }

    /// Ends one order; `answer` decides about attempts: the status.
    pub(super) fn end(&mut self, at: usize, answer: &mut dyn FnMut(&Job) -> Option<u16>) {
        let Some(pending) = self.under_way.remove(at) else { return };
        let report = match pending {
            Pending::Read(report) => report,
            Pending::Order(Order::Attempt(job)) => self.attempt(job, answer),
            Pending::Order(Order::Resolve(key)) => {
                Report::Resolved(key, Some(format!("http://{}", key.instance).into()))
            }
            Pending::Order(Order::Delete(ids)) => {
                self.table.retain(|id, _| !ids.contains(id));
                Report::Deleted(ids, true)
            }
            Pending::Order(Order::Settle(setbacks)) => {
                for setback in &setbacks {
                    match &setback.change {
                        Change::Again { attempt, due_at } => {
                            if let Some(row) = self.table.get_mut(&setback.id) {
                                (row.attempt, row.due_at) = (*attempt, *due_at);
                            }
                        }
                        Change::Bury(failure) => {
                            self.table.remove(&setback.id);
                            self.buried.insert(setback.id, failure.clone());
                        }
                    }
                }
                Report::Settled(setbacks, Vec::new())
            }
            Pending::Order(Order::Page(_) | Order::Scan(..)) => unreachable!("reads are answered at once"),
        };
        self.engine.report(report, self.now);
    }

    fn attempt(&mut self, job: Job, answer: &mut dyn FnMut(&Job) -> Option<u16>) -> Report {
        self.tries.push((self.now, job.row.id));
        let status = answer(&job);
        let origin = Some(Arc::clone(&job.origin));
        let (verdict, health) = if status == Some(200) {
            let lane = (job.key, lane_of(&job.row).to_owned());
            self.taken.entry(lane).or_default().push(job.row.id);
            (Verdict::Delivered, Health::Good)
        } else {
            let attempt = job.row.attempt + 1;
            let health = if status.is_some() { Health::Good } else { Health::Bad };
            match self.retry.after(u32::try_from(attempt).unwrap(), status, None, 0.5) {
                Decision::Again(delay) => {
                    (Verdict::Again { attempt, delay: i64::try_from(delay.as_millis()).unwrap() }, health)
                }
                Decision::GiveUp => {
                    (Verdict::Dead(Failure { attempts: attempt, ..Failure::default() }), health)
                }
            }
        };
        Report::Attempted(Box::new(Attempted { job, verdict, health, origin }))
    }

    /// Ends everything in order, without time passing, until nothing is left.
    pub(super) fn settle(&mut self, answer: &mut dyn FnMut(&Job) -> Option<u16>) {
        self.pump();
        while !self.under_way.is_empty() {
            self.end(0, answer);
            self.pump();
        }
    }

    /// As [`World::settle`] for so many milliseconds.
    pub(super) fn run_for(&mut self, millis: i64, answer: &mut dyn FnMut(&Job) -> Option<u16>) {
        let until = self.now + millis;
        loop {
            self.settle(answer);
            if self.now >= until {
                return;
            }
            self.now = self.engine.wake_at().unwrap_or(until).clamp(self.now + 1, until);
        }
    }
}
