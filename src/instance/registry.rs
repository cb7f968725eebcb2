//! Every instance of this node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::{DashMap, DashSet};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::handle::{Handle, Shared};
use super::lease::Lease;
use super::runner::{Ended, Pace, Runner};
use super::view::View;
use super::{Error, state};
use crate::channel::{Factory, Proxy};
use crate::clock::Clock;
use crate::db::{Database, NewInstance};
use crate::domain::{ConnectionState, EventKind, Instance, InstanceId, InstanceName, NodeId, Settings, Sink};
use crate::events::{GlobalSinks, Journal, Write};
use crate::lifecycle;
use crate::telemetry::tally::Tallies;

/// Requests that may wait for one runner.
const COMMANDS: usize = 32;
/// Instances that are claimed or ended at the same time.
pub(super) const AT_ONCE: usize = 64;

/// What the registry is told at start.
#[derive(Clone, Debug)]
pub struct Options {
    /// This node.
    pub node: NodeId,
    /// Only instances of this client name are loaded.
    pub client_name: String,
    /// How many QRs are shown before pairing gives up.
    pub qr_limit: u32,
    /// Colour of the QR.
    pub qr_color: [u8; 3],
    /// Connections begun per second after a start or an outage; 0 is unlimited.
    pub dials_per_second: u32,
    /// Pairing codes computed at the same time: each costs 131,072 rounds of PBKDF2.
    pub pairing_concurrency: usize,
    /// How long ending one instance may take.
    pub stop_deadline: Duration,
    /// How long an instance may be closed before it is deleted; `None` is for ever.
    pub delete_closed_after: Option<Duration>,
    /// Whether that covers instances that never were connected.
    pub delete_never_connected: bool,
    /// Proxy of instances without one of their own.
    pub proxy: Option<Proxy>,
    /// Most instances with metrics of their own.
    pub metrics_per_instance: usize,
}

/// What the registry works with.
#[derive(Clone)]
pub struct Deps {
    /// The database.
    pub database: Database,
    /// One per provider.
    pub factories: Vec<Arc<dyn Factory>>,
    /// What goes out for every instance.
    pub global: Arc<GlobalSinks>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Runs the runners.
    pub lifecycle: lifecycle::Handle,
    /// Told when where the events of an instance go, or what deliveries say of it, was changed.
    pub endpoint_changed: EndpointChanged,
    /// Told before an instance that was claimed begins to run.
    pub claimed: Claimed,
    /// Leave of this node to connect instances.
    pub lease: Lease,
}

/// Called with the instance, before the change is answered.
pub type EndpointChanged = Arc<dyn Fn(InstanceId) -> BoxFuture<'static, ()> + Send + Sync>;

/// Called with the instance.
pub type Claimed = Arc<dyn Fn(InstanceId) + Send + Sync>;

/// An instance to create; everything in it is valid already.
#[derive(Clone, Debug)]
pub struct New {
    /// Its name.
    pub name: InstanceName,
    /// The client name; `None` is this node's.
    pub client_name: Option<String>,
    /// The provider as clients name it.
    pub integration: String,
    /// The caller's secret.
    pub token: String,
    /// The phone number, digits.
    pub number: Option<String>,
    /// Meta's business id.
    pub business_id: Option<String>,
    /// Behaviour.
    pub settings: Settings,
    /// Where its events go.
    pub sinks: Vec<Sink>,
}

pub(super) struct Inner {
    pub(super) options: Options,
    pub(super) deps: Deps,
    by_name: DashMap<String, Handle>,
    by_token: DashMap<[u8; 32], InstanceId>,
    by_id: DashMap<InstanceId, Handle>,
    /// Instances that are being created: their rows are there before their runners.
    pub(super) arriving: DashSet<InstanceId>,
    pub(super) pace: Arc<Pace>,
    pub(super) pairing: Arc<Semaphore>,
    pub(super) loaded: AtomicBool,
    tallies: Tallies,
}

/// An instance that is being created, until this is dropped.
struct Arriving<'a>(&'a Registry, InstanceId);

impl<'a> Arriving<'a> {
    fn new(registry: &'a Registry, id: InstanceId) -> Self {
        registry.0.arriving.insert(id);
        Self(registry, id)
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.0.0.arriving.remove(&self.1);
    }
}

