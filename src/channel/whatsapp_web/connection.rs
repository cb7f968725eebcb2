//! One connection of one account.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use wacore::runtime::Runtime as _;
use whatsapp_rust::Client;

use super::acks::Acks;
use super::address::Pairs;
use super::barrier::Barrier;
use super::calls::Ringing;
use super::groups::Known;
use super::history::Spool;
use super::intake::Intake;
use super::record::Records;
use super::refusal::explained;
use super::runtime::MainRuntime;
use super::transport::{Sockets, Trouble};
use crate::channel::{
    Calls, Catalogue, Channel, Chats, End, Error, Files, Groups, Labels, LowLevel, Messages, Numbers,
    Pairing, Presence, Privacy, Profiles, Seat, Signal, Unsupported,
};
use crate::domain::Jid;
use crate::media::{self, Previews};
use crate::session::{Batch, Owner, Store};

/// How long a graceful end may take: what is under way is flushed.
const STOP: Duration = Duration::from_secs(10);
/// How long reports of a connection that is over may take to be on record.
const RECORD: Duration = Duration::from_secs(2);
/// How long WhatsApp may take to answer a request: less than callers of the API usually wait.
const ANSWER: Duration = Duration::from_secs(20);
/// Names that are remembered as recorded.
const KNOWN_NAMES: usize = 1024;

/// What every part of a connection shares.
pub struct Context {
    pub seat: Seat,
    pub pairs: Pairs,
    pub names: Names,
    pub acks: Acks,
    pub groups: Known,
    pub barrier: Arc<Barrier>,
    pub intake: Intake,
    pub records: Records,
    pub previews: Previews,
    pub ringing: Ringing,
    pub history: Histories,
    /// Parts of the history that wait.
    pub spool: Spool,
    pub opened: AtomicBool,
    /// The account was linked over this connection, and has not been open since.
    pub linked: AtomicBool,
    pub trouble: Trouble,
    pub sockets: Sockets,
    pub files: media::Handle,
    /// Cancelled when the connection is over.
    pub over: CancellationToken,
    /// Cancelled when no report of it is dealt with any more.
    pub drained: CancellationToken,
    /// Weak, because the client holds this context as its hook and as its subscriber.
    client: OnceLock<Weak<Client>>,
    /// Why it ends; the first reason counts.
    end: Mutex<Option<End>>,
}

/// How histories are recorded.
#[derive(Clone)]
pub struct Histories {
    /// Lets few instances of the node record at the same time.
    pub turns: Arc<Semaphore>,
    /// Whether messages, chats and contacts are stored, or only told.
    pub keep: bool,
}

/// Contacts whose name was recorded lately.
#[derive(Default)]
pub struct Names(Mutex<HashMap<Jid, String>>);

impl Names {
    /// Whether the name of a contact is news.
    pub fn learn(&self, jid: &Jid, name: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(jid).is_some_and(|known| known == name) {
            return false;
        }
        if known.len() >= KNOWN_NAMES {
            known.clear();
        }
        known.insert(jid.clone(), name.to_owned());
        true
    }

    /// The name of a contact could not be recorded.
    pub fn forget(&self, jid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known, _| known.as_str() != jid);
    }
}

impl Context {
    pub fn new(
        seat: Seat,
        (intake, records): (Intake, Records),
        (previews, files): (Previews, media::Handle),
        (history, spool): (Histories, Spool),
    ) -> Self {
        Self {
            seat,
            files,
            pairs: Pairs::default(),
            names: Names::default(),
            acks: Acks::default(),
            groups: Known::default(),
            barrier: Arc::default(),
            intake,
            records,
            previews,
            ringing: Ringing::default(),
            history,
            spool,
            opened: AtomicBool::new(false),
            linked: AtomicBool::new(false),
            trouble: Trouble::default(),
            sockets: Sockets::default(),
            over: CancellationToken::new(),
            drained: CancellationToken::new(),
            client: OnceLock::new(),
            end: Mutex::new(None),
        }
    }

    /// The library's client, while there is one.
    pub fn client(&self) -> Option<Arc<Client>> {
        self.client.get()?.upgrade()
    }

    /// Notes why the connection ends.
    pub fn ends(&self, end: End) {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(end);
    }

    fn end(&self) -> Option<End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the library makes a lost connection again by itself. It does so until the account is
    /// linked and open; everything else is the runner's decision.
    pub fn reconnect(&self, by_itself: bool) {
        if let Some(client) = self.client() {
            client.enable_auto_reconnect.store(by_itself, Ordering::Relaxed);
        }
    }

    /// A newer claim exists: nothing may be written any more.
    pub fn fenced(&self) {
        self.ends(End::Fenced);
        if let Some(client) = self.client() {
            client.signal_shutdown_sync();
        }
    }

    pub async fn signal(&self, signal: Signal) {
        let _ = self.seat.signals.send(signal).await;
    }

    /// What a future answers, unless the connection or the time ends before.
    async fn while_connected<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = tokio::time::timeout(time, future) => answer.ok(),
            () = self.over.cancelled() => None,
        }
    }

    /// What WhatsApp answers to a request of the library.
    ///
    /// # Errors
    /// What WhatsApp refuses is explained as [`super::refusal`] has it.
    pub async fn answer<T, E: std::error::Error + 'static>(
        &self,
        client: &Client,
        asking: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        match self.while_connected(ANSWER, asking).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) if client.is_connected() => Err(explained(&error)),
            None if !self.over.is_cancelled() => Err(Error::Timeout),
            Some(Err(_)) | None => Err(Error::NotConnected),
        }
    }
}

