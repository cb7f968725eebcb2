//! Presence, chat states, existence, groups and calls.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use common::{
    client::TestClient,
    simulator,
    texts::{received, signalled},
};
use wa_sim::{NewContact, Send};
use whatsapp_rust::{
    Jid,
    types::{events::Event, presence::ChatPresence},
    wacore::iq::groups::{GroupCreateOptions, GroupParticipantOptions},
    waproto::whatsapp::message::extended_text_message::FontType,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_and_chat_states_reach_the_other_side() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let to = Jid::pn(contact.phone.as_str());
    ana.client.presence().set_available().await.expect("available");
    ana.client.presence().subscribe(to.clone()).await.expect("subscribe");
    let presence = |wanted: bool| {
        move |event: &Event| match event {
            Event::Presence(update) if update.unavailable != wanted => Some(()),
            _ => None,
        }
    };
    ana.event("unavailable", presence(false)).await;
    handle.presence(&contact.phone, true).expect("presence");
    ana.event("available", presence(true)).await;
    handle.typing(&contact.phone, &ana_id.phone, "composing").expect("typing");
    ana.event("typing", |event| match event {
        Event::ChatPresence(update) if update.state == ChatPresence::Composing => Some(()),
        _ => None,
    })
    .await;
    ana.client.chatstate().send_composing(&to).await.expect("composing");
    signalled(&handle, &contact.phone, "typing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_created_numbers_exist() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    handle.set_exists("5521999990000", true).expect("exists");
    let phones = [contact.phone.as_str(), "5521999990000", "5521999990001"];
    let jids: Vec<Jid> = phones.iter().map(|phone| Jid::pn(*phone)).collect();
    let answers = ana.client.contacts().is_on_whatsapp(&jids).await.expect("query");
    let registered = |phone: &str| {
        answers.iter().find(|answer| answer.jid.user == phone).map(|answer| answer.is_registered)
    };
    assert_eq!(phones.map(registered), [Some(true), Some(true), Some(false)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_carry_texts_of_clients_and_contacts() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, _) = TestClient::paired(&simulator, None).await;
    let (mut bia, bia_id) = TestClient::paired(&simulator, None).await;
    let participants = [contact.phone.as_str(), bia_id.phone.as_str()].map(|phone| GroupParticipantOptions {
        jid: Jid::pn(phone),
        phone_number: None,
        privacy: None,
    });
    let options = GroupCreateOptions {
        subject: "Team".into(),
        participants: participants.to_vec(),
        ..Default::default()
    };
    let group = ana.client.groups().create_group(options).await.expect("create").metadata.id;
    bia.event("group", |event| matches!(event, Event::GroupUpdate(_)).then_some(())).await;
    let mine = bia.client.groups().get_participating().await.expect("participating");
    assert_eq!(mine.len(), 1);

    ana.client.send_text(group.clone(), "all").await.expect("send");
    let got = bia.text().await;
    assert_eq!((got.text.as_str(), got.chat.clone()), ("all", group.clone()));
    let seen = received(&handle, &contact.phone, "text").await;
    assert_eq!((seen.text.as_deref(), seen.chat), (Some("all"), group.to_string()));
    bia.client.send_text(group.clone(), "from Bia").await.expect("send");
    assert_eq!(ana.text().await.text, "from Bia");
    let order = Send { to: group.to_string(), text: "{n}".into(), count: 3, ..Send::default() };
    handle.send(&contact.phone, order).await.expect("send");
    for n in 1..=3 {
        assert_eq!(ana.text().await.text, n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_rings_and_can_be_rejected() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let id = handle.call(&contact.phone, &ana_id.phone, false, None).expect("call");
    let call = ana
        .event("call", |event| match event {
            Event::IncomingCall(call) => Some(call.clone()),
            _ => None,
        })
        .await;
    assert_eq!(call.action.call_id(), id);
    ana.client.voip().reject(&call).await.expect("reject");
    signalled(&handle, &contact.phone, "reject").await;
    handle.call(&contact.phone, &ana_id.phone, false, Some(&id)).expect("terminate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_reaches_its_audience() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let (mut bia, bia_id) = TestClient::paired(&simulator, None).await;
    let audience = [Jid::pn(contact.phone.as_str()), Jid::pn(bia_id.phone.as_str())];
    // Status recipients must be known by LID.
    ana.client.contacts().is_on_whatsapp(&audience).await.expect("query");
    for text in ["morning", "evening"] {
        ana.client
            .status()
            .send_text(text, 0xFF1E_6E4F, FontType::SYSTEM, &audience, Default::default())
            .await
            .expect("status");
        assert_eq!(bia.text().await.text, text);
    }
    let seen = received(&handle, &contact.phone, "extendedText").await;
    assert_eq!((seen.text.as_deref(), seen.chat.as_str()), (Some("morning"), "status@broadcast"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_can_be_changed_and_read() {
    let simulator = simulator().await;
    let (ana, ana_id) = TestClient::paired(&simulator, None).await;
    let (bia, _) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(ana_id.phone.as_str());
    ana.client.profile().set_status_text("busy").await.expect("about");
    ana.client.profile().set_push_name("Ana").await.expect("name");
    ana.client.profile().set_profile_picture(vec![0xFF, 0xD8, 0xFF]).await.expect("picture");
    let picture = bia.client.contacts().get_profile_picture(&jid, false).await.expect("query");
    assert!(picture.is_some_and(|picture| picture.url.contains("/v/picture/")));
    let info = bia.client.contacts().get_user_info(std::slice::from_ref(&jid)).await.expect("query");
    assert!(info.values().any(|info| info.status.as_deref() == Some("busy")));
    assert_eq!(simulator.handle().account_info(&ana_id.phone).expect("account").name, "Ana");
    ana.client.blocking().block(&jid).await.ok();
    ana.client.fetch_privacy_settings().await.expect("privacy");
}
