//! How long devices were without a connection: from the end of one to the moment when the next has
//! finished its login.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::lock;

/// Most outages that are remembered; the oldest is forgotten.
const MOST: usize = 65_536;

/// An outage that is over. Times are microseconds on the simulator's own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outage {
    /// Phone number of the account.
    pub phone: String,
    /// The device.
    pub device: u16,
    /// When its connection ended, or was replaced by another one.
    pub began_micros: u64,
    /// How long it took until a connection had finished its login.
    pub lasted_micros: u64,
}

/// A part of the outages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outages {
    /// The time of this answer.
    pub now_micros: u64,
    /// What to ask for next: the number of all outages so far.
    pub next: u64,
    /// The outages, in the order in which they ended.
    pub outages: Vec<Outage>,
}

/// Remembers outages.
pub(crate) struct Log {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    forgotten: u64,
    outages: VecDeque<Outage>,
}

impl Default for Log {
    fn default() -> Self {
        Self { began: Instant::now(), kept: Mutex::default() }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Log {
    /// Notes that a device is back, which was gone since then.
    pub(crate) fn back(&self, phone: &str, device: u16, gone: Instant) {
        let outage = Outage {
            phone: phone.to_owned(),
            device,
            began_micros: micros(gone.saturating_duration_since(self.began)),
            lasted_micros: micros(gone.elapsed()),
        };
        let mut kept = lock(&self.kept);
        if kept.outages.len() == MOST {
            kept.outages.pop_front();
            kept.forgotten += 1;
        }
        kept.outages.push_back(outage);
    }

    /// The outages whose numbers are `after` or more.
    pub(crate) fn after(&self, after: u64) -> Outages {
        let kept = lock(&self.kept);
        let skipped = usize::try_from(after.saturating_sub(kept.forgotten)).unwrap_or(usize::MAX);
        Outages {
            now_micros: micros(self.began.elapsed()),
            next: kept.forgotten + kept.outages.len() as u64,
            outages: kept.outages.iter().skip(skipped).cloned().collect(),
        }
    }
}
