//! What became of the numbers of one stream.

use serde::{Deserialize, Serialize};

use super::Ranges;

/// Most gaps that are remembered. When there are more, the oldest counts as lost for good.
const MAX_GAPS: usize = 1_024;

/// How a number arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// For the first time, after all smaller ones that arrived.
    InOrder,
    /// For the first time, but a larger one was here before.
    Late,
    /// Not for the first time.
    Again,
}

/// The arrivals of one stream, whose numbers begin with 1. Its size depends on its gaps only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Largest number that arrived.
    pub highest: u64,
    /// Smaller numbers that did not.
    pub missing: Ranges,
    /// Different numbers that arrived.
    pub arrived: u64,
    /// Numbers that arrived after a larger one.
    pub late: u64,
    /// Arrivals of a number that had arrived before.
    pub again: u64,
    /// Missing numbers that were given up because the gaps were too many.
    pub forgotten: u64,
}

impl Check {
    /// Notes an arrival.
    pub fn observe(&mut self, number: u64) -> Seen {
        if number > self.highest {
            self.missing.insert(self.highest + 1, number - 1);
            self.highest = number;
            self.arrived += 1;
            while self.missing.pieces() > MAX_GAPS {
                let Some((from, to)) = self.missing.pop_first() else { break };
                self.forgotten = self.forgotten.saturating_add(to - from).saturating_add(1);
            }
            return Seen::InOrder;
        }
        if self.missing.remove(number) {
            self.arrived += 1;
            self.late += 1;
            return Seen::Late;
        }
        self.again += 1;
        Seen::Again
    }

    /// How many of the numbers 1 to `sent` have not arrived, those apart that need not arrive.
    pub fn lost(&self, sent: u64, excused: &Ranges) -> u64 {
        let absent = self.absent(sent);
        (absent.len() - absent.overlap(excused)).saturating_add(self.forgotten)
    }

    /// The numbers 1 to `sent` that have not arrived, without those that were given up.
    pub fn absent(&self, sent: u64) -> Ranges {
        let mut absent = self.missing.clone();
        absent.insert(self.highest + 1, sent);
        absent
    }
}
