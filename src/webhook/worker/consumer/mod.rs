//! Delivers what comes through RabbitMQ. `desk` says who is next, as for rows of the table; a
//! failure does not wait here but in the queue of its rung.

mod circuits;
mod round;
mod settle;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Outside;
use super::attempt::Sender;
use super::desk::Limits;
use super::service::{limits, millis};
use crate::db::Database;
use crate::events::rabbitmq::{Broker, Error, Publisher};
use crate::webhook::endpoints::Endpoints;
use crate::webhook::queue::{Copy, Ladder, Topology};
use crate::webhook::{Options, Retry, metrics};
use circuits::Circuits;
use round::Round;
use settle::Settler;

/// How long to wait after the broker refused something.
const PAUSE: Duration = Duration::from_secs(2);
/// Copies of messages that are remembered as dealt with though the broker may not have heard it.
const SETTLED: usize = 10_000;

/// Where deliveries come from and go.
pub struct Queues {
    /// The broker.
    pub broker: Broker,
    /// The names there.
    pub topology: Topology,
    /// Unacknowledged messages of one partition at most.
    pub prefetch: u16,
    /// Where dead letters go.
    pub database: Database,
}

/// Delivers until it is stopped.
#[must_use = "nothing is delivered until it runs"]
pub struct Consumer {
    queues: Queues,
    limits: Limits,
    sender: Arc<Sender>,
    settler: Arc<Settler>,
    ladder: Ladder,
    circuits: Circuits,
    /// Survives a lost connection: what was dealt with and comes again is not sent again.
    settled: Settled,
    hard: CancellationToken,
    /// Wall time at `began`, unix milliseconds.
    wall: i64,
    began: Instant,
}

/// The copies that were dealt with most recently.
#[derive(Default)]
struct Settled {
    known: HashSet<Copy>,
    order: VecDeque<Copy>,
}

impl Settled {
    fn add(&mut self, copy: Copy) {
        if self.known.insert(copy) {
            self.order.push_back(copy);
        }
        if self.order.len() > SETTLED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn has(&self, copy: &Copy) -> bool {
        self.known.contains(copy)
    }
}

impl Consumer {
    /// A consumer. Of what is outside it does not use the table.
    pub fn new(options: Options, outside: Outside, queues: Queues) -> Self {
        // The waits are those of the rungs: a random part would only move a delivery to another one.
        let retry = Retry { jitter: 0.0, ..options.retry.clone() };
        let options = Options { retry, ..options };
        let wall = (outside.clock)();
        let ladder = Ladder::new(&options.retry);
        let settler = Settler {
            publisher: Publisher::new(queues.broker.clone()),
            topology: queues.topology.clone(),
            ladder: ladder.clone(),
            database: queues.database.clone(),
        };
        let endpoints = Endpoints::new(Arc::clone(&outside.directory), options.endpoint_ttl);
        Self {
            limits: Limits { rows: usize::MAX, endpoint_rows: usize::MAX, ..limits(&options) },
            queues,
            sender: Arc::new(Sender::new(&options, endpoints, &outside)),
            settler: Arc::new(settler),
            ladder,
            circuits: Circuits::default(),
            settled: Settled::default(),
            hard: CancellationToken::new(),
            wall,
            began: Instant::now(),
        }
    }

    /// The token that ends the wait for requests under way when the consumer is stopping.
    pub fn hard(mut self, hard: CancellationToken) -> Self {
        self.hard = hard;
        self
    }

    /// Delivers until the token is cancelled. Then begins nothing more and waits for the requests
    /// that are under way; all others are handed back to the broker. A lost connection is made again
    /// for as long as it takes.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Some(opened) = stop.run_until_cancelled(self.open()).await else { return };
            match opened {
                Ok(consumer) => {
                    let mut round = Round::new(&mut self, consumer);
                    round.serve(&stop).await;
                    round.end().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "webhooks cannot be consumed now; trying again");
                    stop.run_until_cancelled(sleep(PAUSE)).await;
                }
            }
        }
    }

    /// Declares everything and begins to consume the partitions.
    async fn open(&self) -> Result<crate::events::rabbitmq::Consumer, Error> {
        self.settler.publisher.ready().await;
        for binding in self.queues.topology.all(&self.ladder) {
            self.settler.publisher.declare(&binding).await?;
        }
        let queues: Vec<String> =
            self.queues.topology.partitions().map(|binding| binding.queue.name).collect();
        self.queues.broker.consume(&queues, self.queues.prefetch).await
    }

    /// Unix milliseconds that never go back.
    fn now(&self) -> i64 {
        self.wall.saturating_add(millis(self.began.elapsed()))
    }

    #[allow(clippy::cast_precision_loss, reason = "a gauge")]
    fn show_circuits(&self) {
        metrics::circuits("queue", self.circuits.open());
    }
}

const _: fn() = || {
    fn send(_: impl Send) {}
    let _ = |consumer: Consumer, token: CancellationToken| send(consumer.run(token));
};
