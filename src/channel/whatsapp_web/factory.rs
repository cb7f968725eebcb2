//! Makes connections of WhatsApp Web accounts.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use waproto::whatsapp::device_props::PlatformType;
use whatsapp_rust::store::persistence_manager::PersistenceManager;
use whatsapp_rust::wacore::store::DevicePropsOverride;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::{CacheConfig, Client};

use super::backend::Backend;
use super::connection::{Connection, Context, Histories};
use super::groups;
use super::history::{self, Spool};
use super::hook::Hook;
use super::http_client::WhatsAppHttp;
use super::intake::{self, Bus, Ends, Intake, Item};
use super::record::{self, Records};
use super::runtime::MainRuntime;
use super::transport::{self, Spawner};
use super::version::Versions;
use crate::channel::{self, Channel, Error, Seat};
use crate::domain::{Fence, InstanceId};
use crate::media::{self, Previews};
use crate::net::{self, Egress};
use crate::session::{self, Owner, Store};

/// The provider as clients name it.
pub const INTEGRATION: &str = "WHATSAPP-BAILEYS";

/// Instances of a node that record their histories at the same time: each has a part in memory.
const HISTORIES: usize = 2;
/// How often the library saves what it knows of the device, if that changed.
const SAVES: Duration = Duration::from_secs(30);

/// What the provider is told at start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The chat socket.
    pub url: String,
    /// The version of WhatsApp Web that is announced; WhatsApp is asked for it otherwise.
    pub version: Option<(u32, u32, u32)>,
    /// The name of the device that the phone shows.
    pub device_name: String,
    /// The browser that the phone shows: Chrome, Firefox, Edge, Opera or Safari.
    pub browser: String,
    /// One-time pre-keys that are kept at WhatsApp.
    pub prekeys: usize,
    /// Which addresses a tenant's proxy may have.
    pub egress: Egress,
    /// Whether the messages, chats and contacts of a history are stored, or only told.
    pub keep_history: bool,
}

/// Makes connections of WhatsApp Web accounts.
pub struct Factory {
    options: Options,
    store: Arc<dyn Store>,
    http: net::Client,
    previews: Previews,
    files: media::Handle,
    main: Handle,
    spawn: Spawner,
    transport: transport::Factory,
    versions: Versions,
    histories: Histories,
}

impl Factory {
    /// A factory over a session store. Everything runs on the main runtime.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL that is none.
    pub fn new(
        options: Options,
        store: Arc<dyn Store>,
        (http, previews, files): (net::Client, Previews, media::Handle),
        main: Handle,
        spawn: Spawner,
    ) -> Result<Self, Error> {
        let transport = transport::Factory::new(&options.url, Arc::clone(&spawn))
            .map_err(|error| Error::Invalid { field: "WAGGLE_WHATSAPP_URL", reason: error.to_string() })?;
        let versions = Versions::new(options.version);
        let turns = Arc::new(Semaphore::new(HISTORIES));
        let histories = Histories { turns, keep: options.keep_history };
        Ok(Self { options, store, http, previews, files, main, spawn, transport, versions, histories })
    }

    fn device(&self, full_sync: bool) -> DevicePropsOverride {
        let browser = match self.options.browser.to_ascii_lowercase().as_str() {
            "firefox" => PlatformType::FIREFOX,
            "edge" => PlatformType::EDGE,
            "opera" => PlatformType::OPERA,
            "safari" => PlatformType::SAFARI,
            _ => PlatformType::CHROME,
        };
        let mut device = DevicePropsOverride::new().with_os(self.options.device_name.clone());
        device.platform_type = Some(browser);
        device.require_full_sync = Some(full_sync);
        device
    }
}

#[async_trait]
impl channel::Factory for Factory {
    fn integration(&self) -> &'static str {
        INTEGRATION
    }

    async fn open(&self, seat: Seat) -> Result<Arc<dyn Channel>, Error> {
        let proxy = seat.proxy.clone();
        let http = self.http.with_proxy(proxy.clone()).map_err(|error| Error::Protocol(error.to_string()))?;
        let owner = Owner { instance: seat.instance, fence: seat.fence };
        let full_sync = seat.settings.borrow().sync_full_history;
        let (intake, Ends { items, lookups }) = Intake::new();
        let (records, waiting) = Records::new();
        let (spool, settles) = Spool::new();
        let files = self.files.of_account(proxy.clone());
        let files = files.map_err(|error| Error::Protocol(error.to_string()))?;
        let previews = self.previews.of_account(files.clone(), proxy.clone());
        let previews = previews.map_err(|error| Error::Protocol(error.to_string()))?;
        let histories = (self.histories.clone(), spool);
        let context = Arc::new(Context::new(seat, (intake, records), (previews, files), histories));
        let http = WhatsAppHttp::new(http, self.main.clone());
        let fenced: Weak<Context> = Arc::downgrade(&context);
        let learning = Weak::clone(&fenced);
        let on_fenced = Arc::new(move || {
            if let Some(context) = fenced.upgrade() {
                context.fenced();
            }
        });
        let backend = Backend::new(Arc::clone(&self.store), owner, on_fenced)
            .telling(Arc::clone(&context.barrier))
            .learning(Arc::new(move |pairs| {
                if let Some(context) = learning.upgrade() {
                    context.intake.offer(Item::Pairs(pairs));
                }
            }))
            .until(context.over.clone());
        let version = self.versions.current(http.clone().shared()).await;
        let transport = self
            .transport
            .clone()
            .through(proxy, self.options.egress.clone())
            .telling(context.trouble.clone())
            .among(context.sockets.clone())
            .behind(Arc::clone(&context.barrier));
        let device = PersistenceManager::new(Arc::new(backend)).await.map_err(unavailable)?;
        device.process_command(DeviceCommand::SetDeviceProps(self.device(full_sync))).await;
        let runtime = MainRuntime::new(self.main.clone());
        let build = Client::builder()
            .with_persistence_manager(Arc::new(device))
            .with_background_saver_interval(SAVES)
            .with_version_override(version)
            .with_transport_factory(transport)
            .with_http_client(http)
            .with_runtime(runtime.clone())
            .with_cache_config(caches())
            .with_wanted_pre_key_count(self.options.prekeys)
            .with_inbound_durability_hook(Hook(Arc::clone(&context)));
        // Boxed: the library keeps much on the way.
        let (client, tasks) = Box::pin(build.build()).await.map_err(unavailable)?.into_parts();
        client.subscribe_handler(Arc::new(Bus(Arc::clone(&context)))).detach();
        (self.spawn)(Box::pin(intake::drain(Arc::clone(&context), items)));
        (self.spawn)(Box::pin(record::run(Arc::clone(&context), waiting)));
        (self.spawn)(Box::pin(intake::drain_lookups(Arc::clone(&context), lookups)));
        (self.spawn)(Box::pin(groups::keep_doubts(Arc::clone(&context))));
        (self.spawn)(Box::pin(history::drain(Arc::clone(&context), tasks, settles)));
        Ok(Arc::new(Connection::new(context, client, runtime, Arc::clone(&self.store))))
    }

    async fn wipe(&self, instance: InstanceId, fence: Fence) -> Result<(), Error> {
        self.store.destroy(Owner { instance, fence }).await.map_err(|error| match error {
            session::Error::Fenced => Error::Fenced,
            other => Error::Unavailable(Box::new(other)),
        })
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unavailable(error.into())
}

/// The library's caches are caps, not reservations; what it would keep without a cap gets one.
fn caches() -> CacheConfig {
    CacheConfig::default()
}
