//! Webhooks by `waggle worker`: the real binaries and a real broker between them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};
use wa_sim::receiver::Receiver;
use wa_sim::{Send, Simulator};
use waggle::net::Method;

use crate::rabbitmq::Reader;
use crate::rabbitmq::server::RabbitServer;
use crate::support::{Node, Worker, contact, eventually, simulator, told};

/// A node that leaves webhooks to workers.
async fn node(simulator: &Simulator, server: &RabbitServer, more: &[(&str, &str)]) -> Node {
    let variables = [("WAGGLE_WEBHOOK_DELIVERY", "workers"), ("RABBITMQ_URI", server.uri.as_str())];
    Node::start_with(simulator, &[&variables, more].concat()).await
}

async fn subscribe(node: &Node, name: &str, url: &str) {
    node.post(&format!("/webhook/set/{name}"), json!({"url": url, "events": ["MESSAGES_UPSERT"]})).await;
}

async fn write(simulator: &Simulator, from: &str, to: &str, text: &str, count: u32) {
    let order = Send { to: to.to_owned(), text: text.to_owned(), count, ..Send::default() };
    simulator.handle().send(from, order).await.unwrap();
}

fn text(body: &Value) -> &str {
    body["data"]["message"]["conversation"].as_str().unwrap()
}

/// The texts of each chat, in the order in which they were taken for the first time.
fn chats(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let (mut chats, mut seen) = (BTreeMap::<String, Vec<String>>::new(), BTreeSet::new());
    for delivery in receiver.deliveries() {
        if seen.insert(delivery.body["id"].as_str().unwrap().to_owned()) {
            let chat = delivery.body["data"]["key"]["remoteJid"].as_str().unwrap();
            chats.entry(chat.to_owned()).or_default().push(text(&delivery.body).to_owned());
        }
    }
    chats
}

