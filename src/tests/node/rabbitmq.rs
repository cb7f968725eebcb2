//! The feeds through RabbitMQ: shapes, order, and a broker that goes away.

use std::collections::BTreeMap;

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{Channel, Connection};
use serde_json::{Value, json};
use wa_sim::{Send, Simulator};

use self::server::RabbitServer;
use crate::support::{Node, contact, eventually, simulator};

#[path = "../support/services/rabbitmq.rs"]
pub mod server;

/// The variables of a node with feeds.
fn with_feeds<'a>(uri: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("RABBITMQ_ENABLED", "true"), ("RABBITMQ_URI", uri)], more].concat()
}

/// Reads queues one message at a time.
pub struct Reader<'a> {
    server: &'a RabbitServer,
    open: Option<(Connection, Channel)>,
}

impl<'a> Reader<'a> {
    pub fn new(server: &'a RabbitServer) -> Self {
        Self { server, open: None }
    }

    /// The next message of a queue, which is then gone from there. The queue may still be to come:
    /// asking for one that is not there ends a channel, or even the connection.
    pub async fn take(&mut self, queue: &str) -> BasicGetMessage {
        eventually(&format!("a message in {queue}"), async || {
            let got = self.get(queue).await;
            if got.is_err() {
                self.open = None;
            }
            got.ok().flatten()
        })
        .await
    }

    pub async fn get(&mut self, queue: &str) -> lapin::Result<Option<BasicGetMessage>> {
        if self.open.is_none() {
            let connection = self.server.connect().await?;
            let channel = connection.create_channel().await?;
            self.open = Some((connection, channel));
        }
        let (_, channel) = self.open.as_ref().unwrap();
        let Some(got) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? else {
            return Ok(None);
        };
        got.ack(BasicAckOptions::default()).await?;
        Ok(Some(got))
    }

    async fn body(&mut self, queue: &str) -> Value {
        serde_json::from_slice(&self.take(queue).await.data).unwrap()
    }

    async fn text(&mut self, queue: &str) -> String {
        self.body(queue).await["data"]["message"]["conversation"].as_str().unwrap().to_owned()
    }
}

