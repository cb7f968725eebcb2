//! Everything that the parts of a run share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::api::PATIENCE;
use super::board::Board;
use super::kinds::Mix;
use super::nodes::Nodes;
use super::phones::Phones;
use super::progress::Progress;
use super::receive::Receive;
use super::receive::rabbitmq::RabbitMq;
use super::sampler::Samples;
use super::stream::Stream;
use crate::History;
use crate::task::Tasks;

/// How often the nodes are asked whether instances are open.
const LOOK: Duration = Duration::from_millis(50);
/// Troubles that are told.
const MOST_COMPLAINTS: usize = 10;

/// What is the same for every scenario.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many instances are paired.
    pub instances: usize,
    /// Contacts that write with each instance.
    pub chats: usize,
    /// What the names of the instances begin with.
    pub prefix: String,
    /// Pairings at once.
    pub pairings_at_once: usize,
    /// Connections that send.
    pub connections: usize,
    /// What has not arrived after this much silence is lost.
    pub silence: Duration,
    /// How long memory may take to settle; zero does not wait for it.
    pub settle: Duration,
    /// Time between two samples of memory, processor time and rates.
    pub sample: Duration,
    /// Kinds of message that contacts write.
    pub kinds: Mix,
    /// The feeds that are received and verified.
    pub receive: Receive,
    /// How long an answer of a node is awaited.
    pub request_timeout: Duration,
    /// Share (0 to 1) of the webhooks that are refused on purpose.
    pub webhook_failures: f64,
    /// Gives every send an idempotency key and tries again what failed. It costs the node a look-up per
    /// send.
    pub idempotent: bool,
    /// What phones hand over when they are linked; the instances then ask for the full history.
    pub history: Option<History>,
    /// Leaves the instances behind.
    pub keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            instances: 16,
            chats: 1,
            prefix: "load".to_owned(),
            pairings_at_once: 16,
            connections: 16,
            silence: Duration::from_secs(15),
            settle: Duration::from_secs(20),
            sample: Duration::from_secs(1),
            kinds: Mix::default(),
            receive: Receive::default(),
            request_timeout: PATIENCE,
            webhook_failures: 0.0,
            idempotent: false,
            history: None,
            keep: false,
        }
    }
}

/// How nodes tell the run of events; what is not received is `None`.
pub struct Feeds {
    /// Where webhooks are sent to.
    pub webhook_url: Option<String>,
    /// The consumer of RabbitMQ.
    pub rabbitmq: Option<RabbitMq>,
}

/// A run.
pub struct World {
    /// Names the run: messages of another one are none of ours.
    pub run: u32,
    /// Options.
    pub options: Options,
    /// When it began; messages carry their time since then.
    pub origin: Instant,
    /// The phones.
    pub phones: Phones,
    /// The nodes.
    pub nodes: Nodes,
    /// How nodes tell the run of events.
    pub feeds: Feeds,
    /// Counters and latencies.
    pub board: Board,
    /// What the person in front of it sees.
    pub progress: Progress,
    /// Cancelled when the run is to end early.
    pub interrupt: CancellationToken,
    /// The course of the run.
    pub samples: Samples,
    /// Memory of the nodes before the first instance, in KiB, where it was measured.
    pub fresh_kib: OnceLock<u64>,
    /// A new message was told of.
    pub news: Notify,
    pub(crate) tasks: Tasks,
    streams: OnceLock<Vec<Arc<Stream>>>,
    waiting: DashMap<String, oneshot::Sender<Instant>>,
    created: Mutex<Vec<String>>,
    complaints: AtomicUsize,
}

impl World {
    /// A run that has not begun.
    pub fn new(
        options: Options,
        phones: Phones,
        nodes: Nodes,
        feeds: Feeds,
        progress: Progress,
        interrupt: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            run: rand::random(),
            options,
            origin: Instant::now(),
            phones,
            nodes,
            feeds,
            board: Board::default(),
            progress,
            interrupt,
            samples: Samples::default(),
            fresh_kib: OnceLock::new(),
            news: Notify::new(),
            tasks: Tasks::default(),
            streams: OnceLock::new(),
            waiting: DashMap::new(),
            created: Mutex::default(),
            complaints: AtomicUsize::new(0),
        })
    }

    /// What the names of all instances of the run begin with.
    pub fn prefix(&self) -> String {
        format!("{}-{:08x}-", self.options.prefix, self.run)
    }

    /// The streams; none before they are set.
    pub fn streams(&self) -> &[Arc<Stream>] {
        self.streams.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Sets the streams, once.
    pub fn set_streams(&self, streams: Vec<Arc<Stream>>) {
        // A second call would be a fault of the scenario; the first stays.
        let _ = self.streams.set(streams);
    }

    /// An instance was ordered, and must be deleted at the end.
    pub(super) fn note_created(&self, name: String) {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// Takes the names of all instances that were ordered.
    pub(super) fn take_created(&self) -> Vec<String> {
        std::mem::take(&mut self.created.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells when an event says that an instance is open.
    pub(super) fn when_open(&self, name: &str) -> oneshot::Receiver<Instant> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(name.to_owned(), sender);
        receiver
    }

    /// Nobody waits for an instance any more.
    pub(super) fn forget(&self, name: &str) {
        self.waiting.remove(name);
    }

    pub(super) fn opened(&self, name: &str, at: Instant) {
        if let Some((_, waiter)) = self.waiting.remove(name) {
            // Who waited may have looked for itself meanwhile.
            let _ = waiter.send(at);
        }
    }

    /// Tells of a trouble, at most a few times: the first says what the hundredth does.
    pub fn complain(&self, text: &str) {
        let said = self.complaints.fetch_add(1, Ordering::Relaxed);
        if said < MOST_COMPLAINTS {
            self.progress.note(text);
        }
    }

    /// Waits until the nodes call a number of the run's instances open, and answers the time since `began`.
    ///
    /// # Errors
    /// When they do not within the patience.
    pub async fn until_open(
        &self,
        count: usize,
        began: Instant,
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let prefix = self.prefix();
        loop {
            let open = self.nodes.open_instances(&prefix).await.unwrap_or_default();
            if open >= count || self.is_interrupted() {
                return Ok(began.elapsed());
            }
            let late = began.elapsed() > patience;
            anyhow::ensure!(!late, "{open} of {count} instances are open{}", self.nodes.log_end());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the run is to end early.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.is_cancelled()
    }

    /// Waits; less when the run is interrupted.
    pub async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.interrupt.cancelled() => {}
        }
    }
}
