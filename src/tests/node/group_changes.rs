//! What an account does with groups.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{GroupInfo, NewGroup, Simulator};
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator, told};

/// A transparent pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn seen(simulator: &Simulator, group: &str) -> GroupInfo {
    simulator.handle().group(group).unwrap()
}

fn role(group: &GroupInfo, phone: &str) -> Option<String> {
    group.members.iter().find(|member| member.phone == phone).unwrap().role.clone()
}

/// The group that an account creates with these members.
async fn create(node: &Node, members: &[&str]) -> String {
    let body = json!({"subject": "Sales", "description": "Sell!", "participants": members});
    node.post("/group/create/acme", body).await["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_changed_and_left() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let (alice, own) = (contact(&simulator, "Alice"), format!("{phone}@s.whatsapp.net"));

    let body =
        json!({"subject": "Sales", "description": "Sell!", "participants": [alice.phone, "5500000000000"]});
    let (status, made) = node.call(Method::POST, "/group/create/acme", body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["subject"], &made["desc"], &made["size"]),
        (&json!("Sales"), &json!("Sell!"), &json!(2))
    );
    assert_eq!((&made["owner"], &made["subjectOwner"]), (&json!(own), &json!(own)), "{made}");
    assert!(
        made["creation"].is_u64() && made["subjectTime"].is_u64() && made["descId"].is_string(),
        "{made}"
    );
    for flag in ["restrict", "announce", "isCommunity", "isCommunityAnnounce", "joinApprovalMode"] {
        assert_eq!(made[flag], false, "{flag}: {made}");
    }
    let members = made["participants"].as_array().unwrap();
    let of =
        |jid: &str| members.iter().find(|one| one["id"] == jid).unwrap_or_else(|| panic!("{jid}: {made}"));
    assert_eq!(of(&own)["admin"], "superadmin");
    assert_eq!((&of(&alice.jid)["admin"], &of(&alice.jid)["lid"]), (&Value::Null, &json!(alice.lid)));
    let group = made["id"].as_str().unwrap();
    let upsert = told(&receiver, "groups.upsert", |_| true).await;
    assert_eq!((&upsert["data"][0]["id"], &upsert["data"][0]["subject"]), (&json!(group), &json!("Sales")));

    // The group is named in the address or in the body.
    let at = |operation: &str| format!("/group/{operation}/acme?groupJid={group}");
    for (method, path, body, wanted) in [
        (Method::POST, at("updateGroupSubject"), json!({"subject": "Sales 2"}), json!({"update": "success"})),
        (
            Method::PUT,
            "/group/updateGroupDescription/acme".to_owned(),
            json!({"groupJid": group, "description": "Sell more"}),
            json!({"update": "success"}),
        ),
        (Method::POST, at("updateSetting"), json!({"action": "announcement"}), json!({})),
        (Method::PUT, at("updateSetting"), json!({"action": "locked"}), json!({})),
        (Method::POST, at("updateSetting"), json!({"action": "approval_on"}), json!({})),
        (Method::POST, at("updateSetting"), json!({"action": "admin_add"}), json!({})),
        (Method::POST, at("toggleEphemeral"), json!({"expiration": 86_400}), json!({"success": true})),
        (Method::POST, at("updateGroupPicture"), json!({"image": PIXEL}), json!({"update": "success"})),
    ] {
        let (status, answer) = node.call(method, &path, body).await;
        assert_eq!((status, answer), (201, wanted), "{path}");
    }
    let real = seen(&simulator, group);
    assert_eq!((real.subject.as_str(), real.description.as_deref()), ("Sales 2", Some("Sell more")));
    assert!(
        real.announce && real.locked && real.approval && real.admin_add && real.ephemeral == Some(86_400)
    );
    let found = node.get(&at("findGroupInfos")).await;
    assert_eq!((&found["subject"], &found["desc"]), (&json!("Sales 2"), &json!("Sell more")), "{found}");
    assert!(found["descId"].is_string() && found["pictureUrl"].is_string(), "{found}");
    let flags = ["restrict", "announce", "joinApprovalMode"].map(|flag| found[flag] == true);
    assert!(flags == [true; 3] && found["memberAddMode"] == false, "{found}");
    assert_eq!(found["ephemeralDuration"], 86_400);
    let update = told(&receiver, "groups.update", |body| body["data"][0]["announce"] == true).await;
    assert_eq!((&update["data"][0]["id"], &update["data"][0]["author"]), (&json!(group), &json!(own)));

    // A picture may come from an address too, and as a data URI.
    let url = found["pictureUrl"].as_str().unwrap().replace("https://", "http://");
    for image in [url, format!("data:image/png;base64,{PIXEL}")] {
        node.post(&at("updateGroupPicture"), json!({"image": image})).await;
    }
    for image in ["no base64!", "aGVsbG8=", "data:image/png,raw", "http://127.0.0.1:1/x.png"] {
        let (status, answer) =
            node.call(Method::POST, &at("updateGroupPicture"), json!({"image": image})).await;
        assert!(status == 400 && answer.to_string().contains("image"), "{image}: {status} {answer}");
    }

    let (status, left) = node.call(Method::DELETE, &at("leaveGroup"), Value::Null).await;
    assert_eq!((status, left), (200, json!({"groupJid": group, "leave": true})));
    assert!(seen(&simulator, group).members.iter().all(|member| member.phone != phone));
    let (status, answer) = node.call(Method::GET, &at("findGroupInfos"), Value::Null).await;
    assert!(matches!(status, 403 | 404), "not in it any more: {status} {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_promoted_at_the_creation_are_admins() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let [alice, bob] = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    for (promote, wanted) in [(true, Some("admin")), (false, None)] {
        let body = json!({
            "subject": "Sales", "participants": [alice.phone, bob.phone], "promoteParticipants": promote,
        });
        let made = node.post("/group/create/acme", body).await;
        let real = seen(&simulator, made["id"].as_str().unwrap());
        for one in [&alice, &bob] {
            assert_eq!(role(&real, &one.phone).as_deref(), wanted, "{promote}: {real:?}");
            let members = made["participants"].as_array().unwrap();
            let shown = members.iter().find(|member| member["id"] == one.jid).unwrap();
            assert_eq!(shown["admin"], json!(wanted), "{promote}: {made}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_group_is_the_same_in_lists_for_all_its_members() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let guest = node.pair("guest", &simulator, None).await;
    let group = create(&node, &[&guest]).await;
    let listed = async |name: &str| {
        let listed = node.get(&format!("/group/fetchAllGroups/{name}?getParticipants=false")).await;
        let found = listed.as_array().unwrap().iter().find(|one| one["id"] == group.as_str()).cloned();
        found.map(|one| one["pictureUrl"].clone())
    };
    eventually("the guest knows the group", async || listed("guest").await).await;
    let mut before = json!(null);
    for _ in 0..2 {
        let path = format!("/group/updateGroupPicture/acme?groupJid={group}");
        node.post(&path, json!({"image": PIXEL})).await;
        let now = listed("acme").await.unwrap();
        assert!(now.is_string() && now != before, "{before} {now}");
        eventually("the guest is told", async || (listed("guest").await.unwrap() == now).then_some(())).await;
        before = now;
    }
    // A group is no contact.
    for name in ["acme", "guest"] {
        let contacts = node.post(&format!("/chat/findContacts/{name}"), json!({})).await;
        let of_group = contacts.as_array().unwrap().iter().any(|one| one["remoteJid"] == group.as_str());
        assert!(!of_group, "{contacts}");
    }
    // Who is told nothing of a picture keeps the one that is known.
    let fault = json!({
        "kind": "failQueries", "phone": phone, "namespace": "w:profile:picture", "changes": false, "code": 503,
        "count": 100,
    });
    simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
    let found = node.get(&format!("/group/findGroupInfos/acme?groupJid={group}")).await;
    assert!(simulator.handle().faults().used["failQueries"] > 0, "it was asked for");
    assert_eq!((&found["pictureUrl"], &listed("acme").await.unwrap()), (&before, &before));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_that_is_changed_has_an_answer_of_its_own() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, Some(&receiver)).await;
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| contact(&simulator, name));
    simulator.handle().set_privacy(&carol.phone, "groupadd", "none").unwrap();
    let group = create(&node, &[&alice.phone]).await;
    let change = async |action: &str, who: Value| {
        let body = json!({"action": action, "participants": who});
        let path = format!("/group/updateParticipant/acme?groupJid={group}");
        let (status, answer) = node.call(Method::PUT, &path, body).await;
        assert_eq!(status, 201, "{answer}");
        answer["updateParticipants"].as_array().unwrap().clone()
    };

    let added = change("add", json!([bob.phone, carol.phone, alice.phone, "5500000000000"])).await;
    let statuses: Vec<&str> = added.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200", "403", "409", "404"], "{added:?}");
    let done = json!({"status": "200", "jid": bob.jid, "content": {"tag": "participant", "attrs": {"jid": bob.jid}}});
    assert_eq!(added[0], done);
    let invitation = &added[1]["content"]["content"][0];
    assert!(invitation["tag"] == "add_request" && invitation["attrs"]["code"].is_string(), "{added:?}");
    let update = told(&receiver, "group-participants.update", |body| body["data"]["action"] == "add").await;
    assert_eq!(update["data"]["participants"], json!([{"id": bob.jid, "lid": bob.lid, "admin": null}]));

    assert_eq!(change("promote", json!([alice.lid, bob.jid])).await.len(), 2);
    assert_eq!(role(&seen(&simulator, &group), &alice.phone).as_deref(), Some("admin"));
    assert_eq!(change("demote", json!([alice.phone])).await[0]["status"], "200");
    assert_eq!(role(&seen(&simulator, &group), &alice.phone), None);
    assert_eq!(change("remove", json!([bob.phone])).await[0]["status"], "200");
    let shown = node.get(&format!("/group/participants/acme?groupJid={group}")).await;
    let ids: Vec<&Value> = shown["participants"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert!(ids.len() == 2 && ids.contains(&&json!(alice.jid)), "{shown}");
    assert_eq!(seen(&simulator, &group).members.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_shown_sent_ended_and_followed() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let guest = node.pair("guest", &simulator, None).await;
    let [alice, bob] = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    let group = create(&node, &[&alice.phone]).await;
    let at = |operation: &str| format!("/group/{operation}/acme?groupJid={group}");

    let link = node.get(&at("inviteCode")).await;
    let code = link["inviteCode"].as_str().unwrap().to_owned();
    assert_eq!(link["inviteUrl"], format!("https://chat.whatsapp.com/{code}"));
    let body = json!({"groupJid": group, "description": "Join us", "numbers": [bob.phone]});
    let (status, sent) = node.call(Method::POST, "/group/sendInvite/acme", body).await;
    assert_eq!((status, &sent["send"], &sent["inviteUrl"]), (200, &json!(true), &link["inviteUrl"]));
    let text = format!("Join us\n\nhttps://chat.whatsapp.com/{code}");
    eventually("Bob has the link", async || {
        let (got, _) = simulator.handle().received(&bob.phone, 0).unwrap();
        got.iter().any(|one| one.text.as_ref() == Some(&text)).then_some(())
    })
    .await;
    let nobody = json!({"groupJid": group, "description": "d", "numbers": [bob.phone, "5500000000000"]});
    let (status, answer) = node.call(Method::POST, "/group/sendInvite/acme", nobody).await;
    assert_eq!((status, &answer["response"]["message"][0]["exists"]), (400, &json!(false)), "{answer}");

    let info = node.get(&format!("/group/inviteInfo/guest?inviteCode={code}")).await;
    assert_eq!((&info["id"], &info["subject"]), (&json!(group), &json!("Sales")));
    let joined = node.get(&format!("/group/acceptInviteCode/guest?inviteCode={code}")).await;
    assert_eq!(joined, json!({"accepted": true, "groupJid": group}));
    // Who is in it already has nothing to complain of.
    for again in [code.clone(), format!("https://chat.whatsapp.com/{code}")] {
        for member in ["guest", "acme"] {
            let path = format!("/group/acceptInviteCode/{member}?inviteCode={again}");
            assert_eq!(node.get(&path).await, joined, "{member} by {again}");
        }
    }
    assert!(seen(&simulator, &group).members.iter().any(|member| member.phone == guest));
    let listed = node.get("/group/fetchAllGroups/guest?getParticipants=true").await;
    assert_eq!((&listed[0]["id"], &listed[0]["size"]), (&json!(group), &json!(3)), "{listed}");

    let (status, renewed) = node.call(Method::POST, &at("revokeInviteCode"), Value::Null).await;
    assert_eq!((status, &renewed["revoked"]), (201, &json!(true)), "{renewed}");
    assert_eq!(renewed["inviteCode"], seen(&simulator, &group).invite.as_str());
    for code in [code.as_str(), "nonsense"] {
        for operation in ["inviteInfo", "acceptInviteCode"] {
            let path = format!("/group/{operation}/guest?inviteCode={code}");
            let (status, answer) = node.call(Method::GET, &path, Value::Null).await;
            assert_eq!(status, 404, "{path}: {answer}");
        }
    }

    // Whom admins have to let in is asked for, and let in or turned down.
    node.post(&at("updateSetting"), json!({"action": "approval_on"})).await;
    let code = seen(&simulator, &group).invite;
    let carol = contact(&simulator, "Carol");
    for asker in [&bob, &carol] {
        assert!(simulator.handle().join_group(&asker.phone, &code).unwrap().1, "admins decide");
    }
    let asked = node.get(&at("joinRequests")).await["joinRequests"].as_array().unwrap().clone();
    assert!(asked.len() == 2 && asked[0]["jid"] == bob.jid && asked[0]["requestTime"].is_u64(), "{asked:?}");
    let decide = async |action: &str, who: &str| {
        node.post(&at("updateJoinRequests"), json!({"action": action, "participants": [who]})).await
    };
    assert_eq!(decide("approve", &bob.phone).await["updateJoinRequests"][0]["status"], "200");
    assert_eq!(decide("reject", &carol.phone).await["updateJoinRequests"][0]["status"], "200");
    let real = seen(&simulator, &group);
    let is_in = |phone: &str| real.members.iter().any(|member| member.phone == phone);
    assert!(real.requests.is_empty() && is_in(&bob.phone) && !is_in(&carol.phone));
    let shown = node.get(&at("participants")).await;
    assert_eq!(shown["participants"].as_array().unwrap().len(), 4, "{shown}");
}

/// Whether an account is in a group, as it says itself and as WhatsApp has it.
async fn is_in(node: &Node, simulator: &Simulator, (name, phone): (&str, &str), group: &str) -> bool {
    let listed = node.get(&format!("/group/fetchAllGroups/{name}?getParticipants=false")).await;
    let said = listed.as_array().unwrap().iter().any(|one| one["id"] == group);
    let real = seen(simulator, group).members.iter().any(|member| member.phone == phone);
    assert_eq!(said, real, "{name} in {group}: {listed}");
    real
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_whatsapp_refuses_says_why_and_makes_nobody_a_member() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let guest = node.pair("guest", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let group = create(&node, &[&alice.phone]).await;
    let code = seen(&simulator, &group).invite;
    let ask = async |operation: &str, changes: bool, refusal: u16| {
        let fault = json!({
            "kind": "failQueries", "phone": guest, "namespace": "w:g2", "tag": "invite", "changes": changes,
            "code": refusal,
        });
        simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
        let path = format!("/group/{operation}/guest?inviteCode={code}");
        let answer = node.call(Method::GET, &path, Value::Null).await;
        assert!(simulator.handle().faults().queries.is_empty(), "{operation} has asked");
        answer
    };
    let (outside, unwelcome, gone) = ("not in the group", "may not join", "invite does not exist");
    for (refusal, wanted, reason) in [
        (304, 403, outside),
        (400, 400, "refused"),
        (401, 403, unwelcome),
        (403, 403, unwelcome),
        (404, 404, gone),
        (406, 404, gone),
        (409, 403, outside),
        (410, 404, gone),
        (419, 403, "full"),
        (429, 502, "429"),
        (503, 502, "503"),
    ] {
        let mut operations = vec![("acceptInviteCode", true)];
        // Who only looks has nothing to be in already.
        operations.extend([("inviteInfo", false)].into_iter().filter(|_| reason != outside));
        for (operation, changes) in operations {
            let (status, answer) = ask(operation, changes, refusal).await;
            assert_eq!(
                (status, &answer["status"]),
                (wanted, &json!(wanted)),
                "{operation} {refusal}: {answer}"
            );
            let told = answer["response"]["message"][0].as_str().unwrap_or_default();
            assert!(told.contains(reason), "{operation} {refusal}: {answer}");
            assert!(!is_in(&node, &simulator, ("guest", &guest), &group).await, "{operation} {refusal}");
        }
    }

    // Whom the admins decide about has asked already.
    let at = |operation: &str| format!("/group/{operation}/acme?groupJid={group}");
    let member = ("guest", guest.as_str());
    node.post(&at("updateSetting"), json!({"action": "approval_on"})).await;
    let waits = json!({"accepted": false, "groupJid": group, "pending": true});
    assert_eq!(node.get(&format!("/group/acceptInviteCode/guest?inviteCode={code}")).await, waits);
    for refusal in [304, 409] {
        assert_eq!(ask("acceptInviteCode", true, refusal).await, (200, waits.clone()), "{refusal}");
        assert!(!is_in(&node, &simulator, member, &group).await, "{refusal}");
    }
    let letting_in = json!({"action": "approve", "participants": [guest]});
    node.post(&at("updateJoinRequests"), letting_in).await;
    eventually("the guest knows that it is in the group", async || {
        let listed = node.get("/group/fetchAllGroups/guest?getParticipants=false").await;
        (listed[0]["id"] == group.as_str()).then_some(())
    })
    .await;
    let accepted = json!({"accepted": true, "groupJid": group});
    for refusal in [304, 409] {
        assert_eq!(ask("acceptInviteCode", true, refusal).await, (200, accepted.clone()), "{refusal}");
        assert!(is_in(&node, &simulator, member, &group).await, "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_with_a_group_says_why() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    node.create("closed", None).await;
    let alice = contact(&simulator, "Alice");
    let new = NewGroup { subject: "Hers".into(), members: vec![phone.clone()], ..NewGroup::default() };
    let hers = simulator.handle().create_group(&alice.phone, new).unwrap().jid;
    let unknown = "120363999999999999@g.us";
    let who = json!([alice.phone]);
    for (method, operation, extra) in [
        (Method::POST, "updateGroupSubject", json!({"subject": "s"})),
        (Method::POST, "updateGroupDescription", json!({"description": "d"})),
        (Method::POST, "updateGroupPicture", json!({"image": PIXEL})),
        (Method::POST, "updateParticipant", json!({"action": "promote", "participants": who})),
        (Method::POST, "updateSetting", json!({"action": "announcement"})),
        (Method::POST, "toggleEphemeral", json!({"expiration": 0})),
        (Method::POST, "revokeInviteCode", json!({})),
        (Method::POST, "updateJoinRequests", json!({"action": "approve", "participants": who})),
        (Method::POST, "sendInvite", json!({"description": "d", "numbers": who})),
        (Method::DELETE, "leaveGroup", json!({})),
        (Method::GET, "findGroupInfos", Value::Null),
        (Method::GET, "participants", Value::Null),
        (Method::GET, "inviteCode", Value::Null),
        (Method::GET, "joinRequests", Value::Null),
    ] {
        let ask = async |instance: &str, query: &str| {
            node.call(method.clone(), &format!("/group/{operation}/{instance}{query}"), extra.clone()).await
        };
        let (status, answer) = ask("acme", &format!("?groupJid={unknown}")).await;
        assert!(matches!(status, 403 | 404), "{operation} of an unknown group: {status} {answer}");
        let (status, answer) = ask("closed", &format!("?groupJid={unknown}")).await;
        assert_eq!(status, 409, "{operation} without a connection: {answer}");
        assert_eq!(answer["response"]["message"], json!(["The \"closed\" instance is not connected"]));
        let (status, answer) = ask("acme", "").await;
        let needed =
            json!(["The group id needs to be informed in the query", "ex: \"groupJid=120362@g.us\""]);
        assert_eq!((status, &answer["response"]["message"]), (400, &needed), "{operation}");
        let of_admins =
            ["updateParticipant", "updateSetting", "revokeInviteCode", "updateJoinRequests", "joinRequests"];
        if of_admins.contains(&operation) {
            let (status, answer) = ask("acme", &format!("?groupJid={hers}")).await;
            assert_eq!(status, 403, "{operation} by a plain member: {answer}");
            assert!(answer["response"]["message"][0].as_str().unwrap().contains("admin"), "{answer}");
        }
    }
    assert_eq!(seen(&simulator, &hers).subject, "Hers");
    let body = json!({"subject": "s", "participants": ["5500000000000"]});
    let (status, answer) = node.call(Method::POST, "/group/create/acme", body).await;
    assert_eq!((status, &answer["response"]["message"][0]["exists"]), (400, &json!(false)), "{answer}");
}
