//! What the store in both promises when Redis is lost, comes back empty, or comes back old.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::redis_server::RedisServer;
use super::support::{InSql, link, spawner};
use crate::session::conformance::{Harness as _, put};
use crate::session::mirrored::{Mirrored, Options};
use crate::session::redis::Redis;
use crate::session::write_behind::{self, WriteBehind};
use crate::session::{Batch, Durability, Error, Owner, Store};

/// A store over this Redis and the harness's database.
pub(super) fn over(harness: &InSql, redis: &RedisServer) -> Arc<dyn Store> {
    store(harness, redis, Options::default())
}

fn store(harness: &InSql, redis: &RedisServer, mirrored: Options) -> Arc<Mirrored> {
    let cache = Redis::new(link(&redis.url), "test", harness.clock());
    let sql = harness.sql();
    let options = write_behind::Options::default();
    let behind = WriteBehind::new(Arc::new(sql.clone()), options, harness.clock(), spawner());
    Arc::new(Mirrored::new(cache, sql, behind, mirrored))
}

async fn write(store: &Arc<dyn Store>, owner: Owner, key: &str, durability: Durability) {
    let changes = vec![put("k", key.as_bytes(), key)];
    store.apply(owner, Batch { changes, durability }).await.unwrap();
}

async fn keys(store: &Arc<dyn Store>, owner: Owner) -> Vec<String> {
    let rows = store.scan(owner, "k", &[]).await.unwrap();
    rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

/// What Redis alone has.
async fn cached(harness: &InSql, redis: &RedisServer, owner: Owner) -> Vec<String> {
    let alone: Arc<dyn Store> = Arc::new(Redis::new(link(&redis.url), "test", harness.clock()));
    keys(&alone, owner).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_is_seeded_from_the_database() {
    let (harness, redis) = (InSql::new().await, RedisServer::start().await);
    let (store, owner) = (over(&harness, &redis), harness.instance().await);
    write(&store, owner, "a", Durability::Durable).await;
    write(&store, owner, "b", Durability::Relaxed).await;
    assert_eq!(cached(&harness, &redis, owner).await, ["a", "b"]);
    redis.command("FLUSHALL").await.unwrap();
    assert_eq!(keys(&store, owner).await, ["a", "b"], "an empty answer is not believed");
    write(&store, owner, "c", Durability::Durable).await;
    assert_eq!(keys(&store, owner).await, ["a", "b", "c"]);
    assert_eq!(cached(&harness, &redis, owner).await, ["a", "b", "c"]);
    // Also when the first thing after the loss is a write.
    redis.command("FLUSHALL").await.unwrap();
    write(&store, owner, "d", Durability::Relaxed).await;
    assert_eq!(keys(&store, owner).await, ["a", "b", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_database_serves_and_what_it_missed_is_made_up_for() {
    let (harness, mut redis) = (InSql::new().await, RedisServer::start().await);
    let (store, owner) = (over(&harness, &redis), harness.instance().await);
    write(&store, owner, "a", Durability::Durable).await;
    redis.stop();
    write(&store, owner, "b", Durability::Durable).await;
    write(&store, owner, "c", Durability::Relaxed).await;
    assert_eq!(keys(&store, owner).await, ["a", "b", "c"]);
    redis.start_again().await;
    let seeded = async {
        loop {
            assert_eq!(keys(&store, owner).await, ["a", "b", "c"]);
            if cached(&harness, &redis, owner).await == ["a", "b", "c"] {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), seeded).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_owner_believes_redis_only_with_the_mark_of_the_database() {
    let (harness, redis) = (InSql::new().await, RedisServer::start().await);
    let (store, first) = (over(&harness, &redis), harness.instance().await);
    write(&store, first, "a", Durability::Durable).await;
    // Behind the back of Redis, as in an outage of it.
    let sql: Arc<dyn Store> = Arc::new(harness.sql());
    let mark = put("mark", &[], "1.99");
    let batch = Batch { changes: vec![put("k", b"b", "b"), mark], durability: Durability::Durable };
    sql.apply(first, batch).await.unwrap();

    let second = harness.claim(first).await;
    let successor = over(&harness, &redis);
    assert_eq!(keys(&successor, second).await, ["a", "b"], "an old Redis is not believed");
    write(&successor, second, "c", Durability::Durable).await;
    let late = Batch { changes: vec![put("k", b"late", "late")], durability: Durability::Durable };
    assert!(matches!(store.apply(first, late).await, Err(Error::Fenced)));
    assert_eq!(keys(&successor, second).await, ["a", "b", "c"]);

    // An undisturbed Redis serves the next owner without the database's records.
    let third = harness.claim(second).await;
    let heir = over(&harness, &redis);
    assert_eq!(keys(&heir, third).await, ["a", "b", "c"]);
}

/// Waits until Redis has a key of every owner, while every answer is right.
async fn seeded(store: &Arc<dyn Store>, owners: &[Owner], harness: &InSql, redis: &RedisServer) {
    let all = async {
        for owner in owners {
            while cached(harness, redis, *owner).await != ["a"] {
                assert_eq!(keys(store, *owner).await, ["a"]);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_instances_a_few_are_seeded_at_once_and_the_database_answers_for_the_rest() {
    let (harness, redis) = (InSql::new().await, RedisServer::start().await);
    let options = Options { pause: Duration::from_millis(20), seeds: 2 };
    let mirrored = store(&harness, &redis, options);
    let store: Arc<dyn Store> = Arc::clone(&mirrored) as _;
    let mut owners = Vec::new();
    for _ in 0..40 {
        let owner = harness.instance().await;
        write(&store, owner, "a", Durability::Durable).await;
        owners.push(owner);
    }
    seeded(&store, &owners, &harness, &redis).await;

    redis.command("FLUSHALL").await.unwrap();
    let others = mirrored.seeds.acquire_many(2).await.unwrap();
    for owner in &owners {
        assert_eq!(keys(&store, *owner).await, ["a"]);
        assert!(cached(&harness, &redis, *owner).await.is_empty(), "seeded, though two others are");
    }
    write(&store, owners[0], "a", Durability::Durable).await;
    drop(others);
    let reads = owners.iter().map(|owner| keys(&store, *owner));
    assert!(futures::future::join_all(reads).await.iter().all(|found| found == &["a"]));
    seeded(&store, &owners, &harness, &redis).await;
}

/// Keeps what is logged about Redis.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    fn times(&self, text: &str) -> usize {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().matches(text).count()
    }
}

// On one thread, where the log is kept.
#[tokio::test]
async fn an_outage_of_redis_is_said_once_and_so_is_its_end() {
    let said = Said::default();
    let writer = said.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _log = tracing::subscriber::set_default(log);
    let (harness, mut redis) = (InSql::new().await, RedisServer::start().await);
    let pause = Duration::from_millis(10);
    let store: Arc<dyn Store> = store(&harness, &redis, Options { pause, ..Options::default() });
    let owners = [harness.instance().await, harness.instance().await];
    for outage in 1..=2 {
        for owner in owners {
            write(&store, owner, "a", Durability::Durable).await;
        }
        seeded(&store, &owners, &harness, &redis).await;
        redis.stop();
        // Many pauses, each with an attempt behind it.
        let began = tokio::time::Instant::now();
        while began.elapsed() < 30 * pause {
            for owner in owners {
                assert_eq!(keys(&store, owner).await, ["a"]);
            }
            tokio::time::sleep(pause / 2).await;
        }
        assert_eq!(said.times("Redis cannot be used"), outage);
        assert_eq!(said.times("Redis can be used again"), outage - 1);
        redis.start_again().await;
        seeded(&store, &owners, &harness, &redis).await;
        assert_eq!(said.times("Redis cannot be used"), outage);
        assert_eq!(said.times("Redis can be used again"), outage);
    }
}
