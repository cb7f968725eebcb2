//! A node without a network: a real registry and database, and a provider that plays WhatsApp.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web;
use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::auth::Keys;
use crate::channel::{self, *};
use crate::clock::ManualClock;
use crate::cluster::{self, Me, Solo};
use crate::config::{Config, Environment};
use crate::db::{Database, Options, Target};
use crate::domain::{Fence, InstanceId, Jid, MessageKey, NodeId};
use crate::events::GlobalSinks;
use crate::http::path::Index;
use crate::http::routes::TABLE;
use crate::http::{Public, State, server};
use crate::instance::{Deps, Lease, Registry};
use crate::lifecycle::Lifecycle;
use crate::limits::Rates;
use crate::media;
use crate::net;

pub(super) const GLOBAL: &str = "global-key-for-tests-only";
pub(super) const NOW: i64 = 1_795_225_000_000;

/// What the made-up provider does and has done.
#[derive(Default)]
pub(super) struct Stage {
    /// Connections open at once, as those of a linked account.
    pub(super) linked: AtomicBool,
    pub(super) sent: Mutex<Vec<String>>,
}

struct Played {
    stage: Arc<Stage>,
    seat: Seat,
    stop: CancellationToken,
}

struct Provider(Arc<Stage>);

#[async_trait]
impl Factory for Provider {
    fn integration(&self) -> &'static str {
        "WHATSAPP-BAILEYS"
    }

    async fn open(&self, seat: Seat) -> Result<Arc<dyn Channel>, channel::Error> {
        Ok(Arc::new(Played { stage: Arc::clone(&self.0), seat, stop: CancellationToken::new() }))
    }

    async fn wipe(&self, _: InstanceId, _: Fence) -> Result<(), channel::Error> {
        Ok(())
    }
}

#[async_trait]
impl Channel for Played {
    fn integration(&self) -> &'static str {
        "WHATSAPP-BAILEYS"
    }

    async fn run(&self) -> End {
        let signal = if self.stage.linked.load(Ordering::SeqCst) {
            let jid = Jid::phone("5511911110001");
            Signal::Open { jid, lid: None, name: Some("Me".into()) }
        } else {
            Signal::Qr("2@abc,def,ghi".into())
        };
        let _ = self.seat.signals.send(signal).await;
        self.stop.cancelled().await;
        End::Stopped
    }

    async fn stop(&self) {
        self.stop.cancel();
    }

    async fn logout(&self) {
        self.stop.cancel();
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

    fn presence(&self) -> Result<&dyn Presence, Unsupported> {
        Ok(self)
    }
}

#[async_trait]
impl Pairing for Played {
    async fn code(&self, _: &str) -> Result<String, channel::Error> {
        Ok("ABCD1234".into())
    }
}

#[async_trait]
impl Numbers for Played {
    async fn check(&self, jids: &[Jid]) -> Result<Vec<NumberCheck>, channel::Error> {
        // Numbers that end in 0000 are not on WhatsApp.
        let check = |jid: &Jid| NumberCheck {
            asked: jid.clone(),
            jid: jid.clone(),
            lid: None,
            exists: !jid.user().ends_with("0000"),
            name: None,
        };
        Ok(jids.iter().map(check).collect())
    }

    async fn forms(&self, _: &Jid) -> Result<(Option<Jid>, Option<Jid>), channel::Error> {
        Ok((None, None))
    }
}

#[async_trait]
impl Presence for Played {
    async fn online(&self, _: bool) -> Result<(), channel::Error> {
        Ok(())
    }

    async fn chat_state(&self, _: &Jid, _: ChatState) -> Result<(), channel::Error> {
        Ok(())
    }

    async fn subscribe(&self, _: &Jid) -> Result<(), channel::Error> {
        Ok(())
    }
}

fn prepared(chat: &str, kind: &str, message: Value) -> Prepared {
    let key = MessageKey {
        id: format!("3EB0{}", uuid::Uuid::new_v4().simple()).to_ascii_uppercase(),
        remote_jid: chat.to_owned(),
        from_me: true,
        participant: None,
        remote_jid_alt: None,
    };
    let (message, payload) = (message.to_string(), Box::new(()));
    Prepared { key, message_type: kind.to_owned(), message, context_info: None, payload }
}

