//! The relay's loop.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bell::Bell;
use super::dirty::Dirty;
use super::{Carried, Carrier, Options};
use crate::clock::Clock;
use crate::db::{Error, Observer, Outbox, OutboxRow};
use crate::domain::InstanceId;
use crate::telemetry::metrics::{
    OUTBOX_DEPTH, OUTBOX_LAG, RELAY_PUBLISHED, SINK, SINK_FAILURES, SINK_LATENCY,
};

/// Instances in one read.
const INSTANCES: usize = 256;
/// How long to wait after the table could not be read or written.
const PAUSE: Duration = Duration::from_secs(1);
/// Looks at the table take at most this part of the time.
const LOOKS: u32 = 20;
/// How often the table is measured.
const MEASURE: Duration = Duration::from_secs(15);

/// Relays until it is stopped.
#[must_use = "nothing is relayed until it runs"]
pub struct Relay {
    options: Options,
    outbox: Outbox,
    carrier: Arc<dyn Carrier>,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    dirty: Dirty,
    look_at: Instant,
}

impl Relay {
    /// A relay, and what hears of commits for it, so that rows go out at once. Rows that it does not
    /// hear of are found a little later.
    pub fn new(
        options: Options,
        outbox: Outbox,
        carrier: Arc<dyn Carrier>,
        clock: Arc<dyn Clock>,
    ) -> (Self, Arc<dyn Observer>) {
        let bell = Arc::new(Bell::new(options.sinks));
        let observer = Arc::<Bell>::clone(&bell);
        let (dirty, look_at) = (Dirty::default(), Instant::now());
        (Self { options, outbox, carrier, clock, bell, dirty, look_at }, observer)
    }

    /// Relays until the token is cancelled; the page under way is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut measured = pin!(measure(self.outbox.clone(), self.options.sinks, Arc::clone(&self.clock)));
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.carrier.ready() => {}
                () = &mut measured => {}
            }
            if let Err(error) = self.step().await {
                tracing::warn!(%error, sinks = ?self.options.sinks, "the outbox cannot be relayed now");
                stop.run_until_cancelled(sleep(PAUSE)).await;
                self.look_at = Instant::now();
                continue;
            }
            if self.dirty.is_empty() {
                let wake = self.dirty.wake_at().map_or(self.look_at, |at| at.min(self.look_at));
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.bell.rung() => {}
                    () = sleep_until(wake) => {}
                    () = &mut measured => {}
                }
            }
        }
    }

    /// One page, of the instances whose turn it is.
    async fn step(&mut self) -> Result<(), Error> {
        self.collect().await?;
        let instances = self.dirty.take(INSTANCES);
        if instances.is_empty() {
            return Ok(());
        }
        let page = self.outbox.page_of_instances(&instances, self.options.sinks, self.options.batch as u64);
        let rows = page.await.inspect_err(|_| instances.iter().for_each(|one| self.dirty.add(*one)))?;
        let more = rows.len() >= self.options.batch;
        let carried = self.carrier.carry(&rows).await;
        let gone = [carried.published.as_slice(), &carried.dropped].concat();
        let removed = self.outbox.delete(&gone).await;
        count(&rows, &carried, self.clock.now_ms());
        // Whatever is left of these is looked at again, those that have to wait apart.
        if more || gone.len() < rows.len() || removed.is_err() {
            instances.iter().for_each(|instance| self.dirty.add(*instance));
        }
        let now = Instant::now();
        carried.waiting.iter().for_each(|instance| self.dirty.pause(*instance, now));
        removed
    }

    /// Who has rows: those who rang, and from time to time everybody in the table.
    async fn collect(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        self.dirty.wake(now);
        let mut found: Vec<InstanceId> = self.bell.take().into_iter().collect();
        if now >= self.look_at {
            found.extend(self.outbox.instances_waiting(self.options.sinks).await?);
            self.look_at = Instant::now() + self.options.poll.max(now.elapsed() * LOOKS);
        }
        found.retain(|instance| (self.options.share)(*instance));
        found.into_iter().for_each(|instance| self.dirty.add(instance));
        Ok(())
    }
}

/// `now` is unix milliseconds.
fn count(rows: &[OutboxRow], carried: &Carried, now: i64) {
    let published: HashSet<i64> = carried.published.iter().copied().collect();
    let dropped: HashSet<i64> = carried.dropped.iter().copied().collect();
    for row in rows.iter().filter(|row| !dropped.contains(&row.id)) {
        let sink = row.sink.to_string();
        if published.contains(&row.id) {
            let took = float(now.saturating_sub(row.event.time).max(0).unsigned_abs()) / 1000.0;
            metrics::counter!(RELAY_PUBLISHED, SINK => sink.clone()).increment(1);
            metrics::histogram!(SINK_LATENCY, SINK => sink).record(took);
        } else {
            metrics::counter!(SINK_FAILURES, SINK => sink).increment(1);
        }
    }
}

/// Measures the table for ever.
async fn measure(outbox: Outbox, sinks: &'static [&'static str], clock: Arc<dyn Clock>) {
    loop {
        for sink in sinks {
            if let (Ok(depth), Ok(oldest)) = (outbox.depth(sink).await, outbox.oldest(sink).await) {
                let lag = oldest.map_or(0, |oldest| clock.now_ms().saturating_sub(oldest).max(0));
                metrics::gauge!(OUTBOX_DEPTH, SINK => *sink).set(float(depth));
                metrics::gauge!(OUTBOX_LAG, SINK => *sink).set(float(lag.unsigned_abs()) / 1000.0);
            }
        }
        sleep(MEASURE).await;
    }
}

#[allow(clippy::cast_precision_loss, reason = "a gauge")]
const fn float(value: u64) -> f64 {
    value as f64
}
