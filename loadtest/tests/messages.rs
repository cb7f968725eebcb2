//! Messages and receipts between clients and contacts.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use common::{
    client::TestClient,
    simulator,
    texts::{received, signalled},
    until,
};
use wa_sim::{NewContact, Send};
use whatsapp_rust::{Jid, RevokeType, types::presence::ReceiptType, waproto::whatsapp as wa};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_exchange_texts() {
    let simulator = simulator().await;
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let (mut bia, bia_id) = TestClient::paired(&simulator, None).await;
    let sent = ana.client.send_text(Jid::pn(bia_id.phone.as_str()), "hi Bia").await.expect("send");
    let got = bia.text().await;
    assert_eq!((got.text.as_str(), got.id.as_str()), ("hi Bia", sent.message_id.as_str()));
    ana.receipts(&sent.message_id, &[ReceiptType::Delivered]).await;
    bia.client.mark_as_read(&got.chat, None, &[got.id.as_str()]).await.expect("read");
    ana.receipts(&sent.message_id, &[ReceiptType::Read]).await;
    bia.client.send_text(Jid::pn(ana_id.phone.as_str()), "hi Ana").await.expect("send");
    assert_eq!(ana.text().await.text, "hi Ana");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_receives_confirms_and_sends_a_numbered_stream() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let mut contact = NewContact::default();
    contact.behaviour.auto_read = true;
    let contact = handle.create_contact(contact).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;

    let sent = ana.client.send_text(Jid::pn(contact.phone.as_str()), "hello").await.expect("send");
    assert_eq!(received(&handle, &contact.phone, "text").await.text.as_deref(), Some("hello"));
    ana.receipts(&sent.message_id, &[ReceiptType::Delivered, ReceiptType::Read]).await;

    let order = Send { to: ana_id.phone.clone(), text: "message {n}".into(), count: 200, ..Send::default() };
    let report = handle.send(&contact.phone, order).await.expect("stream");
    let mut texts = Vec::new();
    while texts.len() < 200 {
        texts.extend(ana.texts().await);
    }
    let expected: Vec<String> = (1..=200).map(|n| format!("message {n}")).collect();
    assert_eq!(texts.iter().map(|text| text.text.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(texts.iter().map(|text| text.id.clone()).collect::<Vec<_>>(), report.ids);
    signalled(&handle, &contact.phone, "delivered").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_revokes_and_reactions_travel_both_ways() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(contact.phone.as_str());

    let sent = ana.client.send_text(to.clone(), "first").await.expect("send");
    let new = wa::Message { conversation: Some("second".into()), ..Default::default() };
    ana.client.edit_message(to.clone(), sent.message_id.clone(), new).await.expect("edit");
    let edit = received(&handle, &contact.phone, "edit").await;
    assert_eq!(
        (edit.text.as_deref(), edit.target.as_deref()),
        (Some("second"), Some(sent.message_id.as_str()))
    );
    ana.client.send_reaction(to.clone(), sent.message_key(), "👍").await.expect("react");
    assert_eq!(received(&handle, &contact.phone, "reaction").await.text.as_deref(), Some("👍"));
    ana.client.revoke_message(to, sent.message_id.clone(), RevokeType::Sender).await.expect("revoke");
    assert_eq!(
        received(&handle, &contact.phone, "revoke").await.target.as_deref(),
        Some(sent.message_id.as_str())
    );

    let order = Send { to: ana_id.phone.clone(), text: "one".into(), ..Send::default() };
    let id = handle.send(&contact.phone, order).await.expect("send").ids.remove(0);
    assert_eq!(ana.text().await.id, id);
    handle.edit(&contact.phone, &ana_id.phone, &id, "two").await.expect("edit");
    let edited = ana.message(|message| {
        let protocol = message.protocol_message.as_option()?;
        Some((
            protocol.key.as_option()?.id.clone()?,
            protocol.edited_message.as_option()?.conversation.clone()?,
        ))
    });
    assert_eq!(edited.await, (id.clone(), "two".to_owned()));
    handle.react(&contact.phone, &ana_id.phone, &sent.message_id, false, "🙏").await.expect("react");
    let reaction = ana.message(|message| message.reaction_message.as_option()?.text.clone());
    assert_eq!(reaction.await, "🙏");
    handle.revoke(&contact.phone, &ana_id.phone, &id).await.expect("revoke");
    let revoked = ana.message(|message| message.protocol_message.as_option()?.key.as_option()?.id.clone());
    assert_eq!(revoked.await, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unconfirmed_message_comes_again_after_a_drop() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (client, ana_id) = TestClient::paired(&simulator, None).await;
    let store = client.stop().await;
    let refuse = Arc::new(AtomicU32::new(1));
    let url = simulator.chat_url();
    let mut ana = TestClient::start_refusing(&url, store, None, None, refuse.clone()).await;
    ana.connected().await;
    let order = Send { to: ana_id.phone.clone(), text: "keep me".into(), ..Send::default() };
    let id = handle.send(&contact.phone, order).await.expect("send").ids.remove(0);
    let pending = || handle.account_info(&ana_id.phone).expect("account").devices[0].pending_messages;
    until("refusal", || (refuse.load(Ordering::Relaxed) > 1).then_some(())).await;
    assert_eq!(pending(), 1);
    refuse.store(0, Ordering::Relaxed);
    assert_eq!(handle.drop_connections(&ana_id.phone, None).expect("drop"), 1);
    let again = ana.text().await;
    assert_eq!((again.id.as_str(), again.offline), (id.as_str(), true));
    until("empty queue", || (pending() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_receipt_is_answered_over_a_fresh_session() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let order = |text: &str| Send { to: ana_id.phone.clone(), text: text.into(), ..Send::default() };
    handle.send(&contact.phone, order("one")).await.expect("send");
    assert_eq!(ana.text().await.text, "one");
    ana.client.send_text(Jid::pn(contact.phone.as_str()), "answer").await.expect("send");
    received(&handle, &contact.phone, "text").await;
    until("no message is left to come again", || (handle.stats().pending == 0).then_some(())).await;
    // The client loses its session: it cannot decrypt the next message and asks again.
    let store = ana.stop().await;
    for server in ["lid", "c.us"] {
        let user = if server == "lid" { contact.lid.split('@').next().expect("lid") } else { &contact.phone };
        store.delete_session(&format!("{user}@{server}.0")).await.expect("delete");
    }
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.connected().await;
    handle.send(&contact.phone, order("two")).await.expect("send");
    assert_eq!(ana.text().await.text, "two");
    signalled(&handle, &contact.phone, "retry").await;
}