#[async_trait]
impl Messages for Played {
    async fn compose(&self, chat: &Jid, message: Outgoing) -> Result<Prepared, channel::Error> {
        let mut shown = match message.content {
            Content::Text { text, .. } => serde_json::json!({"conversation": text}),
            other => serde_json::json!({"conversation": format!("{other:?}")}),
        };
        if let Some(quoted) = message.quoted.map(|quoted| quoted.key.id) {
            shown["quoted"] = quoted.into();
        }
        Ok(prepared(chat.as_str(), "conversation", shown))
    }

    async fn compose_edit(&self, key: &MessageKey, edit: &Edit) -> Result<Prepared, channel::Error> {
        let message =
            serde_json::json!({"protocolMessage": {"key": key, "type": "MESSAGE_EDIT", "text": edit.text}});
        Ok(prepared(&key.remote_jid, "protocolMessage", message))
    }

    async fn compose_delete(&self, key: &MessageKey) -> Result<Prepared, channel::Error> {
        let message = serde_json::json!({"protocolMessage": {"key": key, "type": "REVOKE"}});
        Ok(prepared(&key.remote_jid, "protocolMessage", message))
    }

    async fn transmit(&self, prepared: &Prepared) -> Result<(), channel::Error> {
        self.stage.sent.lock().unwrap().push(prepared.message.clone());
        Ok(())
    }

    async fn mark_read(&self, keys: &[MessageKey]) -> Result<(), channel::Error> {
        self.stage.sent.lock().unwrap().extend(keys.iter().map(|key| format!("read {}", key.id)));
        Ok(())
    }
}

/// A node for one test.
pub(super) struct Node {
    pub(super) state: Arc<State>,
    pub(super) stage: Arc<Stage>,
    pub(super) clock: ManualClock,
    options: crate::instance::Options,
    deps: Deps,
    _lifecycle: Lifecycle,
    _folder: tempfile::TempDir,
}

impl Node {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these variables beside the usual ones.
    pub(super) async fn with(variables: &[(&str, &str)]) -> Self {
        let node = Self::starting(variables).await;
        load(&node.state.registry, &node.state.database).await;
        node
    }

    /// A node that has not loaded its instances yet.
    pub(super) async fn starting(variables: &[(&str, &str)]) -> Self {
        let mut environment = Environment::default()
            .with("AUTHENTICATION_API_KEY", GLOBAL)
            .with("DATABASE_PROVIDER", "sqlite")
            .with("WAGGLE_WHATSAPP_URL", "wss://127.0.0.1:1/ws/chat");
        variables.iter().for_each(|(name, value)| environment.set(name, value));
        let (config, _) = Config::load(&environment).unwrap();
        let (clock, folder) = (ManualClock::at(NOW), tempfile::tempdir().unwrap());
        let lifecycle = Lifecycle::new(Duration::from_secs(1));
        let target = Target::Sqlite { path: folder.path().join("test.db") };
        let time: crate::db::Clock = Arc::new(|| NOW);
        let (database, task) = Database::connect(Options::new(target), time).await.unwrap();
        database.migrate().await.unwrap();
        lifecycle.handle().spawn("writer", task.run(CancellationToken::new()));
        let stage = Arc::new(Stage::default());
        let deps = Deps {
            endpoint_changed: Arc::new(|_| Box::pin(std::future::ready(()))),
            database: database.clone(),
            factories: vec![Arc::new(Provider(Arc::clone(&stage)))],
            global: Arc::new(GlobalSinks::default()),
            clock: clock.shared(),
            lifecycle: lifecycle.handle(),
            claimed: Arc::new(|_| ()),
            lease: Lease::endless(),
        };
        let options = crate::instance::Options {
            node: NodeId("node".into()),
            client_name: "clients".into(),
            qr_limit: 5,
            qr_color: [0; 3],
            dials_per_second: 0,
            pairing_concurrency: 1,
            stop_deadline: Duration::from_secs(1),
            delete_closed_after: config.instances.delete_after,
            delete_never_connected: config.instances.delete_temporary,
            proxy: None,
            metrics_per_instance: 0,
        };
        let registry = Registry::new(options.clone(), deps.clone());
        let me =
            Me { id: NodeId("node".into()), client_name: "clients".into(), url: String::new(), weight: 1 };
        let roll = Arc::new(Solo::new(me.clone()));
        let alone = cluster::Options {
            me,
            ttl: Duration::from_secs(5),
            heartbeat: Duration::from_secs(1),
            moves_per_second: 0,
            regions: Vec::new(),
        };
        let (_, _, cluster) = cluster::join(alone, roll, None, (&registry, &database, &deps.lease));
        let state = State {
            registry,
            cluster,
            body_bytes: 4 << 20,
            database,
            keys: Keys::new(GLOBAL),
            expose_tokens: config.auth.expose_in_fetch_instances,
            rates: Rates::new(config.limits.rate),
            known: Default::default(),
            media: files(&config, folder.path()),
            files: None,
            failures: None,
            server: config.server,
            metrics: config.metrics,
            business: config.business,
            public: Public { client_name: "clients".into(), ..Public::default() },
            lifecycle: lifecycle.handle(),
            clock: clock.shared(),
            render_metrics: Arc::new(|| "# recorded\n".into()),
            draining: Arc::default(),
        };
        Self { state: Arc::new(state), stage, clock, options, deps, _lifecycle: lifecycle, _folder: folder }
    }

