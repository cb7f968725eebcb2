//! What the library has acknowledged to WhatsApp by itself on its way to the record. Nobody tells it
//! again, so it waits for a database that is away, in order and bounded. It waits here and not with the
//! reports, so that what needs no record (a connection that opens, a call to decline) goes on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::Context;
use super::hook;
use crate::events::{self, Write};
use crate::telemetry::Outage;
use crate::telemetry::metrics::{DROPPED_EVENTS, SINK};

/// Reports that may wait. Past it the reports behind them wait too, in the intake.
const CAPACITY: usize = 1024;
/// Reports of one transaction.
const BATCH: usize = 64;
/// How long a database that is away is waited for once the connection is over.
const LINGER: Duration = Duration::from_secs(10);

/// The writing end.
pub struct Records {
    queue: mpsc::Sender<Vec<Write>>,
    /// Cancelled when nothing more is reported.
    over: CancellationToken,
    /// Cancelled when all of it is recorded.
    done: CancellationToken,
    loss: Outage,
}

impl Records {
    /// A queue, and its reading end.
    pub fn new() -> (Self, mpsc::Receiver<Vec<Write>>) {
        let (queue, waiting) = mpsc::channel(CAPACITY);
        let (over, done) = (CancellationToken::new(), CancellationToken::new());
        (Self { queue, over, done, loss: Outage::new() }, waiting)
    }

    /// Nothing more is reported: what waits is recorded, and then [`run`] ends.
    pub fn finish(&self) {
        self.over.cancel();
    }

    /// Waits until what was reported is on record, or is lost.
    pub async fn settled(&self) {
        self.done.cancelled().await;
    }

    /// Reports that will never be on record; told once until one is again.
    pub fn lost(&self, count: usize) {
        metrics::counter!(DROPPED_EVENTS, SINK => "intake").increment(count as u64);
        if self.loss.begins() {
            tracing::error!("reports of WhatsApp are lost, because too many wait or the database is away");
        }
    }

    fn works(&self) {
        if self.loss.ends() {
            tracing::info!("reports of WhatsApp are recorded again");
        }
    }
}

impl Context {
    /// Puts a report on record behind all that were noted before; waits only while too many wait.
    pub async fn note(&self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        if let Err(mpsc::error::SendError(writes)) = self.records.queue.send(writes).await {
            self.unlearn(&writes);
            self.records.lost(1);
        }
    }
}

/// Records what was noted until nothing more is reported.
pub async fn run(context: Arc<Context>, mut waiting: mpsc::Receiver<Vec<Write>>) {
    let _done = context.records.done.clone().drop_guard();
    let (mut some, mut may_write, mut end) = (Vec::new(), true, None);
    loop {
        let read = context.records.over.run_until_cancelled(waiting.recv_many(&mut some, BATCH)).await;
        if read.is_none() {
            waiting.close();
        }
        if waiting.is_closed() && waiting.recv_many(&mut some, BATCH).await == 0 {
            return;
        }
        may_write = may_write && record(&context, &mut end, &some).await;
        some.clear();
    }
}

/// Records some reports in one transaction; `false` when nothing may be written any more.
async fn record(context: &Context, end: &mut Option<Instant>, some: &[Vec<Write>]) -> bool {
    match commit(context, end, some.concat()).await {
        // One that cannot be written must not take the others with it.
        Err(events::Error::Database(_)) if some.len() > 1 => {
            for one in some {
                if !settled(context, commit(context, end, one.clone()).await, 1) {
                    return false;
                }
            }
            true
        }
        outcome => settled(context, outcome, some.len()),
    }
}

fn settled(context: &Context, outcome: Result<(), events::Error>, count: usize) -> bool {
    match outcome {
        Ok(()) => context.records.works(),
        Err(events::Error::Fenced) => {
            context.fenced();
            return false;
        }
        Err(events::Error::Unavailable(_)) => context.records.lost(count),
        Err(error) => {
            tracing::error!(instance = %context.seat.name, %error, "a report of WhatsApp cannot be recorded");
            context.records.lost(count);
        }
    }
    true
}

/// As [`hook::commit`], and until `end` when the connection is over, which is set then.
async fn commit(
    context: &Context,
    end: &mut Option<Instant>,
    writes: Vec<Write>,
) -> Result<(), events::Error> {
    loop {
        let committed = hook::commit(context, writes.clone()).await;
        let away = matches!(committed, Err(events::Error::Unavailable(_)));
        if !away || Instant::now() >= *end.get_or_insert_with(|| Instant::now() + LINGER) {
            return committed;
        }
        tokio::time::sleep(hook::FIRST_PAUSE).await;
    }
}
