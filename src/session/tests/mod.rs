//! The suite and the model over every store, and what only one store promises.

mod forms;
mod mirrored;
mod model;
mod object;
#[path = "../../tests/support/services/redis.rs"]
mod redis_server;
#[path = "../../tests/support/services/s3.rs"]
mod s3_server;
mod sealing;
mod support;
mod waiting;

use std::sync::Arc;

use super::Store;
use super::conformance::{Harness as _, suite};
use super::redis::Redis;
use super::sealed::{Key, Keys, Sealed};
use redis_server::RedisServer;
use support::{InMemory, InSql, link, spawner};

fn keys() -> Keys {
    Keys { current: Key::new([1; 32]), previous: None, accept_unsealed: false }
}

#[tokio::test]
async fn memory_conforms() {
    suite(&InMemory::new()).await;
}

#[tokio::test]
async fn sealed_conforms() {
    suite(&InMemory::new().wrapped(|inner, _| Arc::new(Sealed::new(inner, keys())))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_behind_conforms() {
    let harness = InMemory::new().wrapped(support::write_behind);
    suite(&harness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_conforms() {
    suite(&InSql::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_write_behind_over_sql_conforms() {
    let harness = InSql::new().await.wrapped(|inner, clock| {
        let behind = support::write_behind(inner, clock);
        Arc::new(Sealed::new(behind, keys()))
    });
    suite(&harness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_conforms() {
    let redis = RedisServer::start().await;
    let cache = |_, clock| -> Arc<dyn Store> { Arc::new(Redis::new(link(&redis.url), "test", clock)) };
    suite(&InMemory::new().wrapped(cache)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrored_conforms() {
    let (redis, harness) = (RedisServer::start().await, InSql::new().await);
    let store = mirrored::over(&harness, &redis);
    suite(&harness.wrapped(|_, _| store)).await;
}

#[tokio::test]
async fn the_spawner_of_tests_runs() {
    let (tell, told) = tokio::sync::oneshot::channel();
    spawner()(Box::pin(async move {
        let _ = tell.send(());
    }));
    told.await.unwrap();
    assert!(InMemory::new().instance().await.fence.0 > 0);
}
