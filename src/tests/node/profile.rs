//! Profiles and privacy.

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wa_sim::receiver::Receiver;
use wa_sim::{Business, NewContact, ProfileChange, Send};
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator, told};

/// An image of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Answers every request with the image, and says where it listens.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn image_host() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/me.png", listener.local_addr().unwrap());
    let image = base64::engine::general_purpose::STANDARD.decode(PNG).unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", image.len());
            let _ = socket.write_all(head.as_bytes()).await;
            let _ = socket.write_all(&image).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_of_a_contact_is_read_and_its_changes_are_told() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let order = Send { to: phone.clone(), text: "hi".into(), ..Send::default() };
    simulator.handle().send(&alice.phone, order).await.unwrap();
    told(&receiver, "contacts.upsert", |body| body["data"]["pushName"] == "Alice").await;
    let number = json!({"number": alice.phone});
    let none = node.post("/chat/fetchProfilePictureUrl/acme", number.clone()).await;
    assert_eq!(none, json!({"wuid": alice.jid, "profilePictureUrl": null}));

    let change = ProfileChange {
        about: Some("Hey there".into()),
        picture: Some(b"jpeg".to_vec()),
        tell: vec![phone.clone()],
        ..ProfileChange::default()
    };
    simulator.handle().set_profile(&alice.phone, change).unwrap();
    let update = told(&receiver, "contacts.update", |body| body["data"][0]["remoteJid"] == alice.jid).await;
    let url = update["data"][0]["profilePicUrl"].as_str().expect("where it is").to_owned();
    assert!(update["data"][0]["instanceId"].is_string(), "{update}");
    assert_eq!(
        node.post("/chat/fetchProfilePictureUrl/acme", number.clone()).await["profilePictureUrl"],
        url.as_str()
    );
    let by_query = node.get(&format!("/chat/fetchProfilePictureUrl/acme?number={}", alice.phone)).await;
    assert_eq!(by_query["profilePictureUrl"], url.as_str());
    let contacts = node.post("/chat/findContacts/acme", json!({"where": {"remoteJid": alice.jid}})).await;
    assert_eq!(contacts[0]["profilePicUrl"], url.as_str());

    let profile = node.post("/chat/fetchProfile/acme", number.clone()).await;
    assert_eq!((&profile["wuid"], &profile["numberExists"]), (&json!(alice.jid), &json!(true)));
    assert_eq!((&profile["picture"], &profile["isBusiness"]), (&json!(url), &json!(false)));
    assert_eq!((&profile["status"]["status"], &profile["name"]), (&json!("Hey there"), &json!("Alice")));
    assert!(profile["status"]["setAt"].as_str().is_some_and(|at| at.ends_with('Z')), "{profile}");
    let nobody = node.post("/chat/fetchProfile/acme", json!({"number": "5511000000001"})).await;
    assert_eq!(nobody["numberExists"], false);
    let own = node.post("/chat/fetchProfile/acme", json!({})).await;
    assert_eq!(own["wuid"], format!("{phone}@s.whatsapp.net"));

    let plain = node.post("/chat/fetchBusinessProfile/acme", number.clone()).await;
    assert_eq!((&plain["isBusiness"], &plain["message"]), (&json!(false), &json!("Not is business profile")));
    let business = Business {
        name: "Pizza Ltd".into(),
        description: "We bake".into(),
        email: Some("a@b.example".into()),
        websites: vec!["https://pizza.example".into()],
        address: None,
        categories: vec!["Restaurant".into()],
        ..Business::default()
    };
    let change = ProfileChange { business: Some(business), ..ProfileChange::default() };
    simulator.handle().set_profile(&alice.phone, change).unwrap();
    let shop = node.post("/chat/fetchBusinessProfile/acme", number.clone()).await;
    assert_eq!((&shop["isBusiness"], &shop["description"]), (&json!(true), &json!("We bake")), "{shop}");
    assert_eq!((&shop["wid"], &shop["category"]), (&json!(alice.jid), &json!("Restaurant")), "{shop}");
    let profile = node.post("/chat/fetchProfile/acme", number).await;
    assert_eq!(
        (&profile["isBusiness"], &profile["email"]),
        (&json!(true), &json!("a@b.example")),
        "{profile}"
    );

    let renamed =
        NewContact { phone: Some(alice.phone.clone()), name: Some("Alicia".into()), ..NewContact::default() };
    simulator.handle().create_contact(renamed).unwrap();
    let order = Send { to: phone.clone(), text: "my new name".into(), ..Send::default() };
    simulator.handle().send(&alice.phone, order).await.unwrap();
    let update = told(&receiver, "contacts.update", |body| body["data"][0]["pushName"] == "Alicia").await;
    assert_eq!(update["data"][0]["profilePicUrl"], url.as_str(), "what is on record is told: {update}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_profile_is_changed() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let phone = node.pair("other", &simulator, None).await;
    let success = json!({"update": "success"});
    assert_eq!(node.post("/chat/updateProfileName/other", json!({"name": "Acme Ltd"})).await, success);
    assert_eq!(node.post("/chat/updateProfileStatus/other", json!({"status": "At work"})).await, success);
    eventually("the name is known", async || {
        let rows = node.get("/instance/fetchInstances?instanceName=other").await;
        (rows[0]["profileName"] == "Acme Ltd").then_some(())
    })
    .await;
    assert_eq!(simulator.handle().account_info(&phone).unwrap().name, "Acme Ltd");
    let number = json!({"number": phone});
    let seen = async || node.post("/chat/fetchProfile/acme", number.clone()).await;
    assert_eq!(seen().await["status"]["status"], "At work");

    let mut known = Value::Null;
    let url_safe = PNG.replace('+', "-").replace('/', "_");
    assert_ne!(url_safe, PNG);
    for picture in [PNG.to_owned(), url_safe, format!("data:image/png;base64,{PNG}"), image_host().await] {
        let set = node.post("/chat/updateProfilePicture/other", json!({"picture": picture})).await;
        assert_eq!(set, success);
        let now = seen().await["picture"].clone();
        assert!(now.is_string() && now != known, "{now}");
        known = now;
    }
    eventually("the address of the picture is kept", async || {
        let rows = node.get("/instance/fetchInstances?instanceName=other").await;
        (rows[0]["profilePicUrl"] == known).then_some(())
    })
    .await;
    let (status, removed) = node.call(Method::DELETE, "/chat/removeProfilePicture/other", Value::Null).await;
    assert_eq!((status, removed), (200, success));
    assert_eq!(seen().await["picture"], Value::Null);
    eventually("that there is none is kept", async || {
        let rows = node.get("/instance/fetchInstances?instanceName=other").await;
        rows[0]["profilePicUrl"].is_null().then_some(())
    })
    .await;
    for (path, body, field) in [
        ("updateProfileName", json!({"name": ""}), "name"),
        ("updateProfileName", json!({"name": "x".repeat(26)}), "name"),
        ("updateProfileStatus", json!({}), "status"),
        ("updateProfilePicture", json!({"picture": "bm8gaW1hZ2U="}), "picture"),
        ("updateProfilePicture", json!({"picture": "http://127.0.0.1:1/x.png"}), "picture"),
    ] {
        let (status, answer) = node.call(Method::POST, &format!("/chat/{path}/other"), body).await;
        assert!(status == 400 && answer.to_string().contains(field), "{path}: {status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn privacy_settings_are_read_and_changed() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let phone = node.pair("other", &simulator, None).await;
    let all = json!({
        "readreceipts": "all", "profile": "all", "status": "all", "online": "all", "last": "all", "groupadd": "all",
    });
    assert_eq!(node.get("/chat/fetchPrivacySettings/other").await, all);
    node.post("/chat/updateProfileStatus/other", json!({"status": "At work"})).await;
    let mut wanted = all.clone();
    wanted["status"] = json!("none");
    wanted["online"] = json!("match_last_seen");
    let changed = node.post("/chat/updatePrivacySettings/other", wanted.clone()).await;
    assert_eq!(changed, json!({"update": "success", "data": wanted}));
    assert_eq!(node.get("/chat/fetchPrivacySettings/other").await, wanted);
    let profile = node.post("/chat/fetchProfile/acme", json!({"number": phone})).await;
    assert_eq!(profile["status"], Value::Null, "it is hidden now: {profile}");
    wanted["last"] = json!("sometimes");
    let (status, answer) = node.call(Method::POST, "/chat/updatePrivacySettings/other", wanted).await;
    assert!(status == 400 && answer.to_string().contains("last"), "{answer}");
    let (status, answer) = node.call(Method::POST, "/chat/updatePrivacySettings/other", json!({})).await;
    assert_eq!(status, 400);
    assert_eq!(answer["response"]["message"][0].as_array().unwrap().len(), 6, "{answer}");
    assert_eq!(node.get("/chat/fetchPrivacySettings/other").await["last"], "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_fetched_where_files_are_and_nowhere_else() {
    let simulator = simulator().await;
    let node = Node::start_with(&simulator, &[("WAGGLE_EGRESS_ALLOW", "")]).await;
    node.pair("acme", &simulator, None).await;
    let body = json!({"picture": image_host().await});
    let (status, answer) = node.call(Method::POST, "/chat/updateProfilePicture/acme", body).await;
    assert!(status == 400 && answer.to_string().contains("picture"), "{status} {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_new_picture_is_one_contact_more() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    for (count, name) in ["Alice", "Bob"].into_iter().enumerate() {
        let (stranger, tell) = (contact(&simulator, name), vec![phone.clone()]);
        let change =
            ProfileChange { picture: Some(vec![0xff, 0xd8, 0xff]), tell, ..ProfileChange::default() };
        simulator.handle().set_profile(&stranger.phone, change).unwrap();
        let contacts = eventually("the picture is known", async || {
            let contacts = node.post("/chat/findContacts/acme", json!({})).await;
            let contacts = contacts.as_array().unwrap().clone();
            let known = contacts
                .iter()
                .any(|one| one["remoteJid"] == stranger.jid.as_str() && one["profilePicUrl"].is_string());
            known.then_some(contacts)
        })
        .await;
        let row = node.get("/instance/fetchInstances?instanceName=acme").await;
        assert_eq!(row[0]["_count"]["Contact"], contacts.len(), "{count}: {contacts:?}");
    }
}
