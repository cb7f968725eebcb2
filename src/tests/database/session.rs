//! Protocol key material.

use std::sync::atomic::Ordering;

use waggle::db::{SessionChange, Write};

use super::world::{World, put};

fn change(change: SessionChange) -> Write {
    Write::Session { change }
}

pub async fn records_and_expiry(world: &World) {
    let id = world.instance().await;
    let session = world.db.instance(id).session();
    let soon = world.now() + 1000;
    world.write(id, vec![put("a", b"k", "1", None), put("a", b"e", "2", Some(soon))]).await;
    world.write(id, vec![put("a", b"k", "3", None), put("b", b"k", "4", None)]).await;
    assert_eq!(session.get("a", b"k").await.unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(session.get("a", b"K").await.unwrap(), None);
    let many = session.get_many("a", &[b"e".to_vec(), b"x".to_vec(), b"k".to_vec()]).await.unwrap();
    let many: Vec<_> = many.iter().map(Option::as_deref).collect();
    assert_eq!(many, [Some(&b"2"[..]), None, Some(b"3")]);
    world.now.fetch_add(1000, Ordering::Relaxed);
    assert_eq!(session.get("a", b"e").await.unwrap(), None);
    assert_eq!(session.scan("a", b"").await.unwrap().len(), 1);
    world.write(id, vec![change(SessionChange::Delete { kind: "a".into(), key: b"k".to_vec() })]).await;
    assert_eq!(session.get("a", b"k").await.unwrap(), None);
    assert!(session.get("b", b"k").await.unwrap().is_some());
    let long = vec![7; 256];
    let refused = world.commit(id, vec![put("a", &long, "v", None)]).await;
    assert!(matches!(refused, Err(waggle::db::Error::Invalid(_))));
}

pub async fn scans_are_by_bytes(world: &World) {
    let id = world.instance().await;
    let session = world.db.instance(id).session();
    let keys: [&[u8]; 8] = [b"", &[0], &[0, 0], &[0, 0xff], &[1], &[0xff], &[0xff, 0], &[0xff, 0xff, 0xff]];
    world.write(id, keys.iter().rev().map(|key| put("s", key, "v", None)).collect()).await;
    for prefix in keys.into_iter().chain([&[0xff, 0xff][..], &[2]]) {
        let found: Vec<Vec<u8>> =
            session.scan("s", prefix).await.unwrap().into_iter().map(|(key, _)| key).collect();
        let expected: Vec<&[u8]> = keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(found, expected, "{prefix:?}");
    }
}

pub async fn the_last_change_of_a_batch_wins(world: &World) {
    let id = world.instance().await;
    let session = world.db.instance(id).session();
    world.write(id, (0..70).map(|n| put("a", &[n], "old", None)).collect()).await;
    world.write(id, vec![put("b", b"k", "old", None)]).await;
    let writes = vec![
        put("a", &[1], "lost", None),
        change(SessionChange::Clear { kind: "a".into() }),
        put("a", &[2], "first", None),
        put("a", &[2], "last", None),
        put("a", &[3], "gone", None),
        change(SessionChange::Delete { kind: "a".into(), key: vec![3] }),
    ];
    world.write(id, writes).await;
    let left = session.scan("a", b"").await.unwrap();
    assert_eq!(left, [(vec![2], "last".into())]);
    world.write(id, (0..70).map(|n| put("a", &[n], "old", None)).collect()).await;
    let delete = |n| change(SessionChange::Delete { kind: "a".into(), key: vec![n] });
    world.write(id, (0..69).map(delete).collect()).await;
    assert_eq!(session.scan("a", b"").await.unwrap().len(), 1);
    world.write(id, vec![change(SessionChange::Destroy), put("c", b"k", "new", None)]).await;
    assert!(session.scan("a", b"").await.unwrap().is_empty());
    assert!(session.scan("b", b"").await.unwrap().is_empty());
    assert_eq!(session.scan("c", b"").await.unwrap().len(), 1);
}
