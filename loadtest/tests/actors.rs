//! Contacts act in groups and post status messages.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use common::{client::TestClient, http::exchange, simulator, simulator_with, texts::signalled, until};
use serde_json::{Value, json};
use wa_sim::{
    ContactInfo, Direction, FaultOrder, GroupSettings, Handle, MemberAction, NewContact, NewGroup, Options,
    Paired, Received, Send, Simulator,
};
use whatsapp_rust::{
    Jid, types::events::Event, wacore::stanza::groups::GroupNotificationAction as Action,
    waproto::whatsapp::message::extended_text_message::FontType,
};

fn contact(handle: &Handle) -> ContactInfo {
    handle.create_contact(NewContact::default()).expect("contact")
}

async fn write(handle: &Handle, from: &str, to: &str, text: &str) {
    let order = Send { to: to.into(), text: text.into(), ..Send::default() };
    handle.send(from, order).await.expect("send");
}

/// Waits for the text at a contact.
async fn arrived(handle: &Handle, phone: &str, text: &str) -> Received {
    until(text, || {
        let (messages, _) = handle.received(phone, 0).ok()?;
        messages.into_iter().find(|message| message.text.as_deref() == Some(text))
    })
    .await
}

async fn clients(simulator: &Simulator) -> (TestClient, Paired, TestClient, Paired) {
    let (ana, ana_id) = TestClient::paired(simulator, None).await;
    let (bia, bia_id) = TestClient::paired(simulator, None).await;
    (ana, ana_id, bia, bia_id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_runs_a_group() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (boss, other) = (contact(&handle), contact(&handle));
    let (mut ana, ana_id, mut bia, bia_id) = clients(&simulator).await;
    let new = NewGroup {
        subject: "Sales".into(),
        members: vec![ana_id.phone.clone(), other.phone.clone()],
        ..NewGroup::default()
    };
    let group = handle.create_group(&boss.phone, new).expect("create").jid;
    ana.change("create").await;
    write(&handle, &boss.phone, &group, "welcome").await;
    let got = ana.text().await;
    assert_eq!((got.text.as_str(), got.chat.to_string()), ("welcome", group.clone()));
    assert_eq!(got.sender.user, boss.lid.split('@').next().expect("lid"));

    let added =
        handle.change_members(&boss.phone, &group, MemberAction::Add, std::slice::from_ref(&bia_id.phone));
    assert_eq!(added.expect("add")[0].code, 200);
    bia.change("add").await;
    handle.set_group_subject(&boss.phone, &group, "Sales team").expect("subject");
    let Action::Subject { subject, .. } = bia.change("subject").await else { panic!("subject") };
    assert_eq!(subject, "Sales team");
    let chat: Jid = group.parse().expect("jid");
    bia.client.send_text(chat.clone(), "hello all").await.expect("send");
    assert_eq!(ana.text().await.text, "hello all");
    assert_eq!(arrived(&handle, &boss.phone, "hello all").await.chat, group);
    arrived(&handle, &other.phone, "hello all").await;

    handle.change_members(&boss.phone, &group, MemberAction::Promote, &[ana_id.phone]).expect("promote");
    ana.change("promote").await;
    assert!(handle.set_group_subject("5511900009999", &group, "x").is_err());
    handle
        .set_group(&boss.phone, &group, &GroupSettings { announce: Some(true), ..Default::default() })
        .expect("announce");
    let order = Send { to: group.clone(), text: "no".into(), ..Send::default() };
    assert!(handle.send(&other.phone, order).await.is_err());
    ana.client
        .groups()
        .remove_participants(chat.clone(), &[Jid::pn(bia_id.phone.as_str())])
        .await
        .expect("x");
    bia.change("remove").await;
    signalled(&handle, &boss.phone, "group:remove").await;
    write(&handle, &boss.phone, &group, "without Bia").await;
    assert_eq!(ana.text().await.text, "without Bia");
    handle.leave_group(&boss.phone, &group).expect("leave");
    let Action::Remove { participants, .. } = ana.change("remove").await else { panic!("remove") };
    assert_eq!(participants[0].phone_number.as_ref().map(|jid| jid.user.as_str()), Some(&*boss.phone));
    let left = handle.group(&group).expect("group").members;
    assert_eq!(left.len(), 2);
    assert_eq!(handle.stats().undecryptable, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_group_messages_are_sent_again() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, _, mut bia, bia_id) = clients(&simulator).await;
    let group = ana.group("Team", &[&friend.phone, &bia_id.phone]).await;
    bia.change("create").await;
    let inject = |order: Value| {
        let order: FaultOrder = serde_json::from_value(order).expect("order");
        handle.inject(order).expect("inject");
    };
    inject(json!({ "kind": "askRetry", "phone": friend.phone }));
    ana.client.send_text(group.clone(), "one").await.expect("send");
    assert_eq!(bia.text().await.text, "one");
    arrived(&handle, &friend.phone, "one").await;
    ana.client.send_text(group.clone(), "two").await.expect("send");
    arrived(&handle, &friend.phone, "two").await;
    // Only the contact got the first message twice.
    assert_eq!(bia.text().await.text, "two");

    inject(json!({ "kind": "corrupt", "phone": friend.phone }));
    write(&handle, &friend.phone, &group.to_string(), "three").await;
    ana.event("undecryptable", |event| matches!(event, Event::UndecryptableMessage(_)).then_some(())).await;
    assert_eq!(ana.text().await.text, "three");
    assert_eq!(bia.text().await.text, "three");
    write(&handle, &friend.phone, &group.to_string(), "four").await;
    assert_eq!(ana.text().await.text, "four");
    assert_eq!(bia.text().await.text, "four");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_posts_a_status() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    for text in ["morning", "evening"] {
        handle.post_status(&friend.phone, std::slice::from_ref(&ana_id.phone), text).expect("status");
        let got = ana.text().await;
        assert_eq!((got.text.as_str(), got.chat.to_string().as_str()), (text, "status@broadcast"));
    }
    until("receipts", || (handle.stats().pending == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_is_sent_again_only_to_who_asks() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (ana, _, mut bia, bia_id) = clients(&simulator).await;
    let audience = [Jid::pn(friend.phone.as_str()), Jid::pn(bia_id.phone.as_str())];
    ana.client.contacts().is_on_whatsapp(&audience).await.expect("query");
    let order = json!({ "kind": "askRetry", "phone": friend.phone });
    handle.inject(serde_json::from_value(order).expect("order")).expect("inject");
    handle.record(&bia_id.phone, 1_000).expect("record");
    let mut ids = Vec::new();
    for text in ["morning", "evening"] {
        let sent = ana
            .client
            .status()
            .send_text(text, 0xFF1E_6E4F, FontType::SYSTEM, &audience, Default::default())
            .await;
        ids.push(sent.expect("status").message_id);
        assert_eq!(bia.text().await.text, text);
        arrived(&handle, &friend.phone, text).await;
    }
    let stanzas = handle.recorded(&bia_id.phone, 0).expect("recorded");
    let copies = stanzas.iter().filter(|stanza| {
        stanza.direction == Direction::Out
            && stanza.xml.starts_with("<message")
            && stanza.xml.contains(&ids[0])
    });
    assert_eq!(copies.count(), 1);
    assert_eq!(handle.stats().undecryptable, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_outlive_a_restart() {
    let folder = tempfile::tempdir().expect("folder");
    let options = Options { state_file: Some(folder.path().join("state.json")), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let handle = simulator.handle();
    let friend = contact(&handle);
    let (mut ana, _) = TestClient::paired(&simulator, None).await;
    let group = ana.group("Team", &[&friend.phone]).await;
    ana.client.groups().set_profile_picture(group.clone(), vec![0xFF, 0xD8, 1]).await.expect("picture");
    ana.client.groups().set_announce(group.clone(), true).await.expect("announce");
    ana.client.send_text(group.clone(), "before").await.expect("send");
    arrived(&handle, &friend.phone, "before").await;
    let store = ana.stop().await;
    let before = serde_json::to_value(handle.group(&group.to_string()).expect("group")).expect("json");
    simulator.shutdown().await.expect("shutdown");

    let simulator = simulator_with(options).await;
    let handle = simulator.handle();
    let after = serde_json::to_value(handle.group(&group.to_string()).expect("group")).expect("json");
    assert_eq!(before, after);
    ana = TestClient::start(&simulator.chat_url(), store, None, None).await;
    ana.connected().await;
    let pictures = ana
        .client
        .groups()
        .get_profile_pictures(vec![group.clone()], whatsapp_rust::wacore::iq::groups::PictureType::Image)
        .await
        .expect("pictures");
    let path = pictures[0].direct_path.clone().expect("path");
    let (status, jpeg) = exchange(simulator.addr(), "GET", &path, "text/plain", b"").await.expect("get");
    assert_eq!((status, jpeg), (200, vec![0xFF, 0xD8, 1]));
    ana.client.send_text(group.clone(), "after").await.expect("send");
    arrived(&handle, &friend.phone, "after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_runs_a_group() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (boss, guest) = (contact(&handle), contact(&handle));
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let addr = simulator.addr();
    let post = async |path: String, body: Value| -> (u16, Value) {
        let (status, body) = exchange(addr, "POST", &path, "application/json", body.to_string().as_bytes())
            .await
            .expect("post");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    };
    let new = json!({ "contact": boss.phone, "subject": "By script", "members": [ana_id.phone] });
    let (_, group) = post("/admin/groups".into(), new).await;
    let group = group["jid"].as_str().expect("jid").to_owned();
    ana.change("create").await;
    let at = |what: &str| format!("/admin/groups/{group}/{what}");
    let by = |more: Value| {
        let mut body = json!({ "contact": boss.phone });
        body.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        body
    };
    post(at("settings"), by(json!({ "approval": true, "ephemeral": 604_800 }))).await;
    ana.change("membership_approval_mode").await;
    let (_, invite) = post(at("invite"), by(json!({}))).await;
    let ask = json!({ "contact": guest.phone, "code": invite["code"] });
    let (_, joined) = post("/admin/groups/join".into(), ask).await;
    assert_eq!(joined["pending"], true);
    let (_, decided) = post(at("requests"), by(json!({ "approve": true, "phones": [guest.phone] }))).await;
    assert_eq!(decided[0]["code"], 200);
    ana.change("add").await;
    post(at("description"), by(json!({ "description": "Rules" }))).await;
    ana.change("description").await;
    let order = by(json!({ "action": "remove", "phones": [guest.phone] }));
    assert_eq!(post(at("members"), order).await.1[0]["code"], 200);
    ana.change("remove").await;
    let (status, _) = post(at("subject"), json!({ "contact": guest.phone, "subject": "x" })).await;
    assert_eq!(status, 400);
    post(at("leave"), by(json!({}))).await;
    ana.change("promote").await;
    let (_, status) = post(
        format!("/admin/contacts/{}/status", boss.phone),
        json!({ "to": [ana_id.phone], "text": "posted" }),
    )
    .await;
    assert!(status["id"].is_string());
    assert_eq!(ana.text().await.text, "posted");
}
