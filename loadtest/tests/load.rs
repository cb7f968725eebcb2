//! Order, completeness and rate of a larger exchange.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::time::Instant;

use common::{client::TestClient, simulator, until};
use wa_sim::{NewContact, Send};

/// Messages per contact.
const COUNT: u32 = 500;
/// Contacts, each with a client of its own.
const PAIRS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_streams_arrive_complete_and_in_order() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let contact = handle.create_contact(NewContact::default()).expect("contact");
        let (client, paired) = TestClient::paired(&simulator, None).await;
        pairs.push((contact.phone, client, paired.phone));
    }
    let started = Instant::now();
    let streams = pairs.iter_mut().map(|(contact, client, phone)| {
        let order = Send { to: phone.clone(), text: "{n}".into(), count: COUNT, ..Send::default() };
        let sending = handle.send(contact, order);
        let receiving = async {
            let mut texts = Vec::new();
            while texts.len() < COUNT as usize {
                texts.extend(client.texts().await.into_iter().map(|text| text.text));
            }
            texts
        };
        async move { futures::future::join(sending, receiving).await }
    });
    let expected: Vec<String> = (1..=COUNT).map(|n| n.to_string()).collect();
    for (sent, received) in futures::future::join_all(streams).await {
        sent.expect("stream");
        assert_eq!(received, expected);
    }
    let total = f64::from(COUNT) * PAIRS as f64;
    tracing::info!(rate = total / started.elapsed().as_secs_f64(), "messages per second");
    until("all receipts", || (handle.stats().pending == 0).then_some(())).await;
    assert_eq!(handle.stats().dropped, 0);
}
