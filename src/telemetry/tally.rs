//! What is counted of one instance, for series of its own on the metrics page.
//!
//! An instance has its own counts from the moment it is taken until it leaves, or shares those of all
//! that came when there was no room: so no series ever goes back, and there are never more than asked for.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metrics::{
    INSTANCE, INSTANCE_CONNECTED, INSTANCE_FAILED, INSTANCE_RECEIVED, INSTANCE_RECONNECTS, INSTANCE_SENT,
    INSTANCE_WEBHOOK_FAILURES,
};

/// The label of instances without series of their own. No instance can be called that.
const OTHERS: &str = "(others)";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Messages that WhatsApp has taken.
    Sent,
    /// Messages received and committed.
    Received,
    /// Messages that WhatsApp has not taken.
    Failed,
    /// Connections opened again.
    Reconnects,
    /// Webhook requests that were not taken.
    WebhookFailures,
}

const COUNTS: [(Count, &str); 5] = [
    (Count::Sent, INSTANCE_SENT),
    (Count::Received, INSTANCE_RECEIVED),
    (Count::Failed, INSTANCE_FAILED),
    (Count::Reconnects, INSTANCE_RECONNECTS),
    (Count::WebhookFailures, INSTANCE_WEBHOOK_FAILURES),
];

/// Counts of one instance, or of all that share them.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; COUNTS.len()]);

impl Tally {
    /// Adds to a count.
    pub fn add(&self, count: Count, number: u64) {
        self.0[count as usize].fetch_add(number, Ordering::Relaxed);
    }

    fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}

/// An instance's place among the counts; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    tally: Arc<Tally>,
    own: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Where to count.
    #[must_use]
    pub const fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }
}

/// The counts of a node's instances.
#[derive(Debug)]
pub struct Tallies {
    most: usize,
    free: Arc<Semaphore>,
    others: Arc<Tally>,
}

impl Tallies {
    /// Counts of which `most` instances have series of their own; with 0 there are no series at all.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { most, free: Arc::new(Semaphore::new(most)), others: Arc::default() }
    }

    /// A place for an instance that was taken.
    #[must_use]
    pub fn place(&self) -> Place {
        match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => Place { tally: Arc::default(), own: Some(permit) },
            Err(_) => Place { tally: Arc::clone(&self.others), own: None },
        }
    }

    /// The series of instances, given as their name, place, and whether they are connected. Who is not
    /// given any more has none.
    #[must_use]
    pub fn render<'a>(&self, instances: impl IntoIterator<Item = (&'a str, &'a Place, bool)>) -> String {
        if self.most == 0 {
            return String::new();
        }
        let mut shared = 0;
        let mut rows = Vec::new();
        for (name, place, connected) in instances {
            if place.own.is_some() {
                rows.push((name, &*place.tally, u64::from(connected)));
            } else {
                shared += u64::from(connected);
            }
        }
        rows.push((OTHERS, &*self.others, shared));
        let mut page = String::new();
        for (count, metric) in COUNTS {
            let _ = writeln!(page, "# TYPE {metric} counter");
            for (name, tally, _) in &rows {
                let _ = writeln!(page, "{metric}{{{INSTANCE}=\"{name}\"}} {}", tally.get(count));
            }
        }
        let _ = writeln!(page, "# TYPE {INSTANCE_CONNECTED} gauge");
        for (name, _, connected) in rows {
            let _ = writeln!(page, "{INSTANCE_CONNECTED}{{{INSTANCE}=\"{name}\"}} {connected}");
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_capped_and_the_rest_is_one_that_never_goes_back() {
        assert_eq!(Tallies::new(0).render([]), "");
        let tallies = Tallies::new(1);
        let (own, second, third) = (tallies.place(), tallies.place(), tallies.place());
        own.tally().add(Count::Sent, 2);
        second.tally().add(Count::Sent, 3);
        third.tally().add(Count::WebhookFailures, 4);
        let page = tallies.render([("a", &own, true), ("b", &second, true), ("c", &third, false)]);
        let has = |page: &str, line: &str| assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        has(&page, "# TYPE waggle_instance_sent_total counter");
        has(&page, r#"waggle_instance_sent_total{instance="a"} 2"#);
        has(&page, r#"waggle_instance_sent_total{instance="(others)"} 3"#);
        has(&page, r#"waggle_instance_webhook_failures_total{instance="(others)"} 4"#);
        has(&page, r#"waggle_instance_connected{instance="a"} 1"#);
        has(&page, r#"waggle_instance_connected{instance="(others)"} 1"#);
        assert!(!page.contains("\"b\"") && !page.contains("\"c\""), "{page}");

        // Who shares goes on sharing; who comes next takes the place that is free.
        drop((own, second));
        let fourth = tallies.place();
        let page = tallies.render([("c", &third, false), ("d", &fourth, false)]);
        has(&page, r#"waggle_instance_sent_total{instance="(others)"} 3"#);
        has(&page, r#"waggle_instance_sent_total{instance="d"} 0"#);
        assert!(!page.contains("\"a\""), "{page}");
    }
}