async fn subscribe(node: &Node, name: &str, events: &[&str]) {
    node.post(&format!("/rabbitmq/set/{name}"), json!({"rabbitmq": {"enabled": true, "events": events}}))
        .await;
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn write(simulator: &Simulator, from: &str, to: &str, text: &str, count: u32) {
    let order = Send { to: to.to_owned(), text: text.to_owned(), count, ..Send::default() };
    simulator.handle().send(from, order).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_have_the_recorded_shapes_from_the_first_message_on() {
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let more = [
        ("RABBITMQ_GLOBAL_ENABLED", "true"),
        ("RABBITMQ_EXCHANGE_NAME", "everybody"),
        ("RABBITMQ_PREFIX_KEY", "east"),
        ("RABBITMQ_EVENTS_MESSAGES_UPSERT", "true"),
        ("AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES", "true"),
        ("SERVER_URL", "http://server.example"),
    ];
    let node = Node::start_with(&simulator, &with_feeds(&server.uri, &more)).await;
    let body_of = json!({"instanceName": "q1", "token": "q1-token", "qrcode": true,
        "rabbitmq": {"enabled": true, "events": ["MESSAGES_UPSERT", "CONNECTION_UPDATE"]}});
    let created = node.post("/instance/create", body_of).await;
    let paired = simulator.handle().scan_qr(created["qrcode"]["code"].as_str().unwrap(), None).await.unwrap();
    node.is("q1", "open").await;
    let alice = contact(&simulator, "Alice");
    write(&simulator, &alice.phone, &paired.phone, "the first", 1).await;

    let mut reader = Reader::new(&server);
    let own = reader.take("q1.messages.upsert").await;
    assert_eq!((own.exchange.as_str(), own.routing_key.as_str()), ("q1", "messages.upsert"));
    assert_eq!(own.properties.delivery_mode(), &Some(2));
    let text: Value = serde_json::from_slice(&own.data).unwrap();
    assert_eq!(own.properties.message_id().as_ref().unwrap().as_str(), text["id"]);
    // What was recorded, and our two additions.
    let recorded = ["apikey", "data", "date_time", "event", "instance", "sender", "server_url"];
    assert_eq!(
        keys(&text),
        ["apikey", "data", "date_time", "event", "id", "instance", "sender", "sequence", "server_url"]
    );
    assert!(recorded.iter().all(|key| !text[*key].is_null()), "{text}");
    assert_eq!((&text["event"], &text["instance"]), (&json!("messages.upsert"), &json!("q1")));
    assert_eq!((&text["apikey"], &text["server_url"]), (&json!("q1-token"), &json!("http://server.example")));
    assert_eq!(text["sender"], format!("{}@s.whatsapp.net", paired.phone));
    assert_eq!(text["data"]["message"]["conversation"], "the first");
    assert_eq!(text["data"]["key"]["remoteJid"], alice.jid.as_str());

    let global = reader.take("east.messages.upsert").await;
    assert_eq!((global.exchange.as_str(), global.routing_key.as_str()), ("everybody", "messages.upsert"));
    assert_eq!(serde_json::from_slice::<Value>(&global.data).unwrap(), text);

    let connecting = reader.body("q1.connection.update").await;
    assert_eq!(connecting["data"]["state"], "connecting", "{connecting}");
    assert_eq!(keys(&connecting["data"]), ["instance", "state", "statusReason"]);

    // A feed that is switched off gets nothing more, and nothing of it stays behind.
    node.post("/rabbitmq/set/q1", json!({"rabbitmq": {"enabled": false, "events": []}})).await;
    write(&simulator, &alice.phone, &paired.phone, "only to everybody", 1).await;
    let global = reader.body("east.messages.upsert").await;
    assert_eq!(global["data"]["message"]["conversation"], "only to everybody");
    assert!(reader.get("q1.messages.upsert").await.unwrap().is_none());
    eventually("both were counted", async || {
        let metrics = node.get("/metrics").await.as_str().unwrap().to_owned();
        let lines =
            ["waggle_rabbitmq_connected 1", r#"waggle_relay_published_total{sink="rabbitmq-global"} 2"#];
        lines.iter().all(|line| metrics.contains(line)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_broker_is_away_arrives_afterwards_in_order() {
    const EACH: u32 = 20;
    let (simulator, mut server) = (simulator().await, RabbitServer::start().await);
    let uri = server.uri.clone();
    let mut node = Node::start_with(&simulator, &with_feeds(&uri, &[])).await;
    let phone = node.pair("acme", &simulator, None).await;
    let leaving = node.pair("leaving", &simulator, None).await;
    for name in ["acme", "leaving"] {
        subscribe(&node, name, &["MESSAGES_UPSERT"]).await;
    }
    let contacts = ["Alice", "Bob"].map(|name| contact(&simulator, name));
    for contact in &contacts {
        write(&simulator, &contact.phone, &phone, "before {n}", EACH).await;
    }
    server.stop();
    for contact in &contacts {
        write(&simulator, &contact.phone, &phone, "meanwhile {n}", EACH).await;
    }
    // What was committed before a crash arrives as well.
    eventually("all of it is stored", async || {
        let found = node.messages("acme", json!({"where": {}, "offset": 200})).await;
        (found.len() == 4 * usize::try_from(EACH).unwrap()).then_some(())
    })
    .await;
    write(&simulator, &contacts[0].phone, &leaving, "never read", 1).await;
    let waiting = json!({"where": {}});
    eventually("it is stored", async || {
        (node.messages("leaving", waiting.clone()).await.len() == 1).then_some(())
    })
    .await;
    node.kill();
    node.start_again().await;
    node.is("acme", "open").await;
    node.post("/rabbitmq/set/leaving", json!({"rabbitmq": {"enabled": false, "events": []}})).await;
    for contact in &contacts {
        write(&simulator, &contact.phone, &phone, "still away {n}", EACH).await;
    }
    server.start_again().await;

    let mut reader = Reader::new(&server);
    let (mut texts, mut sequence) = (BTreeMap::<String, Vec<String>>::new(), 0);
    while texts.values().map(Vec::len).sum::<usize>() < usize::try_from(6 * EACH).unwrap() {
        let text = reader.body("acme.messages.upsert").await;
        let number = text["sequence"].as_i64().unwrap();
        // What was on its way when the connection broke comes twice.
        if number <= sequence {
            continue;
        }
        sequence = number;
        let chat = text["data"]["key"]["remoteJid"].as_str().unwrap().to_owned();
        let told = text["data"]["message"]["conversation"].as_str().unwrap().to_owned();
        texts.entry(chat).or_default().push(told);
    }
    // What waited for a feed that was switched off meanwhile is dropped.
    eventually("nothing is left", async || {
        let metrics = node.get("/metrics").await.as_str().unwrap().to_owned();
        metrics.contains(r#"waggle_outbox_depth{sink="rabbitmq"} 0"#).then_some(())
    })
    .await;
    assert!(reader.get("leaving.messages.upsert").await.is_err(), "the queue was never made");
    let times = ["before", "meanwhile", "still away"];
    let wanted: Vec<String> =
        times.iter().flat_map(|time| (1..=EACH).map(move |n| format!("{time} {n}"))).collect();
    for contact in &contacts {
        assert_eq!(texts[contact.jid.as_str()], wanted, "{}", contact.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_that_somebody_removed_are_made_again_and_one_bad_queue_harms_nobody_else() {
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let connection = server.connect().await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    // A queue of another kind is in the way of one tenant.
    let classic = lapin::options::QueueDeclareOptions::durable();
    channel.queue_declare("stuck.messages.upsert".into(), classic, Default::default()).await.unwrap();
    let node = Node::start_with(&simulator, &with_feeds(&server.uri, &[])).await;
    let stuck = node.pair("stuck", &simulator, None).await;
    let fine = node.pair("fine", &simulator, None).await;
    for name in ["stuck", "fine"] {
        subscribe(&node, name, &["MESSAGES_UPSERT"]).await;
    }
    let alice = contact(&simulator, "Alice");
    write(&simulator, &alice.phone, &stuck, "waits", 1).await;
    write(&simulator, &alice.phone, &fine, "one", 1).await;
    let mut reader = Reader::new(&server);
    assert_eq!(reader.text("fine.messages.upsert").await, "one");

    channel.queue_delete("fine.messages.upsert".into(), Default::default()).await.unwrap();
    write(&simulator, &alice.phone, &fine, "two", 1).await;
    assert_eq!(reader.text("fine.messages.upsert").await, "two");
    channel.exchange_delete("fine".into(), Default::default()).await.unwrap();
    write(&simulator, &alice.phone, &fine, "three", 1).await;
    assert_eq!(reader.text("fine.messages.upsert").await, "three");

    channel.queue_delete("stuck.messages.upsert".into(), Default::default()).await.unwrap();
    assert_eq!(reader.text("stuck.messages.upsert").await, "waits");
}
