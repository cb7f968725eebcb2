//! What every store must do. To check a new store: a [`Harness`] for it, and one test that calls
//! [`suite`].

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Batch, Change, Durability, Error, Kind, Owner, Store};

/// A store under test and what the suite needs around it.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;
    /// A new instance under its first claim.
    async fn instance(&self) -> Owner;
    /// The instance under its next claim, which makes the claim of `owner` an old one.
    async fn claim(&self, owner: Owner) -> Owner;
    /// Lets wall time pass, in milliseconds; it begins at 1 000 000.
    fn pass(&self, millis: i64);
}

const A: Kind = "aa";
const B: Kind = "bb";
const START: i64 = 1_000_000;

/// Runs every check on instances of their own.
pub async fn suite(harness: &dyn Harness) {
    reads_see_writes(harness).await;
    many_come_in_order(harness).await;
    scans_are_ordered_and_bounded(harness).await;
    records_expire(harness).await;
    batches_are_in_order_and_whole(harness).await;
    clear_takes_one_kind(harness).await;
    destroy_takes_one_instance(harness).await;
    instances_are_apart(harness).await;
    old_claims_are_refused(harness).await;
    relaxed_batches_are_seen_and_stay_in_order(harness).await;
    many_records(harness).await;
    appliers_do_not_mix(harness).await;
}

/// A change that stores.
#[must_use]
pub fn put(kind: Kind, key: &[u8], value: impl AsRef<[u8]>) -> Change {
    let value = Bytes::copy_from_slice(value.as_ref());
    Change::Put { kind, key: key.to_vec(), value, expires_at: None }
}

fn delete(kind: Kind, key: &[u8]) -> Change {
    Change::Delete { kind, key: key.to_vec() }
}

fn durable(changes: Vec<Change>) -> Batch {
    Batch { changes, durability: Durability::Durable }
}

fn relaxed(changes: Vec<Change>) -> Batch {
    Batch { changes, durability: Durability::Relaxed }
}

async fn apply(store: &Arc<dyn Store>, owner: Owner, changes: Vec<Change>) {
    store.apply(owner, durable(changes)).await.unwrap();
}

async fn get(store: &Arc<dyn Store>, owner: Owner, kind: Kind, key: &[u8]) -> Option<Vec<u8>> {
    store.get(owner, kind, key).await.unwrap().map(Vec::from)
}

async fn keys(store: &Arc<dyn Store>, owner: Owner, kind: Kind, prefix: &[u8]) -> Vec<Vec<u8>> {
    store.scan(owner, kind, prefix).await.unwrap().into_iter().map(|(key, _)| key).collect()
}

async fn reads_see_writes(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    assert_eq!(get(&store, owner, A, b"k").await, None);
    apply(&store, owner, vec![put(A, b"k", "1"), put(A, b"empty", "")]).await;
    assert_eq!(get(&store, owner, A, b"k").await.unwrap(), b"1");
    assert_eq!(get(&store, owner, A, b"empty").await.unwrap(), b"");
    assert_eq!(get(&store, owner, B, b"k").await, None);
    apply(&store, owner, vec![put(A, b"k", "2")]).await;
    assert_eq!(get(&store, owner, A, b"k").await.unwrap(), b"2");
    apply(&store, owner, vec![delete(A, b"k"), delete(A, b"absent")]).await;
    assert_eq!(get(&store, owner, A, b"k").await, None);
    let large = vec![7; 300_000];
    apply(&store, owner, vec![put(A, &[0xff; 255], &large)]).await;
    assert_eq!(get(&store, owner, A, &[0xff; 255]).await.unwrap(), large);
    apply(&store, owner, vec![]).await;
}

async fn many_come_in_order(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    apply(&store, owner, vec![put(A, b"x", "x"), put(A, b"y", "y"), put(A, b"z", "z")]).await;
    let wanted = [&b"z"[..], b"absent", b"x", b"z"].map(<[u8]>::to_vec);
    let found = store.get_many(owner, A, &wanted).await.unwrap();
    let expected = [Some("z"), None, Some("x"), Some("z")].map(|value| value.map(Bytes::from));
    assert_eq!(found, expected);
    assert!(store.get_many(owner, A, &[]).await.unwrap().is_empty());
}

