//! Results on their way into the table, and the ids that a read of the table may still show though
//! they are done with.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::db::Failure;

/// What becomes of a row whose attempt failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Again { attempt: i32, due_at: i64 },
    Bury(Failure),
}

/// A failed attempt to write down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setback {
    pub(super) id: i64,
    pub(super) change: Change,
}

#[derive(Default)]
pub(super) struct Ledger {
    /// Delivered or buried, and not yet known to be invisible.
    done: HashSet<i64>,
    deletes: Vec<i64>,
    deleting: bool,
    /// When the oldest of `deletes` came, and when writing may be tried again after a failure.
    since: i64,
    pause: i64,
    setbacks: BTreeMap<i64, Setback>,
    settling: HashSet<i64>,
    /// Removed from the table at these ticks: reads that began earlier may still show them.
    leaving: VecDeque<(u64, i64)>,
    reads: BTreeMap<u64, usize>,
    tick: u64,
}

/// How long to wait after a write that failed, in milliseconds.
const PAUSE: i64 = 1_000;

/// Setbacks in one write.
const SETBACKS: usize = 64;

impl Ledger {
    pub(super) fn is_done(&self, id: i64) -> bool {
        self.done.contains(&id)
    }

    /// Whether a failed attempt of the row is not written yet.
    pub(super) fn is_unsettled(&self, id: i64) -> bool {
        self.setbacks.contains_key(&id) || self.settling.contains(&id)
    }

    /// Results that are not written.
    pub(super) fn backlog(&self) -> usize {
        self.done.len().saturating_sub(self.leaving.len()) + self.setbacks.len()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.deletes.is_empty() && !self.deleting && self.setbacks.is_empty() && self.settling.is_empty()
    }

    pub(super) fn delivered(&mut self, id: i64, now: i64) {
        self.setbacks.remove(&id);
        if self.deletes.is_empty() {
            self.since = now;
        }
        self.done.insert(id);
        self.deletes.push(id);
    }

    pub(super) fn failed(&mut self, setback: Setback) {
        if matches!(setback.change, Change::Bury(_)) {
            self.done.insert(setback.id);
        }
        self.setbacks.insert(setback.id, setback);
    }

    /// The next rows to remove, when there are enough or the oldest waited for `linger`
    /// milliseconds. One removal at a time.
    pub(super) fn next_deletes(&mut self, most: usize, linger: i64, now: i64) -> Option<Vec<i64>> {
        let ripe = self.deletes.len() >= most || now >= self.since.saturating_add(linger);
        if self.deleting || self.deletes.is_empty() || !ripe || now < self.pause {
            return None;
        }
        self.deleting = true;
        self.since = now;
        let cut = self.deletes.len().min(most.max(1));
        Some(self.deletes.drain(..cut).collect())
    }

    pub(super) fn deleted(&mut self, ids: Vec<i64>, written: bool, now: i64) {
        self.deleting = false;
        if written {
            ids.into_iter().for_each(|id| self.gone(id));
        } else {
            self.pause = now + PAUSE;
            self.deletes.extend(ids);
        }
        self.prune();
    }

    /// The next failed attempts to write down. One write at a time, so that two of one row keep
    /// their order.
    pub(super) fn next_setbacks(&mut self, now: i64) -> Option<Vec<Setback>> {
        if !self.settling.is_empty() || self.setbacks.is_empty() || now < self.pause {
            return None;
        }
        let ids: Vec<i64> = self.setbacks.keys().take(SETBACKS).copied().collect();
        self.settling.extend(&ids);
        Some(ids.iter().filter_map(|id| self.setbacks.remove(id)).collect())
    }

    /// `unwritten` are those of the write that failed; a newer result of the same row replaces
    /// them.
    pub(super) fn settled(&mut self, written: &[Setback], unwritten: Vec<Setback>, now: i64) {
        self.settling.clear();
        for setback in written {
            if matches!(setback.change, Change::Bury(_)) {
                self.gone(setback.id);
            }
        }
        for setback in unwritten {
            self.pause = now + PAUSE;
            let delivered = self.done.contains(&setback.id) && !matches!(setback.change, Change::Bury(_));
            if !delivered {
                self.setbacks.entry(setback.id).or_insert(setback);
            }
        }
        self.prune();
    }

