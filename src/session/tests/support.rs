//! Harnesses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::redis_address::Address;
use crate::db::{Database, NewInstance, Options, Target};
use crate::domain::{ConnectionState, Fence, InstanceId, NodeId, Settings};
use crate::redis_link::Link;
use crate::session::conformance::Harness;
use crate::session::memory::Memory;
use crate::session::redis::ANSWER;
use crate::session::sql::Sql;
use crate::session::write_behind::{self, Spawner, WriteBehind};
use crate::session::{Owner, Store};

pub(super) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A clock that tests set.
#[derive(Clone)]
pub(super) struct Time(Arc<AtomicI64>);

impl Time {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_000_000)))
    }

    pub(super) fn pass(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    pub(super) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::Relaxed))
    }
}

/// Spawns on the test's runtime.
pub(super) fn spawner() -> Spawner {
    let handle = tokio::runtime::Handle::current();
    Arc::new(move |task| drop(handle.spawn(task)))
}

pub(super) fn write_behind(inner: Arc<dyn Store>, clock: Clock) -> Arc<dyn Store> {
    Arc::new(WriteBehind::new(inner, write_behind::Options::default(), clock, spawner()))
}

/// A link to a Redis.
pub(super) fn link(url: &str) -> Link {
    Link::new(&Address::parse(url).unwrap(), ANSWER).unwrap()
}

pub(super) fn owner(fence: i64) -> Owner {
    Owner { instance: InstanceId::random(), fence: Fence(fence) }
}

pub(super) struct InMemory {
    store: Arc<dyn Store>,
    time: Time,
}

impl InMemory {
    pub(super) fn new() -> Self {
        let time = Time::new();
        Self { store: Arc::new(Memory::new(time.clock())), time }
    }

    pub(super) fn wrapped(mut self, wrap: impl FnOnce(Arc<dyn Store>, Clock) -> Arc<dyn Store>) -> Self {
        self.store = wrap(self.store, self.time.clock());
        self
    }
}

#[async_trait]
impl Harness for InMemory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    async fn instance(&self) -> Owner {
        owner(1)
    }

    async fn claim(&self, owner: Owner) -> Owner {
        Owner { fence: Fence(owner.fence.0 + 1), ..owner }
    }

    fn pass(&self, millis: i64) {
        self.time.pass(millis);
    }
}

pub(super) struct InSql {
    store: Arc<dyn Store>,
    time: Time,
    database: Database,
    _folder: tempfile::TempDir,
    _writer: DropGuard,
}

impl InSql {
    pub(super) async fn new() -> Self {
        let time = Time::new();
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(Target::Sqlite { path: folder.path().join("waggle.db") });
        let (database, task) = Database::connect(options, time.clock()).await.unwrap();
        database.migrate().await.unwrap();
        let stop = CancellationToken::new();
        drop(tokio::runtime::Handle::current().spawn(task.run(stop.clone())));
        let store = Arc::new(Sql::new(database.clone()));
        Self { store, time, database, _folder: folder, _writer: stop.drop_guard() }
    }

    pub(super) fn wrapped(mut self, wrap: impl FnOnce(Arc<dyn Store>, Clock) -> Arc<dyn Store>) -> Self {
        self.store = wrap(self.store, self.time.clock());
        self
    }

    pub(super) fn sql(&self) -> Sql {
        Sql::new(self.database.clone())
    }

    pub(super) fn clock(&self) -> Clock {
        self.time.clock()
    }
}

#[async_trait]
impl Harness for InSql {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    async fn instance(&self) -> Owner {
        let id = InstanceId::random();
        let new = NewInstance {
            id,
            name: id.to_string().parse().unwrap(),
            client_name: "test".to_owned(),
            integration: "WHATSAPP-BAILEYS".to_owned(),
            token: id.to_string(),
            token_hash: format!("{:0>64}", id.0.simple()),
            number: None,
            business_id: None,
            state: ConnectionState::Close,
            owner: None,
            settings: Settings::default(),
        };
        let instance = self.database.instances().insert(&new, &[]).await.unwrap();
        self.claim(Owner { instance: id, fence: instance.fence }).await
    }

    async fn claim(&self, owner: Owner) -> Owner {
        let node = NodeId("test".to_owned());
        let fence = self.database.instances().claim(owner.instance, &node, owner.fence).await.unwrap();
        Owner { fence, ..owner }
    }

    fn pass(&self, millis: i64) {
        self.time.pass(millis);
    }
}
