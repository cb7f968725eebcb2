//! Who is next. Holds rows in lanes, hands out what may be tried now within every bound, and takes
//! back what became of it. Pure: time is handed in, and nothing here waits. Times are unix
//! milliseconds.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::endpoint::Endpoint;
use super::key::{Job, Key, Origin, lane_of};
use super::lane::{Alarm, State};
use super::ledger::Ledger;
use super::origins::{Health, Origins};
use crate::db::OutboxRow;
use crate::webhook::Share;

/// The bounds; see [`crate::webhook::Options`].
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) endpoint_rows: usize,
    pub(super) concurrency: usize,
    pub(super) endpoint_concurrency: usize,
    pub(super) origin_concurrency: usize,
    pub(super) page: usize,
    /// No row sleeps longer than this, whatever clock wrote when it is due. Milliseconds.
    pub(super) longest: i64,
    pub(super) share: Share,
}

/// Failures in a row from which on an endpoint counts as failing.
const FAILURES: u32 = 5;

/// Whom an alarm wakes.
#[derive(Clone, Debug)]
pub(super) enum Wake {
    Lane(Key, String),
    Endpoint(Key),
}

/// What becomes of a row after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It leaves: delivered or given up.
    Gone,
    /// It is tried again.
    Again { attempt: i32, due_at: i64 },
}

/// How long to wait after a failure of the directory or the table, in milliseconds.
const PAUSE: i64 = 1_000;

/// An endpoint without rows is forgotten after this time, in milliseconds.
const IDLE: i64 = 3_600_000;

pub(super) struct Desk {
    pub(super) limits: Limits,
    pub(super) ledger: Ledger,
    pub(super) endpoints: HashMap<Key, Endpoint>,
    pub(super) held: HashSet<i64>,
    /// Rows that reads under way may bring.
    pub(super) reserved: usize,
    pub(super) wanting: VecDeque<Key>,
    pub(super) pages: usize,
    pub(super) epoch: u64,
    pub(super) park_again_at: i64,
    pub(super) origins: Origins,
    ready: VecDeque<Key>,
    unresolved: VecDeque<Key>,
    alarms: BTreeMap<Alarm, Wake>,
    alarm_number: u64,
    in_flight: usize,
}

