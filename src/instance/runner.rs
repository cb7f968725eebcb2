//! The task that owns the life of one instance.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use rand::RngExt as _;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::handle::{Command, Handle};
use super::lease::Lease;
use super::registry::Inner;
use super::state::{Action, Input, Machine, Phase};
use super::{announce, qr};
use crate::channel::{Channel, End, Factory, Proxy, Seat, Signal};
use crate::telemetry::metrics::{FENCE_REJECTIONS, REASON, RECONNECTS};
use crate::telemetry::tally::Count;

/// Reports of a channel that may wait for the runner.
const SIGNALS: usize = 64;
/// Share by which a wait is made longer or shorter, so that instances do not come back in step.
const JITTER: f64 = 0.2;
/// How long WhatsApp may take to answer an unlinking before the connection is just closed.
const UNLINK_DEADLINE: Duration = Duration::from_secs(5);

/// Spaces connections, so that a start or the end of an outage is not a storm.
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        let gap = if per_second == 0 { Duration::ZERO } else { Duration::from_secs(1) / per_second };
        Self { gap, next: Mutex::new(None) }
    }

    /// Waits for a turn.
    async fn turn(&self) {
        if self.gap.is_zero() {
            return;
        }
        let mut next = self.next.lock().await;
        let turn = next.map_or_else(Instant::now, |at| at.max(Instant::now()));
        *next = Some(turn + self.gap);
        drop(next);
        sleep_until(turn).await;
    }
}

pub(super) struct Runner {
    handle: Handle,
    factory: Arc<dyn Factory>,
    machine: Machine,
    commands: mpsc::Receiver<Command>,
    signals: (mpsc::Sender<Signal>, mpsc::Receiver<Signal>),
    channel: Option<Arc<dyn Channel>>,
    /// Where the channel of the connection appears once it is open.
    opening: Option<oneshot::Receiver<Arc<dyn Channel>>>,
    /// The connection, while there is one.
    connection: Option<BoxFuture<'static, End>>,
    /// What takes time and must not hold up the life of the instance.
    chores: FuturesUnordered<BoxFuture<'static, Chore>>,
    due: Option<Instant>,
    /// The phone number to ask a pairing code for.
    phone: Option<String>,
    /// Those who wait for a logout or an end.
    waiters: Vec<oneshot::Sender<()>>,
    pace: Arc<Pace>,
    pairing: Arc<Semaphore>,
    qr_color: [u8; 3],
    proxy: Option<Proxy>,
    lease: Lease,
    ended: Ended,
}

/// Why a runner is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// It was told to end.
    Told,
    /// The instance has a newer owner.
    Fenced,
}

/// What a chore has come to.
enum Chore {
    Code(Option<String>),
    Done,
}

impl Runner {
    pub(super) fn new(
        handle: Handle,
        factory: Arc<dyn Factory>,
        machine: Machine,
        commands: mpsc::Receiver<Command>,
        registry: &Inner,
    ) -> Self {
        Self {
            handle,
            factory,
            machine,
            commands,
            signals: mpsc::channel(SIGNALS),
            channel: None,
            opening: None,
            connection: None,
            chores: FuturesUnordered::new(),
            due: None,
            phone: None,
            waiters: Vec::new(),
            pace: Arc::clone(&registry.pace),
            pairing: Arc::clone(&registry.pairing),
            qr_color: registry.options.qr_color,
            proxy: registry.options.proxy.clone(),
            lease: registry.deps.lease.clone(),
            ended: Ended::Told,
        }
    }

    /// Lives until it is told to end, or another claim is found.
    pub(super) async fn run(mut self) -> Ended {
        while self.machine.phase() != Phase::Ended {
            let input = self.next().await;
            self.take(input).await;
        }
        self.handle.0.view.send_modify(|view| view.channel = None);
        self.tell_waiters();
        self.ended
    }

    fn tell_waiters(&mut self) {
        for waiter in self.waiters.drain(..) {
            // Who does not wait any more is not told.
            let _ = waiter.send(());
        }
    }

