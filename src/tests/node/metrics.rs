//! What a node counts, as its metrics page shows it.

use serde_json::{Value, json};
use wa_sim::Send;
use wa_sim::receiver::Receiver;
use waggle::net::Method;
use waggle::telemetry::metrics::{DEFINITIONS, Type};

use crate::support::{Node, contact, eventually, simulator};

/// Counted or measured only with Redis, with RabbitMQ, or when something goes wrong.
const ELSEWHERE: &[&str] = &[
    "waggle_cluster_nodes",
    "waggle_heartbeat_age_seconds",
    "waggle_claims_total",
    "waggle_releases_total",
    "waggle_unowned_instances",
    "waggle_forwards_total",
    "waggle_rabbitmq_connected",
    "waggle_relay_published_total",
    "waggle_dropped_events_total",
];

async fn page(node: &Node) -> String {
    let (status, text) = node.raw(Method::GET, "/metrics", None, None).await.unwrap();
    assert_eq!(status, 200);
    text
}

async fn shows(node: &Node, line: &str) {
    let mut last = String::new();
    let found = async || {
        last = page(node).await;
        last.lines().any(|found| found == line).then_some(())
    };
    eventually(line, found).await;
}

/// The labels of a line of the page, without those that its kind of metric adds.
fn labels(line: &str) -> Vec<&str> {
    let inside =
        line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
    let names = inside.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
    names.filter(|name| *name != "le").collect()
}

/// Waits until a series has counted something.
async fn counts(node: &Node, series: &str) {
    eventually(series, async || {
        let page = page(node).await;
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.parse::<u64>().ok())?;
        (value > 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_does_is_on_its_metrics_page_under_known_names_and_labels() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    let settings = [
        ("WAGGLE_METRICS_PER_INSTANCE", "1"),
        ("WEBHOOK_RETRY_MAX_ATTEMPTS", "1"),
        ("WAGGLE_MEDIA_FOLDER", place.as_str()),
    ];
    let node = Node::start_with(&simulator, &settings).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let other = node.pair("globex", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    node.send_text("acme", &alice.phone, "one").await;
    node.send_text("globex", &alice.phone, "two").await;
    let place =
        json!({"number": alice.phone, "latitude": 1.5, "longitude": 2.5, "name": "here", "address": "there"});
    node.post("/message/sendLocation/acme", place).await;
    for to in [&phone, &other] {
        let order = Send { to: to.clone(), text: "hi".into(), ..Send::default() };
        simulator.handle().send(&alice.phone, order).await.unwrap();
    }
    let file = json!({"to": phone, "kind": "document", "file": {"size": 1000}});
    simulator.handle().compose(&alice.phone, serde_json::from_value(file).unwrap()).await.unwrap();
    node.call(Method::POST, "/chat/findMessages/nobody", Value::Null).await;

    for line in [
        r#"waggle_instances{state="open"} 2"#,
        r#"waggle_instances{state="refused"} 0"#,
        r#"waggle_sends_total{kind="text",outcome="sent"} 2"#,
        r#"waggle_sends_total{kind="location",outcome="sent"} 1"#,
        "waggle_pairings_completed_total 2",
        r#"waggle_http_requests_total{route="/message/sendText/{instance}",method="POST",status="201"} 2"#,
        r#"waggle_webhook_circuits_open{delivery="node"} 0"#,
        "waggle_decrypt_failures_total 0",
        r#"waggle_media_files_total{outcome="stored"} 1"#,
        "waggle_media_bytes_total 1000",
        "waggle_fence_rejections_total 0",
        r#"waggle_instance_sent_total{instance="acme"} 2"#,
        r#"waggle_instance_sent_total{instance="(others)"} 1"#,
        r#"waggle_instance_connected{instance="acme"} 1"#,
        r#"waggle_instance_connected{instance="(others)"} 1"#,
        r#"evolution_instance_up{instance="acme",integration="WHATSAPP-BAILEYS"} 1"#,
        r#"evolution_instance_state{instance="globex",integration="WHATSAPP-BAILEYS",state="open"} 1"#,
        "evolution_instances_total 2",
    ] {
        shows(&node, line).await;
    }
    // What phones tell their devices counts too.
    for series in [
        "waggle_inbound_messages_total ",
        r#"waggle_instance_received_total{instance="acme"} "#,
        r#"waggle_instance_received_total{instance="(others)"} "#,
    ] {
        counts(&node, series).await;
    }
    eventually("webhooks were delivered", async || {
        page(&node).await.contains(r#"waggle_sink_latency_seconds_count{sink="webhook"}"#).then_some(())
    })
    .await;

    // A connection that breaks, and a receiver that is not there.
    let fault = json!({"kind": "drop", "phone": phone});
    simulator.handle().inject(serde_json::from_value(fault).unwrap()).unwrap();
    shows(&node, r#"waggle_instance_reconnects_total{instance="acme"} 1"#).await;
    shows(&node, r#"waggle_reconnects_total{reason="lost"} 1"#).await;
    node.is("acme", "open").await;
    let webhook =
        json!({"webhook": {"url": "http://127.0.0.1:9/", "enabled": true, "events": ["SEND_MESSAGE"]}});
    // Of the one that had no webhook: nothing else is on its way to that address.
    node.post("/webhook/set/globex", webhook).await;
    node.send_text("globex", &alice.phone, "three").await;
    shows(&node, r#"waggle_sink_failures_total{sink="webhook"} 1"#).await;
    shows(&node, r#"waggle_instance_webhook_failures_total{instance="(others)"} 1"#).await;
    shows(&node, r#"waggle_dead_letters_total{sink="webhook"} 1"#).await;

    eventually("connections are measured", async || {
        page(&node).await.contains("waggle_database_connections{").then_some(())
    })
    .await;
    let text = page(&node).await;
    for definition in DEFINITIONS {
        let name = match definition.kind {
            Type::Histogram => format!("{}_bucket", definition.name),
            _ => definition.name.to_owned(),
        };
        let own = |line: &&str| line.split(['{', ' ']).next() == Some(name.as_str());
        let series: Vec<&str> = text.lines().filter(own).collect();
        let expected = !ELSEWHERE.contains(&definition.name);
        assert!(!expected || !series.is_empty(), "{name} is not on the page:\n{text}");
        for line in series {
            assert!(labels(line).iter().all(|label| definition.labels.contains(label)), "{line}");
        }
    }

    // Deleted, its series are gone; who comes next takes their place.
    let (status, _) = node.call(Method::DELETE, "/instance/delete/acme", Value::Null).await;
    assert_eq!(status, 200);
    eventually("no series of a deleted instance", async || {
        (!page(&node).await.contains("instance=\"acme\"")).then_some(())
    })
    .await;
    node.pair("initech", &simulator, None).await;
    shows(&node, r#"waggle_instance_connected{instance="initech"} 1"#).await;
    shows(&node, r#"waggle_instance_sent_total{instance="(others)"} 2"#).await;
}
