//! Where to look in the table of one sink for rows that nobody announced: at its end often, a
//! little before that and at its beginning on every beat. What is found is only noticed; the rows
//! are read per endpoint.

use std::collections::VecDeque;

/// Beats after which a position at the end counts as settled: no transaction that began before is
/// still open, as far as we care.
const SETTLED: usize = 3;

/// Pages from the beginning per beat. A longer table is walked through in several beats.
const SWEEP: usize = 8;

/// Rows of a page.
pub(super) const PAGE: usize = 256;

pub(super) struct Scan {
    poll: i64,
    beat: i64,
    /// Everything up to here was looked at.
    front: i64,
    front_due: i64,
    /// Where `front` was at the last beats.
    trail: VecDeque<i64>,
    sweep: i64,
    sweep_left: usize,
    beat_due: i64,
    active: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Front,
    Sweep,
}

impl Scan {
    /// `poll` and `beat` in milliseconds.
    pub(super) const fn new(poll: i64, beat: i64) -> Self {
        Self {
            poll,
            beat,
            front: 0,
            front_due: 0,
            trail: VecDeque::new(),
            sweep: 0,
            sweep_left: 0,
            beat_due: 0,
            active: None,
        }
    }

    /// Looks at the end again at once.
    pub(super) fn hurry(&mut self) {
        self.front_due = 0;
    }

    /// The position after which to read a page now, if any.
    pub(super) fn next(&mut self, now: i64) -> Option<i64> {
        if self.active.is_some() {
            return None;
        }
        if now >= self.beat_due {
            self.beat_due = now + self.beat;
            self.trail.push_back(self.front);
            if self.trail.len() > SETTLED {
                self.front = self.trail.pop_front().unwrap_or_default();
            }
            self.front_due = 0;
            self.sweep_left = SWEEP;
        }
        if now >= self.front_due {
            self.active = Some(Part::Front);
            return Some(self.front);
        }
        if self.sweep_left > 0 {
            self.active = Some(Part::Sweep);
            return Some(self.sweep);
        }
        None
    }

    /// What the page held: the last id, `None` for an empty page. A read that failed tells
    /// nothing, and is tried again at the next poll.
    pub(super) fn done(&mut self, read: Result<Option<i64>, ()>, now: i64) {
        match (self.active.take(), read) {
            (Some(Part::Front), Ok(Some(last))) => self.front = self.front.max(last),
            (Some(Part::Front), _) => self.front_due = now + self.poll,
            (Some(Part::Sweep), Ok(Some(last))) => {
                self.sweep = last;
                self.sweep_left -= 1;
            }
            (Some(Part::Sweep), Ok(None)) => (self.sweep, self.sweep_left) = (0, 0),
            (Some(Part::Sweep), Err(())) => self.sweep_left = 0,
            (None, _) => {}
        }
    }

    /// When there is something to read.
    pub(super) fn wake_at(&self) -> Option<i64> {
        let next = if self.sweep_left > 0 { 0 } else { self.front_due.min(self.beat_due) };
        self.active.is_none().then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads as long as there is something to read; answers with the positions.
    fn drain(scan: &mut Scan, table: &[i64], now: i64) -> Vec<i64> {
        let mut seen = Vec::new();
        while let Some(after) = scan.next(now) {
            let last = table.iter().filter(|id| **id > after).take(PAGE).max().copied();
            seen.push(after);
            scan.done(Ok(last), now);
        }
        seen
    }

    #[test]
    fn the_end_is_polled_and_the_beginning_is_looked_at_on_every_beat() {
        let mut scan = Scan::new(500, 5_000);
        assert_eq!(drain(&mut scan, &[7], 0), [0, 7, 0, 7]);
        assert!(drain(&mut scan, &[7, 9], 499).is_empty());
        assert_eq!(drain(&mut scan, &[7, 9], 500), [7, 9]);
        // A row that became visible late.
        assert_eq!(drain(&mut scan, &[3, 7, 9], 5_000), [9, 0, 9]);
    }

    #[test]
    fn a_position_is_trusted_after_some_beats_only() {
        let mut scan = Scan::new(500, 5_000);
        drain(&mut scan, &[100], 0);
        for beat in 1..3 {
            assert_eq!(drain(&mut scan, &[], beat * 5_000)[0], 100);
        }
        assert_eq!(drain(&mut scan, &[], 15_000)[0], 0);
    }

    #[test]
    fn a_long_table_is_walked_through_in_several_beats() {
        let table: Vec<i64> = (1..=5_000).collect();
        let mut scan = Scan::new(500, 5_000);
        drain(&mut scan, &table, 0);
        let swept = drain(&mut scan, &table, 5_000);
        assert_eq!(swept[1], 8 * 256);
        assert_eq!(swept.len(), 1 + SWEEP);
    }
}
