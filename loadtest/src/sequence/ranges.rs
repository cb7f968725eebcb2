//! A set of numbers, kept as ranges: small as long as its gaps are few.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Numbers, by first and last number of each range. Ranges neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds all numbers from `first` to `last`; nothing when `last` is smaller.
    pub fn insert(&mut self, first: u64, last: u64) {
        if last < first {
            return;
        }
        let (mut first, mut last) = (first, last);
        // Every range that begins at or before the end, and does not end before the beginning, melts in.
        while let Some((&from, &to)) = self.0.range(..=last.saturating_add(1)).next_back() {
            if to.saturating_add(1) < first {
                break;
            }
            self.0.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.0.insert(first, last);
    }

    /// Takes a number out; false when it was not in.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some((&from, &to)) = self.0.range(..=number).next_back() else { return false };
        if to < number {
            return false;
        }
        self.0.remove(&from);
        if from < number {
            self.0.insert(from, number - 1);
        }
        if number < to {
            self.0.insert(number + 1, to);
        }
        true
    }

    /// Whether a number is in.
    pub fn contains(&self, number: u64) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, &to)| to >= number)
    }

    /// How many numbers are in; at most `u64::MAX`.
    pub fn len(&self) -> u64 {
        self.0.iter().fold(0, |sum: u64, (from, to)| sum.saturating_add(to - from).saturating_add(1))
    }

    /// Whether no number is in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges there are.
    pub fn pieces(&self) -> usize {
        self.0.len()
    }

    /// Takes out the range with the smallest numbers.
    pub(super) fn pop_first(&mut self) -> Option<(u64, u64)> {
        self.0.pop_first()
    }

    /// The ranges, smallest numbers first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(&from, &to)| (from, to))
    }

    /// How many numbers are in both.
    pub fn overlap(&self, other: &Self) -> u64 {
        let both = |(from, to): (u64, u64)| {
            let near = other.0.range(..=to).rev().take_while(move |&(_, &end)| end >= from);
            near.map(move |(&begin, &end)| end.min(to) - begin.max(from) + 1).sum::<u64>()
        };
        self.iter().map(both).sum()
    }
}

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        let mut ranges = Self::default();
        pairs.into_iter().for_each(|(first, last)| ranges.insert(first, last));
        ranges
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.iter().collect()
    }
}
