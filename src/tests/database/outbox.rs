//! What waits for delivery, and what was given up.

use waggle::db::{Error, Failure, Routed, Write};
use waggle::domain::EventKind;

use super::world::{WEBHOOK, World, event};

pub async fn rows_are_paged_rescheduled_and_deleted(world: &World) {
    let outbox = world.db.outbox();
    let id = world.instance().await;
    // A sink of its own, since the outbox is that of all instances.
    let sink = "only-here";
    assert_eq!((outbox.depth(sink).await.unwrap(), outbox.oldest(sink).await.unwrap()), (0, None));
    let routed = |n: usize| {
        let Routed { event, .. } = event(EventKind::Call);
        Write::Event(Routed {
            event,
            sinks: if n.is_multiple_of(2) { vec![sink] } else { vec![sink, WEBHOOK] },
        })
    };
    world.write(id, (0..90).map(routed).collect()).await;
    let first = outbox.page(sink, 0, 50).await.unwrap();
    let second = outbox.page(sink, first[49].id, 50).await.unwrap();
    assert_eq!((first.len(), second.len()), (50, 40));
    let sequences: Vec<i64> = first.iter().chain(&second).map(|row| row.sequence).collect();
    assert_eq!(sequences, (1..=90).collect::<Vec<_>>());
    assert_eq!(first[0].event.data.get(), r#"{"text":"olá ☎"}"#);
    assert_eq!(world.outbox_of(id).await.iter().map(|row| row.sequence).take(2).collect::<Vec<_>>(), [2, 4]);

    let seen = world.seen.0.lock().unwrap().clone();
    let seen: Vec<_> = seen.iter().filter(|row| row.sink == sink).map(|row| (row.id, row.event.id)).collect();
    let stored: Vec<_> = first.iter().chain(&second).map(|row| (row.id, row.event.id)).collect();
    assert_eq!(seen, stored, "observers are told the ids of the rows");

    outbox.reschedule(first[0].id, 3, 77).await.unwrap();
    let again = outbox.page(sink, 0, 1).await.unwrap().remove(0);
    assert_eq!((again.id, again.attempt, again.due_at), (first[0].id, 3, 77));
    assert_eq!(outbox.depth(sink).await.unwrap(), 90);
    assert_eq!(outbox.oldest(sink).await.unwrap(), Some(world.now()));
    let ids: Vec<i64> = stored.iter().map(|(id, _)| *id).collect();
    outbox.delete(&ids).await.unwrap();
    outbox.delete(&ids).await.unwrap();
    assert_eq!(outbox.depth(sink).await.unwrap(), 0);
}

pub async fn a_dead_letter_comes_back(world: &World) {
    let outbox = world.db.outbox();
    let id = world.instance().await;
    world.write(id, (0..3).map(|_| Write::Event(event(EventKind::Call))).collect()).await;
    let rows = world.outbox_of(id).await;
    let failure = Failure {
        target: "https://example.com".to_owned(),
        attempts: 9,
        last_status: Some(503),
        last_error: Some("no".to_owned()),
    };
    for row in &rows[..2] {
        outbox.bury(row.id, &failure).await.unwrap();
        assert!(matches!(outbox.bury(row.id, &failure).await, Err(Error::NotFound)));
    }
    let letters = world.db.instance(id).dead_letters();
    assert_eq!((letters.count().await.unwrap(), world.outbox_of(id).await.len()), (2, 1));
    let list = letters.list(10, 0).await.unwrap();
    assert_eq!(letters.list(1, 1).await.unwrap()[0].id, list[1].id);
    assert_eq!((list[0].event.id, &list[0].failure), (rows[1].event.id, &failure));
    let ids: Vec<_> = list.iter().map(|letter| letter.id).collect();
    assert_eq!(letters.redrive(&ids[1..]).await.unwrap(), 1);
    assert_eq!(letters.redrive(&ids[1..]).await.unwrap(), 0);
    let back = world.outbox_of(id).await.pop().unwrap();
    assert_eq!((back.event.id, back.sequence, back.attempt), (rows[0].event.id, 1, 0));
    assert!(back.id > rows[2].id);
    assert_eq!(letters.remove(&ids).await.unwrap(), 1);
    assert_eq!(letters.count().await.unwrap(), 0);
}

pub async fn rows_of_some_instances_are_read_from_the_beginning(world: &World) {
    let outbox = world.db.outbox();
    let sinks = ["relay-one", "relay-two"];
    let [one, two, other] = [world.instance().await, world.instance().await, world.instance().await];
    assert!(outbox.instances_waiting(&sinks).await.unwrap().is_empty());
    for id in [one, two, other, one] {
        let Routed { event, .. } = event(EventKind::Call);
        world.write(id, vec![Write::Event(Routed { event, sinks: sinks.to_vec() })]).await;
    }
    let mut waiting = outbox.instances_waiting(&sinks).await.unwrap();
    waiting.sort();
    let mut all = vec![one, two, other];
    all.sort();
    assert_eq!(waiting, all);
    let page = outbox.page_of_instances(&[one, two], &sinks, 5).await.unwrap();
    assert_eq!(page.iter().map(|row| row.instance).collect::<Vec<_>>(), [one, one, two, two, one]);
    assert!(page.is_sorted_by_key(|row| row.id));
    let ids: Vec<i64> = page.iter().map(|row| row.id).collect();
    outbox.delete(&ids).await.unwrap();
    let rest = outbox.page_of_instances(&[one, two], &sinks[1..], 5).await.unwrap();
    assert_eq!(rest.iter().map(|row| (row.instance, row.sequence)).collect::<Vec<_>>(), [(one, 2)]);
    assert!(outbox.page_of_instances(&[], &sinks, 5).await.unwrap().is_empty());
    let left = outbox.page_of_instances(&all, &sinks, 9).await.unwrap();
    outbox.delete(&left.iter().map(|row| row.id).collect::<Vec<_>>()).await.unwrap();
}

pub async fn a_dead_letter_may_come_twice_from_elsewhere(world: &World) {
    let id = world.instance().await;
    world.write(id, vec![Write::Event(event(EventKind::Call))]).await;
    let row = world.outbox_of(id).await.remove(0);
    world.db.outbox().delete(&[row.id]).await.unwrap();
    let letters = world.db.instance(id).dead_letters();
    for attempts in [9, 10] {
        let failure = Failure { target: "https://example.com".to_owned(), attempts, ..Failure::default() };
        letters.insert(&row, &failure).await.unwrap();
    }
    let list = letters.list(10, 0).await.unwrap();
    assert_eq!((list.len(), list[0].failure.attempts, list[0].event.id), (1, 10, row.event.id));
    assert_eq!(list[0].event.data.get(), row.event.data.get());
    assert_eq!(letters.redrive(&[list[0].id]).await.unwrap(), 1);
    let back = world.outbox_of(id).await.remove(0);
    assert_eq!((back.event.id, back.sequence, back.sink), (row.event.id, row.sequence, row.sink.clone()));
    let nobody = world.db.instance(waggle::domain::InstanceId::random()).dead_letters();
    assert!(matches!(nobody.insert(&row, &Failure::default()).await, Err(Error::NotFound)));
}
