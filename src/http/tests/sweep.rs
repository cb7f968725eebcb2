//! `DEL_INSTANCE`: what stays closed is deleted.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::support::{NOW, Node};
use crate::instance::Registry;

const MINUTE: i64 = 60_000;

/// One round of the sweep.
async fn swept(registry: &Registry) -> Vec<String> {
    let once = CancellationToken::new();
    once.cancel();
    registry.clone().sweep(once).await;
    let mut left: Vec<_> = registry.all().iter().map(|handle| handle.name().to_string()).collect();
    left.sort();
    left
}

#[actix_web::test]
async fn an_instance_that_stays_closed_is_deleted_also_over_a_restart() {
    let node = Node::with(&[("DEL_INSTANCE", "5")]).await;
    node.open("open").await;
    node.open("logged-out").await;
    node.clock.set(NOW + MINUTE);
    assert_eq!(node.ask("DELETE", "/instance/logout/logged-out", Value::Null).await.status, 200);

    node.clock.set(NOW + 6 * MINUTE);
    assert_eq!(swept(&node.state.registry).await, ["logged-out", "open"], "closed for five minutes only");

    // The time since it closed goes on while the node is down.
    let after = node.reloaded().await;
    node.clock.set(NOW + 6 * MINUTE + 1);
    assert_eq!(swept(&after).await, ["open"]);
    let listed = node.ask("GET", "/instance/fetchInstances?instanceName=logged-out", Value::Null).await;
    assert_eq!(listed.status, 404, "{}", listed.text);
}

#[actix_web::test]
async fn an_instance_that_never_connected_may_be_spared() {
    for (deletes, left) in [("true", &[] as &[&str]), ("false", &["idle"])] {
        let node = Node::with(&[("DEL_INSTANCE", "5"), ("DEL_TEMP_INSTANCES", deletes)]).await;
        let body = json!({"instanceName": "idle", "qrcode": false});
        assert_eq!(node.ask("POST", "/instance/create", body).await.status, 201);
        node.clock.set(NOW + 6 * MINUTE);
        assert_eq!(swept(&node.state.registry).await, left);
    }
}

#[actix_web::test]
async fn nothing_is_deleted_unless_it_is_asked_for() {
    let node = Node::start().await;
    let body = json!({"instanceName": "idle", "qrcode": false});
    assert_eq!(node.ask("POST", "/instance/create", body).await.status, 201);
    node.clock.set(NOW + 60 * 24 * 365 * MINUTE);
    assert_eq!(swept(&node.state.registry).await, ["idle"]);
}
