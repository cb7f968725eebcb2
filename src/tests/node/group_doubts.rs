//! What is known of groups when something of it was missed, or WhatsApp does not answer.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{ContactInfo, Direction, MemberAction, NewContact, NewGroup, Simulator};
use waggle::net::Method;

use super::group_events::questions;
use crate::support::{Node, contact, eventually, simulator, told};

/// A group of a contact and others, and of an account that is told of it.
async fn group(node: &Node, simulator: &Simulator, alice: &ContactInfo, members: &[&str]) -> String {
    let members = members.iter().map(|&phone| phone.to_owned()).collect();
    let new = NewGroup { subject: "Team".into(), members, ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    eventually("the group is known", async || {
        let listed = node.get("/group/fetchAllGroups/acme?getParticipants=false").await;
        listed.as_array().unwrap().iter().any(|one| one["id"] == group.as_str()).then_some(())
    })
    .await;
    group
}

/// Lets the next query of an account about groups fail; without an answer when the code is zero.
fn fail(simulator: &Simulator, phone: &str, tag: &str, code: u16) {
    let fault = json!({"kind": "failQueries", "phone": phone, "namespace": "w:g2", "tag": tag, "code": code});
    simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_whatsapp_gave_up_telling_is_asked_for_by_the_next_connection() {
    let simulator = simulator().await;
    let mut node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let group = group(&node, &simulator, &alice, &[&phone]).await;
    let handle = simulator.handle();
    let path = format!("/group/participants/acme?groupJid={group}");
    handle.record(&phone, 100_000).unwrap();
    node.get(&path).await;
    assert_eq!(questions(&simulator, &phone), 0, "it is on record");

    assert_eq!(handle.dirty(&phone, None, "groups").unwrap(), 1);
    eventually("WhatsApp is told that the groups are clean", async || {
        let stanzas = handle.recorded(&phone, 0).unwrap();
        let clean = |one: &wa_sim::RecordedStanza| {
            one.direction == Direction::In && one.xml.contains("urn:xmpp:whatsapp:dirty")
        };
        stanzas.iter().any(clean).then_some(())
    })
    .await;
    for _ in 0..2 {
        node.stop().await;
        node.start_again().await;
        node.is("acme", "open").await;
        let found = node.get(&path).await;
        assert_eq!(found["participants"].as_array().unwrap().len(), 2, "{found}");
        assert_eq!(questions(&simulator, &phone), 1, "once: the answer is believed again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_while_the_node_was_away_is_not_shown() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let mut node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| contact(&simulator, name));
    let group = group(&node, &simulator, &alice, &[&phone, &bob.phone, &carol.phone]).await;
    let path = format!("/group/findGroupInfos/acme?groupJid={group}");
    let members = async |node: &Node| {
        let found = node.get(&path).await;
        let mut members: Vec<String> = found["participants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found["size"], members.len(), "{found}");
        members.sort();
        members
    };
    assert_eq!(members(&node).await.len(), 4);
    node.stop().await;
    simulator.handle().leave_group(&bob.phone, &group).unwrap();
    let who = std::slice::from_ref(&carol.phone);
    simulator.handle().change_members(&alice.phone, &group, MemberAction::Remove, who).unwrap();
    node.start_again().await;
    node.is("acme", "open").await;
    let mut wanted = [alice.jid.clone(), format!("{phone}@s.whatsapp.net")];
    wanted.sort();
    eventually("both are gone", async || (members(&node).await == wanted).then_some(())).await;
    for gone in [&bob, &carol] {
        told(&receiver, "group-participants.update", |body| {
            let data = &body["data"];
            data["action"] == "remove" && data["participants"][0]["id"] == gone.jid
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_go_on_while_a_list_of_groups_is_not_answered() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let new = NewGroup { subject: "Team".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let group = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    told(&receiver, "groups.upsert", |body| body["data"][0]["id"] == group.as_str()).await;

    fail(&simulator, &phone, "participating", 0);
    let listing = node.call(Method::GET, "/group/fetchAllGroups/acme?getParticipants=true", Value::Null);
    let meanwhile = async {
        eventually("the list is asked for", async || {
            simulator.handle().faults().queries.is_empty().then_some(())
        })
        .await;
        simulator.handle().set_group_subject(&alice.phone, &group, "Team 2").unwrap();
        told(&receiver, "groups.update", |body| body["data"][0]["subject"] == "Team 2").await;
        let found = node.get(&format!("/group/findGroupInfos/acme?groupJid={group}")).await;
        assert_eq!(found["subject"], "Team 2");
    };
    tokio::select! {
        answer = listing => panic!("the list was waited for: {answer:?}"),
        () = meanwhile => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_one_group_share_a_failure() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let handle = simulator.handle();
    let (alice, phone) = (contact(&simulator, "Alice"), "5511900001111".to_owned());
    handle.create_contact(NewContact { phone: Some(phone.clone()), ..NewContact::default() }).unwrap();
    let new = NewGroup { subject: "Team".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let group = handle.create_group(&alice.phone, new).unwrap().jid;
    let qr = node.create("acme", None).await["qrcode"]["code"].as_str().unwrap().to_owned();
    handle.scan_qr(&qr, Some(&phone)).await.unwrap();
    node.is("acme", "open").await;
    handle.record(&phone, 100_000).unwrap();

    for (path, tag) in [
        (format!("/group/participants/acme?groupJid={group}"), "query"),
        ("/group/fetchAllGroups/acme?getParticipants=false".to_owned(), "participating"),
    ] {
        let before = questions(&simulator, &phone);
        handle.set_latency(2000, 0);
        fail(&simulator, &phone, tag, 503);
        let all =
            futures::future::join_all((0..10).map(|_| node.call(Method::GET, &path, Value::Null))).await;
        handle.set_latency(0, 0);
        assert!(all.iter().all(|(status, _)| *status == 502), "{path}: {all:?}");
        assert_eq!(questions(&simulator, &phone), before + 1, "{path}");
        node.get(&path).await;
        assert_eq!(questions(&simulator, &phone), before + 2, "{path}: who comes later asks again");
    }
}
