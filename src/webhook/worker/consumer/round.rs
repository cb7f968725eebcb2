//! From one connection to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::attempt::{Attempted, Verdict};
use super::super::desk::{Desk, End};
use super::super::key::{Job, Key, Origin};
use super::super::origins::Health;
use super::Consumer;
use super::circuits::{Gate, Sign};
use super::settle::{Held, PutOff};
use crate::events::rabbitmq;
use crate::events::rabbitmq::Delivery;
use crate::webhook::queue::Envelope;

/// Deliveries that are put off in one go.
const CLIMB: usize = 256;
/// How long a delivery keeps its place when its dead letter could not be written, in milliseconds.
const UNBURIED: i64 = 1_000;
/// How often what is idle is forgotten, in milliseconds.
const TIDY: i64 = 5_000;

/// What came of something that was begun.
enum Report {
    Resolved(Key, Option<Origin>),
    Attempted(Box<Attempted>),
    /// What was put off, and what was not.
    Climbed(Vec<PutOff>, Vec<PutOff>),
    Acknowledged,
}

pub(super) struct Round<'a> {
    consumer: &'a mut Consumer,
    source: rabbitmq::Consumer,
    desk: Desk,
    held: HashMap<i64, Arc<Held>>,
    position: i64,
    work: FuturesUnordered<BoxFuture<'static, Report>>,
    putting_off: Vec<PutOff>,
    climbing: bool,
    over: CancellationToken,
    tidy_at: i64,
}

impl<'a> Round<'a> {
    pub(super) fn new(consumer: &'a mut Consumer, source: rabbitmq::Consumer) -> Self {
        Self {
            desk: Desk::new(consumer.limits.clone()),
            consumer,
            source,
            held: HashMap::new(),
            position: 0,
            work: FuturesUnordered::new(),
            putting_off: Vec::new(),
            climbing: false,
            over: CancellationToken::new(),
            tidy_at: 0,
        }
    }

