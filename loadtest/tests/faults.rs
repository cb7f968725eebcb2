//! Faults on demand, as a real client sees them.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod common;

use std::time::{Duration, Instant};

use common::{
    client::TestClient,
    simulator,
    texts::{received, signalled},
    until,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use wa_sim::{FaultOrder, Handle, NewContact, Paired, Send, Simulator, Step};
use whatsapp_rust::{Jid, UploadOptions, types::events::Event, wacore::download::MediaType};

fn inject(handle: &Handle, order: Value) -> usize {
    let order: FaultOrder = serde_json::from_value(order).expect("order");
    handle.inject(order).expect("inject")
}

fn used(handle: &Handle, kind: &str) -> u64 {
    handle.faults().used.get(kind).copied().unwrap_or_default()
}

/// A client with a contact that writes to it.
struct Scene {
    simulator: Simulator,
    handle: Handle,
    ana: TestClient,
    paired: Paired,
    contact: String,
}

impl Scene {
    async fn new() -> Self {
        let simulator = simulator().await;
        let handle = simulator.handle();
        let contact = handle.create_contact(NewContact::default()).expect("contact").phone;
        let (ana, paired) = TestClient::paired(&simulator, None).await;
        Self { simulator, handle, ana, paired, contact }
    }

    async fn write(&self, text: &str) {
        let order = Send { to: self.paired.phone.clone(), text: text.into(), ..Send::default() };
        self.handle.send(&self.contact, order).await.expect("send");
    }

    /// One query of the client to the server.
    async fn query(&self) {
        let jid = Jid::pn(self.contact.as_str());
        self.ana.client.contacts().is_on_whatsapp(&[jid]).await.expect("query");
    }

    fn strike(&self, kind: &str, more: Value) -> usize {
        let mut order = json!({ "kind": kind, "phone": self.paired.phone });
        order.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        inject(&self.handle, order)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_silent_until_it_is_lifted() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.strike("halfOpen", json!({ "device": scene.paired.device })), 1);
    scene.write("held").await;
    assert!(timeout(Duration::from_millis(300), scene.query()).await.is_err());
    assert!(timeout(Duration::from_millis(100), scene.ana.text()).await.is_err());
    assert_eq!(scene.strike("resume", json!({})), 1);
    assert_eq!(scene.ana.text().await.text, "held");
    scene.query().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_leaves_a_half_open_connection_behind() {
    let Scene { simulator, handle, ana, paired, contact } = Scene::new().await;
    inject(&handle, json!({ "kind": "halfOpen" }));
    let store = ana.store.clone();
    let mut again = TestClient::start(&simulator.chat_url(), store, None, None).await;
    again.connected().await;
    let order = Send { to: paired.phone.clone(), text: "new line".into(), ..Send::default() };
    handle.send(&contact, order).await.expect("send");
    assert_eq!(again.text().await.text, "new line");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_of_an_account_are_refused_by_what_they_ask() {
    let scene = Scene::new().await;
    let (bia, _) = TestClient::paired(&scene.simulator, None).await;
    let jid = Jid::pn(scene.contact.as_str());
    scene.strike("failQueries", json!({ "namespace": "usync", "changes": true, "code": 500 }));
    scene.strike("failQueries", json!({ "namespace": "usync", "tag": "other", "code": 500 }));
    scene.query().await;
    scene.strike(
        "failQueries",
        json!({ "namespace": "usync", "tag": "usync", "changes": false, "code": 406 }),
    );
    bia.client.contacts().is_on_whatsapp(std::slice::from_ref(&jid)).await.expect("of another account");
    let refused = scene.ana.client.contacts().is_on_whatsapp(&[jid]).await;
    assert!(format!("{refused:?}").contains("406"), "{refused:?}");
    scene.query().await;
    assert_eq!(used(&scene.handle, "failQueries"), 1);
    assert_eq!(scene.handle.faults().queries.len(), 2);
    scene.strike("lift", json!({}));
    assert!(scene.handle.faults().queries.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_is_slow_and_the_other_is_not() {
    let scene = Scene::new().await;
    scene.strike("latency", json!({ "latencyMs": 400, "jitterMs": 50 }));
    let started = Instant::now();
    scene.query().await;
    assert!(started.elapsed() >= Duration::from_millis(400));
    let (bia, _) = TestClient::paired(&scene.simulator, None).await;
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let jid = Jid::pn(scene.contact.as_str());
        bia.client.contacts().is_on_whatsapp(&[jid]).await.expect("query");
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest < Duration::from_millis(400), "{fastest:?}");
    scene.strike("lift", json!({}));
    let started = Instant::now();
    scene.query().await;
    assert!(started.elapsed() < Duration::from_millis(400));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_out_of_order_and_twice() {
    let mut scene = Scene::new().await;
    scene.strike("reorder", json!({ "next": 1 }));
    scene.write("one").await;
    scene.write("two").await;
    let mut texts = Vec::new();
    while texts.len() < 2 {
        texts.extend(scene.ana.texts().await.into_iter().map(|text| text.text));
    }
    assert_eq!(texts, ["two", "one"]);
    scene.strike("reorder", json!({ "next": 1 }));
    scene.write("alone").await;
    assert_eq!(scene.ana.text().await.text, "alone");
    inject(&scene.handle, json!({ "kind": "duplicate", "probability": 1.0 }));
    scene.write("three").await;
    scene.write("four").await;
    assert_eq!(scene.ana.text().await.text, "three");
    assert_eq!(scene.ana.text().await.text, "four");
    assert_eq!((used(&scene.handle, "reorder"), used(&scene.handle, "duplicate")), (2, 2));
    until("empty queue", || (scene.handle.stats().pending == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_errors_make_the_client_come_back() {
    let mut scene = Scene::new().await;
    for code in [515, 503, 429] {
        assert_eq!(scene.strike("streamError", json!({ "code": code })), 1);
        scene.ana.connected().await;
    }
    scene.write("still there").await;
    assert_eq!(scene.ana.text().await.text, "still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_connections_are_tried_again() {
    let mut scene = Scene::new().await;
    inject(&scene.handle, json!({ "kind": "refuseConnections", "status": 503, "count": 2 }));
    assert_eq!(inject(&scene.handle, json!({ "kind": "drop", "share": 1.0 })), 1);
    scene.ana.connected().await;
    assert_eq!(used(&scene.handle, "refuseConnections"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_replaced_and_removed_on_demand() {
    let mut scene = Scene::new().await;
    scene.strike("replaced", json!({ "device": scene.paired.device }));
    assert!(matches!(*scene.ana.ended().await, Event::StreamReplaced(_)));
    let store = scene.ana.stop().await;
    let mut ana = TestClient::start(&scene.simulator.chat_url(), store, None, None).await;
    ana.connected().await;
    let order = json!({ "kind": "removeDevice", "phone": scene.paired.phone, "device": scene.paired.device });
    assert_eq!(inject(&scene.handle, order), 1);
    assert!(matches!(*ana.ended().await, Event::LoggedOut(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_asks_again_for_messages_it_pretends_not_to_read() {
    let scene = Scene::new().await;
    // The client ignores a second request that comes while it is still answering the first one; without a
    // network between them it comes within 0.1 ms.
    scene.handle.set_latency(30, 0);
    inject(&scene.handle, json!({ "kind": "askRetry", "phone": scene.contact, "next": 2 }));
    let to = Jid::pn(scene.contact.as_str());
    scene.ana.client.send_text(to.clone(), "hello").await.expect("send");
    assert_eq!(received(&scene.handle, &scene.contact, "text").await.text.as_deref(), Some("hello"));
    let (messages, _) = scene.handle.received(&scene.contact, 0).expect("received");
    assert_eq!(messages.iter().filter(|message| message.kind == "undecryptable").count(), 2);
    scene.ana.client.send_text(to, "again").await.expect("send");
    until("second text", || {
        let (messages, _) = scene.handle.received(&scene.contact, 0).ok()?;
        messages.into_iter().find(|message| message.text.as_deref() == Some("again"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_message_is_sent_again_when_the_client_asks() {
    let mut scene = Scene::new().await;
    scene.write("whole").await;
    assert_eq!(scene.ana.text().await.text, "whole");
    inject(&scene.handle, json!({ "kind": "corrupt", "phone": scene.contact }));
    scene.write("broken at first").await;
    scene
        .ana
        .event("undecryptable", |event| matches!(event, Event::UndecryptableMessage(_)).then_some(()))
        .await;
    assert_eq!(scene.ana.text().await.text, "broken at first");
    signalled(&scene.handle, &scene.contact, "retry").await;
    assert_eq!(used(&scene.handle, "corrupt"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_media_host_refuses_and_is_slow() {
    let scene = Scene::new().await;
    let upload = || scene.ana.client.upload(vec![7; 1_000], MediaType::Image, UploadOptions::default());
    inject(&scene.handle, json!({ "kind": "media", "status": 503, "count": 1, "downloads": false }));
    assert!(upload().await.is_err());
    // Expired credentials: the client gets new ones by itself.
    inject(&scene.handle, json!({ "kind": "media", "status": 401, "count": 1 }));
    upload().await.expect("upload");
    inject(&scene.handle, json!({ "kind": "media", "delayMs": 300 }));
    let started = Instant::now();
    upload().await.expect("upload");
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(used(&scene.handle, "media"), 3);
    inject(&scene.handle, json!({ "kind": "lift" }));
    assert!(scene.handle.faults().media.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_runs_by_the_clock() {
    let mut scene = Scene::new().await;
    let steps: Vec<Step> = serde_json::from_value(json!([
        { "afterMs": 60, "fault": { "kind": "drop", "phone": scene.paired.phone } },
        { "afterMs": 0, "fault": { "kind": "failLogins", "reason": 503, "phone": scene.paired.phone } },
        { "afterMs": 10, "fault": { "kind": "latency", "latencyMs": 5 }, "times": 3, "everyMs": 5 },
    ]))
    .expect("steps");
    scene.handle.run_scenario(steps);
    scene.ana.connected().await;
    assert_eq!((used(&scene.handle, "drop"), used(&scene.handle, "failLogins")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impossible_faults_are_refused() {
    let handle = simulator().await.handle();
    let phone = handle.create_contact(NewContact::default()).expect("contact").phone;
    for order in [
        json!({ "kind": "removeDevice" }),
        json!({ "kind": "drop", "device": 1 }),
        json!({ "kind": "askRetry" }),
        json!({ "kind": "failLogins", "reason": 503, "phone": phone, "device": 1 }),
        json!({ "kind": "failQueries", "namespace": "w:g2", "code": 503, "phone": phone, "device": 1 }),
        json!({ "kind": "drop", "phone": "5511900009999" }),
    ] {
        let order: FaultOrder = serde_json::from_value(order).expect("order");
        assert!(handle.inject(order).is_err());
    }
    assert!(serde_json::from_value::<FaultOrder>(json!({ "kind": "earthquake" })).is_err());
}
