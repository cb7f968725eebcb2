//! How the API is served: TLS, and what operators hear of failed calls.

use serde_json::json;
use tempfile::TempDir;
use wa_sim::receiver::Receiver;
use waggle::net::Method;

use crate::support::{KEY, Node, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_ends_tls_itself_and_its_health_check_knows() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["waggle.example".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = [
        ("SERVER_TYPE", "https"),
        ("SSL_CONF_FULLCHAIN", chain.to_str().unwrap()),
        ("SSL_CONF_PRIVKEY", key.to_str().unwrap()),
    ];
    let mut node = Node::start_with(&simulator().await, &files).await;
    node.create("acme", None).await;
    assert_eq!(node.state("acme").await, "connecting");
    let healthy = node.run("healthcheck");
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
    node.kill();
    assert!(!node.run("healthcheck").status.success());

    std::fs::write(&key, "no key").unwrap();
    let refused = node.run("serve");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("key.pem cannot be used"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_calls_are_reported_without_a_key_and_strangers_are_not() {
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("errors");
    let reported = [("WEBHOOK_EVENTS_ERRORS", "true"), ("WEBHOOK_EVENTS_ERRORS_WEBHOOK", url.as_str())];
    let node = Node::start_with(&simulator().await, &reported).await;
    node.create("acme", None).await;
    let path = "/message/sendText/acme";
    let stranger = node.raw(Method::POST, path, Some("a-key-of-nobody"), None).await;
    assert_eq!(stranger.map(|(status, _)| status), Some(401));
    let (status, answer) = node.call(Method::POST, path, json!({"number": "5511999990001"})).await;
    assert_eq!(status, 400);

    let report = told(&receiver, "error", |_| true).await;
    assert_eq!(report["data"]["status"], 400, "the stranger's came first: {report}");
    assert_eq!(report["data"]["error"], "Bad Request");
    assert_eq!(report["data"]["message"], answer["response"]["message"]);
    assert_eq!(report["data"]["url"], "/message/sendText/{instance}");
    assert_eq!((&report["data"]["method"], &report["data"]["instance"]), (&json!("POST"), &json!("acme")));
    assert!(report["date_time"].is_string() && report.get("apikey").is_none(), "{report}");
    assert!(!report.to_string().contains(KEY), "{report}");
}
