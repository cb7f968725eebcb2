//! How long a failed delivery may wait. A queue lets its messages go in the order in which they came,
//! so that each wait needs a queue of its own: there are few of them. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::webhook::{Decision, Retry};

/// The shortest wait.
const SHORTEST: Duration = Duration::from_millis(1);
/// Failures after which the schedule has surely reached its longest wait.
const FAILURES: u32 = 64;

/// The waits, shortest first; at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder(Vec<Duration>);

impl Ladder {
    /// The waits of a schedule, and its longest one, which a receiver may ask for.
    #[must_use]
    pub fn new(retry: &Retry) -> Self {
        let even = Retry { jitter: 0.0, max_attempts: u32::MAX, ..retry.clone() };
        let waits =
            (1..=FAILURES.min(retry.max_attempts)).map(|failed| match even.after(failed, None, None, 0.5) {
                Decision::Again(wait) => wait,
                Decision::GiveUp => retry.max_delay,
            });
        let waits: BTreeSet<Duration> =
            waits.chain([retry.max_delay]).map(|wait| wait.max(SHORTEST)).collect();
        Self(waits.into_iter().collect())
    }

    /// All waits.
    #[must_use]
    pub fn rungs(&self) -> &[Duration] {
        &self.0
    }

    /// The shortest wait that is not shorter than this one, or the longest.
    #[must_use]
    pub fn at_least(&self, wait: Duration) -> Duration {
        self.0.iter().copied().find(|rung| *rung >= wait).unwrap_or_else(|| self.longest())
    }

    /// The wait after so many steps up.
    #[must_use]
    pub fn step(&self, steps: u32) -> Duration {
        let step = usize::try_from(steps).unwrap_or(usize::MAX);
        self.0.get(step).copied().unwrap_or_else(|| self.longest())
    }

    fn longest(&self) -> Duration {
        self.0.last().copied().unwrap_or(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(ladder: &Ladder) -> Vec<f64> {
        ladder.rungs().iter().map(Duration::as_secs_f64).collect()
    }

    #[test]
    fn the_rungs_are_the_schedule_and_its_longest_wait() {
        let ladder = Ladder::new(&Retry::default());
        assert_eq!(seconds(&ladder), [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0]);
        let secs = Duration::from_secs;
        assert_eq!((ladder.at_least(secs(11)), ladder.at_least(secs(9_000))), (secs(20), secs(300)));
        assert_eq!((ladder.step(0), ladder.step(2), ladder.step(99)), (secs(5), secs(20), secs(300)));
        let flat = Retry { exponential: false, ..Retry::default() };
        assert_eq!(seconds(&Ladder::new(&flat)), [5.0, 300.0]);
        let once = Retry { max_attempts: 1, ..Retry::default() };
        assert_eq!(seconds(&Ladder::new(&once)), [5.0, 300.0]);
        let none = Retry { initial_delay: Duration::ZERO, max_delay: Duration::ZERO, ..Retry::default() };
        assert_eq!(seconds(&Ladder::new(&none)), [0.001]);
    }
}
