//! Device lists and keys change, and the server asks for things by itself.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use common::{client::TestClient, simulator, simulator_with, texts::received, until};
use wa_sim::{Direction, Handle, NewContact, Options, Received, Send};
use whatsapp_rust::{Jid, types::events::Event};

fn contact(handle: &Handle) -> String {
    handle.create_contact(NewContact::default()).expect("contact").phone
}

async fn write(handle: &Handle, from: &str, to: &str, text: &str) {
    let order = Send { to: to.into(), text: text.into(), ..Send::default() };
    handle.send(from, order).await.expect("send");
}

/// Waits for the text at a simulated companion.
async fn copied(handle: &Handle, phone: &str, device: u16, text: &str) -> Received {
    until(text, || {
        let messages = handle.companion_received(phone, device).ok()?;
        messages.into_iter().find(|message| message.text.as_deref() == Some(text))
    })
    .await
}

async fn at_phone(handle: &Handle, phone: &str, text: &str) {
    until(text, || {
        let (messages, _) = handle.received(phone, 0).ok()?;
        messages.into_iter().find(|message| message.text.as_deref() == Some(text))
    })
    .await;
}

/// Waits until the client has sent a stanza with these parts.
async fn sent(handle: &Handle, phone: &str, parts: &[&str]) {
    until(parts[0], || {
        let stanzas = handle.recorded(phone, 0).ok()?;
        stanzas.into_iter().find(|stanza| {
            stanza.direction == Direction::In && parts.iter().all(|part| stanza.xml.contains(part))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_links_a_companion_that_gets_copies() {
    let folder = tempfile::tempdir().expect("folder");
    let options = Options { state_file: Some(folder.path().join("state.json")), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(friend.as_str());
    ana.client.send_text(to.clone(), "one").await.expect("send");
    at_phone(&handle, &friend, "one").await;
    let device = handle.link_companion(&friend).expect("link");
    let told = |event: &Event| matches!(event, Event::DeviceListUpdate(_)).then_some(());
    ana.event("device list", told).await;
    ana.client.send_text(to.clone(), "two").await.expect("send");
    at_phone(&handle, &friend, "two").await;
    assert_eq!(copied(&handle, &friend, device, "two").await.from, ana_id.phone);
    write(&handle, &friend, &ana_id.phone, "from the phone").await;
    assert_eq!(ana.text().await.text, "from the phone");
    let copy = copied(&handle, &friend, device, "from the phone").await;
    assert_eq!((copy.from, copy.chat), (friend.clone(), Jid::pn(ana_id.phone.as_str()).to_string()));
    let group = ana.group("Team", &[&friend]).await;
    ana.client.send_text(group.clone(), "to the group").await.expect("send");
    assert_eq!(copied(&handle, &friend, device, "to the group").await.chat, group.to_string());
    write(&handle, &friend, &group.to_string(), "own group text").await;
    copied(&handle, &friend, device, "own group text").await;
    assert_eq!(handle.stats().undecryptable, 0);

    let store = ana.stop().await;
    simulator.shutdown().await.expect("shutdown");
    let simulator = simulator_with(options).await;
    let handle = simulator.handle();
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.connected().await;
    ana.client.send_text(to.clone(), "after the restart").await.expect("send");
    copied(&handle, &friend, device, "after the restart").await;
    handle.remove_device(&friend, device).expect("unlink");
    ana.event("device list", told).await;
    ana.client.send_text(to, "phone only").await.expect("send");
    at_phone(&handle, &friend, "phone only").await;
    assert!(handle.companion_received(&friend, device).is_err());
    assert_eq!(handle.stats().undecryptable, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_companion_does_not_run_out_of_pre_keys() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let device = handle.link_companion(&friend).expect("link");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(friend.as_str());
    // More senders than one set of one-time pre-keys.
    for n in 0..18 {
        let (client, _) = TestClient::paired(&simulator, None).await;
        client.client.send_text(to.clone(), &format!("client {n}")).await.expect("send");
        copied(&handle, &friend, device, &format!("client {n}")).await;
        client.stop().await;
    }
    ana.client.send_text(to, "hello").await.expect("send");
    copied(&handle, &friend, device, "hello").await;
    assert_eq!(handle.stats().undecryptable, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_companion_that_lost_its_sessions_asks_again() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.json");
    let options = Options { state_file: Some(path.clone()), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let device = handle.link_companion(&friend).expect("link");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(friend.as_str());
    ana.client.send_text(to.clone(), "before").await.expect("send");
    copied(&handle, &friend, device, "before").await;
    let store = ana.stop().await;
    simulator.shutdown().await.expect("shutdown");
    let content = std::fs::read(&path).expect("read");
    let mut state: serde_json::Value = serde_json::from_slice(&content).expect("state");
    for account in state["accounts"].as_array_mut().expect("accounts") {
        for companion in account["companions"].as_array_mut().expect("companions") {
            companion[1]["sessions"] = serde_json::json!([]);
        }
    }
    std::fs::write(&path, state.to_string()).expect("write");
    let simulator = simulator_with(options).await;
    let handle = simulator.handle();
    let ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.client.wait_for_connected(common::DEADLINE).await.expect("connected");
    ana.client.send_text(to, "after").await.expect("send");
    copied(&handle, &friend, device, "after").await;
    assert_eq!(handle.stats().undecryptable, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_phone_writes_and_the_client_sees_it() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let phone = NewContact { phone: Some(ana_id.phone.clone()), ..NewContact::default() };
    handle.create_contact(phone).expect("contact");
    write(&handle, &ana_id.phone, &friend, "typed on the phone").await;
    let copy = ana.text().await;
    assert_eq!((copy.text.as_str(), copy.chat.user.as_str()), ("typed on the phone", friend.as_str()));
    assert_eq!(copy.sender.user.as_str(), ana_id.phone.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reinstalled_contact_has_a_new_identity() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(friend.as_str());
    ana.client.send_text(to.clone(), "before").await.expect("send");
    at_phone(&handle, &friend, "before").await;
    write(&handle, &friend, &ana_id.phone, "answer").await;
    assert_eq!(ana.text().await.text, "answer");
    handle.reinstall(&friend).expect("reinstall");
    ana.event("identity", |event| matches!(event, Event::IdentityChange(_)).then_some(())).await;
    ana.client.send_text(to, "after").await.expect("send");
    at_phone(&handle, &friend, "after").await;
    write(&handle, &friend, &ana_id.phone, "new me").await;
    assert_eq!(ana.text().await.text, "new me");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_pre_keys_rotate_on_both_sides() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    handle.record(&ana_id.phone, 1_000).expect("record");
    ana.client.rotate_signed_pre_key().await.expect("rotate");
    sent(&handle, &ana_id.phone, &["<rotate>", "<skey>"]).await;
    write(&handle, &friend, &ana_id.phone, "with the new key").await;
    assert_eq!(ana.text().await.text, "with the new key");
    handle.rotate_signed_pre_key(&friend).expect("rotate");
    handle.rotate_signed_pre_key(&friend).expect("rotate");
    let (bia, _) = TestClient::paired(&simulator, None).await;
    bia.client.send_text(Jid::pn(friend.as_str()), "hello").await.expect("send");
    assert_eq!(received(&handle, &friend, "text").await.text.as_deref(), Some("hello"));
    assert_eq!(handle.stats().undecryptable, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_pings_sets_dirty_bits_and_asks_for_pre_keys() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    handle.record(&ana_id.phone, 1_000).expect("record");
    assert_eq!(handle.ping(&ana_id.phone, None).expect("ping"), 1);
    sent(&handle, &ana_id.phone, &["<iq", "type=\"result\""]).await;
    assert_eq!(handle.dirty(&ana_id.phone, None, "account_sync").expect("dirty"), 1);
    ana.event("dirty", |event| matches!(event, Event::DirtyState(_)).then_some(())).await;
    sent(&handle, &ana_id.phone, &["urn:xmpp:whatsapp:dirty", "<clean", "account_sync"]).await;
    let keys = || handle.account_info(&ana_id.phone).expect("account").devices[0].pre_keys;
    let before = keys();
    handle.ask_pre_keys(&ana_id.phone, ana_id.device).expect("ask");
    until("more keys", || (keys() > before).then_some(())).await;
}
