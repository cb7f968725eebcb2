//! The operations of the admin interface, for use in process.

pub(crate) mod app_state;
pub(crate) mod calls;
pub(crate) mod compose;
pub(crate) mod contacts;
pub(crate) mod devices;
pub(crate) mod faults;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod media;
pub(crate) mod messaging;
pub(crate) mod newsletters;
pub(crate) mod outages;
pub(crate) mod profile;
pub(crate) mod record;
pub(crate) mod sequences;
pub(crate) mod upkeep;

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    pairing::{
        code,
        qr::{self, Paired, digits},
    },
    world::{
        World,
        account::Account,
        faults::LoginFailure,
        stats::{Stats, read},
    },
};

/// Operates a running [`crate::Simulator`]. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) world: Arc<World>,
}

impl Handle {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    pub(crate) fn account(&self, phone: &str) -> Result<Arc<Account>> {
        let phone = digits(phone)?;
        self.world.directory.phone(&phone).ok_or_else(|| Error::NotFound(format!("account {phone}")))
    }

    /// A phone scans the QR code `text`. The account is `phone` when given, else that of the
    /// registration's push name, else a new number. The client completes the pairing afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when no connected client shows this code.
    pub async fn scan_qr(&self, text: &str, phone: Option<&str>) -> Result<Paired> {
        qr::scan(&self.world, text, phone)
    }

    /// The user of `phone` types the pair code that a client shows.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when no connected client asked for a code for this number.
    pub async fn enter_code(&self, phone: &str, pair_code: &str) -> Result<Paired> {
        let (world, phone, pair_code) = (self.world.clone(), phone.to_owned(), pair_code.to_owned());
        // The key derivation takes tens of milliseconds.
        tokio::task::spawn_blocking(move || code::enter(&world, &phone, &pair_code))
            .await
            .map_err(|error| Error::Crypto(error.to_string()))?
    }

    /// Sets the delay of every stanza to clients: `latency_ms` plus up to `jitter_ms` milliseconds.
    pub fn set_latency(&self, latency_ms: u64, jitter_ms: u64) {
        self.world.latency.set(latency_ms, jitter_ms);
    }

    /// Sets the server properties (code to value) that clients get with their next login.
    pub fn set_props(&self, props: std::collections::BTreeMap<u32, String>) {
        *crate::world::lock(&self.world.props) = props;
    }

    /// Makes coming logins fail; a count of zero forgets all such orders.
    pub fn fail_logins(&self, failure: LoginFailure) {
        self.world.faults.add(failure);
    }

    /// Sets whether a number is on WhatsApp. Existing without an account creates one.
    ///
    /// # Errors
    ///
    /// When `phone` is not a phone number.
    pub fn set_exists(&self, phone: &str, exists: bool) -> Result<()> {
        let phone = digits(phone)?;
        if exists {
            self.world.directory.ensure(&phone, "")?;
        }
        self.world.directory.set_exists(&phone, exists);
        self.world.touch();
        Ok(())
    }

    /// Reads the counters.
    pub fn stats(&self) -> Stats {
        let accounts = self.world.directory.all();
        let (mut devices, mut pending) = (0, 0);
        for account in &accounts {
            let state = account.state();
            devices += state.devices.len();
            pending += state.devices.values().map(|device| device.outbox.pending.len()).sum::<usize>();
        }
        let counters = &self.world.stats;
        Stats {
            connections: read(&counters.connections),
            connections_total: read(&counters.connections_total),
            logins: read(&counters.logins),
            replaced: read(&counters.replaced),
            pairings: read(&counters.pairings),
            messages_in: read(&counters.messages_in),
            messages_relayed: read(&counters.messages_relayed),
            contact_messages: read(&counters.contact_messages),
            dropped: read(&counters.dropped),
            undecryptable: read(&counters.undecryptable),
            unknown_queries: read(&counters.unknown_queries),
            pending: pending as u64,
            accounts: accounts.len() as u64,
            devices: devices as u64,
        }
    }
}
