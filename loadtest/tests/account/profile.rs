//! Profiles, privacy, block lists and restrictions.

use std::collections::BTreeMap;

use wa_sim::{Business, Change, Handle, NewContact, ProfileChange, Send};
use whatsapp_rust::{
    Jid,
    types::events::Event,
    wacore::iq::{
        groups::{GroupCreateOptions, GroupParticipantOptions},
        privacy::{
            DisallowedListAction, DisallowedListUpdate, DisallowedListUserEntry, PrivacyCategory,
            PrivacyValue,
        },
    },
};

use crate::common::{
    client::TestClient,
    http::request,
    simulator,
    texts::{received, signalled},
    until, within,
};

async fn say(handle: &Handle, contact: &str, to: &str, text: &str) {
    let order = Send { to: to.into(), text: text.into(), ..Send::default() };
    handle.send(contact, order).await.expect("send");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_changes_its_profile() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, paired) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(contact.phone.as_str());
    let change = |change: ProfileChange| {
        let change = ProfileChange { tell: vec![paired.phone.clone()], ..change };
        handle.set_profile(&contact.phone, change).expect("profile");
    };
    change(ProfileChange { about: Some("away".into()), ..ProfileChange::default() });
    let about = ana
        .event("about", |event| match event {
            Event::UserAboutUpdate(update) => Some((update.jid.clone(), update.status.clone())),
            _ => None,
        })
        .await;
    assert_eq!(about, (jid.clone(), "away".to_owned()));

    change(ProfileChange { picture: Some(b"jpeg".to_vec()), ..ProfileChange::default() });
    let id = ana
        .event("picture", |event| match event {
            Event::PictureUpdate(update) if update.jid == jid && !update.removed => update.picture_id.clone(),
            _ => None,
        })
        .await;
    let picture =
        ana.client.contacts().get_profile_picture(&jid, false).await.expect("query").expect("picture");
    assert_eq!(picture.id, id);
    let path = picture.url.split_once(&simulator.addr().to_string()).expect("host").1;
    let bytes = request(&simulator.addr().to_string(), "GET", path, &[], b"").await.expect("download");
    assert_eq!(bytes, (200, b"jpeg".to_vec()));
    change(ProfileChange { picture: Some(Vec::new()), ..ProfileChange::default() });
    ana.event("picture", |event| match event {
        Event::PictureUpdate(update) if update.removed => Some(()),
        _ => None,
    })
    .await;
    assert!(ana.client.contacts().get_profile_picture(&jid, true).await.expect("query").is_none());

    let business = Business {
        name: "Pizza Ltd".into(),
        description: "We bake".into(),
        email: Some("a@b.example".into()),
        websites: vec!["https://pizza.example".into()],
        address: None,
        categories: vec!["Restaurant".into()],
        ..Business::default()
    };
    assert!(ana.client.get_business_profile(&jid).await.expect("query").is_none());
    change(ProfileChange { business: Some(business), ..ProfileChange::default() });
    ana.event("business", |event| matches!(event, Event::BusinessStatusUpdate(_)).then_some(())).await;
    let profile = ana.client.get_business_profile(&jid).await.expect("query").expect("profile");
    assert_eq!((profile.description.as_str(), profile.email.as_deref()), ("We bake", Some("a@b.example")));
    assert_eq!((profile.website.len(), profile.categories[0].name.as_str()), (1, "Restaurant"));
    let found = ana.client.contacts().is_on_whatsapp(std::slice::from_ref(&jid)).await.expect("query");
    assert!(found[0].is_business);

    say(&handle, &contact.phone, &paired.phone, "before").await;
    ana.text().await;
    change(ProfileChange { name: Some("New Name".into()), ..ProfileChange::default() });
    say(&handle, &contact.phone, &paired.phone, "after").await;
    let name = ana
        .event("name", |event| match event {
            Event::Messages(batch) => batch.iter().map(|inbound| inbound.info.push_name.clone()).next(),
            _ => None,
        })
        .await;
    assert_eq!(name, "New Name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_has_a_picture() {
    let simulator = simulator().await;
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let (mut bia, bia_id) = TestClient::paired(&simulator, None).await;
    let member =
        GroupParticipantOptions { jid: Jid::pn(bia_id.phone.as_str()), phone_number: None, privacy: None };
    let options =
        GroupCreateOptions { subject: "Team".into(), participants: vec![member], ..Default::default() };
    let group = ana.client.groups().create_group(options).await.expect("create").metadata.id;
    ana.client.groups().set_profile_picture(group.clone(), b"jpeg".to_vec()).await.expect("picture");
    bia.event("picture", |event| match event {
        Event::PictureUpdate(update) if update.jid == group && !update.removed => Some(()),
        _ => None,
    })
    .await;
    let picture = bia.client.contacts().get_profile_picture(&group, false).await.expect("query");
    assert!(picture.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn privacy_settings_hide_a_profile() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (ana, ana_id) = TestClient::paired(&simulator, None).await;
    let (bia, _) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(ana_id.phone.as_str());
    let change = ProfileChange {
        picture: Some(b"jpeg".to_vec()),
        about: Some("busy".into()),
        ..ProfileChange::default()
    };
    handle.set_profile(&ana_id.phone, change).expect("profile");
    let seen = async || {
        let picture = bia.client.contacts().get_profile_picture(&jid, false).await.expect("picture");
        let info = bia.client.contacts().get_user_info(std::slice::from_ref(&jid)).await.expect("info");
        let about = info.values().find_map(|info| info.status.clone()).filter(|about| !about.is_empty());
        (picture.is_some(), about)
    };
    assert_eq!(seen().await, (true, Some("busy".to_owned())));
    for category in [PrivacyCategory::Profile, PrivacyCategory::Status] {
        ana.client.set_privacy_setting(category, PrivacyValue::None).await.expect("set");
    }
    assert_eq!(seen().await, (false, None));
    // Hidden from one user only.
    let (caio, caio_id) = TestClient::paired(&simulator, None).await;
    let from_caio = DisallowedListUpdate {
        dhash: "none".into(),
        users: vec![DisallowedListUserEntry {
            action: DisallowedListAction::Add,
            jid: caio_id.lid.parse::<Jid>().expect("lid").to_non_ad(),
            pn_jid: None,
        }],
    };
    let answer = ana.client.set_privacy_disallowed_list(PrivacyCategory::Profile, from_caio).await;
    assert!(answer.expect("list").dhash.is_some());
    assert!(seen().await.0);
    assert!(caio.client.contacts().get_profile_picture(&jid, false).await.expect("picture").is_none());
    ana.client.set_privacy_setting(PrivacyCategory::Profile, PrivacyValue::None).await.expect("set");
    let settings = ana.client.fetch_privacy_settings().await.expect("settings");
    assert_eq!(settings.get_value(&PrivacyCategory::Profile), Some(&PrivacyValue::None));
    assert_eq!(settings.get_value(&PrivacyCategory::Last), Some(&PrivacyValue::All));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_blocked_account_sends_is_lost() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(contact.phone.as_str());
    say(&handle, &contact.phone, &ana_id.phone, "one").await;
    assert_eq!(ana.text().await.text, "one");
    ana.client.blocking().block(&jid).await.expect("block");
    assert!(ana.client.blocking().is_blocked(&jid).await.expect("list"));
    say(&handle, &contact.phone, &ana_id.phone, "lost").await;
    handle.call(&contact.phone, &ana_id.phone, false, None).expect("call");
    ana.client.blocking().unblock(&jid).await.expect("unblock");
    assert!(ana.client.blocking().get_blocklist().await.expect("list").is_empty());
    say(&handle, &contact.phone, &ana_id.phone, "three").await;
    ana.event("text", |event| match event {
        Event::IncomingCall(_) | Event::MissedCall(_) => panic!("a blocked call rang"),
        Event::Messages(batch) => {
            let text = batch.first().and_then(|inbound| inbound.message.conversation.clone());
            assert_eq!(text.as_deref(), Some("three"));
            Some(())
        }
        _ => None,
    })
    .await;
    // The other way round: the contact blocks the client.
    handle.block(&contact.phone, &ana_id.phone, true).expect("block");
    let lost = ana.client.send_text(jid.clone(), "lost").await.expect("send").message_id;
    ana.event("ack", |event| match event {
        Event::ServerAck(ack) if ack.id == lost => {
            assert_eq!(ack.error, None);
            Some(())
        }
        _ => None,
    })
    .await;
    handle.block(&contact.phone, &ana_id.phone, false).expect("unblock");
    ana.client.send_text(jid, "found").await.expect("send");
    assert_eq!(received(&handle, &contact.phone, "text").await.text.as_deref(), Some("found"));
}

/// Code of the property that makes the client show privacy tokens.
const SEND_TOKENS: u32 = 10_518;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_account_wants_its_token() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    handle.set_props(BTreeMap::from([(SEND_TOKENS, "1".to_owned())]));
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    handle.set_restricted(&contact.phone, true).expect("restricted");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(contact.phone.as_str());
    let refused = ana.client.send_text(jid.clone(), "hello?").await.expect("send").message_id;
    let code = ana
        .event("nack", |event| match event {
            Event::ServerAck(ack) if ack.id == refused => ack.error.clone(),
            _ => None,
        })
        .await;
    assert_eq!(code, "463");
    assert_eq!(handle.received(&contact.phone, 0).expect("received").1, 0);
    // It writes first: with that comes the token.
    say(&handle, &contact.phone, &ana_id.phone, "hi").await;
    assert_eq!(ana.text().await.text, "hi");
    let lid = contact.lid.split('@').next().expect("lid").to_owned();
    let store = ana.store.clone();
    crate::common::within("token", async {
        while store.get_tc_token(&lid).await.expect("store").is_none_or(|token| token.token.is_empty()) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    ana.client.send_text(jid, "hello!").await.expect("send");
    assert_eq!(received(&handle, &contact.phone, "text").await.text.as_deref(), Some("hello!"));
}

/// Code of the property that makes the client show tokens of its own to those who gave it none.
const SEND_OWN_TOKENS: u32 = 24_941;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_account_takes_the_token_of_a_stranger() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    handle.set_props(BTreeMap::from([(SEND_OWN_TOKENS, "1".to_owned())]));
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    handle.set_restricted(&contact.phone, true).expect("restricted");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(contact.phone.as_str());
    handle.change(&ana_id.phone, &Change::StrangerSalt).expect("salt");
    // It has no sign of its own that the salt has arrived: the client tries until it is let in.
    let found = within("acceptance", async {
        loop {
            let id = ana.client.send_text(jid.clone(), "hello").await.expect("send").message_id;
            let error = ana
                .event("ack", |event| match event {
                    Event::ServerAck(ack) if ack.id == id => Some(ack.error.clone()),
                    _ => None,
                })
                .await;
            match error.as_deref() {
                None => break id,
                Some(code) => assert_eq!(code, "463"),
            }
        }
    })
    .await;
    assert_eq!(received(&handle, &contact.phone, "text").await.id, found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_taken_declined_missed_and_made() {
    use wa_sim::CallStep;
    use whatsapp_rust::{NodeBuilder, wacore::types::call::CallAction};

    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let jid = Jid::pn(contact.phone.as_str());
    // Nobody answers.
    let id = handle.call(&contact.phone, &ana_id.phone, true, None).expect("call");
    ana.event("ring", |event| match event {
        Event::IncomingCall(call) if call.action.call_id() == id => {
            assert!(matches!(call.action, CallAction::Offer { is_video: true, .. }));
            Some(())
        }
        _ => None,
    })
    .await;
    handle
        .call_step(&contact.phone, &ana_id.phone, &id, CallStep::Terminate, Some("timeout"))
        .expect("terminate");
    ana.event("end", |event| match event {
        Event::IncomingCall(call) => match &call.action {
            CallAction::Terminate { call_id, reason, .. } => {
                (*call_id == id && reason.as_deref() == Some("timeout")).then_some(())
            }
            _ => None,
        },
        Event::MissedCall(call) => (call.call_id == id).then_some(()),
        _ => None,
    })
    .await;
    // The client calls; the contact sees it and takes it.
    let own = ana.client.pn().expect("own");
    let offer = NodeBuilder::new("offer").attr("call-id", "CALL1").attr("call-creator", &own).build();
    let stanza = NodeBuilder::new("call").attr("to", &jid).attr("id", "S1").children([offer]).build();
    ana.client.send_node(stanza).await.expect("call");
    signalled(&handle, &contact.phone, "offer").await;
    for step in [CallStep::PreAccept, CallStep::Accept] {
        handle.call_step(&contact.phone, &ana_id.phone, "CALL1", step, None).expect("accept");
    }
    ana.event("accept", |event| match event {
        Event::IncomingCall(call) => match &call.action {
            CallAction::Accept { call_id, call_creator, .. } => {
                assert_eq!(*call_creator, own);
                (call_id == "CALL1").then_some(())
            }
            _ => None,
        },
        _ => None,
    })
    .await;
    handle.call_step(&contact.phone, &ana_id.phone, "CALL2", CallStep::Reject, Some("busy")).expect("reject");
    ana.event("reject", |event| match event {
        Event::IncomingCall(call) => match &call.action {
            CallAction::Reject { reason, .. } => (reason.as_deref() == Some("busy")).then_some(()),
            _ => None,
        },
        _ => None,
    })
    .await;
    // It rings while the client is away.
    let store = ana.stop().await;
    until("offline", || (!handle.account_info(&ana_id.phone).ok()?.devices[0].online).then_some(())).await;
    let id = handle.call(&contact.phone, &ana_id.phone, false, None).expect("call");
    let mut ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.event("missed call", |event| match event {
        Event::MissedCall(call) => (call.call_id == id).then_some(()),
        _ => None,
    })
    .await;
}