    /// Delivers until the broker sends no more, or the token is cancelled.
    pub(super) async fn serve(&mut self, stop: &CancellationToken) {
        loop {
            let now = self.consumer.now();
            self.begin(now);
            self.climb();
            let wake = self.desk.wake_at().map_or(1_000, |at| at.saturating_sub(now).clamp(1, 1_000));
            let wake = Instant::now() + Duration::from_millis(u64::try_from(wake).unwrap_or(1_000));
            tokio::select! {
                () = stop.cancelled() => return,
                delivery = self.source.next() => match delivery {
                    Some(delivery) => self.receive(delivery),
                    None => {
                        tracing::warn!("RabbitMQ sends no more; consuming again");
                        self.over.cancel();
                        return;
                    }
                },
                Some(report) = self.work.next() => self.report(report),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Waits for what is under way; everything else goes back to the broker.
    pub(super) async fn end(mut self) {
        let hard = self.consumer.hard.clone();
        let finished = async {
            loop {
                self.climb();
                let Some(report) = self.work.next().await else { break };
                self.report(report);
            }
        };
        hard.run_until_cancelled(finished).await;
        self.over.cancel();
        self.source.close().await;
    }

    fn receive(&mut self, delivery: Delivery) {
        let now = self.consumer.now();
        self.position += 1;
        let envelope = serde_json::from_slice::<Envelope>(&delivery.body).ok();
        let read = envelope.and_then(|envelope| {
            let row = envelope.row(self.position)?;
            Some((envelope, Key::of(&row)?, row))
        });
        let Some((envelope, key, row)) = read else {
            let (settler, over) = (Arc::clone(&self.consumer.settler), self.over.clone());
            self.work.push(Box::pin(async move {
                settler.set_aside(&delivery, &over).await;
                Report::Acknowledged
            }));
            return;
        };
        if self.consumer.settled.has(&envelope.copy()) {
            self.work.push(Box::pin(async move {
                delivery.ack().await;
                Report::Acknowledged
            }));
            return;
        }
        self.held.insert(self.position, Arc::new(Held { delivery, envelope }));
        self.desk.endpoints.entry(key).or_default();
        self.desk.insert(key, row, now);
    }

    /// Begins whatever may be begun now.
    fn begin(&mut self, now: i64) {
        if now >= self.tidy_at {
            self.tidy_at = now + TIDY;
            self.desk.tidy(now);
            self.consumer.circuits.tidy(now);
            self.consumer.show_circuits();
        }
        self.desk.wake(now);
        while let Some(job) = self.desk.next(now) {
            let Some(held) = self.held.get(&job.row.id).map(Arc::clone) else { continue };
            match self.consumer.circuits.gate(job.key, now) {
                Gate::Try => self.attempt(job, held),
                Gate::PutOff => self.skip(job, held, now),
            }
        }
        while let Some(key) = self.desk.next_unresolved() {
            let sender = Arc::clone(&self.consumer.sender);
            self.work.push(Box::pin(async move { Report::Resolved(key, sender.origin(key).await) }));
        }
    }

    fn attempt(&mut self, job: Job, held: Arc<Held>) {
        let (sender, settler) = (Arc::clone(&self.consumer.sender), Arc::clone(&self.consumer.settler));
        let over = self.over.clone();
        self.work.push(Box::pin(async move {
            let mut attempted = sender.attempt(job).await;
            if let Verdict::Dead(failure) = &attempted.verdict
                && !settler.bury(&attempted.job, failure, &over).await
            {
                attempted.verdict = Verdict::Later { delay: UNBURIED };
            }
            if matches!(attempted.verdict, Verdict::Delivered | Verdict::Dead(_)) {
                held.delivery.ack().await;
            }
            Report::Attempted(Box::new(attempted))
        }));
    }

    /// Puts a delivery off without an attempt, unless it is too old for that.
    fn skip(&mut self, job: Job, held: Arc<Held>, now: i64) {
        if self.consumer.sender.is_too_old(&job.row) {
            return self.attempt(job, held);
        }
        self.putting_off.extend(self.consumer.settler.skipped(held));
        self.leave(&job, Health::Unknown, None, now);
    }

    /// Publishes what has to wait, one batch at a time.
    fn climb(&mut self) {
        if self.climbing || self.putting_off.is_empty() || self.over.is_cancelled() {
            return;
        }
        self.climbing = true;
        let batch: Vec<PutOff> = self.putting_off.drain(..self.putting_off.len().min(CLIMB)).collect();
        let (settler, over) = (Arc::clone(&self.consumer.settler), self.over.clone());
        self.work.push(Box::pin(async move {
            let (done, left) = settler.climb(batch, &over).await;
            Report::Climbed(done, left)
        }));
    }

    fn report(&mut self, report: Report) {
        let now = self.consumer.now();
        match report {
            Report::Acknowledged => {}
            Report::Resolved(key, origin) => self.desk.resolved(key, origin, now),
            Report::Attempted(attempted) => self.attempted(*attempted, now),
            Report::Climbed(done, left) => {
                self.climbing = false;
                done.iter().for_each(|one| self.consumer.settled.add(one.held.envelope.copy()));
                self.putting_off.extend(left);
            }
        }
    }

    fn attempted(&mut self, attempted: Attempted, now: i64) {
        self.consumer.circuits.report(attempted.job.key, sign(&attempted), now);
        self.consumer.show_circuits();
        let Attempted { job, verdict, health, origin } = attempted;
        match verdict {
            Verdict::Delivered | Verdict::Dead(_) => {
                if let Some(held) = self.held.get(&job.row.id) {
                    self.consumer.settled.add(held.envelope.copy());
                }
                self.leave(&job, health, origin, now);
            }
            Verdict::Again { attempt, delay } => {
                let held = self.held.get(&job.row.id).map(Arc::clone);
                let failed = held.and_then(|held| self.consumer.settler.failed(held, attempt, delay));
                self.putting_off.extend(failed);
                self.leave(&job, health, origin, now);
            }
            // Nothing was tried: it keeps its place.
            Verdict::Later { delay } => {
                let end = End::Again { attempt: job.row.attempt, due_at: now.saturating_add(delay) };
                self.desk.finish(&job, end, health, origin, now);
            }
        }
    }

    /// A delivery leaves its lane.
    fn leave(&mut self, job: &Job, health: Health, origin: Option<Origin>, now: i64) {
        self.held.remove(&job.row.id);
        self.desk.finish(job, End::Gone, health, origin, now);
    }
}

fn sign(attempted: &Attempted) -> Sign {
    match (&attempted.verdict, attempted.health) {
        (Verdict::Delivered, _) => Sign::Works,
        (Verdict::Again { .. }, _) | (Verdict::Dead(_), Health::Bad) => Sign::Fails,
        (Verdict::Dead(_) | Verdict::Later { .. }, _) => Sign::Nothing,
    }
}
