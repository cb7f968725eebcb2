//! How rows reach the desk. Those of the fast path come one by one and in order; an endpoint takes
//! them only while everything older of it is in memory or done. Otherwise they stay in the table
//! and are read from there, per endpoint and in order, as soon as there is room.

use super::desk::{Desk, Wake};
use super::endpoint::Endpoint;
use super::key::{Feed, Key};
use crate::db::OutboxRow;
use crate::domain::InstanceId;

/// Reads of single endpoints that are under way at once.
const PAGES: usize = 8;

/// How long an endpoint that is parked for lack of room stays so at least, in milliseconds.
const PARKED: i64 = 5_000;

/// How long after a search for room the next one may be, in milliseconds.
const SEARCH: i64 = 100;

/// After so many failures in a row new rows do not bring a parked endpoint back early.
const FAILURES: u32 = 3;

/// A read of the rows of one endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageRead {
    pub(super) key: Key,
    pub(super) after: i64,
    pub(super) limit: usize,
    pub(super) began: u64,
}

impl Desk {
    fn room(&self) -> usize {
        self.limits.rows.saturating_sub(self.held.len() + self.reserved)
    }

    fn is_known(&self, id: i64) -> bool {
        self.held.contains(&id) || self.ledger.is_done(id)
    }

    /// The endpoint, which does not count as complete before its rows were read in this epoch.
    fn endpoint(&mut self, key: Key, now: i64) -> &mut Endpoint {
        let epoch = self.epoch;
        let endpoint = self.endpoints.entry(key).or_default();
        if endpoint.epoch != epoch {
            endpoint.epoch = epoch;
            endpoint.paging.note(0);
        }
        endpoint.used_at = now;
        endpoint
    }

    /// A row of the fast path.
    pub(super) fn offer(&mut self, row: OutboxRow, now: i64) {
        let Some(key) = Key::of(&row) else { return };
        if !(self.limits.share)(key.instance) || self.is_known(row.id) {
            return;
        }
        let (room, most) = (self.room() > 0, self.limits.endpoint_rows);
        let endpoint = self.endpoint(key, now);
        if room && endpoint.rows < most && endpoint.paging.is_complete() {
            self.insert(key, row, now);
        } else {
            self.leave(key, row.id);
        }
    }

    /// A row that was seen in the table.
    pub(super) fn notice(&mut self, key: Key, id: i64, now: i64) {
        if (self.limits.share)(key.instance) && !self.is_known(id) {
            self.endpoint(key, now);
            self.leave(key, id);
        }
    }

    /// Leaves a row in the table.
    fn leave(&mut self, key: Key, id: i64) {
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        endpoint.paging.note(id.saturating_sub(1));
        if endpoint.failures < FAILURES {
            endpoint.paging.parked = false;
        }
        self.want(key);
    }

    /// Rows may have been missed: no endpoint counts as complete any more.
    pub(super) fn distrust(&mut self) {
        self.epoch += 1;
    }

    /// The rows of an instance have to be read from the table.
    pub(super) fn look(&mut self, instance: InstanceId, now: i64) {
        if (self.limits.share)(instance) {
            for feed in Feed::ALL {
                let key = Key { instance, feed };
                self.endpoint(key, now);
                self.leave(key, 0);
            }
        }
    }

    /// Queues an endpoint for a read if it needs one and has room.
    pub(super) fn want(&mut self, key: Key) {
        let most = self.limits.endpoint_rows;
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        // Not for each row that leaves, but a quarter of what it may have at once.
        let room = endpoint.rows == 0 || endpoint.rows <= most - most.div_ceil(4);
        if room && !endpoint.paging.wanting && endpoint.paging.is_due() {
            endpoint.paging.wanting = true;
            self.wanting.push_back(key);
        }
    }

    /// The next endpoint to read, with room reserved for what may come.
    pub(super) fn next_page(&mut self, now: i64) -> Option<PageRead> {
        while self.pages < PAGES {
            let key = self.wanting.pop_front()?;
            let Some(endpoint) = self.endpoints.get_mut(&key) else { continue };
            endpoint.paging.wanting = false;
            let own = self.limits.endpoint_rows.saturating_sub(endpoint.rows);
            let Some(after) = endpoint.paging.from.filter(|_| own > 0 && endpoint.paging.is_due()) else {
                continue;
            };
            let limit = own.min(self.limits.page).min(self.limits.rows.div_ceil(2)).max(1);
            if self.room() < limit && !self.park(limit, now) {
                self.want_first(key);
                return None;
            }
            let Some(endpoint) = self.endpoints.get_mut(&key) else { continue };
            if !endpoint.paging.is_due() {
                continue;
            }
            endpoint.paging.active = Some(after);
            self.reserved += limit;
            self.pages += 1;
            return Some(PageRead { key, after, limit, began: self.ledger.begin_read() });
        }
        None
    }

