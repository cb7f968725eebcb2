//! The life of an instance, and what is configured for it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wa_sim::Send;
use wa_sim::receiver::Receiver;
use waggle::net::Method;

use crate::support::{Node, PATIENCE, contact, eventually, simulator, told};

/// How long ending an instance may take when nobody answers.
const DEADLINE: Duration = Duration::from_secs(15);

async fn gone(node: &Node, name: &str) {
    for path in [
        "/instance/fetchInstances?instanceName=",
        "/instance/connectionState/",
        "/settings/find/",
        "/webhook/find/",
    ] {
        let (status, answer) = node.call(Method::GET, &format!("{path}{name}"), Value::Null).await;
        assert_eq!(status, 404, "{path}{name}: {answer}");
    }
    let all = node.get("/instance/fetchInstances").await;
    assert!(all.as_array().unwrap().iter().all(|row| row["name"] != name), "{all}");
}

async fn delete(node: &Node, name: &str) {
    let (status, answer) = node.call(Method::DELETE, &format!("/instance/delete/{name}"), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let wanted = json!({"status": "SUCCESS", "error": false, "response": {"message": "Instance deleted"}});
    assert_eq!(answer, wanted);
    gone(node, name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_way_to_create_an_instance_works() {
    let node = Node::start(&simulator().await).await;
    let plain = node.post("/instance/create", json!({"instanceName": "plain"})).await;
    assert_eq!(plain["instance"]["instanceName"], "plain");
    assert_eq!(plain["instance"]["integration"], "WHATSAPP-BAILEYS");
    assert_eq!(plain["instance"]["status"], "close");
    assert!(plain["hash"].as_str().is_some_and(|token| token.len() >= 8), "{plain}");
    assert!(plain.get("qrcode").is_none(), "nobody asked for a QR: {plain}");
    assert_eq!(plain["webhook"], json!({}));
    assert_eq!(node.get("/webhook/find/plain").await, Value::Null);
    assert_eq!(node.get("/websocket/find/plain").await, Value::Null);
    assert_eq!(node.get("/rabbitmq/find/plain").await, Value::Null);
    let everything = node.get("/instance/fetchInstances").await;
    assert_eq!(everything[0]["Setting"]["rejectCall"], false, "{everything}");

    let flags = [("short", "byEvents", "base64"), ("long", "webhookByEvents", "webhookBase64")];
    for (name, by_events, base64) in flags {
        let webhook = json!({
            "url": "http://127.0.0.1:9/hook", by_events: true, base64: true,
            "headers": {"x-tenant": name}, "events": ["MESSAGES_UPSERT", "connection.update"],
        });
        let body = json!({"instanceName": name, "qrcode": false, "webhook": webhook});
        let created = node.post("/instance/create", body).await;
        let wanted = json!({
            "webhookUrl": "http://127.0.0.1:9/hook", "webhookHeaders": {"x-tenant": name},
            "webhookByEvents": true, "webhookBase64": true,
        });
        assert_eq!(created["webhook"], wanted, "{name}");
        let found = node.get(&format!("/webhook/find/{name}")).await;
        assert_eq!(
            (&found["url"], &found["enabled"]),
            (&json!("http://127.0.0.1:9/hook"), &json!(true)),
            "{found}"
        );
        assert_eq!(found["events"], json!(["MESSAGES_UPSERT", "CONNECTION_UPDATE"]), "{found}");
        assert_eq!(
            (&found["webhookByEvents"], &found["webhookBase64"]),
            (&json!(true), &json!(true)),
            "{found}"
        );
        assert_eq!(found["instanceId"], created["instance"]["instanceId"]);
    }

    let body = json!({
        "instanceName": "Löwe 7@+_.-x", "integration": "WHATSAPP-BAILEYS", "token": "chosen-by-the-caller",
        "number": "+55 (11) 98765-4321", "rejectCall": true, "msgCall": "no calls", "groupsIgnore": true,
        "alwaysOnline": true, "readMessages": true, "readStatus": true, "syncFullHistory": true,
        "webhook": {"enabled": false, "url": ""}, "rabbitmq": {"enabled": true, "events": ["CALL"]},
        "websocket": {"enabled": true, "events": []},
    });
    let full = node.post("/instance/create", body).await;
    assert_eq!(full["hash"], "chosen-by-the-caller");
    for flag in
        ["rejectCall", "groupsIgnore", "alwaysOnline", "readMessages", "readStatus", "syncFullHistory"]
    {
        assert_eq!(full["settings"][flag], true, "{flag}: {full}");
    }
    assert_eq!(full["settings"]["msgCall"], "no calls");
    let path = "/instance/connectionState/L%C3%B6we%207@+_.-x";
    assert_eq!(node.get(path).await["instance"]["instanceName"], "Löwe 7@+_.-x");
    let (status, own) = node.try_call(Method::GET, path, Some("chosen-by-the-caller"), None).await.unwrap();
    assert_eq!(status, 200, "{own}");
    let row = &node.get("/instance/fetchInstances?instanceName=L%C3%B6we%207%40%2B_.-x").await[0];
    assert_eq!(row["number"], "5511987654321", "{row}");
    assert_eq!(
        (&row["Rabbitmq"]["enabled"], &row["Websocket"]["enabled"]),
        (&json!(true), &json!(true)),
        "{row}"
    );
    assert_eq!(row["Rabbitmq"]["events"], json!(["CALL"]), "{row}");

    let coded = node
        .post("/instance/create", json!({"instanceName": "coded", "number": "5511912345678", "qrcode": true}))
        .await;
    assert!(coded["qrcode"]["code"].is_string(), "{coded}");
    assert!(coded["qrcode"]["pairingCode"].is_string(), "a number and a QR make a pairing code too: {coded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_instances_have_every_field_of_the_contract() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("open", &simulator, None).await;
    node.post("/instance/create", json!({"instanceName": "closed"})).await;
    let alice = contact(&simulator, "Alice");
    node.send_text("open", &alice.phone, "hello").await;
    let row = eventually("the row counts the message", async || {
        let rows = node.get("/instance/fetchInstances?instanceName=open").await;
        (rows[0]["_count"]["Message"] == 1).then(|| rows[0].clone())
    })
    .await;
    for field in [
        "id",
        "name",
        "instanceName",
        "connectionStatus",
        "ownerJid",
        "profileName",
        "profilePicUrl",
        "integration",
        "number",
        "businessId",
        "token",
        "clientName",
        "disconnectionReasonCode",
        "disconnectionObject",
        "disconnectionAt",
        "createdAt",
        "updatedAt",
        "Setting",
        "Proxy",
        "Rabbitmq",
        "Nats",
        "Sqs",
        "Websocket",
        "Chatwoot",
        "_count",
    ] {
        assert!(row.get(field).is_some(), "{field} is not in {row}");
    }
    assert_eq!((&row["name"], &row["instanceName"]), (&json!("open"), &json!("open")));
    assert_eq!(
        (&row["connectionStatus"], &row["ownerJid"]),
        (&json!("open"), &json!(format!("{phone}@s.whatsapp.net")))
    );
    assert_eq!(row["_count"]["Chat"], 1, "{row}");
    assert_eq!(row["token"], Value::Null, "the global key is shown no tokens unless configured");
    let by = |query: String| {
        let node = &node;
        async move { node.get(&format!("/instance/fetchInstances?{query}")).await }
    };
    assert_eq!(by(format!("instanceId={}", row["id"].as_str().unwrap())).await[0]["name"], "open");
    assert_eq!(by(format!("number={phone}")).await[0]["name"], "open");
    let closed = &by("instanceName=closed".into()).await[0];
    assert_eq!(
        (&closed["connectionStatus"], &closed["ownerJid"]),
        (&json!("close"), &Value::Null),
        "{closed}"
    );
    assert_eq!(node.get("/instance/fetchInstances").await.as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_found_as_they_were_set_and_take_effect() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let alice = contact(&simulator, "Alice");
    let mut wanted = json!({
        "rejectCall": false, "msgCall": "", "groupsIgnore": false, "alwaysOnline": false,
        "readMessages": false, "readStatus": false, "syncFullHistory": false, "wavoipToken": "",
    });
    assert_eq!(node.get("/settings/find/acme").await, wanted);
    for (name, value) in
        [("readMessages", json!(true)), ("msgCall", json!("later")), ("alwaysOnline", json!(true))]
    {
        wanted[name] = value;
    }
    let set = node.post("/settings/set/acme", wanted.clone()).await;
    assert_eq!(set, json!({"settings": {"instanceName": "acme", "settings": wanted}}));
    assert_eq!(node.get("/settings/find/acme").await, wanted);

    let order = Send { to: phone.clone(), text: "read me by yourself".into(), ..Send::default() };
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
    eventually("Alice sees that it was read", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        signals.iter().any(|one| one.kind == "read" && one.ids.contains(&id)).then_some(())
    })
    .await;
    let online = async |wanted: bool| {
        eventually(&format!("online is {wanted}"), async || {
            (simulator.handle().account_info(&phone).unwrap().devices[0].available == wanted).then_some(())
        })
        .await;
    };
    online(true).await;
    wanted["alwaysOnline"] = json!(false);
    node.post("/settings/set/acme", wanted.clone()).await;
    online(false).await;
    wanted["alwaysOnline"] = json!(true);
    node.post("/settings/set/acme", wanted.clone()).await;
    node.post("/instance/restart/acme", Value::Null).await;
    online(true).await;

    wanted["readMessages"] = json!(false);
    node.is("acme", "open").await;
    node.post("/settings/set/acme", wanted).await;
    let order = Send { to: phone.clone(), text: "leave me unread".into(), ..Send::default() };
    let id = simulator.handle().send(&alice.phone, order).await.unwrap().ids[0].clone();
    told(&receiver, "messages.upsert", |body| body["data"]["key"]["id"] == id.as_str()).await;
    eventually("Alice sees that it was delivered", async || {
        let signals = simulator.handle().signals(&alice.phone).unwrap();
        signals.iter().any(|one| one.kind == "delivered" && one.ids.contains(&id)).then_some(())
    })
    .await;
    let signals = simulator.handle().signals(&alice.phone).unwrap();
    assert!(!signals.iter().any(|one| one.kind == "read" && one.ids.contains(&id)), "{signals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_set_nested_or_flat_and_takes_effect_at_once() {
    let simulator = simulator().await;
    let (first, second) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let nested = json!({"webhook": {"url": first.url("/a"), "enabled": true, "byEvents": false, "base64": true, "events": ["MESSAGES_UPSERT"]}});
    let set = node.post("/webhook/set/acme", nested).await;
    let found = node.get("/webhook/find/acme").await;
    assert_eq!(set, found);
    assert_eq!((&found["url"], &found["webhookBase64"]), (&json!(first.url("/a")), &json!(true)), "{found}");
    let alice = contact(&simulator, "Alice");
    let say = async |text: &str| {
        let order = Send { to: phone.clone(), text: text.into(), ..Send::default() };
        simulator.handle().send(&alice.phone, order).await.unwrap();
    };
    say("to the first").await;
    told(&first, "messages.upsert", |body| body["data"]["message"]["conversation"] == "to the first").await;

    let flat =
        json!({"url": second.url("/b"), "webhookByEvents": true, "webhookBase64": false, "events": []});
    node.post("/webhook/set/acme", flat).await;
    let changed = node.get("/webhook/find/acme").await;
    assert_eq!(changed["id"], found["id"], "one webhook per instance");
    assert_eq!((&changed["url"], &changed["enabled"]), (&json!(second.url("/b")), &json!(true)), "{changed}");
    assert_eq!(
        (&changed["webhookByEvents"], &changed["webhookBase64"]),
        (&json!(true), &json!(false)),
        "{changed}"
    );
    assert!(changed["events"].as_array().unwrap().len() > 20, "no list is every event: {changed}");
    say("to the second").await;
    told(&second, "messages.upsert", |body| body["data"]["message"]["conversation"] == "to the second").await;
    assert!(
        !first.deliveries().iter().any(|one| one.body["data"]["message"]["conversation"] == "to the second")
    );

    node.post("/webhook/set/acme", json!({"webhook": {"enabled": false}})).await;
    assert_eq!(node.get("/webhook/find/acme").await["enabled"], false);
    say("to nobody").await;
    node.post(
        "/webhook/set/acme",
        json!({"webhook": {"url": second.url("/c"), "events": ["MESSAGES_UPSERT"]}}),
    )
    .await;
    eventually("it is stored", async || (node.messages("acme", json!({})).await.len() == 3).then_some(()))
        .await;
    say("to the second again").await;
    told(&second, "messages.upsert", |body| body["data"]["message"]["conversation"] == "to the second again")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_shown_as_online_when_asked_to() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    for (presence, wanted) in [("available", true), ("unavailable", false), ("available", true)] {
        let answer = node.post("/instance/setPresence/acme", json!({"presence": presence})).await;
        assert_eq!(answer, json!({"presence": presence}));
        eventually(presence, async || {
            (simulator.handle().account_info(&phone).unwrap().devices[0].available == wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_instance_is_gone_at_once_and_its_name_is_free() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let id = node.get("/instance/fetchInstances?instanceName=acme").await[0]["id"].clone();
    let created = told(&receiver, "instance.create", |_| true).await;
    assert_eq!(created["instance"], "acme", "{created}");
    let alice = contact(&simulator, "Alice");
    node.send_text("acme", &alice.phone, "goodbye").await;

    delete(&node, "acme").await;
    let deleted = told(&receiver, "instance.delete", |_| true).await;
    assert_eq!(deleted["data"]["instanceName"], "acme", "{deleted}");
    assert_eq!(deleted["data"]["instanceId"], id, "{deleted}");
    told(&receiver, "remove.instance", |_| true).await;
    eventually("the device is gone at WhatsApp", async || {
        simulator.handle().account_info(&phone).unwrap().devices.is_empty().then_some(())
    })
    .await;

    let again = node.create("acme", Some(&receiver)).await;
    assert_ne!(again["instance"]["instanceId"], id, "another instance of the same name");
    assert!(node.messages("acme", json!({})).await.is_empty(), "it inherits nothing");
    assert_eq!(node.post("/chat/findChats/acme", json!({})).await, json!([]));
    simulator.handle().scan_qr(again["qrcode"]["code"].as_str().unwrap(), Some(&phone)).await.unwrap();
    node.is("acme", "open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_webhook_does_not_hold_up_a_deletion_and_hears_of_it_later() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    receiver.fail(1.0);
    node.create("acme", Some(&receiver)).await;
    eventually("the receiver fails", async || (receiver.failed() > 0).then_some(())).await;
    let begun = Instant::now();
    delete(&node, "acme").await;
    assert!(begun.elapsed() < DEADLINE, "it took {:?}", begun.elapsed());
    receiver.fail(0.0);
    told(&receiver, "instance.delete", |body| body["data"]["instanceName"] == "acme").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_node_keeps_everything() {
    let simulator = simulator().await;
    let mut node = Node::start(&simulator).await;
    let body = json!({
        "instanceName": "kept", "token": "the-token-that-is-kept", "number": "5511987654321", "rejectCall": true, "msgCall": "busy",
        "webhook": {"url": "http://127.0.0.1:9/hook", "events": ["CALL"], "headers": {"x-a": "b"}, "byEvents": true},
        "rabbitmq": {"enabled": true, "events": ["CALL"]},
    });
    node.post("/instance/create", body).await;
    node.post("/instance/create", json!({"instanceName": "deleted"})).await;
    delete(&node, "deleted").await;
    let phone = node.pair("open", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    node.send_text("open", &alice.phone, "remember me").await;
    let paths = [
        "/instance/fetchInstances?instanceName=kept",
        "/settings/find/kept",
        "/webhook/find/kept",
        "/rabbitmq/find/kept",
    ];
    let mut before = Vec::new();
    for path in paths {
        before.push(node.get(path).await);
    }
    let messages = node.messages("open", json!({})).await;
    assert_eq!(messages.len(), 1);

    assert_eq!(node.stop().await, Some(0));
    node.start_again().await;
    eventually("the instances are loaded", async || {
        let (status, _) = node.call(Method::GET, "/instance/connectionState/kept", Value::Null).await;
        (status == 200).then_some(())
    })
    .await;
    for (path, before) in paths.into_iter().zip(before) {
        assert_eq!(node.get(path).await, before, "{path}");
    }
    gone(&node, "deleted").await;
    node.is("open", "open").await;
    let after = node.messages("open", json!({})).await;
    assert_eq!((after.len(), &after[0]["key"]), (1, &messages[0]["key"]));
    let (status, row) = node
        .try_call(Method::GET, "/instance/fetchInstances", Some("the-token-that-is-kept"), None)
        .await
        .unwrap();
    assert_eq!((status, &row[0]["name"]), (200, &json!("kept")), "the token still opens it");
    node.send_text("open", &alice.phone, "and answer").await;
    let order = Send { to: phone, text: "here you are".into(), ..Send::default() };
    simulator.handle().send(&alice.phone, order).await.unwrap();
    eventually("the answer is stored", async || {
        (node.messages("open", json!({})).await.len() == 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_whatsapp_instances_can_still_be_logged_out_and_deleted() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start(&simulator).await;
    for name in ["logged-out", "deleted"] {
        node.pair(name, &simulator, Some(&receiver)).await;
    }
    simulator.shutdown().await.unwrap();
    for name in ["logged-out", "deleted"] {
        eventually("it is not open any more", async || (node.state(name).await != "open").then_some(()))
            .await;
    }
    let (status, refused) = node
        .call(Method::POST, "/message/sendText/deleted", json!({"number": "5511987654321", "text": "x"}))
        .await;
    assert_eq!(status, 409, "{refused}");

    let begun = Instant::now();
    let (status, answer) = node.call(Method::DELETE, "/instance/logout/logged-out", Value::Null).await;
    assert_eq!((status, &answer["status"]), (200, &json!("SUCCESS")), "{answer}");
    assert!(begun.elapsed() < DEADLINE, "a logout took {:?}", begun.elapsed());
    node.is("logged-out", "close").await;

    let begun = Instant::now();
    delete(&node, "deleted").await;
    assert!(begun.elapsed() < DEADLINE, "a deletion took {:?}", begun.elapsed());
    told(&receiver, "instance.delete", |body| body["data"]["instanceName"] == "deleted").await;
    let created =
        tokio::time::timeout(PATIENCE, node.create("deleted", None)).await.expect("an answer in time");
    assert_eq!(created["qrcode"]["count"], 0, "no QR, and no failure: {created}");
    delete(&node, "deleted").await;
    delete(&node, "logged-out").await;
}
