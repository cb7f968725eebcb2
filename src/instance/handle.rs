//! What the rest of the node holds of an instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Error;
use super::registry::EndpointChanged;
use super::view::{Qr, View};
use crate::channel::Channel;
use crate::db::{Database, InstanceUpdate, Scope};
use crate::domain::{ConnectionState, EventKind, InstanceId, InstanceName, Settings, Sink};
use crate::events::{Journal, Write};
use crate::lifecycle;
use crate::telemetry::tally::Place;

/// A request to the runner.
#[derive(Debug)]
pub(super) enum Command {
    /// Connect; with a phone number, also ask for a pairing code.
    Connect(Option<String>),
    /// End the connection and make a new one.
    Restart,
    /// Unlink and forget; answered when it is done.
    Logout(oneshot::Sender<()>),
    /// End the connection and the runner; answered when it is done.
    End(oneshot::Sender<()>),
}

pub(super) struct Shared {
    pub(super) id: InstanceId,
    pub(super) name: InstanceName,
    pub(super) integration: String,
    pub(super) client_name: String,
    pub(super) token: String,
    pub(super) token_hash: [u8; 32],
    pub(super) number: Option<String>,
    pub(super) created_at: i64,
    pub(super) view: watch::Sender<View>,
    pub(super) settings: watch::Sender<Settings>,
    /// One change of settings or sinks at a time: what is in memory is what was stored last.
    pub(super) changing: Mutex<()>,
    pub(super) journal: Journal,
    pub(super) database: Database,
    pub(super) endpoint_changed: EndpointChanged,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) guards: TaskTracker,
    pub(super) lifecycle: lifecycle::Handle,
    pub(super) gate_closed: AtomicBool,
    /// Whether it was connected elsewhere or before, and has not been here yet: a short wait will do.
    pub(super) resuming: AtomicBool,
    /// When this node took it.
    pub(super) since: Instant,
    /// Where it is counted.
    pub(super) place: Place,
}

/// An instance of this node. Cheap to clone; it outlives the runner, and then answers
/// [`Error::Stopping`].
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Shared>);

/// What a request to connect has come to.
#[derive(Debug)]
pub enum Connecting {
    /// The instance is open.
    Open,
    /// A QR waits to be scanned.
    Qr(Qr),
    /// Nothing to show yet: a linked account is connecting, or WhatsApp has not sent a QR.
    Pending,
}

/// Leave to work with the connection of an instance. A graceful stop waits until it is dropped.
pub struct Working {
    channel: Arc<dyn Channel>,
    _guard: TaskTrackerToken,
}

impl std::ops::Deref for Working {
    type Target = dyn Channel;

    fn deref(&self) -> &Self::Target {
        &*self.channel
    }
}

impl Handle {
    /// Its identity.
    #[must_use]
    pub fn id(&self) -> InstanceId {
        self.0.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &InstanceName {
        &self.0.name
    }

    /// The provider as clients name it.
    #[must_use]
    pub fn integration(&self) -> &str {
        &self.0.integration
    }

    /// The client name of the nodes that load it.
    #[must_use]
    pub fn client_name(&self) -> &str {
        &self.0.client_name
    }

    /// The caller's secret, for those who may see it.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// SHA-256 of the token, for comparing.
    #[must_use]
    pub fn token_hash(&self) -> &[u8; 32] {
        &self.0.token_hash
    }

    /// The phone number given at creation.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        self.0.number.as_deref()
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn created_at(&self) -> i64 {
        self.0.created_at
    }

    /// Its state now.
    #[must_use]
    pub fn view(&self) -> View {
        self.0.view.borrow().clone()
    }

    /// What clients see of the connection now.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.0.view.borrow().state
    }

    /// The contract's number for why it is in that state.
    #[must_use]
    pub fn reason(&self) -> i32 {
        self.0.view.borrow().reason
    }

