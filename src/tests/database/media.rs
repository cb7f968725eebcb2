//! The record of files that are kept.

use waggle::db::{MediaFilter, MediaState, Page, Stored, Write};
use waggle::domain::MediaKind;

use super::world::{World, message, store};

const PAGE: Page = Page { number: 1, size: 10 };

pub async fn a_file_goes_from_pending_to_stored_to_gone(world: &World) {
    let (a, b) = (world.instance().await, world.instance().await);
    let rows = [message("1", "1@s.whatsapp.net", 1), message("2", "1@s.whatsapp.net", 2)];
    let ids = rows.clone().map(|row| row.id);
    for row in rows {
        let file = Write::Media { message: row.id, kind: MediaKind::Image };
        let writes = vec![store(row.clone()), file.clone()];
        world.write(a, writes.clone()).await;
        // A repeat of the message changes nothing, and neither does one that nobody knew was made.
        world.write(a, writes).await;
        world.write(a, vec![file]).await;
    }
    let (mine, now) = (world.db.instance(a).media(), world.now());
    let due: Vec<_> = mine.due(now, 10).await.unwrap().into_iter().map(|media| media.id).collect();
    assert_eq!(due.len(), 2);
    assert!(ids.iter().all(|id| due.contains(id)));
    assert!(mine.due(now - 1, 10).await.unwrap().is_empty());
    assert_eq!(mine.due(now, 1).await.unwrap().len(), 1);
    // Each client name has a store of its own, and files of nobody else.
    let (ours, theirs) = (world.db.media("east"), world.db.media("west"));
    assert!(ours.instances_due(now).await.unwrap().contains(&a));
    assert!(theirs.instances_due(now).await.unwrap().is_empty());
    assert_eq!((ours.pending().await.unwrap(), theirs.pending().await.unwrap()), (2, 0));

    mine.postpone(ids[0], 3, now + 1000, "ç away").await.unwrap();
    assert_eq!(mine.find(ids[0]).await.unwrap().unwrap().state, MediaState::Pending { attempts: 3 });
    assert_eq!(mine.find(ids[0]).await.unwrap().unwrap().due_at, now + 1000);
    assert_eq!(mine.due(now, 10).await.unwrap().len(), 1);
    let stored = Stored {
        file_name: "a/b.png".into(),
        mimetype: "image/png".into(),
        download_as: Some("olá.png".into()),
        bytes: 5 << 30,
    };
    assert!(mine.store(ids[0], &stored, None).await.unwrap());
    assert!(mine.store(ids[1], &stored, Some(now + 5000)).await.unwrap());
    assert!(mine.due(i64::MAX - 1, 10).await.unwrap().is_empty());
    assert!(ours.leaving(now + 4999, 10).await.unwrap().is_empty());
    let over = ours.leaving(i64::MAX - 1, 10).await.unwrap();
    assert_eq!(over.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[1]], "the other one is kept for ever");
    assert!(!over[0].is_instance_deleted && over[0].attempts == 0 && over[0].instance == a);
    let newest = mine.stored(MediaFilter::default(), PAGE).await.unwrap();
    assert_eq!(newest.iter().map(|media| media.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
    assert_eq!(newest[0].state, MediaState::Stored(stored.clone()));
    let second = mine.stored(MediaFilter::default(), Page { number: 2, size: 1 }).await.unwrap();
    assert_eq!(second[0].id, ids[0]);
    let filter = |id, kind| MediaFilter { id, kind };
    assert_eq!(mine.stored(filter(Some(ids[0]), Some(MediaKind::Image)), PAGE).await.unwrap().len(), 1);
    assert!(mine.stored(filter(None, Some(MediaKind::Video)), PAGE).await.unwrap().is_empty());
    assert_eq!(mine.among(&ids).await.unwrap(), ids.into());

    // Another tenant has none of it, and changes none of it.
    let others = world.db.instance(b).media();
    assert!(others.stored(MediaFilter::default(), PAGE).await.unwrap().is_empty());
    assert_eq!(others.find(ids[0]).await.unwrap(), None);
    assert!(others.among(&ids).await.unwrap().is_empty());
    others.fail(ids[0], now, "mine").await.unwrap();
    others.forget(ids[1]).await.unwrap();
    assert_eq!(mine.stored(MediaFilter::default(), PAGE).await.unwrap().len(), 2);

    // Who had the instance before, and comes too late, takes nothing back.
    let before = mine.find(ids[1]).await.unwrap();
    mine.fail(ids[1], now + 1, "gone").await.unwrap();
    mine.postpone(ids[1], 9, now + 1, "away").await.unwrap();
    assert_eq!(mine.find(ids[1]).await.unwrap(), before);
    mine.forget(ids[1]).await.unwrap();
    assert_eq!(mine.find(ids[1]).await.unwrap(), None);
    let gone = message("4", "1@s.whatsapp.net", 4);
    let (id, file) = (gone.id, Write::Media { message: gone.id, kind: MediaKind::Image });
    world.write(a, vec![store(gone), file]).await;
    mine.fail(id, now + 1, "gone").await.unwrap();
    assert_eq!(mine.find(id).await.unwrap().unwrap().state, MediaState::Failed("gone".into()));
    assert_eq!(mine.among(&[ids[0], id]).await.unwrap(), [ids[0]].into());
    mine.forget(id).await.unwrap();

    // The files of a deleted instance are found by those who remove them, and by nobody else.
    assert_eq!(ours.condemn(now, now, 10).await.unwrap(), 0);
    let unnoted = message("3", "1@s.whatsapp.net", 3);
    let file = Write::Media { message: unnoted.id, kind: MediaKind::Image };
    let third = unnoted.id;
    world.write(a, vec![store(unnoted), file]).await;
    world.db.instances().mark_deleted(a).await.unwrap();
    assert_eq!(mine.find(ids[0]).await.unwrap(), None);
    assert!(!mine.store(ids[0], &stored, None).await.unwrap());
    assert_eq!(theirs.condemn(now, now, 10).await.unwrap(), 0);
    assert_eq!(ours.condemn(now, now + 7, 1).await.unwrap(), 1);
    assert_eq!(ours.condemn(now, now + 7, 10).await.unwrap(), 1);
    assert_eq!(ours.condemn(now, now + 7, 10).await.unwrap(), 0);
    assert!(theirs.leaving(now + 7, 10).await.unwrap().is_empty());
    let left = ours.leaving(now, 10).await.unwrap();
    assert_eq!(left.iter().map(|row| row.file_name.as_deref()).collect::<Vec<_>>(), [Some("a/b.png")]);
    let left = ours.leaving(now + 7, 10).await.unwrap();
    let shown: Vec<_> = left.iter().map(|row| (row.id, row.file_name.is_some())).collect();
    assert_eq!(shown, [(ids[0], true), (third, false)], "what is due longest comes first");
    assert!(left.iter().all(|row| row.is_instance_deleted && row.instance == a));
    // What one node works on is not due for the others.
    assert!(ours.take(&[ids[0]], now, now + 60).await.unwrap());
    assert!(!ours.take(&[ids[0]], now, now + 60).await.unwrap());
    assert!(ours.leaving(now, 10).await.unwrap().is_empty());
    ours.postpone(ids[0], 4, now + 50, "refused").await.unwrap();
    assert_eq!(ours.leaving(now + 50, 10).await.unwrap()[1].attempts, 4);

    // Whoever removes rows leaves those that name a file, and the instance that leads to them.
    for client_name in ["west", "east"] {
        while world.db.instances().purge_next(client_name, 100).await.unwrap() {}
        let rows = if client_name == "west" { 2 } else { 1 };
        assert_eq!(ours.leaving(now + 50, 10).await.unwrap().len(), rows, "{client_name}");
    }
    ours.forget(&ids).await.unwrap();
    assert!(ours.leaving(i64::MAX - 1, 10).await.unwrap().is_empty());
    while world.db.instances().purge_next("east", 100).await.unwrap() {}
}
