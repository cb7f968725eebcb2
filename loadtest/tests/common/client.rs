//! A real whatsapp-rust client with an in-memory store.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::mpsc;
use wa_sim::{Paired, Simulator};
use whatsapp_rust::{
    Client, InboundDurabilityHook, TokioRuntime, anyhow, async_trait,
    bot::{Bot, BotHandle},
    pair_code::PairCodeOptions,
    types::events::{Event, EventHandler, InboundMessage},
    wacore::store::{InMemoryBackend, traits::Backend},
};

use super::{DEADLINE, http::Loopback, transport::Factory, until, within};

/// Forwards events to the test.
struct Tap(mpsc::UnboundedSender<Arc<Event>>);

impl EventHandler for Tap {
    fn handle_event(&self, event: Arc<Event>) {
        let _ = self.0.send(event);
    }
}

/// Stores nothing. While its number is not zero it refuses messages and counts up, which keeps the client
/// from confirming them.
struct Refuse(Arc<AtomicU32>);

#[async_trait]
impl InboundDurabilityHook for Refuse {
    async fn on_messages(&self, _: Arc<Client>, _: &[InboundMessage]) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) > 0 {
            self.0.fetch_add(1, Ordering::Relaxed);
            anyhow::bail!("refused");
        }
        Ok(())
    }
}

/// How a client differs from the plain one.
#[derive(Default)]
pub struct Setup<'a> {
    /// Push name of a registration.
    pub name: Option<&'a str>,
    /// Phone number that a pair code is asked for.
    pub code: Option<&'a str>,
    /// The client refuses messages, counting up, while this is not zero.
    pub refuse: Arc<AtomicU32>,
    /// Reads the history that the phone sends.
    pub history: bool,
}

/// A running client.
pub struct TestClient {
    pub client: Arc<Client>,
    pub store: Arc<dyn Backend>,
    events: mpsc::UnboundedReceiver<Arc<Event>>,
    handle: BotHandle,
}

impl TestClient {
    /// Starts a client on a store; `name` is the push name of a registration, `code` asks for a pair code.
    pub async fn start(url: &str, store: Arc<dyn Backend>, name: Option<&str>, code: Option<&str>) -> Self {
        Self::start_with(url, store, Setup { name, code, ..Setup::default() }).await
    }

    /// As [`TestClient::start`]; the client refuses messages, counting up, while `refuse` is not zero.
    pub async fn start_refusing(
        url: &str,
        store: Arc<dyn Backend>,
        name: Option<&str>,
        code: Option<&str>,
        refuse: Arc<AtomicU32>,
    ) -> Self {
        Self::start_with(url, store, Setup { name, code, refuse, ..Setup::default() }).await
    }

    /// As [`TestClient::start`], with all that can differ.
    pub async fn start_with(url: &str, store: Arc<dyn Backend>, setup: Setup<'_>) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let mut builder = Bot::builder()
            .with_backend_arc(store.clone())
            .with_transport_factory(Factory { url: url.to_owned() })
            .with_http_client(Loopback)
            .with_runtime(TokioRuntime)
            .with_version((2, 3000, 1_030_000_000))
            .with_wanted_pre_key_count(20)
            .with_event_handler(Tap(sender))
            .with_inbound_durability_hook(Refuse(setup.refuse));
        if !setup.history {
            builder = builder.skip_history_sync();
        }
        if let Some(name) = setup.name {
            builder = builder.with_push_name(name);
        }
        if let Some(phone) = setup.code {
            builder = builder
                .with_pair_code(PairCodeOptions { phone_number: phone.to_owned(), ..Default::default() });
        }
        let bot = builder.build().await.expect("client");
        let client = bot.client();
        Self { client, store, events, handle: bot.spawn() }
    }

    /// A fresh client, paired by QR and connected.
    pub async fn paired(simulator: &Simulator, phone: Option<&str>) -> (Self, Paired) {
        Self::paired_with(simulator, phone, Setup::default()).await
    }

    /// As [`TestClient::paired`], with all that can differ.
    pub async fn paired_with(simulator: &Simulator, phone: Option<&str>, setup: Setup<'_>) -> (Self, Paired) {
        let store: Arc<dyn Backend> = Arc::new(InMemoryBackend::new());
        let mut client = Self::start_with(&simulator.chat_url(), store, setup).await;
        let qr = client.qr().await;
        let paired = simulator.handle().scan_qr(&qr, phone).await.expect("scan");
        client.connected().await;
        // Until it is available, its delivery receipts are `inactive` and stay with the server. The library
        // says so by itself only when its push name was there in time.
        within("push name", async {
            while client.client.presence().set_available().await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        until("available", || {
            let account = simulator.handle().account_info(&paired.phone).ok()?;
            account
                .devices
                .iter()
                .any(|device| device.device == paired.device && device.available)
                .then_some(())
        })
        .await;
        (client, paired)
    }

    /// Stops the client gracefully and returns its store.
    pub async fn stop(self) -> Arc<dyn Backend> {
        within("shutdown", self.handle.shutdown()).await;
        self.store
    }

    /// Waits for the next event that `pick` accepts; earlier ones are dropped.
    pub async fn event<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        within(what, async {
            loop {
                let event = self.events.recv().await.expect("event stream");
                tracing::trace!(?event, "test event");
                if let Some(value) = pick(&event) {
                    return value;
                }
            }
        })
        .await
    }

    /// The next QR code.
    pub async fn qr(&mut self) -> String {
        self.event("QR code", |event| match event {
            Event::PairingQrCode(qr) => Some(qr.code.clone()),
            _ => None,
        })
        .await
    }

    /// Waits for the end of a login.
    pub async fn connected(&mut self) {
        self.event("Connected", |event| matches!(event, Event::Connected(_)).then_some(())).await;
        self.client.wait_for_startup_sync(DEADLINE).await.expect("startup sync");
    }

    /// The event that ended the client for good.
    pub async fn ended(&mut self) -> Arc<Event> {
        within("end of the session", async {
            loop {
                let event = self.events.recv().await.expect("event stream");
                let ends = matches!(
                    *event,
                    Event::LoggedOut(_)
                        | Event::StreamReplaced(_)
                        | Event::TemporaryBan(_)
                        | Event::ConnectFailure(_)
                        | Event::ClientOutdated(_)
                );
                if ends {
                    return event;
                }
            }
        })
        .await
    }
}
