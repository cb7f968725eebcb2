//! The one future that carries out the engine's orders.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attempt::Sender;
use super::desk::Limits;
use super::engine::{Engine, Order, Report, Times};
use super::feed::{self, Inbox, Signals, Tap};
use super::key::Feed;
use super::write;
use super::{Error, Handle, Outside};
use crate::db::{Clock, OutboxRow};
use crate::webhook::endpoints::Endpoints;
use crate::webhook::{Options, Table, metrics};

/// How often the table is measured.
const MEASURE: Duration = Duration::from_secs(15);

/// How far the clock may run ahead before it is followed, in milliseconds.
const JUMP: i64 = 5_000;

/// Delivers until it is stopped.
#[must_use = "nothing is delivered until it runs"]
pub struct Service {
    engine: Engine,
    sender: Arc<Sender>,
    table: Arc<dyn Table>,
    inbox: Inbox,
    signals: Arc<Signals>,
    hard: CancellationToken,
    clock: Clock,
    /// Wall time at `began`. From there on time advances evenly: a clock that is set back must not
    /// put everything to sleep.
    wall: i64,
    began: Instant,
}

impl Service {
    /// A worker and the handle to it.
    pub fn new(options: Options, outside: Outside) -> (Self, Handle) {
        let endpoints = Endpoints::new(Arc::clone(&outside.directory), options.endpoint_ttl);
        let (tap, inbox, signals) = feed::channel();
        let handle =
            Handle { tap: Arc::new(tap), signals: Arc::clone(&signals), endpoints: endpoints.clone() };
        let engine = Engine::new(limits(&options), times(&options));
        let (clock, wall) = (Clock::clone(&outside.clock), (outside.clock)());
        let sender = Arc::new(Sender::new(&options, endpoints, &outside));
        let (table, hard, began) = (outside.table, CancellationToken::new(), Instant::now());
        (Self { engine, sender, table, inbox, signals, hard, clock, wall, began }, handle)
    }

    /// The token that ends the wait for requests under way when the service is stopping.
    pub fn hard(mut self, hard: CancellationToken) -> Self {
        self.hard = hard;
        self
    }

    /// Delivers until the token is cancelled. Then sends nothing more, waits for the requests that
    /// are under way and writes their results. What the hard token cuts off, or what cannot be
    /// written any more, is delivered again by whoever comes next, under the same id.
    ///
    /// # Errors
    /// [`Error::Unwritten`] when results could not be written at the end.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), Error> {
        let mut work: FuturesUnordered<BoxFuture<'static, Report>> = FuturesUnordered::new();
        let mut measured = pin!(measure(Arc::clone(&self.table), Arc::clone(&self.sender)));
        while !shutdown.is_cancelled() {
            let now = self.now();
            while let Some(order) = self.engine.next(now) {
                work.push(self.carry_out(order));
            }
            let wake = self.wake_at();
            tokio::select! {
                () = shutdown.cancelled() => {}
                rows = self.inbox.next() => self.committed(rows),
                Some(report) = work.next() => {
                    let now = self.now();
                    self.engine.report(report, now);
                }
                () = self.signals.rung() => {}
                () = sleep_until(wake) => {}
                () = &mut measured => {}
            }
            self.signalled();
        }
        self.drain(work).await
    }

    async fn drain(mut self, mut work: FuturesUnordered<BoxFuture<'static, Report>>) -> Result<(), Error> {
        self.engine.stop();
        let mut refused = false;
        loop {
            let now = self.now();
            while let Some(order) = self.engine.next(now) {
                work.push(self.carry_out(order));
            }
            if self.engine.is_settled() {
                return Ok(());
            }
            if refused && self.engine.in_flight() == 0 {
                return Err(Error::Unwritten);
            }
            let wake = self.wake_at();
            tokio::select! {
                biased;
                () = self.hard.cancelled() => return Err(Error::Unwritten),
                Some(report) = work.next() => {
                    refused |= match &report {
                        Report::Deleted(_, written) => !written,
                        Report::Settled(_, unwritten) => !unwritten.is_empty(),
                        _ => false,
                    };
                    let now = self.now();
                    self.engine.report(report, now);
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Rows of the fast path. A loss is told before what was committed after it.
    fn committed(&mut self, rows: Vec<OutboxRow>) {
        let now = self.now();
        let mut next = Some(rows);
        while let Some(rows) = next {
            if self.signals.take_lost() {
                self.engine.lost_track();
            }
            self.engine.committed(rows, now);
            next = self.inbox.next_now();
        }
    }

    fn signalled(&mut self) {
        let now = self.now();
        if self.signals.take_lost() {
            self.engine.lost_track();
        }
        for instance in self.signals.take_looks() {
            self.engine.look(instance, now);
        }
    }

    fn carry_out(&self, order: Order) -> BoxFuture<'static, Report> {
        let (sender, table) = (Arc::clone(&self.sender), Arc::clone(&self.table));
        match order {
            Order::Attempt(job) => {
                Box::pin(async move { Report::Attempted(Box::new(sender.attempt(job).await)) })
            }
            Order::Resolve(key) => Box::pin(async move { Report::Resolved(key, sender.origin(key).await) }),
            Order::Page(read) => Box::pin(async move { write::page(table.as_ref(), read).await }),
            Order::Scan(feed, after) => {
                Box::pin(async move { write::scan(table.as_ref(), feed, after).await })
            }
            Order::Delete(ids) => Box::pin(async move { write::delete(table.as_ref(), ids).await }),
            Order::Settle(setbacks) => Box::pin(async move { write::settle(table.as_ref(), setbacks).await }),
        }
    }

    fn now(&mut self) -> i64 {
        let (even, wall) = (self.wall.saturating_add(millis(self.began.elapsed())), (self.clock)());
        if wall <= even.saturating_add(JUMP) {
            return even;
        }
        (self.wall, self.began) = (wall, Instant::now());
        wall
    }

    fn wake_at(&mut self) -> Instant {
        let now = self.now();
        let wait = self.engine.wake_at().map_or(1_000, |at| at.saturating_sub(now).clamp(1, 1_000));
        Instant::now() + Duration::from_millis(u64::try_from(wait).unwrap_or(1_000))
    }
}

/// Measures the table for ever.
async fn measure(table: Arc<dyn Table>, sender: Arc<Sender>) {
    loop {
        for sink in Feed::ALL.map(Feed::sink) {
            if let (Ok(depth), Ok(oldest)) = (table.depth(sink).await, table.oldest(sink).await) {
                metrics::waiting(sink, depth, oldest, (sender.clock)());
            }
        }
        tokio::time::sleep(MEASURE).await;
    }
}

pub(super) fn limits(options: &Options) -> Limits {
    Limits {
        rows: options.rows.max(1),
        endpoint_rows: options.endpoint_rows.max(1),
        concurrency: options.concurrency.max(1),
        endpoint_concurrency: options.endpoint_concurrency.max(1),
        origin_concurrency: options.origin_concurrency.max(1),
        page: options.page.max(1),
        longest: millis(options.retry.max_delay),
        share: Arc::clone(&options.share),
    }
}

fn times(options: &Options) -> Times {
    Times {
        poll: millis(options.poll).max(1),
        beat: millis(options.beat).max(1),
        linger: millis(options.linger),
        batch: options.batch.max(1),
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

const _: fn() = || {
    fn send(_: impl Send) {}
    let _ = |service: Service, token: CancellationToken| send(service.run(token));
    let _ = |tap: Tap| send(tap);
};
