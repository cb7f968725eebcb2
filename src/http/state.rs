//! What handlers work with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::message::Known;
use super::{Error, Files};
use crate::auth::Keys;
use crate::clock::Clock;
use crate::cluster;
use crate::config;
use crate::db::Database;
use crate::instance::Registry;
use crate::lifecycle;
use crate::limits::Rates;
use crate::media;
use crate::webhook::Reporter;

/// What the node says about itself to everybody.
#[derive(Clone, Debug, Default)]
pub struct Public {
    /// The client name of this node.
    pub client_name: String,
    /// The version of WhatsApp Web that is announced, for example `2.3000.1023223821`; empty while
    /// it is not known.
    pub whatsapp_web_version: String,
    /// Whether the node talks to a simulated WhatsApp.
    pub simulator: bool,
}

/// What handlers work with; made once by the composition root and shared by all HTTP workers.
pub struct State {
    /// The instances of this node.
    pub registry: Registry,
    /// Where instances of other nodes are.
    pub cluster: cluster::Handle,
    /// Largest body with a file in base64, in bytes.
    pub body_bytes: usize,
    /// The database, for lists over instances.
    pub database: Database,
    /// The keys that are no instance's.
    pub keys: Keys,
    /// Whether the global key sees the tokens of instances.
    pub expose_tokens: bool,
    /// Rate of what each instance asks of WhatsApp.
    pub rates: Rates,
    /// Numbers that were looked up lately.
    pub known: Known,
    /// Files that are sent and received.
    pub media: media::Handle,
    /// Where files are kept, when they are.
    pub files: Option<Files>,
    /// Where failed calls are reported, when they are.
    pub failures: Option<Reporter>,
    /// The HTTP server's section.
    pub server: config::Server,
    /// The metrics page's section.
    pub metrics: config::Metrics,
    /// Meta's section: some of it is answered to the global key.
    pub business: config::Business,
    /// What the node says about itself.
    pub public: Public,
    /// Runs what must not end with the connection of a client.
    pub lifecycle: lifecycle::Handle,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Renders the recorded metrics as text.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Set once a graceful stop has begun: the node is not ready any more.
    pub draining: Arc<AtomicBool>,
}

impl State {
    /// Runs work to its end on the main runtime, even when the client hangs up meanwhile: what was
    /// sent has to be recorded too.
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        match self.lifecycle.spawn("request", work).await {
            Ok(Some(done)) => Ok(done),
            // It panicked, which is logged already, or the node is being cut off.
            Ok(None) | Err(_) => Err(Error::Internal),
        }
    }

    /// Whether a graceful stop has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether answers follow Evolution API 2.3 where ours differ on purpose.
    #[must_use]
    pub fn is_evolution(&self) -> bool {
        self.server.dialect == config::server::Dialect::Evolution23
    }
}
