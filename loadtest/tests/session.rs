//! Pairing, logins and their ends, with real clients.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::{client::TestClient, simulator, simulator_with, texts::received, until, within};
use wa_sim::{LoginFailure, NewContact, Options, Send};
use whatsapp_rust::{
    Jid,
    types::events::Event,
    wacore::store::{InMemoryBackend, traits::Backend},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pairs_by_qr_and_comes_back_with_the_stored_session() {
    let simulator = simulator().await;
    let (client, paired) = TestClient::paired(&simulator, Some("5511988887777")).await;
    assert_eq!(paired.phone, "5511988887777");
    assert!(client.client.is_logged_in());
    let store = client.stop().await;
    let mut again = TestClient::start(&simulator.chat_url(), store, None, None).await;
    again.connected().await;
    assert_eq!(simulator.handle().stats().pairings, 1);
    assert_eq!(simulator.handle().stats().logins, 2);
    again.stop().await;
    within("shutdown", simulator.shutdown()).await.expect("shutdown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_without_a_connection_is_known_and_a_second_connection_counted() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (client, paired) = TestClient::paired(&simulator, None).await;
    assert!(handle.outages(0).outages.is_empty(), "a pairing is no outage");
    let gone = client.stop().await;
    // A connection whose end has not been seen yet would count as replaced.
    let online = || handle.account_info(&paired.phone).unwrap().devices[0].online;
    until("the end of the connection", || (!online()).then_some(())).await;
    let mut again = TestClient::start(&simulator.chat_url(), gone, None, None).await;
    again.connected().await;
    let first = until("the outage", || Some(handle.outages(0)).filter(|told| told.next == 1)).await;
    assert_eq!((first.outages[0].phone.as_str(), first.outages[0].device), (&*paired.phone, paired.device));
    assert!(first.outages[0].lasted_micros > 0);
    assert!(first.outages[0].began_micros + first.outages[0].lasted_micros <= first.now_micros);
    assert_eq!(handle.stats().replaced, 0);
    // The same device on another node, while the first has it still.
    let second = TestClient::start(&simulator.chat_url(), again.store.clone(), None, None).await;
    until("the second connection", || (handle.stats().replaced > 0).then_some(())).await;
    until("its outage", || (handle.outages(1).next > 1).then_some(())).await;
    assert_eq!(handle.outages(1).outages[0].phone, paired.phone);
    assert!(handle.outages(u64::MAX).outages.is_empty());
    again.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pairs_by_code() {
    let simulator = simulator().await;
    let store: Arc<dyn Backend> = Arc::new(InMemoryBackend::new());
    let phone = "5511977776666";
    let mut client = TestClient::start(&simulator.chat_url(), store, None, Some(phone)).await;
    let code = client
        .event("pair code", |event| match event {
            Event::PairingCode(code) => Some(code.code.clone()),
            _ => None,
        })
        .await;
    let paired = simulator.handle().enter_code(phone, &code).await.expect("enter code");
    assert_eq!(paired.phone, phone);
    client.connected().await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_push_name_is_the_same_number() {
    let simulator = simulator().await;
    let mut phones = Vec::new();
    for _ in 0..2 {
        let store: Arc<dyn Backend> = Arc::new(InMemoryBackend::new());
        let mut client = TestClient::start(&simulator.chat_url(), store, Some("Ana"), None).await;
        let qr = client.qr().await;
        phones.push(simulator.handle().scan_qr(&qr, None).await.expect("scan"));
        client.connected().await;
        client.stop().await;
    }
    assert_eq!(phones[0].phone, phones[1].phone);
    assert_eq!((phones[0].device, phones[1].device), (1, 2));
}

/// Starts a client on the store of a paired one.
async fn again(url: &str, store: Arc<dyn Backend>) -> TestClient {
    let mut client = TestClient::start(url, store, None, None).await;
    client.connected().await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_from_the_state_file_logs_nobody_out() {
    let folder = tempfile::tempdir().expect("folder");
    let options = Options { state_file: Some(folder.path().join("state.json")), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let contact = simulator.handle().create_contact(NewContact::default()).expect("contact");
    let (mut client, paired) = TestClient::paired(&simulator, None).await;
    let order = |text: &str| Send { to: paired.phone.clone(), text: text.into(), ..Send::default() };
    simulator.handle().send(&contact.phone, order("before")).await.expect("send");
    assert_eq!(client.text().await.text, "before");
    let store = client.stop().await;
    simulator.handle().send(&contact.phone, order("waiting")).await.expect("send");
    within("shutdown", simulator.shutdown()).await.expect("shutdown");

    let simulator = simulator_with(options).await;
    let mut client = TestClient::start(&simulator.chat_url(), store, None, None).await;
    let waited = client.text().await;
    assert_eq!((waited.text.as_str(), waited.offline), ("waiting", true));
    simulator.handle().send(&contact.phone, order("after")).await.expect("send");
    assert_eq!(client.text().await.text, "after");
    client.client.send_text(Jid::pn(contact.phone.as_str()), "answer").await.expect("send");
    assert_eq!(received(&simulator.handle(), &contact.phone, "text").await.text.as_deref(), Some("answer"));
    assert_eq!(simulator.handle().stats().undecryptable, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_server_key_falls_back_to_a_full_handshake() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.json");
    let options = Options { state_file: Some(path.clone()), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let (client, _) = TestClient::paired(&simulator, None).await;
    let store = again(&simulator.chat_url(), client.stop().await).await.stop().await;
    simulator.shutdown().await.expect("shutdown");
    let mut state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("state");
    state["server_key"] = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH0A=".into();
    std::fs::write(&path, state.to_string()).expect("write");
    let simulator = simulator_with(options).await;
    again(&simulator.chat_url(), store).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connection_of_a_device_replaces_the_first() {
    let simulator = simulator().await;
    let (mut first, _) = TestClient::paired(&simulator, None).await;
    let second = again(&simulator.chat_url(), first.store.clone()).await;
    assert!(matches!(*first.ended().await, Event::StreamReplaced(_)));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_device_is_logged_out_for_good() {
    let simulator = simulator().await;
    let (mut client, paired) = TestClient::paired(&simulator, None).await;
    simulator.handle().remove_device(&paired.phone, paired.device).expect("remove");
    assert!(matches!(&*client.ended().await, Event::LoggedOut(out) if !out.on_connect));
    let store = client.stop().await;
    let mut client = TestClient::start(&simulator.chat_url(), store, None, None).await;
    assert!(matches!(&*client.ended().await, Event::LoggedOut(out) if out.on_connect));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_removes_the_device() {
    let simulator = simulator().await;
    let (client, paired) = TestClient::paired(&simulator, None).await;
    client.client.logout().await;
    let devices = simulator.handle().account_info(&paired.phone).expect("account").devices;
    assert!(devices.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_fail_as_ordered() {
    let simulator = simulator().await;
    let (client, paired) = TestClient::paired(&simulator, None).await;
    let mut store = client.stop().await;
    for reason in [401, 402, 403, 405, 406, 429] {
        let failure: LoginFailure = serde_json::from_value(serde_json::json!({
            "reason": reason, "phone": paired.phone, "code": 101, "expire": 3600,
        }))
        .expect("failure");
        simulator.handle().fail_logins(failure);
        let mut client = TestClient::start(&simulator.chat_url(), store, None, None).await;
        let end = client.ended().await;
        let expected = match reason {
            401 | 403 | 406 => matches!(&*end, Event::LoggedOut(_)),
            402 => matches!(&*end, Event::TemporaryBan(ban) if ban.expire.num_seconds() == 3600),
            405 => matches!(&*end, Event::ClientOutdated(_)),
            _ => matches!(&*end, Event::ConnectFailure(_)),
        };
        assert!(expected, "{reason}: {end:?}");
        store = client.stop().await;
    }
    again(&simulator.chat_url(), store).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_errors_at_login_are_retried() {
    let simulator = simulator().await;
    let (client, paired) = TestClient::paired(&simulator, None).await;
    let mut store = client.stop().await;
    for reason in [500, 503] {
        let failure =
            LoginFailure { reason, count: 1, phone: Some(paired.phone.clone()), code: None, expire: None };
        simulator.handle().fail_logins(failure);
        store = again(&simulator.chat_url(), store).await.stop().await;
    }
}
