//! What is counted and timed while a run goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::recorder::Recorder;
use super::stream::Role;

/// A counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The time of the last of something, since the run began.
#[derive(Debug, Default)]
pub struct Last(AtomicU64);

impl Last {
    /// Notes a time; an earlier one than is known changes nothing.
    pub fn set(&self, time: Duration) {
        self.0.fetch_max(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The time; zero when there was none.
    pub fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Latencies of the messages of some tenants.
#[derive(Debug, Default)]
pub struct Messages {
    /// From the moment a send was due to the node's answer.
    pub send: Recorder,
    /// From the contact's text to its webhook.
    pub inbound: Recorder,
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Board {
    /// Latencies of ordinary tenants.
    pub tenants: Messages,
    /// Latencies of the noisy one.
    pub noisy: Messages,
    /// From the order to create an instance to its QR.
    pub qr: Recorder,
    /// From the order to create an instance until it is open.
    pub pairing: Recorder,
    /// From a cut connection until it is logged in again.
    pub reconnect: Recorder,
    /// Sends that were answered with a success.
    pub accepted: Counter,
    /// Answers and broken connections after which a send was tried again.
    pub retries: Counter,
    /// Sends that were given up or refused for good.
    pub failed: Counter,
    /// Texts that contacts sent.
    pub written: Counter,
    /// Texts that contacts could not send.
    pub unwritten: Counter,
    /// Webhooks that told of a text for the first time.
    pub told: Counter,
    /// When the last send was answered with a success.
    pub last_accepted: Last,
    /// When the last webhook told of a new text.
    pub last_told: Last,
    /// Webhooks about a text of another instance.
    pub misrouted: Counter,
    /// Webhooks that cannot be read.
    pub unreadable: Counter,
    /// Webhooks that were refused on purpose.
    pub turned_away: Counter,
    timing: AtomicBool,
}

impl Board {
    /// From now on, or not any more, latencies of messages count.
    pub fn set_timing(&self, on: bool) {
        self.timing.store(on, Ordering::Relaxed);
    }

    /// Whether latencies of messages count.
    pub fn is_timing(&self) -> bool {
        self.timing.load(Ordering::Relaxed)
    }

    /// The latencies of a role.
    pub fn of(&self, role: Role) -> &Messages {
        match role {
            Role::Tenant => &self.tenants,
            Role::Noisy => &self.noisy,
        }
    }
}
