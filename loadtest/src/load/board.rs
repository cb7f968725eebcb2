//! What is counted and timed while a run goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::kinds::Kind;
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
    /// From the contact's text to the first feed that tells of it.
    pub inbound: Recorder,
}

/// The RabbitMQ feed, beside what is counted of any feed.
#[derive(Debug, Default)]
pub struct Rabbitmq {
    /// Messages that it told of for the first time.
    pub told: Counter,
    /// From the contact's message to its delivery.
    pub latency: Recorder,
    /// Connections that had to be made anew.
    pub reconnects: Counter,
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
    /// Instances that were paired.
    pub paired: Counter,
    /// From the end of an account's connection until it is logged in again, as the simulator saw it.
    pub gap: Recorder,
    /// From a cut connection until it is logged in again.
    pub reconnect: Recorder,
    /// Sends that were answered with a success.
    pub accepted: Counter,
    /// Answers and broken connections after which a send was tried again.
    pub retries: Counter,
    /// Answers to sends with a status of 500 or more.
    pub server_errors: Counter,
    /// Sends that got no answer, because the connection broke or it took too long.
    pub unanswered: Counter,
    /// Sends that were given up or refused for good.
    pub failed: Counter,
    /// Texts that contacts sent.
    pub written: Counter,
    /// Texts that contacts could not send.
    pub unwritten: Counter,
    /// Texts that the first feed told of for the first time.
    pub told: Counter,
    /// Those of each kind, in the order of [`Kind::ALL`].
    pub kinds: [Counter; Kind::ALL.len()],
    /// When the last send was answered with a success.
    pub last_accepted: Last,
    /// When the first feed told of the last new text.
    pub last_told: Last,
    /// The RabbitMQ feed.
    pub rabbitmq: Rabbitmq,
    /// Events about a text of another instance.
    pub misrouted: Counter,
    /// Events that cannot be read.
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
