//! The group commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use waggle::db::{Error, MessageHead, Target, Unit, Write};
use waggle::domain::{EventKind, Fence, InstanceId, MessageStatus, NodeId};

use super::world::{World, event, message, put, store};

const CHAT: &str = "1@s.whatsapp.net";

fn unit(instance: InstanceId, writes: Vec<Write>) -> Unit {
    Unit { instance, fence: Fence(0), writes }
}

pub async fn an_old_fence_is_refused_alone(world: &World) {
    let (old, new) = (world.instance().await, world.instance().await);
    world.db.instances().claim(old, &NodeId("n".to_owned()), Fence(0)).await.unwrap();
    let write = |id, fence: i64, key: &str| {
        let writes = vec![store(message(key, CHAT, 1))];
        world.db.writer().commit(Unit { instance: id, fence: Fence(fence), writes })
    };
    let absent = InstanceId::random();
    let (a, b, c, d) =
        tokio::join!(write(old, 0, "A"), write(new, 0, "B"), write(old, 1, "C"), write(absent, 0, "D"));
    assert!(matches!((a, d), (Err(Error::Fenced), Err(Error::Fenced))));
    assert!(b.is_ok() && c.is_ok());
    let of = async |id, key| world.db.instance(id).messages().by_key_id(key).await.unwrap().len();
    assert_eq!((of(old, "A").await, of(new, "B").await, of(old, "C").await), (0, 1, 1));
}

pub async fn a_bad_unit_fails_alone(world: &World) {
    let id = world.instance().await;
    world.write(id, vec![store(message("taken", CHAT, 1))]).await;
    let long = "x".repeat(200);
    let panics = |_: &MessageHead| -> Vec<waggle::db::Routed> { panic!("a closure of another room") };
    let fresh = Write::Message {
        message: Arc::new(message("taken", CHAT, 1)),
        idempotency_key: None,
        fresh: true,
        events: vec![event(EventKind::Call)],
    };
    let panic = Write::Status {
        key_id: "taken".to_owned(),
        remote_jid: None,
        from_me: false,
        status: MessageStatus::Read,
        events: Some(Arc::new(panics)),
    };
    let mut units = Vec::new();
    for n in 0..40 {
        units.push(unit(id, vec![store(message(&format!("good{n}"), CHAT, n))]));
    }
    units.insert(7, unit(id, vec![store(message("half", CHAT, 1)), fresh]));
    units.insert(20, unit(id, vec![panic]));
    units.insert(30, unit(id, vec![store(message(&long, CHAT, 1))]));
    let outcomes = join_all(units.into_iter().map(|unit| world.db.writer().commit(unit))).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match n {
            7 => assert!(matches!(outcome, Err(Error::Exists)), "{outcome:?}"),
            20 => assert!(matches!(outcome, Err(Error::Failed(_))), "{outcome:?}"),
            30 => assert!(matches!(outcome, Err(Error::Invalid(_))), "{outcome:?}"),
            _ => assert!(outcome.is_ok(), "{n}: {outcome:?}"),
        }
    }
    let messages = world.db.instance(id).messages();
    assert!(messages.by_key_id("half").await.unwrap().is_empty(), "all of a unit or nothing");
    let sequences: Vec<i64> = world.outbox_of(id).await.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, (1..=41).collect::<Vec<_>>());
}

pub async fn sequences_are_dense(world: &World) {
    let ids = [world.instance().await, world.instance().await, world.instance().await];
    let units = (0..300).map(|n: usize| unit(ids[n % 3], vec![Write::Event(event(EventKind::Call)); 2]));
    for outcome in join_all(units.map(|unit| world.db.writer().commit(unit))).await {
        outcome.unwrap();
    }
    for id in ids {
        let rows = world.outbox_of(id).await;
        let sequences: Vec<i64> = rows.iter().map(|row| row.sequence).collect();
        assert_eq!(sequences, (1..=200).collect::<Vec<_>>());
    }
}

pub async fn many_callers_are_durable_and_in_order(world: &World) {
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(world.instance().await);
    }
    let mut tickets = Vec::new();
    for n in 0..1000_i64 {
        let id = ids[usize::try_from(n).unwrap() % ids.len()];
        let writes = vec![store(message(&n.to_string(), CHAT, n)), put("last", b"k", "v", None)];
        tickets.push(world.db.writer().submit(unit(id, writes)).await);
    }
    for outcome in join_all(tickets).await {
        assert_eq!(outcome.unwrap().inserted, [true, true]);
    }
    let mut last: HashMap<InstanceId, i64> = HashMap::new();
    let seen = world.seen.0.lock().unwrap().clone();
    let rows = seen.iter().filter(|row| ids.contains(&row.instance));
    assert!(rows.clone().map(|row| row.id).is_sorted());
    for row in rows {
        let before = last.insert(row.instance, row.sequence).unwrap_or_default();
        assert_eq!(row.sequence, before + 1);
    }
    for id in ids {
        assert_eq!((last[&id], world.counts(id).await.messages), (100, 100));
        let stored = world.outbox_of(id).await;
        assert_eq!(stored.len(), 100);
    }
}

pub async fn a_dropped_ticket_is_written(world: &World) {
    let id = world.instance().await;
    drop(world.db.writer().submit(unit(id, vec![store(message("K", CHAT, 1))])).await);
    for _ in 0..100 {
        if !world.db.instance(id).messages().by_key_id("K").await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not written");
}

pub async fn a_lost_connection_is_made_again(target: Target, server: &crate::services::Database) {
    let world = World::new(target).await;
    let id = world.instance().await;
    for n in 0..5 {
        server
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        let writes = vec![store(message(&n.to_string(), CHAT, n))];
        assert_eq!(world.write(id, writes).await, [true]);
    }
    assert_eq!(world.seen.0.lock().unwrap().len(), 5);
    world.end().await;
}

pub async fn stopping_loses_nothing(mut world: World) {
    let id = world.instance().await;
    let mut tickets = Vec::new();
    for n in 0..100 {
        tickets.push(world.db.writer().submit(unit(id, vec![store(message(&n.to_string(), CHAT, n))])).await);
    }
    world.stop().await;
    let outcomes = join_all(tickets).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let late = world.commit(id, vec![store(message("late", CHAT, 1))]).await;
    assert!(matches!(late, Err(Error::Stopped)), "{late:?}");
    world.end().await;
}
