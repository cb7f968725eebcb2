//! What sealing promises beside being a store.

use std::sync::Arc;

use bytes::Bytes;

use super::support::{Time, owner};
use crate::session::conformance::put;
use crate::session::memory::Memory;
use crate::session::sealed::{Key, Keys, Sealed};
use crate::session::{Batch, Change, Error, Store};

fn memory() -> Arc<dyn Store> {
    Arc::new(Memory::new(Time::new().clock()))
}

fn sealed(inner: &Arc<dyn Store>, current: u8, previous: Option<u8>, accept_unsealed: bool) -> Sealed {
    let key = |byte| Key::new([byte; 32]);
    let keys = Keys { current: key(current), previous: previous.map(key), accept_unsealed };
    Sealed::new(Arc::clone(inner), keys)
}

fn batch(changes: Vec<Change>) -> Batch {
    Batch { changes, ..Batch::default() }
}

#[tokio::test]
async fn nothing_readable_is_stored() {
    let (inner, owner) = (memory(), owner(1));
    let store = sealed(&inner, 1, None, false);
    store
        .apply(owner, batch(vec![put("k", b"key", "a secret"), put("k", b"same", "a secret")]))
        .await
        .unwrap();
    let raw = inner.scan(owner, "k", b"").await.unwrap();
    assert!(raw.iter().all(|(_, value)| !value.windows(6).any(|part| part == b"secret")));
    assert_ne!(raw[0].1[5..], raw[1].1[5..], "a nonce is used once");
}

#[tokio::test]
async fn two_keys_live_during_a_rotation() {
    let (inner, owner) = (memory(), owner(1));
    sealed(&inner, 1, None, false).apply(owner, batch(vec![put("k", b"old", "1")])).await.unwrap();
    let rotated = sealed(&inner, 2, Some(1), false);
    rotated.apply(owner, batch(vec![put("k", b"new", "2")])).await.unwrap();
    assert_eq!(rotated.scan(owner, "k", b"").await.unwrap().len(), 2);
    let after = sealed(&inner, 2, None, false);
    assert_eq!(after.get(owner, "k", b"new").await.unwrap().unwrap(), "2");
    assert!(matches!(after.get(owner, "k", b"old").await, Err(Error::Corrupt(_))));
}

#[tokio::test]
async fn a_value_cannot_be_moved_or_changed() {
    let (inner, one, two) = (memory(), owner(1), owner(1));
    let store = sealed(&inner, 1, None, false);
    store.apply(one, batch(vec![put("k", b"key", "value")])).await.unwrap();
    let raw = inner.get(one, "k", b"key").await.unwrap().unwrap();
    for (to, kind, key) in [(two, "k", b"key"), (one, "l", b"key"), (one, "k", b"kez")] {
        inner.apply(to, batch(vec![put(kind, key, &raw)])).await.unwrap();
        assert!(matches!(store.get(to, kind, key).await, Err(Error::Corrupt(_))), "{kind} {key:?}");
    }
    for at in 0..raw.len() {
        let mut changed = raw.to_vec();
        changed[at] ^= 1;
        inner.apply(one, batch(vec![put("k", b"key", &changed)])).await.unwrap();
        assert!(matches!(store.get(one, "k", b"key").await, Err(Error::Corrupt(_))), "byte {at}");
    }
}

#[tokio::test]
async fn unsealed_values_are_read_only_when_told_so() {
    let (inner, owner) = (memory(), owner(1));
    let values: [&[u8]; 4] = [b"", b"{}", &[0xe5; 32], b"\x0asession"];
    for (at, value) in (0_u8..).zip(values) {
        inner.apply(owner, batch(vec![put("k", &[at], value)])).await.unwrap();
        assert!(matches!(
            sealed(&inner, 1, None, false).get(owner, "k", &[at]).await,
            Err(Error::Corrupt(_))
        ));
        let read = sealed(&inner, 1, None, true).get(owner, "k", &[at]).await.unwrap().unwrap();
        assert_eq!(read, Bytes::copy_from_slice(value));
    }
    // A sealed one is never taken for an unsealed one.
    sealed(&inner, 3, None, false).apply(owner, batch(vec![put("k", b"s", "")])).await.unwrap();
    assert!(matches!(sealed(&inner, 1, None, true).get(owner, "k", b"s").await, Err(Error::Corrupt(_))));
}
