//! What waits for a client that is away, what does not, and leaving in the middle of it.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::{client::TestClient, simulator, texts::received, until, within};
use wa_sim::{ContactInfo, Handle, NewContact, NewGroup, Send};
use whatsapp_rust::{
    Jid,
    types::{events::Event, presence::ReceiptType},
};

fn contact(handle: &Handle) -> ContactInfo {
    handle.create_contact(NewContact::default()).expect("contact")
}

async fn write(handle: &Handle, from: &str, to: &str, text: &str) {
    let order = Send { to: to.into(), text: text.into(), ..Send::default() };
    handle.send(from, order).await.expect("send");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_wait_for_a_client_that_is_away() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let bob = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let sent = ana.client.send_text(Jid::pn(bob.phone.as_str()), "read me later").await.expect("send");
    ana.receipts(&sent.message_id, &[ReceiptType::Delivered]).await;
    let store = ana.stop().await;
    handle.receipt(&bob.phone, &ana_id.phone, &sent.message_id, "read").expect("receipt");
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.receipts(&sent.message_id, &[ReceiptType::Read]).await;
    ana.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_a_group_wait_in_order() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let boss = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let new =
        NewGroup { subject: "Sales".into(), members: vec![ana_id.phone.clone()], ..NewGroup::default() };
    let group = handle.create_group(&boss.phone, new).expect("create").jid;
    write(&handle, &boss.phone, &group, "the key comes along").await;
    assert_eq!(ana.text().await.text, "the key comes along");
    let store = ana.stop().await;
    for text in ["one", "two", "three"] {
        write(&handle, &boss.phone, &group, text).await;
    }
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    let mut texts = Vec::new();
    while texts.len() < 3 {
        texts.extend(ana.texts().await);
    }
    assert!(texts.iter().all(|text| text.chat.to_string() == group && text.offline));
    assert_eq!(texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    ana.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chat_states_do_not_wait() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let bob = contact(&handle);
    let (ana, ana_id) = TestClient::paired(&simulator, None).await;
    let store = ana.stop().await;
    handle.typing(&bob.phone, &ana_id.phone, "composing").expect("typing");
    write(&handle, &bob.phone, &ana_id.phone, "typed long ago").await;
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    let mut typing = false;
    for next in ["and this now", ""] {
        ana.event("a text", |event| {
            typing |= matches!(event, Event::ChatPresence(_));
            matches!(event, Event::Messages(_)).then_some(())
        })
        .await;
        if !next.is_empty() {
            write(&handle, &bob.phone, &ana_id.phone, next).await;
        }
    }
    assert!(!typing, "a chat state is of its moment only");
    ana.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_leave_at_once_in_the_middle_of_sending_come_back_whole() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let bob = contact(&handle);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(TestClient::paired(&simulator, None).await);
    }
    let to = Jid::pn(bob.phone.as_str());
    let mut senders = tokio::task::JoinSet::new();
    for (client, _) in &clients {
        let (client, to) = (Arc::clone(&client.client), to.clone());
        senders.spawn(async move { while client.send_text(to.clone(), "on and on").await.is_ok() {} });
    }
    until("everybody writes", || (handle.received(&bob.phone, 0).ok()?.0.len() > 20).then_some(())).await;
    let mut leaving = tokio::task::JoinSet::new();
    for (client, paired) in clients {
        leaving.spawn(async move { (client.stop().await, paired) });
    }
    let stores = within("all have left", leaving.join_all()).await;
    // The library may leave a send without an answer when its client stops.
    senders.shutdown().await;
    for (store, paired) in stores {
        let mut client = TestClient::start(&simulator.chat_url(), store, None, None).await;
        client.connected().await;
        write(&handle, &bob.phone, &paired.phone, "welcome back").await;
        assert_eq!(client.text().await.text, "welcome back");
        let last = format!("here I am: {}", paired.phone);
        client.client.send_text(to.clone(), last.as_str()).await.expect("send");
        until(&last, || {
            let texts = handle.received(&bob.phone, 0).ok()?.0;
            texts.iter().any(|text| text.text.as_deref() == Some(&last)).then_some(())
        })
        .await;
        client.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_the_pre_keys_of_a_client_gets_them_again() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let bob = contact(&handle);
    let (ana, ana_id) = TestClient::paired(&simulator, None).await;
    let left = || {
        let account = handle.account_info(&ana_id.phone).ok()?;
        account.devices.iter().find(|device| device.device == ana_id.device).map(|device| device.pre_keys)
    };
    until("the keys are there", || left().filter(|left| *left > 0)).await;
    let store = ana.stop().await;
    handle.lose_pre_keys(&ana_id.phone, ana_id.device).expect("lose");
    assert_eq!(left(), Some(0));
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    until("the keys are there again", || left().filter(|left| *left > 0)).await;
    write(&handle, &bob.phone, &ana_id.phone, "with a key").await;
    assert_eq!(ana.text().await.text, "with a key");
    ana.client.send_text(Jid::pn(bob.phone.as_str()), "so it is").await.expect("send");
    assert_eq!(received(&handle, &bob.phone, "text").await.text.as_deref(), Some("so it is"));
    ana.stop().await;
}
