//! What is counted and timed while a run goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::api::Answer;
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

/// What had been written before a service was back, and how long it took until all of that had arrived.
#[derive(Debug, Default)]
pub struct Backlog {
    until: Last,
    arrived: Last,
}

impl Backlog {
    /// The service comes back at this time, since the run began.
    pub fn ends(&self, time: Duration) {
        self.until.set(time);
        self.arrived.set(time);
    }

    /// A message arrived; both times are since the run began.
    pub fn arrived(&self, written: Duration, arrived: Duration) {
        if written < self.until.get() {
            self.arrived.set(arrived);
        }
    }

    /// How long it took.
    pub fn cleared_after(&self) -> Duration {
        self.arrived.get().saturating_sub(self.until.get())
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
    /// Calls that were answered 503 with the time to come back, since a service was taken away.
    pub refused: Counter,
    /// Calls that were answered as if their key were wrong.
    pub denied: Counter,
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
    /// What a service that was away has held up.
    pub backlog: Backlog,
    timing: AtomicBool,
    away: AtomicBool,
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

    /// From now on a 503 that says when to come back is no error: a service was taken away.
    pub fn set_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    /// Whether an answer says that a service is away, which it is.
    pub fn is_refusal(&self, answer: &Answer) -> bool {
        answer.status == 503 && answer.retry_later && self.away.load(Ordering::Relaxed)
    }

    /// Counts an answer that should have been another one; answers what is wrong with it.
    pub fn judge(&self, answer: &anyhow::Result<Answer>) -> Option<String> {
        let (counter, trouble) = match answer {
            Ok(answer) if self.is_refusal(answer) => {
                self.refused.add();
                return None;
            }
            Ok(answer) if answer.status >= 500 => (&self.server_errors, answer.trouble()),
            Ok(answer) if matches!(answer.status, 401 | 403) => (&self.denied, answer.trouble()),
            Ok(_) => return None,
            Err(error) => (&self.unanswered, format!("{error:#}")),
        };
        counter.add();
        Some(trouble)
    }

    /// The latencies of a role.
    pub fn of(&self, role: Role) -> &Messages {
        match role {
            Role::Tenant => &self.tenants,
            Role::Noisy => &self.noisy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_503_is_excused_once_a_service_was_taken_away_and_says_when_to_come_back() {
        let board = Board::default();
        let answer = |status: u16, retry_later: bool| {
            Ok(Answer { status, replayed: false, retry_later, body: "x".into() })
        };
        let counts = |board: &Board| {
            [&board.refused, &board.server_errors, &board.denied, &board.unanswered].map(Counter::get)
        };
        assert_eq!(board.judge(&answer(503, true)).as_deref(), Some("answered 503: x"));
        board.set_away();
        assert_eq!(board.judge(&answer(503, true)), None);
        assert_eq!(board.judge(&answer(200, false)), None);
        assert!(board.judge(&answer(503, false)).is_some() && board.judge(&answer(500, true)).is_some());
        assert!(board.judge(&answer(401, false)).is_some());
        assert!(board.judge(&Err(anyhow::anyhow!("broken"))).is_some());
        assert_eq!(counts(&board), [1, 3, 1, 1]);
    }

    #[test]
    fn a_backlog_is_cleared_when_the_last_message_from_before_has_arrived() {
        let (backlog, at) = (Backlog::default(), Duration::from_secs);
        backlog.arrived(at(1), at(2));
        backlog.ends(at(10));
        assert_eq!(backlog.cleared_after(), Duration::ZERO);
        backlog.arrived(at(9), at(14));
        backlog.arrived(at(8), at(13));
        backlog.arrived(at(11), at(20));
        assert_eq!(backlog.cleared_after(), at(4));
    }
}