async fn scans_are_ordered_and_bounded(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    let all: Vec<Vec<u8>> = vec![
        vec![0],
        vec![0, 0xff],
        vec![1],
        vec![1, 0],
        b"%".to_vec(),
        b"A".to_vec(),
        b"_".to_vec(),
        b"a".to_vec(),
        b"a%b".to_vec(),
        b"ab".to_vec(),
        vec![0xff],
        vec![0xff, 0],
        vec![0xff, 0xff],
    ];
    let shuffled = all.iter().rev().map(|key| put(A, key, key));
    apply(&store, owner, shuffled.chain([put(B, b"a", "other")]).collect()).await;
    let rows = store.scan(owner, A, &[]).await.unwrap();
    assert_eq!(rows.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), all);
    assert!(rows.iter().all(|(key, value)| key == value));
    for prefix in [&b"a"[..], b"%", b"_", b"A", &[0], &[1], &[0xff], &[0xff, 0xff], b"nothing"] {
        let expected: Vec<_> = all.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        assert_eq!(keys(&store, owner, A, prefix).await, expected, "prefix {prefix:?}");
    }
}

async fn records_expire(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    let ending = |key: &[u8], at| Change::Put {
        kind: A,
        key: key.to_vec(),
        value: Bytes::from_static(b"v"),
        expires_at: Some(at),
    };
    harness.pass(0);
    apply(
        &store,
        owner,
        vec![ending(b"soon", START + 1000), ending(b"late", START + 900_000), put(A, b"never", "v")],
    )
    .await;
    store.apply(owner, relaxed(vec![ending(b"relaxed", START + 1000)])).await.unwrap();
    assert!(get(&store, owner, A, b"soon").await.is_some());
    assert!(get(&store, owner, A, b"relaxed").await.is_some());
    harness.pass(1000);
    assert_eq!(get(&store, owner, A, b"soon").await, None);
    assert_eq!(get(&store, owner, A, b"relaxed").await, None);
    assert_eq!(keys(&store, owner, A, &[]).await, [b"late".to_vec(), b"never".to_vec()]);
    let wanted = [b"soon".to_vec(), b"late".to_vec()];
    let found = store.get_many(owner, A, &wanted).await.unwrap();
    assert!(found[0].is_none() && found[1].is_some());
    apply(&store, owner, vec![put(A, b"soon", "again")]).await;
    assert_eq!(get(&store, owner, A, b"soon").await.unwrap(), b"again");
}

async fn batches_are_in_order_and_whole(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    let changes = vec![
        put(A, b"k", "1"),
        delete(A, b"k"),
        put(A, b"k", "2"),
        put(A, b"gone", "1"),
        Change::Clear { kind: A },
        put(A, b"k", "3"),
        put(B, b"k", "1"),
        delete(B, b"k"),
    ];
    apply(&store, owner, changes).await;
    assert_eq!(keys(&store, owner, A, &[]).await, [b"k".to_vec()]);
    assert_eq!(get(&store, owner, A, b"k").await.unwrap(), b"3");
    assert!(keys(&store, owner, B, &[]).await.is_empty());
}

async fn clear_takes_one_kind(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    apply(&store, owner, vec![put(A, b"1", "v"), put(A, b"2", "v"), put(B, b"1", "v")]).await;
    apply(&store, owner, vec![Change::Clear { kind: A }]).await;
    assert!(keys(&store, owner, A, &[]).await.is_empty());
    assert_eq!(get(&store, owner, A, b"1").await, None);
    assert_eq!(keys(&store, owner, B, &[]).await.len(), 1);
}

async fn destroy_takes_one_instance(harness: &dyn Harness) {
    let (store, one, two) = (harness.store(), harness.instance().await, harness.instance().await);
    for owner in [one, two] {
        apply(&store, owner, vec![put(A, b"k", "v"), put(B, b"k", "v")]).await;
    }
    store.apply(one, relaxed(vec![put(A, b"queued", "v")])).await.unwrap();
    store.destroy(one).await.unwrap();
    for kind in [A, B] {
        assert!(keys(&store, one, kind, &[]).await.is_empty());
        assert_eq!(keys(&store, two, kind, &[]).await.len(), 1);
    }
    // It can be used again, for a new pairing.
    apply(&store, one, vec![put(A, b"new", "v")]).await;
    assert_eq!(keys(&store, one, A, &[]).await.len(), 1);
}

async fn instances_are_apart(harness: &dyn Harness) {
    let (store, one, two) = (harness.store(), harness.instance().await, harness.instance().await);
    apply(&store, one, vec![put(A, b"k", "one")]).await;
    apply(&store, two, vec![put(A, b"k", "two"), put(A, b"l", "two")]).await;
    assert_eq!(get(&store, one, A, b"k").await.unwrap(), b"one");
    assert_eq!(store.get_many(one, A, &[b"l".to_vec()]).await.unwrap(), [None]);
    assert_eq!(keys(&store, one, A, &[]).await.len(), 1);
    apply(&store, two, vec![Change::Clear { kind: A }, delete(A, b"k")]).await;
    assert_eq!(get(&store, one, A, b"k").await.unwrap(), b"one");
}

