//! The store of objects, in a folder and behind the protocol of S3.

use std::sync::Arc;

use tempfile::TempDir;

use super::s3_server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use super::support::{InMemory, write_behind};
use crate::config::Secret;
use crate::config::objects::{Bucket, Objects};
use crate::session::conformance::{Harness as _, put, suite};
use crate::session::object::Object;
use crate::session::{Batch, Durability, Error};

fn bucket(server: &S3Server, prefix: &str) -> Objects {
    // As the program does at its start.
    crate::net::install_crypto();
    Objects::Bucket(Bucket {
        name: BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: Secret::new(SECRET_KEY),
        endpoint: Some(server.endpoint.clone()),
        region: "us-east-1".to_owned(),
    })
}

fn over(place: &Objects) -> InMemory {
    InMemory::new().wrapped(|_, clock| Arc::new(Object::new(place, clock).unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_conforms_in_a_folder() {
    let folder = TempDir::new().unwrap();
    suite(&over(&Objects::Folder(folder.path().to_owned()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_conforms_on_s3() {
    let server = S3Server::start().await;
    suite(&over(&bucket(&server, ""))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_behind_over_objects_conforms() {
    let folder = TempDir::new().unwrap();
    let harness = over(&Objects::Folder(folder.path().to_owned())).wrapped(write_behind);
    suite(&harness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_s3_an_owner_on_another_node_is_fenced_and_prefixes_are_apart() {
    let server = S3Server::start().await;
    let (here, there) = (over(&bucket(&server, "a/b")), over(&bucket(&server, "a/b")));
    let first = here.instance().await;
    let batch = |key: &[u8]| Batch { changes: vec![put("k", key, "v")], durability: Durability::Durable };
    // Long enough to be shortened.
    for n in 0..600_u32 {
        here.store().apply(first, batch(&n.to_be_bytes()[2..])).await.unwrap();
    }
    let second = there.claim(first).await;
    assert_eq!(there.store().scan(second, "k", &[]).await.unwrap().len(), 600);
    assert!(matches!(here.store().apply(first, batch(b"late")).await, Err(Error::Fenced)));
    assert!(over(&bucket(&server, "a")).store().scan(second, "k", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_reached_is_unavailable() {
    let server = S3Server::start().await;
    let mut place = bucket(&server, "");
    let Objects::Bucket(bucket) = &mut place else { unreachable!() };
    bucket.secret_key = Secret::new("another");
    let harness = over(&place);
    let owner = harness.instance().await;
    let batch = Batch { changes: vec![put("k", b"k", "v")], durability: Durability::Durable };
    assert!(matches!(harness.store().apply(owner, batch).await, Err(Error::Unavailable(_))));
    assert!(matches!(harness.store().get(owner, "k", b"k").await, Err(Error::Unavailable(_))));
}