async fn metric(worker: &Worker, line: &str) {
    eventually(line, async || worker.get("/metrics").await?.contains(line).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_delivers_in_order_and_a_change_takes_effect_within_seconds() {
    const EACH: u32 = 30;
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let (first, second) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    let node = node(&simulator, &server, &[("WAGGLE_WEBHOOK_SECRET", "any text")]).await;
    let phone = node.pair("acme", &simulator, None).await;
    subscribe(&node, "acme", &first.url("/")).await;
    let contacts = ["Alice", "Bob", "Carol"].map(|name| contact(&simulator, name));
    for contact in &contacts {
        write(&simulator, &contact.phone, &phone, "text {n}", EACH).await;
    }
    // Nobody delivers yet: the queue keeps what there is.
    metric_of(&node, r#"waggle_relay_published_total{sink="webhook"} 90"#).await;
    assert_eq!(first.count(), 0);
    let mut worker = Worker::start(&node).await;
    eventually("everything is told", async || {
        (first.count() == contacts.len() * EACH as usize).then_some(())
    })
    .await;
    let wanted: Vec<String> = (1..=EACH).map(|n| format!("text {n}")).collect();
    let told_texts = chats(&first);
    for contact in &contacts {
        assert_eq!(told_texts[contact.jid.as_str()], wanted, "{}", contact.name);
    }
    let delivery = &first.deliveries()[0];
    assert_eq!(delivery.body["id"], delivery.headers["webhook-id"].as_str());
    assert!(delivery.headers["webhook-signature"].starts_with("v1,"));
    metric(&worker, r#"waggle_webhook_attempts_total{outcome="delivered"} 90"#).await;
    metric(&worker, "waggle_rabbitmq_connected 1").await;

    subscribe(&node, "acme", &second.url("/")).await;
    eventually("the new address is used", async || {
        write(&simulator, &contacts[0].phone, &phone, "more", 1).await;
        (second.count() > 0).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await, Some(0));
}

async fn metric_of(node: &Node, line: &str) {
    eventually(line, async || node.get("/metrics").await.as_str().unwrap().contains(line).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_comes_back_and_what_was_given_up_is_delivered_on_demand() {
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let receiver = Receiver::start().await.unwrap();
    let more = [
        ("WEBHOOK_RETRY_MAX_ATTEMPTS", "3"),
        ("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", "1"),
        ("WEBHOOK_RETRY_MAX_DELAY_SECONDS", "2"),
    ];
    let node = node(&simulator, &server, &more).await;
    let _worker = Worker::start(&node).await;
    let phone = node.pair("acme", &simulator, None).await;
    subscribe(&node, "acme", &receiver.url("/")).await;
    let alice = contact(&simulator, "Alice");

    receiver.fail(1.0);
    write(&simulator, &alice.phone, &phone, "patience", 1).await;
    eventually("it failed twice", async || (receiver.failed() == 2).then_some(())).await;
    receiver.fail(0.0);
    told(&receiver, "messages.upsert", |body| text(body) == "patience").await;
    assert_eq!(receiver.failed(), 2);

    receiver.fail(1.0);
    write(&simulator, &alice.phone, &phone, "given up", 1).await;
    let listed = eventually("it is given up", async || {
        let listed = node.get("/webhook/deadLetters/acme").await;
        (listed["total"] == 1).then_some(listed)
    })
    .await;
    let letter = &listed["records"][0];
    assert_eq!((&letter["attempts"], &letter["lastStatus"]), (&json!(3), &json!(500)), "{letter}");
    assert_eq!((&letter["event"], &letter["sink"]), (&json!("messages.upsert"), &json!("webhook")));
    assert_eq!(receiver.failed(), 5);
    receiver.fail(0.0);
    assert_eq!(node.post("/webhook/redrive/acme", Value::Null).await["redriven"], 1);
    let again = told(&receiver, "messages.upsert", |body| text(body) == "given up").await;
    assert_eq!((&again["id"], &again["sequence"]), (&letter["eventId"], &letter["sequence"]));
    assert_eq!(node.get("/webhook/deadLetters/acme").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_work_and_nothing_is_lost_with_one_of_them_or_with_the_broker() {
    const EACH: u32 = 60;
    let (simulator, mut server) = (simulator().await, RabbitServer::start().await);
    let receiver = Receiver::start().await.unwrap();
    let node = node(&simulator, &server, &[]).await;
    let mut phones = Vec::new();
    for name in ["one", "two", "three", "four"] {
        phones.push(node.pair(name, &simulator, None).await);
        subscribe(&node, name, &receiver.url("/")).await;
    }
    let (mut first, mut second) = (Worker::start(&node).await, Worker::start(&node).await);
    let alice = contact(&simulator, "Alice");
    let wanted = phones.len() * EACH as usize;
    let told = |count: usize| {
        let receiver = &receiver;
        let ids = move || {
            receiver.deliveries().iter().map(|one| one.body["id"].to_string()).collect::<BTreeSet<_>>().len()
        };
        eventually("enough is told", async move || (ids() >= count).then_some(()))
    };
    for phone in &phones {
        write(&simulator, &alice.phone, phone, "text {n}", EACH).await;
    }
    told(wanted / 3).await;
    first.kill();
    told(wanted).await;

    // The broker goes away for a while, with messages in it and on their way.
    for phone in &phones {
        write(&simulator, &alice.phone, phone, "later {n}", EACH).await;
    }
    server.stop();
    for phone in &phones {
        write(&simulator, &alice.phone, phone, "away {n}", EACH).await;
    }
    first.start_again();
    server.start_again().await;
    told(3 * wanted).await;
    for (name, phone) in ["one", "two", "three", "four"].iter().zip(&phones) {
        assert_eq!(node.get(&format!("/webhook/deadLetters/{name}")).await["total"], 0, "{phone}");
    }
    let repeats = receiver.count() - 3 * wanted;
    assert!(repeats < wanted, "{repeats} repeats");
    assert_eq!(second.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_of_one_instance_does_not_delay_another() {
    const EACH: u32 = 40;
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let receiver = Receiver::start().await.unwrap();
    // One partition: both instances are behind each other.
    let more = [("WAGGLE_WEBHOOK_PARTITIONS", "1"), ("WAGGLE_WORKER_QUEUE", "32")];
    let node = node(&simulator, &server, &more).await;
    let worker = Worker::start(&node).await;
    let dead = node.pair("dead", &simulator, None).await;
    let fine = node.pair("fine", &simulator, None).await;
    // Nobody listens there.
    subscribe(&node, "dead", "http://127.0.0.1:9/").await;
    subscribe(&node, "fine", &receiver.url("/")).await;
    let alice = contact(&simulator, "Alice");
    write(&simulator, &alice.phone, &dead, "text {n}", EACH).await;
    write(&simulator, &alice.phone, &fine, "text {n}", EACH).await;
    eventually("the living one has everything", async || (receiver.count() == EACH as usize).then_some(()))
        .await;
    metric(&worker, r#"waggle_webhook_circuits_open{delivery="queue"} 1"#).await;
    // After five failures in a row nothing more was sent than a probe from time to time.
    let metrics = worker.metrics().await;
    let retried =
        metrics.lines().find(|line| line.starts_with(r#"waggle_webhook_attempts_total{outcome="retried"}"#));
    let retried: u32 = retried.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!((5..EACH).contains(&retried), "{retried} attempts failed");

    subscribe(&node, "dead", &receiver.url("/")).await;
    eventually("it recovers", async || (receiver.count() == 2 * EACH as usize).then_some(())).await;
    metric(&worker, r#"waggle_webhook_circuits_open{delivery="queue"} 0"#).await;
}

/// A receiver that does not answer before it is told to.
struct Slow {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    patient: Arc<(Mutex<bool>, Condvar)>,
}

impl Slow {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let slow = Self { address, asked: Arc::default(), patient: Arc::default() };
        let (asked, patient) = (Arc::clone(&slow.asked), Arc::clone(&slow.patient));
        // Ends with the process: nobody connects after the test.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (asked, patient) = (Arc::clone(&asked), Arc::clone(&patient));
                std::thread::spawn(move || {
                    let mut head = [0; 1024];
                    if stream.read(&mut head).is_ok_and(|read| read > 0) {
                        asked.fetch_add(1, Ordering::SeqCst);
                        let (told, bell) = &*patient;
                        drop(bell.wait_while(told.lock().unwrap(), |told| !*told).unwrap());
                        let _ = stream
                            .write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                    }
                });
            }
        });
        slow
    }

    /// Answers now, and everybody at once from now on.
    fn answer(&self) {
        let (told, bell) = &*self.patient;
        *told.lock().unwrap() = true;
        bell.notify_all();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_finishes_what_is_under_way_and_begins_nothing() {
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let slow = Slow::start();
    let node = node(&simulator, &server, &[]).await;
    let mut worker = Worker::start(&node).await;
    let phone = node.pair("acme", &simulator, None).await;
    subscribe(&node, "acme", &format!("http://{}/", slow.address)).await;
    let alice = contact(&simulator, "Alice");
    write(&simulator, &alice.phone, &phone, "text {n}", 2).await;
    let asked = |count: usize| {
        let asked = &slow.asked;
        eventually("it is asked", async move || (asked.load(Ordering::SeqCst) == count).then_some(()))
    };
    asked(1).await;
    worker.terminate();
    eventually("it is not ready", async || worker.get("/health/ready").await.is_none().then_some(())).await;
    slow.answer();
    assert_eq!(worker.end().await, Some(0));
    assert_eq!(slow.asked.load(Ordering::SeqCst), 1, "the second has to wait for another worker");
    worker.start_again();
    asked(2).await;
    metric(&worker, r#"waggle_webhook_attempts_total{outcome="delivered"} 1"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_may_deliver_too_and_what_nobody_can_read_is_put_aside() {
    let (simulator, server) = (simulator().await, RabbitServer::start().await);
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("/all");
    let more = [
        ("WAGGLE_WEBHOOK_DELIVERY", "both"),
        ("RABBITMQ_PREFIX_KEY", "east"),
        ("WEBHOOK_GLOBAL_ENABLED", "true"),
        ("WEBHOOK_GLOBAL_URL", url.as_str()),
        ("WEBHOOK_EVENTS_INSTANCE_CREATE", "true"),
        ("WEBHOOK_EVENTS_INSTANCE_DELETE", "true"),
    ];
    let node = node(&simulator, &server, &more).await;
    node.post("/instance/create", json!({"instanceName": "first"})).await;
    told(&receiver, "instance.create", |body| body["instance"] == "first").await;

    let connection = server.connect().await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for key in ["p.0", "p.15"] {
        let publish = channel.basic_publish(
            "east.waggle.webhook".into(),
            key.into(),
            Default::default(),
            b"{\"id\":\"nonsense\"}",
            Default::default(),
        );
        publish.await.unwrap();
    }
    let mut reader = Reader::new(&server);
    for _ in 0..2 {
        let aside = reader.take("east.waggle.webhook.unreadable").await;
        assert_eq!(aside.data, b"{\"id\":\"nonsense\"}");
    }
    let (status, answer) = node.call(Method::DELETE, "/instance/delete/first", Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    told(&receiver, "instance.delete", |body| body["instance"] == "first").await;
}