    fn want_first(&mut self, key: Key) {
        if let Some(endpoint) = self.endpoints.get_mut(&key) {
            endpoint.paging.wanting = true;
            self.wanting.push_front(key);
        }
    }

    /// What a read brought, in order of the ids; `None` when it failed.
    pub(super) fn paged(&mut self, read: PageRead, rows: Option<Vec<OutboxRow>>, now: i64) {
        self.pages -= 1;
        self.reserved -= read.limit;
        let next = match rows {
            None => {
                self.pause(read.key, now);
                Some(read.after)
            }
            // Rows of events that this build does not know are left out of a page: only an empty
            // one is the end.
            Some(rows) if rows.is_empty() => None,
            Some(rows) => Some(self.take(read, rows, now)),
        };
        self.ledger.end_read(read.began);
        if let Some(endpoint) = self.endpoints.get_mut(&read.key) {
            // Released in the meantime: whoever comes back begins anew.
            let next = next.filter(|_| endpoint.epoch != 0);
            endpoint.paging.end(next);
            self.want(read.key);
        }
    }

    /// Takes as many as there is room for; answers with the id up to which everything is here.
    fn take(&mut self, read: PageRead, rows: Vec<OutboxRow>, now: i64) -> i64 {
        let mut last = read.after;
        let missed = self.endpoints.get(&read.key).and_then(|endpoint| endpoint.paging.missed);
        if missed.is_some_and(|missed| missed < read.after) {
            // Older rows have to come first.
            return last;
        }
        for row in rows {
            let id = row.id;
            if !self.is_known(id) {
                let Some(endpoint) = self.endpoints.get(&read.key) else { break };
                let trusted = endpoint.epoch != 0;
                if !trusted || self.room() == 0 || endpoint.rows >= self.limits.endpoint_rows {
                    break;
                }
                self.insert(read.key, row, now);
            }
            last = id;
        }
        last
    }

    fn pause(&mut self, key: Key, now: i64) {
        if let Some(endpoint) = self.endpoints.get_mut(&key) {
            endpoint.paging.parked = true;
            self.alarm(now + 1_000, Wake::Endpoint(key));
        }
    }

    /// Makes room for `needed` rows: endpoints that cannot be served now leave their rows in the
    /// table, those that sleep longest first.
    fn park(&mut self, needed: usize, now: i64) -> bool {
        if now < self.park_again_at {
            return false;
        }
        self.park_again_at = now + SEARCH;
        let mut idle: Vec<(i64, Key)> = self
            .endpoints
            .iter()
            .filter_map(|(key, endpoint)| Some((self.idle_until(endpoint, now)?, *key)))
            .collect();
        idle.sort_unstable();
        let goal = needed.max(self.limits.rows / 8);
        while self.room() < goal
            && let Some((until, key)) = idle.pop()
        {
            self.strip(key);
            if let Some(endpoint) = self.endpoints.get_mut(&key) {
                endpoint.paging.note(0);
                endpoint.paging.parked = true;
            }
            self.alarm(until, Wake::Endpoint(key));
        }
        self.room() >= needed
    }

    /// Until when an endpoint with rows can do without them.
    fn idle_until(&self, endpoint: &Endpoint, now: i64) -> Option<i64> {
        let still = endpoint.rows > 0 && endpoint.in_flight == 0 && endpoint.paging.active.is_none();
        if !still
            || endpoint.lanes.values().flat_map(|lane| lane.ids()).any(|id| self.ledger.is_unsettled(id))
        {
            return None;
        }
        if let Some(until) = endpoint.asleep_until() {
            return (until > now + SEARCH).then_some(until);
        }
        let throttled = endpoint.origin.as_ref().is_some_and(|origin| self.origins.is_throttled(origin));
        (throttled && endpoint.queued).then_some(now + PARKED)
    }
}
