//! A database, its writer, and short ways to fill them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waggle::db::{
    Clock, Counts, Database, Error, InstanceFilter, NewInstance, Observer, Options, OutboxRow, Outcome,
    Routed, SessionChange, Target, Unit, Write,
};
use waggle::domain::{
    ConnectionState, Event, EventKind, Fence, Instance, InstanceId, MessageKey, MessageStatus, Settings,
    Sink, StoredMessage,
};

pub const WEBHOOK: &str = "webhook";

pub struct World {
    pub db: Database,
    /// Unix milliseconds.
    pub now: Arc<AtomicI64>,
    pub seen: Arc<Seen>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What observers were told.
#[derive(Default)]
pub struct Seen(pub Mutex<Vec<OutboxRow>>);

impl Observer for Seen {
    fn committed(&self, rows: &[OutboxRow]) {
        self.0.lock().unwrap().extend_from_slice(rows);
    }
}

/// A connection past the room.
pub async fn raw(target: &Target) -> sea_orm::DatabaseConnection {
    let url = match target {
        Target::Sqlite { path } => format!("sqlite://{}", path.display()),
        Target::Postgres { url } | Target::Mysql { url } => url.clone(),
    };
    sea_orm::Database::connect(url).await.unwrap()
}

pub fn clock(time: i64) -> Clock {
    Arc::new(move || time)
}

impl World {
    pub async fn new(target: Target) -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let time = Arc::clone(&now);
        let clock: Clock = Arc::new(move || time.load(Ordering::Relaxed));
        let (db, task) = Database::connect(Options::new(target), clock).await.unwrap();
        db.migrate().await.unwrap();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run(stop.clone()));
        let seen = Arc::new(Seen::default());
        db.writer().observe(seen.clone());
        Self { db, now, seen, stop, tasks }
    }

    /// Returns when the writer has ended: until then it may still take a unit.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }

    pub async fn end(mut self) {
        self.stop().await;
        self.db.close().await;
    }

    /// How much an instance has on record; nothing when it is deleted.
    pub async fn counts(&self, id: InstanceId) -> Counts {
        let filter = InstanceFilter { id: Some(id), ..InstanceFilter::default() };
        let listed = self.db.instances().list(&filter).await.unwrap();
        listed.first().map(|listed| listed.counts).unwrap_or_default()
    }

    pub fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    pub fn new_instance(&self) -> NewInstance {
        // One count for the process: two worlds may look at one database.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        NewInstance {
            id: InstanceId::random(),
            name: format!("acme {number}").parse().unwrap(),
            client_name: "east".to_owned(),
            integration: "WHATSAPP-BAILEYS".to_owned(),
            token: format!("token-{number}"),
            token_hash: format!("{number:064x}"),
            number: Some(format!("55119{number:08}")),
            business_id: None,
            state: ConnectionState::Close,
            owner: None,
            settings: Settings::default(),
        }
    }

    pub async fn insert(&self, new: &NewInstance, sinks: &[Sink]) -> Result<Instance, Error> {
        self.db.instances().insert(new, sinks).await
    }

    pub async fn instance(&self) -> InstanceId {
        self.insert(&self.new_instance(), &[]).await.unwrap().id
    }

    pub async fn commit(&self, instance: InstanceId, writes: Vec<Write>) -> Result<Outcome, Error> {
        self.db.writer().commit(Unit { instance, fence: Fence(0), writes }).await
    }

    pub async fn write(&self, instance: InstanceId, writes: Vec<Write>) -> Vec<bool> {
        self.commit(instance, writes).await.unwrap().inserted
    }

    pub async fn outbox_of(&self, instance: InstanceId) -> Vec<OutboxRow> {
        self.db.outbox().page_of_instance(instance, WEBHOOK, 0, 10_000).await.unwrap()
    }
}

pub fn event(kind: EventKind) -> Routed {
    let data = serde_json::json!({"text": "olá ☎"});
    let mut event = Event::once(kind, 5, &data).unwrap();
    event.chat = Some("1@s.whatsapp.net".to_owned());
    Routed { event: Arc::new(event), sinks: vec![WEBHOOK] }
}

pub fn message(key_id: &str, chat: &str, timestamp: i64) -> StoredMessage {
    StoredMessage {
        id: Uuid::now_v7(),
        key: MessageKey {
            id: key_id.to_owned(),
            remote_jid: chat.to_owned(),
            from_me: false,
            participant: None,
            remote_jid_alt: None,
        },
        push_name: Some("Zoë \u{1f41d}".to_owned()),
        status: MessageStatus::Pending,
        updates: Vec::new(),
        message_type: "conversation".to_owned(),
        message: format!(r#"{{"conversation":"{key_id}"}}"#),
        context_info: None,
        source: "android".to_owned(),
        timestamp,
        deleted: false,
    }
}

pub fn store(message: StoredMessage) -> Write {
    Write::Message {
        message: Arc::new(message),
        idempotency_key: None,
        fresh: false,
        events: vec![event(EventKind::MessagesUpsert)],
    }
}

pub fn status(key_id: &str, status: MessageStatus) -> Write {
    let events = move |_: &waggle::db::MessageHead| vec![event(EventKind::MessagesUpdate)];
    Write::Status {
        key_id: key_id.to_owned(),
        remote_jid: None,
        from_me: false,
        status,
        events: Some(Arc::new(events)),
    }
}

pub fn put(kind: &'static str, key: &[u8], value: &'static str, expires_at: Option<i64>) -> Write {
    let value = Bytes::from_static(value.as_bytes());
    Write::Session { change: SessionChange::Put { kind: kind.into(), key: key.to_vec(), value, expires_at } }
}