    /// Waits for the next thing to happen. A report of the channel comes before its end.
    async fn next(&mut self) -> Option<Input> {
        let due = async {
            match self.due {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let connection = async {
            match &mut self.connection {
                Some(connection) => connection.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(signal) = self.signals.1.recv() => self.signal(signal).await,
            command = self.commands.recv() => Some(self.command(command)),
            end = connection => {
                self.connection = None;
                Some(Input::Closed(end))
            }
            Some(chore) = self.chores.next(), if !self.chores.is_empty() => {
                self.chore(chore).await;
                None
            }
            () = due => {
                self.due = None;
                Some(Input::Due)
            }
        }
    }

    fn command(&mut self, command: Option<Command>) -> Input {
        match command {
            Some(Command::Connect(phone)) => {
                let newly_asked = phone.is_some() && self.phone != phone;
                self.phone = phone.or(self.phone.take());
                // A QR is shown already: the code can be asked for at once.
                if newly_asked && self.handle.0.view.borrow().qr.is_some() {
                    self.ask_code();
                }
                Input::Connect
            }
            Some(Command::Restart) => Input::Restart,
            Some(Command::Logout(done)) => {
                self.waiters.push(done);
                Input::Logout
            }
            Some(Command::End(done)) => {
                self.waiters.push(done);
                Input::End
            }
            None => Input::End,
        }
    }

    async fn signal(&mut self, signal: Signal) -> Option<Input> {
        match signal {
            Signal::Qr(code) => {
                self.take(Some(Input::Qr)).await;
                if self.machine.phase() == Phase::Dialing {
                    self.show(&code).await;
                }
                None
            }
            Signal::Paired { jid, lid } => {
                announce::paired(&self.handle, jid, lid).await;
                Some(Input::Paired)
            }
            Signal::Open { jid, lid, name } => {
                announce::identity(&self.handle, jid, lid, name);
                Some(Input::Opened)
            }
            Signal::History { progress } => {
                // Its parts come in any order.
                self.handle.0.view.send_modify(|view| {
                    view.history_progress = view.history_progress.max(Some(progress));
                });
                None
            }
            Signal::Profile { name, picture } => {
                announce::profile(&self.handle, name, picture).await;
                None
            }
        }
    }

    async fn take(&mut self, input: Option<Input>) {
        let Some(input) = input else { return };
        if let Input::Closed(end) = &input {
            tracing::info!(instance = %self.handle.name(), ?end, "the connection ended");
            self.handle.0.resuming.store(false, Ordering::SeqCst);
            self.handle.0.view.send_modify(|view| {
                view.channel = None;
                view.qr = None;
            });
            self.channel = None;
            self.opening = None;
            // Reports of the old connection mean nothing to the next one.
            while self.signals.1.try_recv().is_ok() {}
        }
        if let Input::Closed(End::Fenced) = &input {
            metrics::counter!(FENCE_REJECTIONS).increment(1);
            self.ended = Ended::Fenced;
        }
        let closed = if let Input::Closed(end) = &input { Some(announce::label(end)) } else { None };
        let ended = matches!(&input, Input::Closed(_) | Input::Logout | Input::End);
        for action in self.machine.step(input) {
            self.act(action).await;
        }
        // A connection that ended for good is not opened again.
        if let (Some(reason), Phase::Dialing | Phase::Backoff) = (closed, self.machine.phase()) {
            metrics::counter!(RECONNECTS, REASON => reason).increment(1);
            self.handle.0.place.tally().add(Count::Reconnects, 1);
        }
        if ended && matches!(self.machine.phase(), Phase::Idle | Phase::Ended) {
            self.tell_waiters();
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Dial => self.dial(),
            Action::Stop => self.end_with(|channel| async move { channel.stop().await }.boxed()),
            Action::Unlink => self.end_with(|channel| {
                async move {
                    if tokio::time::timeout(UNLINK_DEADLINE, channel.logout()).await.is_err() {
                        channel.stop().await;
                    }
                }
                .boxed()
            }),
            Action::Wipe => {
                self.phone = None;
                let journal = self.handle.journal();
                if let Err(error) = self.factory.wipe(journal.instance(), journal.fence()).await {
                    tracing::error!(instance = %self.handle.name(), %error, "the session could not be wiped");
                }
                announce::unpaired(&self.handle).await;
            }
            Action::Wait(wait) => {
                let jitter = rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER);
                self.due = Some(Instant::now() + wait.mul_f64(jitter));
            }
            Action::Announce(state, reason) => {
                if state == crate::domain::ConnectionState::Open {
                    let channel = self.current();
                    self.handle.0.resuming.store(false, Ordering::SeqCst);
                    self.handle.0.view.send_modify(|view| view.channel = channel);
                }
                announce::state(&self.handle, state, reason).await;
            }
            Action::QrLimit => announce::qr_limit(&self.handle).await,
            Action::Exit => self.due = None,
        }
    }

    fn dial(&mut self) {
        self.due = None;
        let seat = Seat {
            instance: self.handle.id(),
            name: self.handle.name().clone(),
            fence: self.handle.journal().fence(),
            settings: self.handle.0.settings.subscribe(),
            proxy: self.proxy.clone(),
            journal: self.handle.journal().clone(),
            groups: self.handle.scope().groups(),
            spool: self.handle.scope().history_spool(),
            tally: Arc::clone(self.handle.0.place.tally()),
            signals: self.signals.0.clone(),
        };
        let (factory, pace, lease) = (Arc::clone(&self.factory), Arc::clone(&self.pace), self.lease.clone());
        let handle = self.handle.clone();
        let (offer, offered) = oneshot::channel();
        let connection = async move {
            // A node that slept may have lost the instance: to connect would throw out its new owner.
            lease.held().await;
            pace.turn().await;
            if !handle.is_owned().await {
                return End::Fenced;
            }
            match factory.open(seat).await {
                Ok(channel) => {
                    if offer.send(Arc::clone(&channel)).is_err() {
                        return End::Stopped;
                    }
                    channel.run().await
                }
                Err(crate::channel::Error::Fenced) => End::Fenced,
                Err(error) => End::Lost(error.to_string()),
            }
        };
        // One instance that panics must not take its node along.
        let contained = AssertUnwindSafe(connection).catch_unwind().map(|end| {
            end.unwrap_or_else(|_| {
                tracing::error!("a connection panicked");
                End::Lost("panic".to_owned())
            })
        });
        self.opening = Some(offered);
        self.connection = Some(contained.boxed());
    }

    /// The channel of the connection, once it is open.
    fn current(&mut self) -> Option<Arc<dyn Channel>> {
        if let Some(Ok(channel)) = self.opening.as_mut().map(oneshot::Receiver::try_recv) {
            self.opening = None;
            self.channel = Some(channel);
        }
        self.channel.clone()
    }

    fn end_with(&mut self, how: impl FnOnce(Arc<dyn Channel>) -> BoxFuture<'static, ()>) {
        match self.current() {
            Some(channel) => {
                let ending = how(channel);
                self.chores.push(ending.map(|()| Chore::Done).boxed());
            }
            // It has not been opened yet: there is nothing to end gracefully.
            None => self.connection = Some(std::future::ready(End::Stopped).boxed()),
        }
    }

    async fn show(&mut self, code: &str) {
        let base64 = qr::data_uri(code, self.qr_color);
        announce::qr(&self.handle, code, &base64, self.machine.shown()).await;
        let has_code = self.handle.0.view.borrow().qr.as_ref().is_some_and(|qr| qr.pairing_code.is_some());
        if self.phone.is_some() && !has_code {
            self.ask_code();
        }
    }

    fn ask_code(&mut self) {
        let (Some(channel), Some(phone)) = (self.current(), self.phone.clone()) else { return };
        let (pairing, name) = (Arc::clone(&self.pairing), self.handle.name().clone());
        let asking = async move {
            let _permit = pairing.acquire().await;
            let code = match channel.pairing() {
                Ok(pairing) => pairing.code(&phone).await,
                Err(unsupported) => Err(unsupported.into()),
            };
            Chore::Code(
                code.inspect_err(|error| tracing::warn!(instance = %name, %error, "no pairing code")).ok(),
            )
        };
        self.chores.push(asking.boxed());
    }

    async fn chore(&mut self, chore: Chore) {
        if let Chore::Code(Some(code)) = chore {
            announce::pairing_code(&self.handle, &code).await;
        }
    }
}