/// A channel over one client of the library.
pub struct Connection {
    pub(super) context: Arc<Context>,
    client: Arc<Client>,
    runtime: MainRuntime,
    ran: AtomicBool,
    store: Arc<dyn Store>,
}

impl Connection {
    pub(super) fn new(
        context: Arc<Context>,
        client: Arc<Client>,
        runtime: MainRuntime,
        store: Arc<dyn Store>,
    ) -> Self {
        let _ = context.client.set(Arc::downgrade(&client));
        // WhatsApp ends the connection right after linking, perhaps before the library tells of it.
        context.reconnect(client.pn().is_none());
        Self { context, client, runtime, ran: AtomicBool::new(false), store }
    }

    /// Waits for the relaxed writes too: after a graceful stop there may be no writer for them.
    async fn flush(&self) {
        let owner = Owner { instance: self.context.seat.instance, fence: self.context.seat.fence };
        match tokio::time::timeout(STOP, self.store.apply(owner, Batch::default())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(instance = %self.context.seat.name, %error, "the session could not be flushed");
            }
            Err(_) => {
                tracing::warn!(instance = %self.context.seat.name, "the session was not flushed in time");
            }
        }
    }

    /// What a future answers, unless the connection or the time ends before.
    pub(super) async fn while_connected<T>(
        &self,
        time: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        self.context.while_connected(time, future).await
    }

    /// What WhatsApp answers to a request of the library.
    ///
    /// # Errors
    /// What WhatsApp refuses is explained as [`super::refusal`] has it.
    pub(super) async fn answer<T, E: std::error::Error + 'static>(
        &self,
        asking: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        self.context.answer(&self.client, asking).await
    }

    /// As [`Connection::answer`], where any other failure says too that WhatsApp does not do what the
    /// caller wants.
    pub(super) async fn consent<T, E: std::error::Error + 'static>(
        &self,
        asking: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        match self.answer(asking).await {
            Err(Error::Protocol(reason)) => Err(Error::Refused(reason)),
            answer => answer,
        }
    }

    pub(super) fn client(&self) -> Result<&Arc<Client>, Error> {
        if self.client.is_connected() || !self.client.is_logged_in() {
            Ok(&self.client)
        } else {
            Err(Error::NotConnected)
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.context.over.cancel();
    }
}

#[async_trait]
impl Channel for Connection {
    fn integration(&self) -> &'static str {
        super::INTEGRATION
    }

    async fn run(&self) -> End {
        if self.ran.swap(true, Ordering::SeqCst) {
            return End::Stopped;
        }
        let (client, (done, ended)) = (Arc::clone(&self.client), oneshot::channel::<()>());
        let running = self.runtime.spawn(Box::pin(async move {
            client.run().await;
            drop(done);
        }));
        // It is over, or it panicked.
        let _ = ended.await;
        drop(running);
        let end = self.context.end();
        if end != Some(End::Fenced) {
            // Also after an end that was not asked for: what the library still holds is flushed.
            let _ = tokio::time::timeout(STOP, self.client.disconnect()).await;
            self.flush().await;
        }
        // Whoever connects next, here or on another node, must not meet a socket of this connection.
        self.context.sockets.end();
        if tokio::time::timeout(STOP, self.context.sockets.closed()).await.is_err() {
            tracing::warn!(instance = %self.context.seat.name, "a socket was not closed in time");
        }
        self.context.over.cancel();
        // What it leaves behind is on record before anybody else claims the instance.
        if tokio::time::timeout(STOP, self.context.drained.cancelled()).await.is_err() {
            tracing::warn!(instance = %self.context.seat.name, "reports were not dealt with in time");
        }
        // The next one may be another node's, and then nothing is written here any more.
        let _ = tokio::time::timeout(RECORD, self.context.records.settled()).await;
        end.unwrap_or_else(|| {
            let opened = self.context.opened.load(Ordering::SeqCst);
            let why = if opened { "the connection was lost" } else { "no connection could be made" };
            End::Lost(self.context.trouble.reason().unwrap_or_else(|| why.to_owned()))
        })
    }

    async fn stop(&self) {
        self.context.ends(End::Stopped);
        self.client.disconnect().await;
        // The library goes on with a login that it has begun.
        self.context.sockets.end();
    }

    async fn logout(&self) {
        self.context.ends(End::LoggedOut);
        self.client.logout().await;
        self.context.sockets.end();
    }

    fn messages(&self) -> &dyn Messages {
        self
    }

    fn pairing(&self) -> Result<&dyn Pairing, Unsupported> {
        Ok(self)
    }

    fn numbers(&self) -> Result<&dyn Numbers, Unsupported> {
        Ok(self)
    }

    fn groups(&self) -> Result<&dyn Groups, Unsupported> {
        Ok(self)
    }

    fn presence(&self) -> Result<&dyn Presence, Unsupported> {
        Ok(self)
    }

    fn chats(&self) -> Result<&dyn Chats, Unsupported> {
        Ok(self)
    }

    fn profiles(&self) -> Result<&dyn Profiles, Unsupported> {
        Ok(self)
    }

    fn privacy(&self) -> Result<&dyn Privacy, Unsupported> {
        Ok(self)
    }

    fn labels(&self) -> Result<&dyn Labels, Unsupported> {
        Ok(self)
    }

    fn calls(&self) -> Result<&dyn Calls, Unsupported> {
        Ok(self)
    }

    fn catalogue(&self) -> Result<&dyn Catalogue, Unsupported> {
        Ok(self)
    }

    fn low_level(&self) -> Result<&dyn LowLevel, Unsupported> {
        Ok(self)
    }

    fn files(&self) -> Result<&dyn Files, Unsupported> {
        Ok(self)
    }
}
