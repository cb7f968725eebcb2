//! Keys, sessions and address forms.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use common::{client::TestClient, simulator, simulator_with, texts::received, until};
use wa_sim::{NewContact, Options, Send};
use whatsapp_rust::{Jid, types::presence::ReceiptType};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_runs_out_of_pre_keys_uploads_more() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let keys = || handle.account_info(&ana_id.phone).expect("account").devices[0].pre_keys;
    let before = keys();
    for n in 0..before - 3 {
        let contact = handle.create_contact(NewContact::default()).expect("contact");
        let order = Send { to: ana_id.phone.clone(), text: n.to_string(), ..Send::default() };
        handle.send(&contact.phone, order).await.expect("send");
        assert_eq!(ana.text().await.text, n.to_string());
    }
    until("new keys", || (keys() > before / 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lid_addressing_works_both_ways() {
    let simulator = simulator_with(Options { lid_migrated: true, ..Options::default() }).await;
    let handle = simulator.handle();
    let mut contact = NewContact::default();
    contact.behaviour.use_lid = true;
    let contact = handle.create_contact(contact).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let sent = ana.client.send_text(Jid::pn(contact.phone.as_str()), "hello").await.expect("send");
    assert_eq!(received(&handle, &contact.phone, "text").await.text.as_deref(), Some("hello"));
    ana.receipts(&sent.message_id, &[ReceiptType::Delivered]).await;
    let order = Send { to: ana_id.lid.clone(), text: "hi".into(), ..Send::default() };
    handle.send(&contact.phone, order).await.expect("send");
    let got = ana.text().await;
    assert_eq!((got.text.as_str(), got.sender.is_lid()), ("hi", true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_phone_and_the_own_other_device_see_what_was_sent() {
    let simulator = simulator_with(Options { decrypt_phones: true, ..Options::default() }).await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (ana, ana_id) = TestClient::paired(&simulator, None).await;
    let (mut other, other_id) = TestClient::paired(&simulator, Some(&ana_id.phone)).await;
    assert_eq!((other_id.phone.as_str(), other_id.device), (ana_id.phone.as_str(), 2));
    let to = Jid::pn(contact.phone.as_str());
    ana.client.send_text(to.clone(), "from the first device").await.expect("send");
    let copy = other.text().await;
    assert_eq!((copy.text.as_str(), copy.chat.user.as_str()), ("from the first device", to.user.as_str()));
    let seen = received(&handle, &ana_id.phone, "text").await;
    assert_eq!((seen.text.as_deref(), seen.chat), (Some("from the first device"), to.to_string()));
    let order = Send { to: ana_id.phone.clone(), text: "to both".into(), ..Send::default() };
    handle.send(&contact.phone, order).await.expect("send");
    assert_eq!(other.text().await.text, "to both");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_that_lost_its_sessions_asks_for_a_retry() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.json");
    let options = Options { state_file: Some(path.clone()), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let contact = simulator.handle().create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(contact.phone.as_str());
    ana.client.send_text(to.clone(), "one").await.expect("send");
    received(&simulator.handle(), &contact.phone, "text").await;
    let order = Send { to: ana_id.phone.clone(), text: "two".into(), ..Send::default() };
    simulator.handle().send(&contact.phone, order).await.expect("send");
    ana.text().await;
    let store = ana.stop().await;
    simulator.shutdown().await.expect("shutdown");

    let content = std::fs::read(&path).expect("read");
    let mut state: serde_json::Value = serde_json::from_slice(&content).expect("state");
    for account in state["accounts"].as_array_mut().expect("accounts") {
        account["phone_keys"]["sessions"] = serde_json::json!([]);
        account["received"] = serde_json::json!([]);
    }
    std::fs::write(&path, state.to_string()).expect("write");
    let simulator = simulator_with(options).await;
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.connected().await;
    ana.client.send_text(to, "three").await.expect("send");
    received(&simulator.handle(), &contact.phone, "undecryptable").await;
    assert_eq!(received(&simulator.handle(), &contact.phone, "text").await.text.as_deref(), Some("three"));
}
