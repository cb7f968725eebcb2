//! What WhatsApp reports while the database is away.

use std::time::Duration;

use serde_json::json;
use wa_sim::receiver::Receiver;
use wa_sim::{Behaviour, NewContact};
use waggle::net::{Method, Url};

use crate::services;
use crate::support::{KEY, Node, eventually, simulator, told};
use crate::wire::Wire;

/// Longer than the writer tries again by itself.
const AWAY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_calls_that_came_while_the_database_was_away_are_told_afterwards() {
    let database = services::postgres().await;
    let mut through = Url::parse(&database.url).unwrap();
    let wire = Wire::to(through.port().unwrap()).await;
    through.set_port(Some(wire.port)).unwrap();
    let environment = [
        ("DATABASE_PROVIDER", "postgresql"),
        ("DATABASE_CONNECTION_URI", through.as_str()),
        ("DATABASE_SAVE_DATA_NEW_MESSAGE", "true"),
        ("DATABASE_SAVE_MESSAGE_UPDATE", "true"),
    ];
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start_with(&simulator, &environment).await;
    let phone = node.pair("acme", &simulator, Some(&receiver)).await;
    let behaviour = Behaviour { auto_receipt: false, ..Behaviour::default() };
    let handle = simulator.handle();
    let bob = handle.create_contact(NewContact { behaviour, ..NewContact::default() }).unwrap();
    let sent = node.send_text("acme", &bob.phone, "are you there?").await;
    let id = sent["key"]["id"].as_str().unwrap().to_owned();
    eventually("Bob has it", async || handle.received(&bob.phone, 0).unwrap().0.into_iter().next()).await;

    wire.cut();
    eventually("the node knows that the database is away", async || {
        let (status, _) = node.try_call(Method::GET, "/health/ready", Some(KEY), None).await?;
        (status == 503).then_some(())
    })
    .await;
    handle.receipt(&bob.phone, &phone, &id, "read").unwrap();
    let call = handle.call(&bob.phone, &phone, false, None).unwrap();
    // How long it is away is what is tested.
    tokio::time::sleep(AWAY).await;
    wire.mend();

    for status in ["DELIVERY_ACK", "READ"] {
        told(&receiver, "messages.update", |body| {
            body["data"]["keyId"] == id.as_str() && body["data"]["status"] == status
        })
        .await;
    }
    told(&receiver, "call", |body| body["data"]["id"] == call.as_str()).await;
    let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await;
    let updates = stored[0]["MessageUpdate"].as_array().unwrap();
    assert_eq!(updates.last().unwrap()["status"], "READ", "{stored:?}");
    drop(node);
    database.remove().await;
}
