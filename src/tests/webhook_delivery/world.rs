//! A database with instances whose webhooks lead to the receiver.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waggle::db::{self, Database, NewInstance, Routed, Target, Unit, Write};
use waggle::domain::{ConnectionState, Event, EventKind, Fence, InstanceId, Settings};
use waggle::net::{self, Egress};
use waggle::webhook::{
    Directory, Endpoint, Handle, Letterhead, OWN, Options, Outside, Retry, Secret, Service, Unavailable,
};

use crate::receiver::Receiver;

pub struct World {
    pub db: Database,
    pub instances: Vec<InstanceId>,
    url: String,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

struct OneUrl(String);

#[async_trait]
impl Directory for OneUrl {
    async fn endpoint(&self, instance: InstanceId, _: &'static str) -> Result<Option<Endpoint>, Unavailable> {
        let (url, instance) = (self.0.clone(), instance.to_string());
        Ok(Some(Endpoint { url, instance, ..Endpoint::default() }))
    }
}

fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl World {
    pub async fn new(receiver: &Receiver, count: usize) -> Self {
        net::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite { path: folder.path().join("waggle.db") };
        let (db, task) = Database::connect(db::Options::new(target), Arc::new(wall)).await.unwrap();
        db.migrate().await.unwrap();
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(task.run(stop.clone()));
        let mut instances = Vec::new();
        for number in 0..count {
            let new = NewInstance {
                id: InstanceId::random(),
                name: format!("acme {number}").parse().unwrap(),
                client_name: "east".to_owned(),
                integration: "WHATSAPP-BAILEYS".to_owned(),
                token: format!("token-{number}"),
                token_hash: format!("{number:064x}"),
                number: None,
                business_id: None,
                state: ConnectionState::Open,
                owner: None,
                settings: Settings::default(),
            };
            instances.push(db.instances().insert(&new, &[]).await.unwrap().id);
        }
        let url = format!("{}/hook?token=1", receiver.origin());
        Self { db, instances, url, stop, tasks, _folder: folder }
    }

    pub fn worker(&self) -> (Service, Handle) {
        self.worker_within(Egress::open())
    }

    /// A worker that may only reach what the guard allows.
    pub fn worker_within(&self, egress: Egress) -> (Service, Handle) {
        let retry = Retry {
            max_attempts: 100,
            initial_delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(200),
            ..Retry::default()
        };
        let letterhead = Letterhead { secrets: vec![Secret::new(*b"secret")], ..Letterhead::default() };
        let options = Options { retry, letterhead, ..Options::default() };
        let client = net::Client::new(net::Options { egress, ..net::Options::default() });
        let outside = Outside {
            post: Arc::new(client.unwrap()),
            directory: Arc::new(OneUrl(self.url.clone())),
            table: Arc::new(self.db.outbox()),
            clock: Arc::new(wall),
            random: Arc::new(rand::random::<f64>),
        };
        Service::new(options, outside)
    }

    /// Commits numbered events into so many chats of every instance, side by side.
    pub async fn fill(&self, chats: usize, each: usize) {
        for number in 0..each {
            let mut tickets = Vec::new();
            for instance in &self.instances {
                for chat in 0..chats {
                    let data = serde_json::json!({ "chat": chat, "number": number });
                    let mut event = Event::once(EventKind::MessagesUpsert, wall(), &data).unwrap();
                    event.chat = Some(format!("{chat}@s.whatsapp.net"));
                    let routed = Routed { event: Arc::new(event), sinks: vec![OWN] };
                    let writes = vec![Write::Event(routed)];
                    let unit = Unit { instance: *instance, fence: Fence(0), writes };
                    tickets.push(self.db.writer().submit(unit).await);
                }
            }
            for ticket in tickets {
                ticket.await.unwrap();
            }
        }
    }

    /// Waits until nothing is in the outbox.
    pub async fn wait_for_empty(&self, most: Duration) {
        let wait = async {
            while self.db.outbox().depth(OWN).await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(most, wait).await.unwrap();
    }

    pub async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.db.close().await;
    }
}
