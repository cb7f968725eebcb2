//! What others do with groups, and what is known of them without asking.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Direction, GroupSettings, MemberAction, NewContact, NewGroup, Simulator};

use crate::support::{Node, contact, eventually, simulator, told};

/// How often an account has asked about groups.
pub fn questions(simulator: &Simulator, phone: &str) -> usize {
    let stanzas = simulator.handle().recorded(phone, 0).unwrap();
    let asked = |one: &&wa_sim::RecordedStanza| one.direction == Direction::In && one.xml.contains("w:g2");
    stanzas.iter().filter(asked).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_contact_does_to_a_group_is_told_and_known() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let [alice, bob] = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    let own = format!("{phone}@s.whatsapp.net");
    let handle = simulator.handle();
    let new =
        NewGroup { subject: "Team".into(), members: vec![phone.clone()], description: Some("us".into()) };
    let group = handle.create_group(&alice.phone, new).unwrap().jid;
    let upsert = told(&receiver, "groups.upsert", |body| body["data"][0]["id"] == group.as_str()).await;
    let data = &upsert["data"][0];
    assert_eq!(
        (&data["subject"], &data["owner"], &data["author"], &data["size"]),
        (&json!("Team"), &json!(alice.jid), &json!(alice.jid), &json!(2))
    );
    handle.record(&phone, 100_000).unwrap();

    handle.set_group_subject(&alice.phone, &group, "Team 2").unwrap();
    let settings = GroupSettings {
        announce: Some(true),
        locked: Some(true),
        ephemeral: Some(86_400),
        approval: Some(true),
        admin_add: Some(true),
    };
    handle.set_group(&alice.phone, &group, &settings).unwrap();
    handle.set_group_description(&alice.phone, &group, Some("all of us")).unwrap();
    for (field, value) in [
        ("subject", json!("Team 2")),
        ("announce", json!(true)),
        ("restrict", json!(true)),
        ("ephemeralDuration", json!(86_400)),
        ("joinApprovalMode", json!(true)),
        ("desc", json!("all of us")),
    ] {
        let update = told(&receiver, "groups.update", |body| body["data"][0].get(field).is_some()).await;
        let data = &update["data"][0];
        assert_eq!(
            (&data["id"], &data["author"], &data[field]),
            (&json!(group), &json!(alice.jid), &value),
            "{data}"
        );
    }

    for (action, name, admin) in [
        (MemberAction::Add, "add", Value::Null),
        (MemberAction::Promote, "promote", json!("admin")),
        (MemberAction::Demote, "demote", Value::Null),
        (MemberAction::Remove, "remove", Value::Null),
    ] {
        handle.change_members(&alice.phone, &group, action, std::slice::from_ref(&bob.phone)).unwrap();
        let update =
            told(&receiver, "group-participants.update", |body| body["data"]["action"] == name).await;
        let participants = json!([{"id": bob.jid, "lid": bob.lid, "admin": admin}]);
        let wanted = json!({"id": group, "author": alice.jid, "participants": participants, "action": name});
        assert_eq!(update["data"], wanted);
    }
    handle.change_members(&alice.phone, &group, MemberAction::Promote, std::slice::from_ref(&phone)).unwrap();
    told(&receiver, "group-participants.update", |body| {
        body["data"]["participants"][0]["id"] == own.as_str()
    })
    .await;
    let found = node.get(&format!("/group/participants/acme?groupJid={group}")).await;
    let members = found["participants"].as_array().unwrap();
    let is = |jid: &str, admin: &str| members.iter().any(|one| one["id"] == jid && one["admin"] == admin);
    assert!(members.len() == 2 && is(&own, "admin") && is(&alice.jid, "superadmin"), "{found}");
    let found = node.get(&format!("/group/findGroupInfos/acme?groupJid={group}")).await;
    assert_eq!((&found["subject"], &found["desc"]), (&json!("Team 2"), &json!("all of us")));
    assert!(found["announce"] == true && found["restrict"] == true && found["memberAddMode"] == false);
    assert_eq!(questions(&simulator, &phone), 0, "everything was told");

    handle.change_members(&alice.phone, &group, MemberAction::Remove, std::slice::from_ref(&phone)).unwrap();
    told(&receiver, "group-participants.update", |body| {
        body["data"]["action"] == "remove" && body["data"]["participants"][0]["id"] == own.as_str()
    })
    .await;
    assert_eq!(node.get("/group/fetchAllGroups/acme?getParticipants=false").await, json!([]));

    // What is ignored is not told, but known all the same.
    let settings = json!({
        "rejectCall": false, "msgCall": "", "groupsIgnore": true, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false,
    });
    node.post("/settings/set/acme", settings).await;
    let new = NewGroup { subject: "Quiet".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let quiet = handle.create_group(&alice.phone, new).unwrap().jid;
    eventually("the group is known", async || {
        let listed = node.get("/group/fetchAllGroups/acme?getParticipants=false").await;
        (listed[0]["id"] == quiet.as_str()).then_some(())
    })
    .await;
    assert!(!receiver.deliveries().iter().any(|one| one.body.to_string().contains(&quiet)));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_groups_are_one_question_and_each_is_asked_for_once() {
    let simulator = simulator().await;
    let mut node = Node::start(&simulator).await;
    let handle = simulator.handle().clone();
    let [alice, bob] = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    let phone = "5511900001111".to_owned();
    handle.create_contact(NewContact { phone: Some(phone.clone()), ..NewContact::default() }).unwrap();
    let mut groups: Vec<String> = Vec::new();
    for number in 0..500 {
        let members = vec![phone.clone(), bob.phone.clone()];
        let new = NewGroup { subject: format!("Group {number}"), members, ..NewGroup::default() };
        groups.push(handle.create_group(&alice.phone, new).unwrap().jid);
    }
    let qr = node.create("acme", None).await["qrcode"]["code"].as_str().unwrap().to_owned();
    handle.scan_qr(&qr, Some(&phone)).await.unwrap();
    node.is("acme", "open").await;
    handle.record(&phone, 100_000).unwrap();

    // However many want to know about one group, WhatsApp is asked once.
    let path = format!("/group/participants/acme?groupJid={}", groups[0]);
    let all = futures::future::join_all((0..20).map(|_| node.get(&path))).await;
    assert!(all.iter().all(|one| one["participants"].as_array().unwrap().len() == 3), "{}", all[0]);
    assert_eq!(questions(&simulator, &phone), 1);

    let list = async |node: &Node, members: bool| {
        node.get(&format!("/group/fetchAllGroups/acme?getParticipants={members}"))
            .await
            .as_array()
            .unwrap()
            .clone()
    };
    for _ in 0..3 {
        let listed = list(&node, false).await;
        assert_eq!(listed.len(), 500);
        assert!(listed.iter().all(|group| group.get("participants").is_none() && group["size"] == 3));
    }
    let with_members = list(&node, true).await;
    assert!(with_members.iter().all(|group| group["participants"].as_array().unwrap().len() == 3));
    assert_eq!(questions(&simulator, &phone), 2, "one for the group, one for the list");

    // It is on record: after a restart nothing is asked again, and what happened meanwhile is known.
    node.stop().await;
    handle.set_group_subject(&alice.phone, &groups[1], "Renamed").unwrap();
    node.start_again().await;
    node.is("acme", "open").await;
    eventually("the change is known", async || {
        let found = node.get(&format!("/group/findGroupInfos/acme?groupJid={}", groups[1])).await;
        (found["subject"] == "Renamed").then_some(())
    })
    .await;
    assert_eq!(questions(&simulator, &phone), 2);

    // Who is mentioned with everyone comes from there too.
    let body = json!({"number": groups[2], "text": "hello all", "mentionsEveryOne": true});
    node.post("/message/sendText/acme", body).await;
    let got = eventually("Bob is mentioned", async || {
        let (got, _) = handle.received(&bob.phone, 0).unwrap();
        got.into_iter().find(|one| one.text.as_deref() == Some("hello all"))
    })
    .await;
    assert!(got.mentions.len() == 3 && got.mentions.contains(&bob.lid), "{got:?}");
}