    /// The tenant's settings now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.0.settings.borrow().clone()
    }

    /// Its data.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.0.database.instance(self.0.id)
    }

    /// Where what happens to it is recorded.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Where it is counted.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Leave to work with the connection.
    ///
    /// # Errors
    /// [`Error::NotConnected`], or [`Error::Stopping`] once a graceful stop has begun.
    pub fn enter(&self) -> Result<Working, Error> {
        // The token is taken before the gate is looked at: a stop closes the gate first and then
        // waits for the tokens, so that nobody slips through between.
        let guard = self.0.guards.token();
        if self.0.gate_closed.load(Ordering::SeqCst) {
            return Err(Error::Stopping);
        }
        let channel = self.0.view.borrow().channel.clone().ok_or(Error::NotConnected)?;
        Ok(Working { channel, _guard: guard })
    }

    /// As [`Handle::enter`]; an instance that was just claimed is given up to `patience` to connect.
    ///
    /// # Errors
    /// As [`Handle::enter`].
    pub async fn enter_soon(&self, patience: Duration) -> Result<Working, Error> {
        let entered = self.enter();
        if !matches!(entered, Err(Error::NotConnected)) || !self.0.resuming.load(Ordering::SeqCst) {
            return entered;
        }
        let mut view = self.0.view.subscribe();
        let resumed = view.wait_for(|_| !self.0.resuming.load(Ordering::SeqCst));
        let _ = tokio::time::timeout(patience, resumed).await;
        self.enter()
    }

    /// Asks for a connection, and waits up to `patience` for it or for something to show. With a
    /// phone number (digits) it waits for a pairing code too.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn connect(&self, phone: Option<String>, patience: Duration) -> Result<Connecting, Error> {
        let with_code = phone.is_some();
        if self.state() == ConnectionState::Open {
            return Ok(Connecting::Open);
        }
        self.command(Command::Connect(phone)).await?;
        Ok(self.first_sight(with_code, patience).await)
    }

    /// Ends the connection and makes a new one; waits like [`Handle::connect`].
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn restart(&self, patience: Duration) -> Result<Connecting, Error> {
        let mut view = self.0.view.subscribe();
        view.mark_unchanged();
        self.command(Command::Restart).await?;
        // The old connection is still there for a moment: wait until the runner has reacted.
        let _ = tokio::time::timeout(patience, view.changed()).await;
        Ok(self.first_sight(false, patience).await)
    }

    /// Asks for a connection and does not wait.
    pub(super) async fn request_connect(&self) {
        let _ = self.command(Command::Connect(None)).await;
    }

    /// Unlinks the account and forgets the session; back within `deadline` whatever the socket does.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn logout(&self, deadline: Duration) -> Result<(), Error> {
        let events = self.0.journal.event(EventKind::LogoutInstance, &serde_json::Value::Null);
        self.0.journal.emit(events).await;
        let (done, waiter) = oneshot::channel();
        self.command(Command::Logout(done)).await?;
        let _ = tokio::time::timeout(deadline, waiter).await;
        Ok(())
    }

    /// Closes the gate, waits for those at work, ends the connection and the runner. The session
    /// stays, and the account stays linked.
    pub async fn end(&self, deadline: Duration) {
        self.close_gate();
        self.0.guards.close();
        let _ = tokio::time::timeout(deadline / 2, self.0.guards.wait()).await;
        let (done, waiter) = oneshot::channel();
        if self.command(Command::End(done)).await.is_ok() {
            let _ = tokio::time::timeout(deadline, waiter).await;
        }
    }

    /// Replaces the settings.
    ///
    /// # Errors
    /// [`Error::Record`] when they cannot be stored; then nothing changes.
    pub async fn set_settings(&self, settings: Settings) -> Result<(), Error> {
        let _turn = self.0.changing.lock().await;
        let update = InstanceUpdate { settings: Some(settings.clone()), ..InstanceUpdate::default() };
        self.0.journal.commit(vec![Write::Instance(update)]).await?;
        self.0.settings.send_replace(settings);
        Ok(())
    }

    /// Stores a sink; events from now on go there. Answers the row as stored.
    ///
    /// # Errors
    /// [`Error::Database`] when it cannot be stored; then nothing changes.
    pub async fn set_sink(&self, sink: Sink) -> Result<Sink, Error> {
        let _turn = self.0.changing.lock().await;
        let kind = sink.kind;
        let stored = self.scope().sinks().set(&sink).await?;
        let others = self.0.journal.sinks();
        let mut sinks: Vec<Sink> = others.iter().filter(|sink| sink.kind != kind).cloned().collect();
        sinks.push(stored.clone());
        self.0.journal.set_sinks(sinks);
        (self.0.endpoint_changed)(self.id()).await;
        Ok(stored)
    }

    async fn first_sight(&self, with_code: bool, patience: Duration) -> Connecting {
        let mut view = self.0.view.subscribe();
        let shown = |view: &View| match (&view.qr, view.state) {
            (_, ConnectionState::Open) => true,
            (Some(qr), _) => !with_code || qr.pairing_code.is_some(),
            (None, state) => state == ConnectionState::Refused,
        };
        let _ = tokio::time::timeout(patience, view.wait_for(shown)).await;
        let view = self.view();
        match (view.state, view.qr) {
            (ConnectionState::Open, _) => Connecting::Open,
            (_, Some(qr)) => Connecting::Qr(qr),
            (_, None) => Connecting::Pending,
        }
    }

    async fn command(&self, command: Command) -> Result<(), Error> {
        self.0.commands.send(command).await.map_err(|_| Error::Stopping)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "instance {} ({})", self.0.name, self.0.id)
    }
}
