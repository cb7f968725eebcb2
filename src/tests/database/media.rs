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
    assert!(world.db.media().instances_due(now).await.unwrap().contains(&a));
    assert!(world.db.media().pending().await.unwrap() >= 2);

    mine.postpone(ids[0], 3, now + 1000, "ç away").await.unwrap();
    assert_eq!(mine.find(ids[0]).await.unwrap().unwrap().state, MediaState::Pending { attempts: 3 });
    assert_eq!(mine.due(now, 10).await.unwrap().len(), 1);
    let stored = Stored {
        file_name: "a/b.png".into(),
        mimetype: "image/png".into(),
        download_as: Some("olá.png".into()),
        bytes: 5 << 30,
    };
    assert!(mine.store(ids[0], &stored, None).await.unwrap());
    assert!(mine.store(ids[1], &stored, Some(now + 5000)).await.unwrap());
    assert!(mine.due(now + 4999, 10).await.unwrap().is_empty());
    assert_eq!(mine.due(i64::MAX - 1, 10).await.unwrap().len(), 1, "the other one is kept for ever");
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

    mine.fail(ids[1], now + 1, "gone").await.unwrap();
    assert_eq!(mine.find(ids[1]).await.unwrap().unwrap().state, MediaState::Failed("gone".into()));
    assert_eq!(mine.among(&ids).await.unwrap(), [ids[0]].into());
    mine.forget(ids[1]).await.unwrap();
    assert_eq!(mine.find(ids[1]).await.unwrap(), None);

    // The files of a deleted instance are found by those who remove them.
    world.db.instances().mark_deleted(a).await.unwrap();
    assert_eq!(mine.find(ids[0]).await.unwrap(), None);
    assert!(!mine.store(ids[0], &stored, None).await.unwrap());
    let left = world.db.media().of_deleted(100).await.unwrap();
    assert_eq!(left, [(ids[0], Some("a/b.png".to_owned()))]);
    world.db.media().forget(&ids).await.unwrap();
    assert!(world.db.media().of_deleted(100).await.unwrap().is_empty());
}