impl Desk {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            origins: Origins::new(limits.origin_concurrency),
            limits,
            ledger: Ledger::default(),
            endpoints: HashMap::new(),
            held: HashSet::new(),
            reserved: 0,
            wanting: VecDeque::new(),
            pages: 0,
            epoch: 1,
            park_again_at: 0,
            ready: VecDeque::new(),
            unresolved: VecDeque::new(),
            alarms: BTreeMap::new(),
            alarm_number: 0,
            in_flight: 0,
        }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The next row to try, if any bound allows one.
    pub(super) fn next(&mut self, now: i64) -> Option<Job> {
        while self.in_flight < self.limits.concurrency {
            let key = self.ready.pop_front()?;
            let Some(endpoint) = self.endpoints.get_mut(&key) else { continue };
            endpoint.queued = false;
            if endpoint.ready.is_empty() || endpoint.in_flight >= self.limits.endpoint_concurrency {
                continue;
            }
            if !(self.limits.share)(key.instance) {
                self.release(key);
                continue;
            }
            let Some(origin) = endpoint.origin.clone() else {
                if !endpoint.resolving {
                    endpoint.resolving = true;
                    self.unresolved.push_back(key);
                }
                continue;
            };
            if !self.origins.admit(&origin, key) {
                endpoint.queued = true;
                continue;
            }
            let job = self.start(key, Origin::clone(&origin), now);
            if job.is_none() {
                let free = self.origins.release(&origin, Health::Unknown);
                self.requeue(free);
            }
            self.enqueue(key);
            if job.is_some() {
                return job;
            }
        }
        None
    }

    /// Takes the next lane of an endpoint that has one.
    fn start(&mut self, key: Key, origin: Origin, now: i64) -> Option<Job> {
        let endpoint = self.endpoints.get_mut(&key)?;
        let chat = endpoint.ready.pop_front()?;
        let lane = endpoint.lanes.get_mut(&chat)?;
        let row = lane.head()?.clone();
        lane.state = State::Idle;
        if row.due_at > now {
            self.settle_lane(key, &chat, now);
            return None;
        }
        lane.state = State::Busy(row.id);
        endpoint.in_flight += 1;
        endpoint.used_at = now;
        self.in_flight += 1;
        Some(Job { key, origin, row })
    }

    /// The next endpoint whose origin has to be found out.
    pub(super) fn next_unresolved(&mut self) -> Option<Key> {
        self.unresolved.pop_front()
    }

    /// Where an endpoint leads; `None` when that is not known now.
    pub(super) fn resolved(&mut self, key: Key, origin: Option<Origin>, now: i64) {
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        endpoint.resolving = false;
        endpoint.origin = origin;
        if endpoint.origin.is_some() {
            self.enqueue(key);
        } else {
            self.alarm(now + PAUSE, Wake::Endpoint(key));
        }
    }

    /// An attempt has ended. `origin` is where it really led.
    pub(super) fn finish(&mut self, job: &Job, end: End, health: Health, origin: Option<Origin>, now: i64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let free = self.origins.release(&job.origin, health);
        self.requeue(free);
        let Some(endpoint) = self.endpoints.get_mut(&job.key) else { return };
        endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        endpoint.origin = origin.or_else(|| endpoint.origin.take());
        match (end, health) {
            (_, Health::Unknown) => {}
            (End::Again { .. }, _) => endpoint.failures = endpoint.failures.saturating_add(1),
            (End::Gone, Health::Good) => endpoint.failures = 0,
            (End::Gone, Health::Bad) => {}
        }
        let (id, chat) = (job.row.id, lane_of(&job.row));
        if let Some(lane) = endpoint.lanes.get_mut(chat) {
            match end {
                End::Gone if lane.remove(id).is_some() => {
                    endpoint.rows -= 1;
                    self.held.remove(&id);
                }
                End::Gone => {}
                End::Again { attempt, due_at } => {
                    if let Some(row) = lane.get_mut(id) {
                        (row.attempt, row.due_at) = (attempt, due_at);
                    }
                }
            }
            lane.state = State::Idle;
        }
        self.settle_lane(job.key, chat, now);
        self.enqueue(job.key);
        self.want(job.key);
    }

    /// Puts a row into its lane.
    pub(super) fn insert(&mut self, key: Key, mut row: OutboxRow, now: i64) {
        row.due_at = row.due_at.min(now.saturating_add(self.limits.longest));
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        let chat = lane_of(&row).to_owned();
        let lane = endpoint.lanes.entry(chat.clone()).or_default();
        self.held.insert(row.id);
        endpoint.rows += 1;
        endpoint.used_at = now;
        lane.insert(row);
        if let State::Asleep(alarm) = lane.state {
            self.alarms.remove(&alarm);
            lane.state = State::Idle;
        }
        self.settle_lane(key, &chat, now);
        self.enqueue(key);
    }

    /// Decides what an idle lane does next.
    fn settle_lane(&mut self, key: Key, chat: &str, now: i64) {
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        let Some(lane) = endpoint.lanes.get_mut(chat) else { return };
        let Some(due) = lane.head().map(|row| row.due_at) else {
            endpoint.lanes.remove(chat);
            return;
        };
        if lane.state != State::Idle {
            return;
        }
        if due <= now {
            lane.state = State::Ready;
            endpoint.ready.push_back(chat.to_owned());
        } else {
            self.alarm_number += 1;
            let alarm = (due, self.alarm_number);
            lane.state = State::Asleep(alarm);
            self.alarms.insert(alarm, Wake::Lane(key, chat.to_owned()));
        }
    }

    /// Puts an endpoint into the queue if it has something to send.
    fn enqueue(&mut self, key: Key) {
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        let room = endpoint.in_flight < self.limits.endpoint_concurrency;
        if !endpoint.queued && !endpoint.resolving && room && !endpoint.ready.is_empty() {
            endpoint.queued = true;
            self.ready.push_back(key);
        }
    }

    fn requeue(&mut self, free: Vec<Key>) {
        for key in free {
            if let Some(endpoint) = self.endpoints.get_mut(&key) {
                endpoint.queued = false;
            }
            self.enqueue(key);
        }
    }

    pub(super) fn alarm(&mut self, at: i64, wake: Wake) {
        self.alarm_number += 1;
        self.alarms.insert((at, self.alarm_number), wake);
    }

    /// Wakes what is due.
    pub(super) fn wake(&mut self, now: i64) {
        while let Some(entry) = self.alarms.first_entry()
            && entry.key().0 <= now
        {
            match entry.remove_entry() {
                (alarm, Wake::Lane(key, chat)) => {
                    let lane = self.endpoints.get_mut(&key).and_then(|known| known.lanes.get_mut(&chat));
                    if let Some(lane) = lane.filter(|lane| lane.state == State::Asleep(alarm)) {
                        lane.state = State::Idle;
                        self.settle_lane(key, &chat, now);
                    }
                    self.enqueue(key);
                }
                (_, Wake::Endpoint(key)) => {
                    if let Some(endpoint) = self.endpoints.get_mut(&key) {
                        endpoint.paging.parked = false;
                    }
                    self.enqueue(key);
                    self.want(key);
                }
            }
        }
    }

    /// When the next alarm rings.
    pub(super) fn wake_at(&self) -> Option<i64> {
        self.alarms.keys().next().map(|(at, _)| *at)
    }

    /// Takes the rows of an endpoint out of memory, except those that are being tried.
    pub(super) fn strip(&mut self, key: Key) {
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        endpoint.ready.clear();
        for lane in endpoint.lanes.values_mut() {
            for id in lane.strip() {
                self.held.remove(&id);
                endpoint.rows -= 1;
            }
            if let State::Asleep(alarm) = lane.state {
                self.alarms.remove(&alarm);
            }
        }
        endpoint.lanes.retain(|_, lane| !lane.is_empty());
    }

    /// The instance of an endpoint is somebody else's now: its rows are left to them.
    pub(super) fn release(&mut self, key: Key) {
        self.strip(key);
        if let Some(endpoint) = self.endpoints.get_mut(&key) {
            endpoint.epoch = 0;
            (endpoint.paging.from, endpoint.paging.missed) = (None, None);
        }
    }

    /// Forgets what is somebody else's or was not used for long.
    /// Endpoints that failed several times in a row: one row of them is tried from time to time.
    pub(super) fn failing(&self) -> usize {
        self.endpoints.values().filter(|endpoint| endpoint.failures >= FAILURES).count()
    }

    pub(super) fn tidy(&mut self, now: i64) {
        let foreign = |key: &Key| !(self.limits.share)(key.instance);
        let released: Vec<Key> = self.endpoints.keys().filter(|key| foreign(key)).copied().collect();
        for key in &released {
            self.release(*key);
        }
        let released: HashSet<Key> = released.into_iter().collect();
        self.endpoints.retain(|key, endpoint| {
            !endpoint.is_idle() || (now - endpoint.used_at < IDLE && !released.contains(key))
        });
        self.origins.sweep();
    }
}
