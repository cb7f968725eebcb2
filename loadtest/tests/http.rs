//! The admin interface and the media host over plain HTTP.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::{
    client::{Setup, TestClient},
    http::request,
    simulator, within,
};
use serde_json::{Value, json};
use wa_sim::{Error, Options, Simulator};
use whatsapp_rust::{
    Jid, UploadOptions,
    download::MediaType,
    media::{DocumentOptions, document_message},
    types::events::Event,
    wacore::{proto_helpers::MessageExt as _, store::InMemoryBackend},
};

/// One request on its own connection: status and body.
async fn http(addr: SocketAddr, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let kind = [("content-type".to_owned(), kind.to_owned())];
    within("answer", request(&addr.to_string(), method, path, &kind, body)).await.expect("request")
}

async fn post(addr: SocketAddr, path: &str, body: &Value) -> Value {
    let (status, answer) = http(addr, "POST", path, "application/json", body.to_string().as_bytes()).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).expect("json")
}

async fn get(addr: SocketAddr, path: &str) -> Value {
    let (status, answer) = http(addr, "GET", path, "text/plain", b"").await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&answer).expect("json")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_can_pair_and_talk() {
    let simulator = simulator().await;
    let addr = simulator.addr();
    let (status, routes) = http(addr, "GET", "/admin", "text/plain", b"").await;
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&routes).contains("/admin/contacts/{phone}/send"));

    let mut ana =
        TestClient::start(&simulator.chat_url(), Arc::new(InMemoryBackend::new()), None, None).await;
    let qr = ana.qr().await;
    let path = "/admin/mock-phone/scan-qr?phone=5511911112222";
    let (status, paired) = http(addr, "POST", path, "text/plain", qr.as_bytes()).await;
    assert_eq!(status, 200);
    let paired: Value = serde_json::from_slice(&paired).expect("json");
    assert_eq!((&paired["phone"], &paired["device"]), (&json!("5511911112222"), &json!(1)));
    ana.connected().await;

    let contact = post(addr, "/admin/contacts", &json!({ "name": "Bia", "autoReply": "{n}: {text}" })).await;
    let phone = contact["phone"].as_str().expect("phone").to_owned();
    let order = json!({ "to": "5511911112222", "text": "hi {n}", "count": 2, "rate": 100.0 });
    let report = post(addr, &format!("/admin/contacts/{phone}/send"), &order).await;
    assert_eq!(report["ids"].as_array().map(Vec::len), Some(2));
    assert_eq!((ana.text().await.text, ana.text().await.text), ("hi 1".into(), "hi 2".into()));
    ana.client.send_text(whatsapp_rust::Jid::pn(phone.as_str()), "ping").await.expect("send");
    assert_eq!(ana.text().await.text, "1: ping");
    let received = get(addr, &format!("/admin/contacts/{phone}/received")).await;
    assert_eq!((&received["total"], &received["messages"][0]["text"]), (&json!(1), &json!("ping")));

    let accounts = get(addr, "/admin/accounts").await;
    assert_eq!(accounts.as_array().map(Vec::len), Some(2));
    post(addr, "/admin/latency", &json!({ "latencyMs": 20, "jitterMs": 5 })).await;
    post(addr, "/admin/logins/fail", &json!({ "reason": 503 })).await;
    assert_eq!(post(addr, "/admin/devices/drop-all", &json!({})).await["dropped"], 1);
    ana.connected().await;
    let stats = get(addr, "/admin/stats").await;
    assert_eq!((&stats["pairings"], &stats["devices"]), (&json!(1), &json!(1)));
    let (status, _) = http(addr, "GET", "/admin/accounts/5511000000000", "text/plain", b"").await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_orders_and_lifts_faults() {
    let simulator = simulator().await;
    let addr = simulator.addr();
    let (mut ana, paired) = TestClient::paired(&simulator, None).await;
    let contact = post(addr, "/admin/contacts", &json!({})).await["phone"].clone();
    let of = |mut fault: Value| {
        fault["phone"] = paired.phone.clone().into();
        fault
    };
    let orders = [
        of(json!({ "kind": "latency", "latencyMs": 3, "jitterMs": 1 })),
        of(json!({ "kind": "duplicate", "probability": 0.5, "next": 2, "device": 1 })),
        json!({ "kind": "reorder", "probability": 0.0, "next": 4 }),
        json!({ "kind": "corrupt", "next": 2, "phone": contact }),
        of(json!({ "kind": "halfOpen" })),
    ];
    for order in &orders {
        post(addr, "/admin/faults", order).await;
    }
    let standing = get(addr, "/admin/faults").await;
    assert_eq!(standing["used"]["halfOpen"], 1);
    let standing = standing["orders"].as_array().expect("orders").clone();
    assert_eq!(standing.len(), orders.len());
    for order in &orders {
        // A fault of all devices is reported with the device that it struck.
        let same = |standing: &Value| {
            let order = order.as_object().expect("object");
            order.iter().all(|(key, value)| standing[key] == *value)
        };
        assert!(standing.iter().any(same), "{order} is not in {standing:?}");
    }
    let (status, _) = http(addr, "DELETE", "/admin/faults", "text/plain", b"").await;
    assert_eq!(status, 200);
    assert_eq!(get(addr, "/admin/faults").await["orders"], json!([]));
    let steps = json!([{ "afterMs": 0, "fault": of(json!({ "kind": "drop" })) }]);
    assert_eq!(post(addr, "/admin/scenario", &steps).await["steps"], 1);
    ana.connected().await;
    let (status, _) = http(addr, "POST", "/admin/faults", "application/json", b"{\"kind\":\"storm\"}").await;
    assert_eq!(status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_comes_back_as_it_was_uploaded() {
    let simulator = simulator().await;
    let addr = simulator.addr();
    let path = "/mms/image/aGFzaA?auth=sim&token=aGFzaA";
    let (_, resume) = http(addr, "POST", &format!("{path}&resume=1"), "text/plain", b"").await;
    assert_eq!(serde_json::from_slice::<Value>(&resume).expect("json")["resume"], "0");
    let (status, answer) = http(addr, "POST", path, "application/octet-stream", b"sealed").await;
    assert_eq!(status, 200);
    let direct = serde_json::from_slice::<Value>(&answer).expect("json")["direct_path"].clone();
    let direct = direct.as_str().expect("path");
    assert_eq!(http(addr, "GET", direct, "text/plain", b"").await, (200, b"sealed".to_vec()));
    let range = [("range".to_owned(), "bytes=2-3".to_owned())];
    let part = request(&addr.to_string(), "GET", direct, &range, b"").await.expect("range");
    assert_eq!(part, (206, b"al".to_vec()));
    assert_eq!(http(addr, "GET", "/v/image/none", "text/plain", b"").await.0, 404);
    assert_eq!(http(addr, "POST", "/mms/image/aGFzaA?auth=old", "text/plain", b"x").await.0, 403);
    assert_eq!(http(addr, "POST", "/mms/image/aGFzaA", "text/plain", b"x").await.0, 401);
    post(addr, "/admin/media/expire", &json!({ "path": direct, "status": 410 })).await;
    assert_eq!(http(addr, "GET", direct, "text/plain", b"").await.0, 410);
    assert_eq!(get(addr, "/admin/media").await["files"], 1);
}

#[tokio::test]
async fn other_hosts_are_refused() {
    let options = Options { listen: ([0, 0, 0, 0], 0).into(), ..Options::default() };
    assert!(matches!(Simulator::start(options).await, Err(Error::RemoteAddress(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_sends_and_fetches_files() {
    let simulator = simulator().await;
    let addr = simulator.addr();
    let ana = post(addr, "/admin/contacts", &json!({ "name": "Ana" })).await["phone"].clone();
    let (mut client, paired) = TestClient::paired(&simulator, None).await;
    let path = format!("/admin/contacts/{}", ana.as_str().expect("phone"));
    let order = json!({
        "to": paired.phone, "kind": "image", "file": { "data": "cGljdHVyZQ==" }, "caption": "look", "viewOnce": true,
    });
    let id = post(addr, &format!("{path}/compose"), &order).await["id"].clone();
    assert!(id.is_string());
    let image = client.message(|message| message.get_base_message().image_message.as_option().cloned()).await;
    assert_eq!(client.client.download(&image).await.expect("download"), b"picture");
    let upload = client.client.upload(b"back".to_vec(), MediaType::Document, UploadOptions::new());
    let message = document_message(upload.await.expect("upload"), DocumentOptions::default());
    let to = Jid::pn(ana.as_str().expect("phone"));
    let sent = client.client.send_message(to, message).await.expect("send");
    within("the contact's copy", async {
        while get(addr, &format!("{path}/received")).await["total"] != 1 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let media = format!("{path}/media/{}", sent.message_id);
    assert_eq!(http(addr, "GET", &media, "text/plain", b"").await, (200, b"back".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_reaches_all_of_it() {
    let simulator = simulator().await;
    let addr = simulator.addr();
    let contact =
        post(addr, "/admin/contacts", &json!({})).await["phone"].as_str().expect("phone").to_owned();
    post(addr, "/admin/history", &json!({ "chats": 2, "bootstrap": 3 })).await;
    post(addr, "/admin/props", &json!({ "10518": "1" })).await;
    let setup = Setup { history: true, ..Setup::default() };
    let (mut client, paired) = TestClient::paired_with(&simulator, None, setup).await;
    let own = format!("/admin/accounts/{}", paired.phone);
    let of = format!("/admin/contacts/{contact}");
    post(addr, &format!("{own}/history"), &json!({ "chats": 1, "bootstrap": 1, "inline": true })).await;
    client.event("history", |event| matches!(event, Event::HistorySync(_)).then_some(())).await;
    post(
        addr,
        &format!("{own}/app-state"),
        &json!({ "change": "mute", "chat": "1@s.whatsapp.net", "muted": true }),
    )
    .await;
    post(addr, &format!("{own}/app-state/announce"), &json!({})).await;
    let state = get(addr, &format!("{own}/app-state")).await;
    let mute =
        state.as_array().expect("list").iter().find(|record| record["index"][0] == "mute").expect("mute");
    assert_eq!(mute["value"]["mute_action"]["muted"], true);
    let profile = json!({ "name": "Neu", "about": "hi", "picture": "anBlZw==", "business": { "name": "B" } });
    post(addr, &format!("/admin/accounts/{contact}/profile"), &profile).await;
    post(addr, &format!("{own}/block"), &json!({ "other": contact, "blocked": true })).await;
    post(addr, &format!("{own}/block"), &json!({ "other": contact, "blocked": false })).await;
    post(addr, &format!("{own}/restricted"), &json!({ "restricted": false })).await;
    let channel = post(addr, &format!("{of}/newsletters"), &json!({ "name": "News" })).await["jid"].clone();
    let post_text = json!({ "to": channel, "kind": "text", "text": "first" });
    post(addr, &format!("{of}/compose"), &post_text).await;
    post(addr, &format!("{of}/newsletters/react"), &json!({ "jid": channel, "serverId": 101, "emoji": "x" }))
        .await;
    let other = post(addr, "/admin/contacts", &json!({})).await["phone"].as_str().expect("phone").to_owned();
    let follow = json!({ "jid": channel, "follow": true });
    post(addr, &format!("/admin/contacts/{other}/newsletters/follow"), &follow).await;
    let listed = get(addr, "/admin/newsletters").await;
    assert_eq!((&listed[0]["posts"], &listed[0]["followers"][0]), (&json!(1), &json!(other)));
    let call = post(addr, &format!("{of}/call"), &json!({ "to": paired.phone })).await["callId"].clone();
    let end = json!({ "to": paired.phone, "callId": call, "step": "terminate", "reason": "timeout" });
    post(addr, &format!("{of}/call-step"), &end).await;
    post(addr, "/admin/media/cut-upload", &json!({ "bytes": 3 })).await;
    post(addr, "/admin/media/renew-auth", &json!({})).await;
    let nothing = json!({ "path": "/v/image/none" });
    let (status, _) =
        http(addr, "POST", "/admin/media/forget", "application/json", nothing.to_string().as_bytes()).await;
    assert_eq!(status, 404);
}