    /// The instances as a restarted node loads them.
    pub(super) async fn reloaded(&self) -> Registry {
        let registry = Registry::new(self.options.clone(), self.deps.clone());
        load(&registry, &self.state.database).await;
        registry
    }

    /// Sends one request to a fresh application.
    pub(super) async fn call(&self, request: TestRequest) -> Answer {
        let index = web::Data::new(Index::new(TABLE));
        let app = init_service(server::app(web::Data::from(Arc::clone(&self.state)), index)).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), listed(response.headers()));
        let text = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        Answer { status, headers, text }
    }

    /// As the holder of the global key, with a JSON body unless it is `null`.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_as(GLOBAL, method, path, body).await
    }

    pub(super) async fn ask_as(&self, key: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = request(method, path).insert_header(("apikey", key));
        self.call(if body.is_null() { request } else { request.set_json(body) }).await
    }

    /// Creates an instance; answers with its token.
    pub(super) async fn create(&self, name: &str) -> String {
        let answer = self.ask("POST", "/instance/create", serde_json::json!({"instanceName": name})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["hash"].as_str().unwrap().to_owned()
    }

    /// Creates an instance that is open.
    pub(super) async fn open(&self, name: &str) -> String {
        self.stage.linked.store(true, Ordering::SeqCst);
        let token = self.create(name).await;
        let answer = self.ask("GET", &format!("/instance/connect/{name}"), Value::Null).await;
        assert_eq!(answer.json()["instance"]["state"], "open", "{}", answer.text);
        token
    }
}

fn files(config: &Config, folder: &std::path::Path) -> media::Handle {
    net::install_crypto();
    let options = media::Options {
        max_bytes: config.media.max_bytes,
        fetch_timeout: config.media.fetch_timeout,
        folder: folder.to_owned(),
        ffmpeg: config.media.ffmpeg.clone(),
        converter: None,
    };
    let client = net::Client::new(net::Options::default()).unwrap();
    media::Handle::new(options, client.clone(), client, tokio::runtime::Handle::current())
}

/// Claims every instance, as a node does when it starts.
async fn load(registry: &Registry, database: &Database) {
    let owners = database.instances().all_owners("clients").await.unwrap();
    registry.claim(owners.iter().map(|row| (row.id, row.fence)).collect()).await.unwrap();
    registry.finish_loading().await;
}

pub(super) fn request(method: &str, path: &str) -> TestRequest {
    TestRequest::default().method(method.parse().unwrap()).uri(path)
}

/// What was answered.
#[derive(PartialEq, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair =
        |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
    let mut pairs: Vec<_> =
        headers.iter().filter(|(name, _)| name.as_str() != "x-request-id").map(pair).collect();
    pairs.sort();
    pairs
}