async fn old_claims_are_refused(harness: &dyn Harness) {
    let (store, old) = (harness.store(), harness.instance().await);
    apply(&store, old, vec![put(A, b"k", "old")]).await;
    let new = harness.claim(old).await;
    assert!(new.fence > old.fence);
    apply(&store, new, vec![put(A, b"k", "new")]).await;
    for change in [put(A, b"k", "late"), put(A, b"l", "late"), delete(A, b"k"), Change::Clear { kind: A }] {
        assert!(matches!(store.apply(old, durable(vec![change])).await, Err(Error::Fenced)));
    }
    // A relaxed one may be taken, but is refused before the next answer about durability.
    let late = store.apply(old, relaxed(vec![put(A, b"m", "late")])).await;
    assert!(matches!(late, Ok(()) | Err(Error::Fenced)));
    assert!(matches!(store.apply(old, durable(vec![put(A, b"k", "late")])).await, Err(Error::Fenced)));
    assert!(matches!(store.destroy(old).await, Err(Error::Fenced)));
    apply(&store, new, vec![put(A, b"n", "new")]).await;
    assert_eq!(keys(&store, new, A, &[]).await, [b"k".to_vec(), b"n".to_vec()]);
    assert_eq!(get(&store, new, A, b"k").await.unwrap(), b"new");
    // And the newest claim goes on.
    let newest = harness.claim(new).await;
    apply(&store, newest, vec![delete(A, b"n")]).await;
    store.destroy(newest).await.unwrap();
    assert!(matches!(store.apply(new, durable(vec![put(A, b"k", "v")])).await, Err(Error::Fenced)));
}

async fn relaxed_batches_are_seen_and_stay_in_order(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    apply(&store, owner, vec![put(A, b"stored", "1"), put(B, b"stored", "1")]).await;
    for value in 0..50_u8 {
        store.apply(owner, relaxed(vec![put(A, b"k", [value]), put(A, &[value], [value])])).await.unwrap();
        assert_eq!(get(&store, owner, A, b"k").await.unwrap(), [value]);
    }
    assert_eq!(keys(&store, owner, A, &[]).await.len(), 52);
    let clear = vec![Change::Clear { kind: A }, put(A, b"after", "1"), delete(B, b"stored")];
    store.apply(owner, relaxed(clear)).await.unwrap();
    assert_eq!(get(&store, owner, A, b"stored").await, None);
    assert_eq!(keys(&store, owner, A, &[]).await, [b"after".to_vec()]);
    let wanted = [b"after".to_vec(), b"k".to_vec()];
    assert_eq!(store.get_many(owner, A, &wanted).await.unwrap(), [Some(Bytes::from_static(b"1")), None]);
    apply(&store, owner, vec![put(A, b"k", "last")]).await;
    assert_eq!(keys(&store, owner, A, &[]).await, [b"after".to_vec(), b"k".to_vec()]);
    assert_eq!(get(&store, owner, A, b"k").await.unwrap(), b"last");
    assert!(keys(&store, owner, B, &[]).await.is_empty());
}

async fn many_records(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    for chunk in 0..10_u32 {
        let numbers = chunk * 1000..(chunk + 1) * 1000;
        apply(&store, owner, numbers.map(|n| put(A, &n.to_be_bytes(), n.to_be_bytes())).collect()).await;
    }
    let rows = store.scan(owner, A, &[]).await.unwrap();
    assert_eq!(rows.len(), 10_000);
    assert!(rows.iter().enumerate().all(|(at, (key, value))| {
        let number = u32::try_from(at).unwrap().to_be_bytes();
        *key == number && *value == number[..]
    }));
    assert_eq!(keys(&store, owner, A, &[0, 0, 1]).await.len(), 256);
    let wanted: Vec<_> = (0..2000_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    assert!(store.get_many(owner, A, &wanted).await.unwrap().iter().all(Option::is_some));
}

async fn appliers_do_not_mix(harness: &dyn Harness) {
    let (store, owner) = (harness.store(), harness.instance().await);
    // Each batch writes the same four keys: whoever is last, they agree.
    let batch = |by: u8| (0..4_u8).map(|key| put(A, &[key], [by])).chain([put(B, &[by], [by])]).collect();
    let all = (0..40_u8).map(|by| {
        let store = Arc::clone(&store);
        let changes: Vec<Change> = batch(by);
        async move {
            store.apply(owner, if by.is_multiple_of(2) { durable(changes) } else { relaxed(changes) }).await
        }
    });
    futures::future::try_join_all(all).await.unwrap();
    apply(&store, owner, vec![]).await;
    let rows = store.scan(owner, A, &[]).await.unwrap();
    let last: HashSet<Bytes> = rows.into_iter().map(|(_, value)| value).collect();
    assert_eq!(last.len(), 1);
    assert_eq!(keys(&store, owner, B, &[]).await.len(), 40);
}
