//! Sessions in an object store: the node is killed and comes back as it was.

use serde_json::Value;
use wa_sim::Send;
use wa_sim::receiver::Receiver;

use crate::support::{Node, contact, simulator, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_finds_its_sessions_in_the_object_store() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await.unwrap());
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("file://{}", folder.path().join("sessions").display());
    let variables = [("WAGGLE_SESSION_STORE", "object"), ("WAGGLE_SESSION_OBJECT_URL", url.as_str())];
    let mut node = Node::start_with(&simulator, &variables).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let bob = contact(&simulator, "Bob").phone;
    for text in ["before the first end", "before the second end", "after it"] {
        node.send_text("acme", &bob, text).await;
        let order = Send { to: phone.clone(), text: text.to_owned(), ..Send::default() };
        simulator.handle().send(&bob, order).await.unwrap();
        let came = |body: &Value| body["data"]["message"]["conversation"] == text;
        told(&receiver, "messages.upsert", came).await;
        let heard = simulator.handle().received(&bob, 0).unwrap().0;
        assert!(
            heard.iter().any(|one| one.text.as_deref() == Some(text)),
            "Bob could not read it: {heard:?}"
        );
        node.kill();
        node.start_again().await;
        node.is("acme", "open").await;
    }
    assert_eq!(simulator.handle().stats().pairings, 1);
}
