//! The protocol itself, calls that are declined, and what businesses sell.

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Business, Collection, Product, ProfileChange};
use waggle::net::Method;

use crate::support::{Node, contact, eventually, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_the_protocol_are_answered_without_keys() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.create("closed", None).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let ask = async |route: &str, body: Value| {
        node.call(Method::POST, &format!("/baileys/{route}/acme"), body).await
    };

    assert_eq!(
        ask("onWhatsapp", json!({"jid": alice.jid})).await,
        (200, json!([{"jid": alice.jid, "exists": true}]))
    );
    let picture = json!({"jid": alice.jid, "type": "image"});
    assert_eq!(ask("profilePictureUrl", picture.clone()).await, (200, Value::Null), "she has none");
    let change = ProfileChange { picture: Some(vec![0xff, 0xd8, 0xff]), ..ProfileChange::default() };
    simulator.handle().set_profile(&alice.phone, change).unwrap();
    assert!(ask("profilePictureUrl", picture).await.1.as_str().is_some_and(|url| url.starts_with("http")));

    let (status, devices) = ask("getUSyncDevices", json!({"jids": [alice.jid]})).await;
    assert_eq!(status, 200, "{devices}");
    let device = &devices[0];
    assert!(device["user"].is_string() && device["device"] == 0 && device["jid"].is_string(), "{devices}");
    assert!(device["server"].is_string() && device["domainType"].is_number(), "{devices}");
    let jids = json!({"jids": [device["jid"]]});
    assert_eq!(ask("assertSessions", jids.clone()).await, (200, json!(true)));
    assert_eq!(ask("assertSessions", jids).await, (200, json!(false)), "there is one now");
    let message = json!({"jids": [alice.jid], "message": {"conversation": "hi"}});
    let (status, made) = ask("createParticipantNodes", message).await;
    assert_eq!((status, &made["nodes"][0]["tag"]), (200, &json!("to")), "{made}");
    assert!(made["shouldIncludeDeviceIdentity"].is_boolean(), "{made}");
    let (one, two) =
        (ask("generateMessageTag", Value::Null).await, ask("generateMessageTag", Value::Null).await);
    assert!(one.0 == 200 && one.1.is_string() && one != two, "{one:?} {two:?}");

    let typing = json!({"tag": "chatstate", "attrs": {"to": alice.jid}, "content": [{"tag": "composing"}]});
    assert_eq!(ask("sendNode", json!({"stanza": typing})).await.0, 200);
    eventually("Alice sees us typing", async || {
        simulator.handle().signals(&alice.phone).unwrap().iter().any(|one| one.kind == "typing").then_some(())
    })
    .await;
    let (status, identity) = ask("getAuthState", Value::Null).await;
    assert_eq!(status, 200);
    assert!(identity["me"]["id"].as_str().is_some_and(|id| id.starts_with(&phone)), "{identity}");
    let names: Vec<&String> = identity.as_object().unwrap().keys().collect();
    assert_eq!(names, ["account", "me"]);
    assert!(!["key", "private", "secret", "identity"].iter().any(|word| identity.to_string().contains(word)));

    assert_eq!(ask("signalRepositoryDecryptMessage", json!({})).await.0, 501);
    for (route, body) in [
        ("onWhatsapp", json!({})),
        ("assertSessions", json!({"jids": ["nobody"]})),
        ("getUSyncDevices", json!({})),
        ("createParticipantNodes", json!({"jids": [alice.jid]})),
        ("sendNode", json!({"stanza": {}})),
        ("sendNode", json!({"stanza": {"tag": "a", "content": 7}})),
    ] {
        assert_eq!(ask(route, body).await.0, 400, "{route}");
    }
    for path in ["/baileys/getAuthState/closed", "/baileys/signalRepositoryDecryptMessage/closed"] {
        assert_eq!(node.call(Method::POST, path, Value::Null).await.0, 409, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_declined_and_none_can_be_placed() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let id = simulator.handle().call(&alice.phone, &phone, false, None).unwrap();
    told(&receiver, "call", |body| body["data"]["id"] == id.as_str()).await;
    let declined = node.post("/call/reject/acme", json!({"callId": id})).await;
    assert_eq!(declined["status"], "reject");
    let named = node.post("/call/reject/acme", json!({"callId": "UNKNOWN1", "from": alice.jid})).await;
    assert_eq!(named["from"], json!(alice.jid));
    eventually("both are declined", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        let has =
            |id: &str| signals.iter().any(|one| one.kind == "reject" && one.ids.iter().any(|one| one == id));
        (has(&id) && has("UNKNOWN1")).then_some(())
    })
    .await;
    for (route, body, named) in [
        ("reject", json!({}), "callId"),
        ("reject", json!({"callId": "UNKNOWN2"}), "from is needed"),
        ("offer", json!({}), "callDuration"),
        ("offer", json!({"number": alice.phone, "callDuration": 3}), "placing calls is not supported"),
    ] {
        let (status, refused) = node.call(Method::POST, &format!("/call/{route}/acme"), body).await;
        assert!(status == 400 && refused.to_string().contains(named), "{route}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_business_sells_is_listed() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let (shop, alice) = (contact(&simulator, "Shop"), contact(&simulator, "Alice"));
    let product = |n: u64| Product {
        id: format!("P{n}"),
        name: format!("Thing {n}"),
        price: n * 1000,
        currency: "BRL".into(),
        image: Some("https://x.example/p.jpg".into()),
        ..Product::default()
    };
    let business = Business {
        name: "Shop".into(),
        products: (1..=60).map(product).collect(),
        collections: vec![Collection { id: "C1".into(), name: "New".into(), products: vec!["P2".into()] }],
        ..Business::default()
    };
    let change = ProfileChange { business: Some(business), ..ProfileChange::default() };
    simulator.handle().set_profile(&shop.phone, change).unwrap();

    let found = node.post("/business/getCatalog/acme", json!({"number": shop.phone})).await;
    assert_eq!((&found["wuid"], &found["isBusiness"]), (&json!(shop.jid), &json!(true)), "{found}");
    assert_eq!(found["catalogLength"], 10);
    let first = &found["catalog"][0];
    assert_eq!(
        (&first["id"], &first["price"], &first["currency"]),
        (&json!("P1"), &json!(1000), &json!("BRL"))
    );
    assert_eq!(first["imageUrls"]["original"], "https://x.example/p.jpg", "{first}");
    let all = json!({"number": shop.phone, "limit": 100});
    let all = node.post("/business/getCatalog/acme", all).await;
    assert_eq!((&all["catalogLength"], &all["catalog"][59]["id"]), (&json!(60), &json!("P60")));
    let rest = json!({"number": shop.phone, "limit": 5, "cursor": found["nextPageCursor"]});
    assert_eq!(node.post("/business/getCatalog/acme", rest).await["catalog"][0]["id"], "P11");
    let found = node.post("/business/getCollections/acme", json!({"number": shop.phone, "limit": 10})).await;
    let collection = &found["collections"][0];
    assert_eq!((&found["collectionsLength"], &collection["name"]), (&json!(1), &json!("New")), "{found}");
    assert_eq!(collection["products"][0]["id"], "P2");

    let nothing = |jid: &str, list: &str| json!({"wuid": jid, "numberExists": true, "isBusiness": false, format!("{list}Length"): 0, (list): []});
    let body = json!({"number": alice.phone, "limit": 10});
    assert_eq!(node.post("/business/getCatalog/acme", body).await, nothing(&alice.jid, "catalog"));
    let own = format!("{phone}@s.whatsapp.net");
    assert_eq!(node.post("/business/getCollections/acme", json!({})).await, nothing(&own, "collections"));
    let (status, refused) = node.call(Method::POST, "/business/getCatalog/acme", json!({"number": 1})).await;
    assert!(status == 400 && refused.to_string().contains("number is not of a type(s) string"), "{refused}");
}