    /// When there may be something to write, if nothing else happens.
    pub(super) fn wake_at(&self, linger: i64) -> Option<i64> {
        let deletes = (!self.deleting && !self.deletes.is_empty()).then(|| self.since.saturating_add(linger));
        let setbacks = (self.settling.is_empty() && !self.setbacks.is_empty()).then_some(0);
        deletes.into_iter().chain(setbacks).min().map(|at| at.max(self.pause))
    }

    /// A read of the table begins.
    pub(super) fn begin_read(&mut self) -> u64 {
        *self.reads.entry(self.tick).or_default() += 1;
        self.tick
    }

    /// A read has ended and what it showed was looked at.
    pub(super) fn end_read(&mut self, began: u64) {
        if let Some(count) = self.reads.get_mut(&began) {
            *count -= 1;
            if *count == 0 {
                self.reads.remove(&began);
            }
        }
        self.prune();
    }

    fn gone(&mut self, id: i64) {
        self.tick += 1;
        self.leaving.push_back((self.tick, id));
    }

    fn prune(&mut self) {
        let oldest = self.reads.keys().next().copied().unwrap_or(u64::MAX);
        while let Some(&(tick, id)) = self.leaving.front()
            && tick <= oldest
        {
            self.leaving.pop_front();
            self.done.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_are_grouped_and_one_at_a_time() {
        let mut ledger = Ledger::default();
        (1..=5).for_each(|id| ledger.delivered(id, 100));
        assert_eq!(ledger.next_deletes(10, 5, 104), None);
        assert_eq!(ledger.next_deletes(3, 5, 100), Some(vec![1, 2, 3]));
        assert_eq!(ledger.next_deletes(3, 5, 200), None);
        ledger.deleted(vec![1, 2, 3], true, 200);
        assert_eq!(ledger.next_deletes(3, 5, 200), Some(vec![4, 5]));
        ledger.deleted(vec![4, 5], false, 200);
        assert_eq!(ledger.next_deletes(3, 5, 300), None);
        assert_eq!(ledger.next_deletes(3, 5, 1_200), Some(vec![4, 5]));
        ledger.deleted(vec![4, 5], true, 1_200);
        assert!(ledger.is_settled());
        assert_eq!(ledger.backlog(), 0);
    }

    #[test]
    fn a_row_stays_done_while_an_older_read_may_show_it() {
        let mut ledger = Ledger::default();
        let read = ledger.begin_read();
        ledger.delivered(7, 0);
        let ids = ledger.next_deletes(1, 0, 0).unwrap();
        ledger.deleted(ids, true, 0);
        let later = ledger.begin_read();
        assert!(ledger.is_done(7));
        ledger.end_read(read);
        assert!(!ledger.is_done(7));
        ledger.end_read(later);
    }

    #[test]
    fn a_newer_result_replaces_one_that_could_not_be_written() {
        let again = |attempt| Setback { id: 7, change: Change::Again { attempt, due_at: 0 } };
        let mut ledger = Ledger::default();
        ledger.failed(again(1));
        assert_eq!(ledger.next_setbacks(0), Some(vec![again(1)]));
        assert!(ledger.is_unsettled(7));
        ledger.failed(again(2));
        assert_eq!(ledger.next_setbacks(0), None);
        ledger.settled(&[], vec![again(1)], 0);
        assert_eq!(ledger.next_setbacks(1_000), Some(vec![again(2)]));
        ledger.delivered(7, 1_000);
        ledger.settled(&[], vec![again(2)], 1_000);
        assert_eq!(ledger.next_setbacks(5_000), None);
        assert!(!ledger.is_unsettled(7));
    }
}
