//! What becomes of a delivery after its attempt: acknowledged, put on the ladder, or buried. Failures
//! are logged here, once each.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::key::Job;
use crate::db::{self, Database, Failure};
use crate::events::rabbitmq::{Delivery, Message, Publisher, Sent};
use crate::webhook::queue::{Envelope, Ladder, Topology};

/// How long to wait after a write that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A message in hand.
pub(super) struct Held {
    pub(super) delivery: Delivery,
    pub(super) envelope: Envelope,
}

/// A delivery that has to wait.
pub(super) struct PutOff {
    pub(super) held: Arc<Held>,
    message: Message,
}

pub(super) struct Settler {
    pub(super) publisher: Publisher,
    pub(super) topology: Topology,
    pub(super) ladder: Ladder,
    pub(super) database: Database,
}

impl Settler {
    /// Writes a dead letter, however long that takes; gives up only when the round is over, and then
    /// the message comes again.
    pub(super) async fn bury(&self, job: &Job, failure: &Failure, over: &CancellationToken) -> bool {
        let letters = self.database.instance(job.key.instance).dead_letters();
        loop {
            match letters.insert(&job.row, failure).await {
                // Gone with its instance.
                Ok(()) | Err(db::Error::NotFound) => return true,
                Err(error) => {
                    tracing::warn!(%error, "a dead letter is not on record yet");
                    if over.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                        return false;
                    }
                }
            }
        }
    }

    /// A delivery that failed, to be tried again after a delay (milliseconds).
    pub(super) fn failed(&self, held: Arc<Held>, attempt: i32, delay: i64) -> Option<PutOff> {
        let delay = Duration::from_millis(u64::try_from(delay).unwrap_or_default());
        let envelope = held.envelope.clone().tried(attempt);
        self.put_off(held, &envelope, self.ladder.at_least(delay))
    }

    /// A delivery that was not tried, and waits for longer every time.
    pub(super) fn skipped(&self, held: Arc<Held>) -> Option<PutOff> {
        let (steps, envelope) = (held.envelope.times_put_off(), held.envelope.clone().put_off());
        self.put_off(held, &envelope, self.ladder.step(steps))
    }

    fn put_off(&self, held: Arc<Held>, envelope: &Envelope, wait: Duration) -> Option<PutOff> {
        // Never none: its parts were read from JSON.
        let body = serde_json::to_vec(envelope).ok()?;
        let exchange = self.topology.rung_exchange(wait);
        let message = Message { exchange, key: held.delivery.key.clone(), id: envelope.id(), body };
        Some(PutOff { held, message })
    }

    /// Publishes what has to wait and acknowledges what the broker has then. Answers with both parts.
    pub(super) async fn climb(
        &self,
        all: Vec<PutOff>,
        over: &CancellationToken,
    ) -> (Vec<PutOff>, Vec<PutOff>) {
        let messages: Vec<Message> = all.iter().map(|one| one.message.clone()).collect();
        if over.run_until_cancelled(self.publisher.ready()).await.is_none() {
            return (Vec::new(), all);
        }
        for wait in self.ladder.rungs() {
            if let Err(error) = self.publisher.declare(&self.topology.rung(*wait)).await {
                tracing::warn!(%error, "deliveries that failed cannot be put off yet");
                over.run_until_cancelled(sleep(PAUSE)).await;
                return (Vec::new(), all);
            }
        }
        let sent = self.publisher.send(&messages).await;
        let (mut done, mut left) = (Vec::new(), Vec::new());
        for (one, sent) in all.into_iter().zip(sent) {
            if sent == Sent::Confirmed {
                one.held.delivery.ack().await;
                done.push(one);
            } else {
                left.push(one);
            }
        }
        if !left.is_empty() {
            over.run_until_cancelled(sleep(PAUSE)).await;
        }
        (done, left)
    }

    /// Puts a message that nobody can read aside.
    pub(super) async fn set_aside(&self, delivery: &Delivery, over: &CancellationToken) {
        let binding = self.topology.unreadable();
        let message = Message {
            exchange: binding.exchange.name().to_owned(),
            key: binding.key.clone(),
            id: uuid::Uuid::now_v7(),
            body: delivery.body.clone(),
        };
        loop {
            if over.run_until_cancelled(self.publisher.ready()).await.is_none() {
                return;
            }
            let declared = self.publisher.declare(&binding).await;
            if declared.is_ok()
                && self.publisher.send(std::slice::from_ref(&message)).await == [Sent::Confirmed]
            {
                tracing::error!(queue = binding.queue.name, "a delivery cannot be read and was put aside");
                delivery.ack().await;
                return;
            }
            if over.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }
}