/// Every instance of this node. Cheap to clone.
#[derive(Clone)]
pub struct Registry(pub(super) Arc<Inner>);

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new(options: Options, deps: Deps) -> Self {
        let pace = Arc::new(Pace::new(options.dials_per_second));
        let pairing = Arc::new(Semaphore::new(options.pairing_concurrency.max(1)));
        let tallies = Tallies::new(options.metrics_per_instance);
        let (by_name, by_token, by_id) = (DashMap::new(), DashMap::new(), DashMap::new());
        Self(Arc::new(Inner {
            options,
            deps,
            by_name,
            by_token,
            by_id,
            arriving: DashSet::new(),
            pace,
            pairing,
            loaded: AtomicBool::new(false),
            tallies,
        }))
    }

    /// Whether the instances of this node are loaded: before, an unknown name may be one that is not
    /// loaded yet.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.0.loaded.load(Ordering::SeqCst)
    }

    /// Says that the instances are loaded, once, and tells those who want to know of the start.
    pub async fn finish_loading(&self) {
        if self.0.loaded.swap(true, Ordering::SeqCst) {
            return;
        }
        let all = self.all();
        tracing::info!(instances = all.len(), "instances loaded");
        for handle in all {
            let data = serde_json::json!({"instance": handle.name(), "message": "Application startup"});
            let events = handle.journal().event(EventKind::ApplicationStartup, &data);
            handle.journal().emit(events).await;
        }
    }

    /// Creates an instance; it does not connect yet.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::TokenTaken`], [`Error::UnknownIntegration`], [`Error::Database`].
    pub async fn create(&self, new: New) -> Result<Handle, Error> {
        self.factory(&new.integration)?;
        let row = NewInstance {
            id: InstanceId::random(),
            name: new.name,
            client_name: new.client_name.unwrap_or_else(|| self.0.options.client_name.clone()),
            integration: new.integration,
            token_hash: hex::encode(Sha256::digest(&new.token)),
            token: new.token,
            number: new.number,
            business_id: new.business_id,
            state: ConnectionState::Close,
            owner: Some(self.0.options.node.clone()),
            settings: new.settings,
        };
        let arriving = Arriving::new(self, row.id);
        let instances = self.0.deps.database.instances();
        let created = instances.insert(&row, &new.sinks).await.map_err(|error| match error {
            crate::db::Error::NameTaken => Error::NameTaken,
            crate::db::Error::TokenTaken => Error::TokenTaken,
            other => other.into(),
        })?;
        let handle = self.run(created, new.sinks)?;
        drop(arriving);
        let data = serde_json::json!({"instanceName": handle.name(), "instanceId": handle.id()});
        let events = handle.journal().event(EventKind::InstanceCreate, &data);
        handle.journal().commit(events.into_iter().map(Write::Event).collect()).await?;
        Ok(handle)
    }

    /// Begins the life of an instance that was claimed.
    pub(super) fn run(&self, row: Instance, sinks: Vec<Sink>) -> Result<Handle, Error> {
        let factory = self.factory(&row.integration)?;
        let deps = &self.0.deps;
        let journal = Journal::new(
            (row.id, row.fence),
            deps.database.writer().clone(),
            Arc::clone(&deps.global),
            sinks,
            Arc::clone(&deps.clock),
        );
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let machine = state::Machine::new(row.paired, self.0.options.qr_limit);
        let shared = Shared {
            view: watch::Sender::new(View::of_row(&row, deps.clock.now_ms())),
            settings: watch::Sender::new(row.settings),
            changing: Mutex::default(),
            id: row.id,
            name: row.name,
            integration: row.integration,
            client_name: row.client_name,
            token_hash: Sha256::digest(&row.token).into(),
            token: row.token,
            number: row.number,
            created_at: row.created_at,
            journal,
            database: deps.database.clone(),
            endpoint_changed: Arc::clone(&deps.endpoint_changed),
            commands,
            guards: TaskTracker::new(),
            lifecycle: deps.lifecycle.clone(),
            gate_closed: AtomicBool::new(false),
            resuming: AtomicBool::new(row.paired),
            since: Instant::now(),
            place: self.0.tallies.place(),
        };
        let handle = Handle(Arc::new(shared));
        let runner = Runner::new(handle.clone(), factory, machine, inbox, &self.0);
        self.0.by_name.insert(handle.name().as_str().to_owned(), handle.clone());
        self.0.by_token.insert(*handle.token_hash(), handle.id());
        self.0.by_id.insert(handle.id(), handle.clone());
        (deps.claimed)(handle.id());
        let (registry, ended) = (self.clone(), handle.clone());
        deps.lifecycle.spawn("instance", async move {
            if runner.run().await == Ended::Fenced {
                registry.forget(&ended);
            }
        });
        Ok(handle)
    }

    fn factory(&self, integration: &str) -> Result<Arc<dyn Factory>, Error> {
        let found = self.0.deps.factories.iter().find(|factory| factory.integration() == integration);
        found.cloned().ok_or_else(|| Error::UnknownIntegration(integration.to_owned()))
    }

    /// The instance of a name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Handle> {
        self.0.by_name.get(name).map(|entry| entry.clone())
    }

    /// The instance of an identity.
    #[must_use]
    pub fn by_id(&self, id: InstanceId) -> Option<Handle> {
        self.0.by_id.get(&id).map(|entry| entry.clone())
    }

    /// The instance whose token has this SHA-256.
    #[must_use]
    pub fn by_token(&self, hash: &[u8; 32]) -> Option<Handle> {
        let id = *self.0.by_token.get(hash)?;
        self.by_id(id)
    }

    /// Every instance, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Handle> {
        self.0.by_id.iter().map(|entry| entry.value().clone()).collect()
    }

    /// What is counted of single instances.
    #[must_use]
    pub fn tallies(&self) -> &Tallies {
        &self.0.tallies
    }

    /// Takes an instance out of every lookup.
    pub(super) fn forget(&self, handle: &Handle) {
        self.0.by_name.remove_if(handle.name().as_str(), |_, entry| entry.id() == handle.id());
        self.0.by_token.remove_if(handle.token_hash(), |_, id| *id == handle.id());
        self.0.by_id.remove(&handle.id());
    }

    /// Ends every instance gracefully; the accounts stay linked.
    pub async fn drain(&self) {
        let deadline = self.0.options.stop_deadline;
        let ends = self.all().into_iter().map(|handle| async move { handle.end(deadline).await });
        stream::iter(ends).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
}
