//! Numbered messages: what was lost, doubled or overtaken is found out.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{client::TestClient, simulator, until};
use proptest::prelude::*;
use wa_sim::NewContact;
use wa_sim::load::stream::{Arrival, Arrivals};
use wa_sim::sequence::{Check, Direction, Payload, Ranges, Seen};

fn payload(direction: Direction, number: u64) -> Payload {
    Payload { run: 0xBEE, direction, stream: 17, number, sent: Duration::from_micros(1_234_567) }
}

#[test]
fn a_text_says_which_message_it_is() {
    for direction in [Direction::In, Direction::Out] {
        let payload = payload(direction, u64::MAX);
        assert_eq!(Payload::parse(&payload.to_string()), Some(payload));
    }
    for text in ["", "hello", "waggle-load", "waggle-load 00000bee in 17 0 5 x", "waggle-load zz in 1 1 1"] {
        assert_eq!(Payload::parse(text), None, "{text:?}");
    }
}

#[test]
fn arrivals_in_order_leave_nothing_to_remember() {
    let mut check = Check::default();
    for number in 1..=1000 {
        assert_eq!(check.observe(number), Seen::InOrder);
    }
    assert_eq!((check.lost(1000, &Ranges::default()), check.late, check.again), (0, 0, 0));
    assert_eq!(check.missing.pieces(), 0);
}

#[test]
fn what_is_missing_late_or_doubled_is_counted() {
    let mut check = Check::default();
    let seen: Vec<Seen> = [1, 2, 5, 4, 2, 8].into_iter().map(|number| check.observe(number)).collect();
    assert_eq!(seen, [Seen::InOrder, Seen::InOrder, Seen::InOrder, Seen::Late, Seen::Again, Seen::InOrder]);
    assert_eq!((check.arrived, check.late, check.again), (5, 1, 1));
    assert_eq!(check.absent(10).iter().collect::<Vec<_>>(), [(3, 3), (6, 7), (9, 10)]);
    let mut excused = Ranges::default();
    excused.insert(7, 9);
    assert_eq!(check.lost(10, &excused), 3, "3, 6 and 10");
    assert_eq!(check.lost(8, &Ranges::default()), 3, "3, 6 and 7");
}

#[test]
fn too_many_gaps_are_given_up_and_still_counted() {
    let mut check = Check::default();
    for number in (2..=10_000).step_by(2) {
        check.observe(number);
    }
    assert_eq!(check.missing.pieces(), 1024);
    assert_eq!(check.lost(10_000, &Ranges::default()), 5_000);
}

#[test]
fn a_webhook_again_is_a_repeat_and_a_second_event_a_duplicate() {
    let mut feed = Arrivals::default();
    assert_eq!(feed.observe(1, Some(100), false), Arrival::New);
    assert_eq!(feed.observe(2, Some(200), false), Arrival::New);
    assert_eq!(feed.observe(1, Some(100), false), Arrival::Repeat);
    assert_eq!(feed.observe(2, Some(201), false), Arrival::Duplicate);
    // The id of another message's event proves nothing, whatever the feed says of it.
    assert_eq!(feed.observe(2, Some(100), true), Arrival::Duplicate);
    assert_eq!((feed.repeats, feed.duplicates, feed.check.arrived), (1, 2, 2));
}

#[test]
fn an_event_without_an_id_is_a_repeat_only_when_the_feed_says_so() {
    let mut feed = Arrivals::default();
    assert_eq!(feed.observe(1, None, false), Arrival::New);
    assert_eq!(feed.observe(1, None, true), Arrival::Repeat);
    assert_eq!(feed.observe(1, None, false), Arrival::Duplicate);
    assert_eq!(feed.observe(2, None, true), Arrival::New);
}

proptest! {
    #[test]
    fn ranges_are_a_set(changes in proptest::collection::vec((any::<bool>(), 1_u64..60, 0_u64..6), 0..80)) {
        let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
        for (insert, first, more) in changes {
            if insert {
                ranges.insert(first, first + more);
                model.extend(first..=first + more);
            } else {
                prop_assert_eq!(ranges.remove(first), model.remove(&first));
            }
        }
        let all: Vec<u64> = ranges.iter().flat_map(|(first, last)| first..=last).collect();
        prop_assert_eq!(&all, &model.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(ranges.len(), model.len() as u64);
        prop_assert!(ranges.iter().zip(ranges.iter().skip(1)).all(|(one, next)| one.1 + 1 < next.0));
        let mut odd = Ranges::default();
        (1..70).filter(|number| number % 7 < 3).for_each(|number| odd.insert(number, number));
        let both = model.iter().filter(|&&number| number < 70 && number % 7 < 3).count() as u64;
        prop_assert_eq!(ranges.overlap(&odd), both);
        prop_assert_eq!(odd.overlap(&ranges), both);
    }

    #[test]
    fn every_arrival_is_counted_once(numbers in proptest::collection::vec(1_u64..50, 0..120)) {
        let (mut check, mut seen, mut late, mut again) = (Check::default(), BTreeSet::new(), 0, 0);
        for number in numbers {
            late += u64::from(!seen.contains(&number) && seen.last().is_some_and(|&last| last > number));
            again += u64::from(!seen.insert(number));
            check.observe(number);
        }
        prop_assert_eq!((check.arrived, check.late, check.again), (seen.len() as u64, late, again));
        prop_assert_eq!(check.lost(50, &Ranges::default()), 50 - seen.len() as u64);
        let text = serde_json::to_string(&check).expect("json");
        prop_assert_eq!(serde_json::from_str::<Check>(&text).expect("check"), check);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_keeps_account_of_what_reached_it() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    for number in [1, 2, 4, 4] {
        let text = payload(Direction::Out, number).to_string();
        ana.client
            .send_text(whatsapp_rust::Jid::pn(contact.phone.as_str()), text.as_str())
            .await
            .expect("send");
    }
    ana.client.send_text(whatsapp_rust::Jid::pn(contact.phone.as_str()), "hello").await.expect("send");
    until("all texts", || (handle.received(&contact.phone, 0).expect("contact").1 == 5).then_some(())).await;
    let found = handle.sequences(0xBEE);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].phone, contact.phone);
    let check = &found[0].check;
    assert_eq!((found[0].stream, check.highest, check.arrived, check.again), (17, 4, 3, 1));
    assert_eq!(check.lost(4, &Ranges::default()), 1);
    assert!(handle.sequences(1).is_empty(), "another run's are none of ours");
}
