//! Webhooks from the outbox to a real HTTP receiver, on SQLite.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[path = "webhook_delivery/receiver.rs"]
mod receiver;
#[path = "webhook_delivery/world.rs"]
mod world;

use std::collections::HashMap;
use std::time::Duration;

use receiver::{Mood, Receiver};
use tokio_util::sync::CancellationToken;
use waggle::net::Egress;
use waggle::webhook::dead_letters;
use world::World;

/// Every chat saw its events in order, and a repeat is the same event.
fn check(receiver: &Receiver, chats: usize, each: usize) {
    let seen = receiver.seen();
    let mut ids: HashMap<(String, u64), String> = HashMap::new();
    let mut lanes: HashMap<String, Vec<u64>> = HashMap::new();
    for delivery in seen.iter() {
        let known =
            ids.entry((delivery.chat.clone(), delivery.number)).or_insert_with(|| delivery.id.clone());
        assert_eq!(known, &delivery.id, "a repeat has another id");
        assert_eq!(delivery.header_id.as_ref(), Some(&delivery.id));
        if delivery.taken {
            let lane = lanes.entry(delivery.chat.clone()).or_default();
            if !lane.contains(&delivery.number) {
                lane.push(delivery.number);
            }
        }
    }
    assert_eq!(lanes.len(), chats);
    let expected: Vec<u64> = (0..each as u64).collect();
    for (chat, lane) in lanes {
        assert_eq!(lane, expected, "{chat}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_fails_at_random_gets_everything_in_order() {
    let receiver = Receiver::start(Mood { fail: 8, hang_up: 3 }).await;
    let world = World::new(&receiver, 4).await;
    let (service, handle) = world.worker();
    world.db.writer().observe(handle.observer());
    let stop = CancellationToken::new();
    let story = async {
        world.fill(5, 100).await;
        world.wait_for_empty(Duration::from_secs(60)).await;
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(service.run(stop.clone()), story);
    ended.unwrap();
    check(&receiver, 20, 100);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_repeats_but_loses_nothing() {
    let receiver = Receiver::start(Mood { fail: 5, hang_up: 0 }).await;
    let world = World::new(&receiver, 2).await;
    world.fill(5, 60).await;
    for crash in 1..=3_usize {
        let (service, _handle) = world.worker();
        // The future is dropped wherever it is.
        let some = receiver.wait_for(crash * 150);
        tokio::select! {
            ended = service.run(CancellationToken::new()) => panic!("ended by itself: {ended:?}"),
            () = some => {}
        }
    }
    let (service, _handle) = world.worker();
    let stop = CancellationToken::new();
    let story = async {
        world.wait_for_empty(Duration::from_secs(60)).await;
        stop.cancel();
    };
    tokio::join!(service.run(stop.clone()), story).0.unwrap();
    check(&receiver, 10, 60);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_and_redriven_with_their_ids() {
    let receiver = Receiver::start(Mood { fail: 0, hang_up: 0 }).await;
    receiver.refuse(true);
    let world = World::new(&receiver, 1).await;
    let (service, handle) = world.worker();
    let instance = world.instances[0];
    world.fill(1, 5).await;
    let stop = CancellationToken::new();
    let story = async {
        world.wait_for_empty(Duration::from_secs(20)).await;
        let list = dead_letters::list(&world.db, instance, 10, 0).await.unwrap();
        assert_eq!((list.total, list.records.len()), (5, 5));
        assert!(list.records.iter().all(|letter| letter.failure.last_status == Some(400)));
        assert!(list.records.iter().all(|letter| letter.failure.target == receiver.origin()));
        let before: Vec<String> = receiver.seen().iter().map(|delivery| delivery.id.clone()).collect();
        receiver.refuse(false);
        let moved = dead_letters::redrive_all(&world.db, Some(&handle), instance).await.unwrap();
        assert_eq!(moved, 5);
        world.wait_for_empty(Duration::from_secs(20)).await;
        let after: Vec<String> = receiver.seen()[5..].iter().map(|delivery| delivery.id.clone()).collect();
        assert_eq!(before, after);
        stop.cancel();
    };
    tokio::join!(service.run(stop.clone()), story).0.unwrap();
    assert_eq!(dead_letters::list(&world.db, instance, 10, 0).await.unwrap().total, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inner_address_is_never_reached() {
    let receiver = Receiver::start(Mood { fail: 0, hang_up: 0 }).await;
    let world = World::new(&receiver, 1).await;
    let (service, _handle) = world.worker_within(Egress::public());
    world.fill(1, 2).await;
    let stop = CancellationToken::new();
    let story = async {
        world.wait_for_empty(Duration::from_secs(20)).await;
        stop.cancel();
    };
    tokio::join!(service.run(stop.clone()), story).0.unwrap();
    assert!(receiver.seen().is_empty());
    let list = dead_letters::list(&world.db, world.instances[0], 10, 0).await.unwrap();
    assert_eq!(list.total, 2);
    let reason = list.records[0].failure.last_error.clone().unwrap();
    assert!(reason.contains("loopback") && !reason.contains("token"), "{reason}");
    world.end().await;
}
