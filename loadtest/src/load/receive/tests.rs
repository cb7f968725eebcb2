//! What the RabbitMQ feed makes of a publisher that imitates a node, on a real broker.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Feed, Receive, rabbitmq, topology};
use crate::Simulator;
use crate::load::nodes::Nodes;
use crate::load::phones::Phones;
use crate::load::progress::Progress;
use crate::load::stream::{Instance, Role, Stream};
use crate::load::verify::{self, Told};
use crate::load::world::{Feeds, Options, World};
use crate::sequence::{Direction, Payload};

/// The broker: `TEST_RABBITMQ_URL`, or the one of this machine.
fn broker() -> String {
    let given = std::env::var_os("TEST_RABBITMQ_URL").and_then(|value| value.into_string().ok());
    given.unwrap_or_else(|| "amqp://guest:guest@127.0.0.1:5672".to_owned())
}

/// A run that consumes RabbitMQ, with one stream and no node.
struct Run {
    world: Arc<World>,
    simulator: Simulator,
    name: String,
    connection: Connection,
    channel: Channel,
}

impl Run {
    async fn start() -> Self {
        let simulator = Simulator::start(crate::Options::default()).await.unwrap();
        let phones = Phones::Here { handle: simulator.handle(), chat_url: simulator.chat_url() };
        let nodes = Nodes::running(Vec::new(), String::new(), Vec::new()).await.unwrap();
        let (handle, consumer) = rabbitmq::connect(&broker(), Receive::Rabbitmq).await.unwrap();
        let feeds = Feeds { webhook_url: None, rabbitmq: Some(handle) };
        let options = Options { receive: Receive::Rabbitmq, ..Options::default() };
        let world = World::new(options, phones, nodes, feeds, Progress::new(true), CancellationToken::new());
        world.board.set_timing(true);
        world.tasks.spawn(consumer.run(Arc::clone(&world)));
        let name = format!("{}0", world.prefix());
        world.feeds.rabbitmq.as_ref().unwrap().expect(&name).await.unwrap();
        let instance = Instance { name: name.clone(), token: String::new(), phone: "551".to_owned() };
        let stream = Stream::new(0, Arc::new(instance), "552".to_owned(), Role::Tenant);
        world.set_streams(vec![Arc::new(stream)]);
        let connection = Connection::connect(&broker(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { world, simulator, name, connection, channel }
    }

    /// Publishes a message as a node does: the body of a webhook, under the dotted name of the event.
    async fn publish(&self, number: u64, id: &str) {
        let payload = Payload {
            run: self.world.run,
            direction: Direction::In,
            stream: 0,
            number,
            sent: self.world.origin.elapsed(),
        };
        let mut body = json!({
            "event": "messages.upsert",
            "instance": self.name,
            "data": {
                "key": {"remoteJid": "552@s.whatsapp.net", "fromMe": false, "id": format!("3A{number}")},
                "message": {"conversation": payload.to_string()},
                "messageType": "conversation",
            },
        });
        if !id.is_empty() {
            body["id"] = json!(id);
        }
        self.send(&self.name, &body.to_string()).await;
    }

    async fn send(&self, exchange: &str, body: &str) {
        let properties = BasicProperties::default();
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = self.channel.basic_publish(
            exchange.into(),
            "messages.upsert".into(),
            options,
            body.as_bytes(),
            properties,
        );
        let confirmed = sent.await.unwrap().await.unwrap();
        assert!(confirmed.is_ack(), "{confirmed:?}");
    }

    /// What the feed has told when the contact has sent so many, once it has told of `arrived`.
    async fn told(&self, sent: u64, arrived: impl Fn(&Told) -> bool) -> Told {
        self.world.streams()[0].inbound().sent = sent;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let told = verify::tally(&self.world).await.unwrap().rabbitmq;
            if arrived(&told) {
                return told;
            }
            assert!(tokio::time::Instant::now() < deadline, "{told:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Deletes queues and exchange as a run does at its end; they are gone then.
    async fn end(self) {
        self.world.feeds.rabbitmq.as_ref().unwrap().clean().await.unwrap();
        self.world.tasks.shutdown().await;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = topology::queue(&self.name, topology::MESSAGE);
        let gone = self.channel.queue_declare(queue, passive, FieldTable::default()).await;
        assert!(gone.unwrap_err().to_string().contains("NOT_FOUND"));
        self.connection.close(200, "done".into()).await.unwrap();
        self.simulator.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_without_faults_has_none() {
    let run = Run::start().await;
    for number in 1..=50 {
        run.publish(number, &format!("event-{number}")).await;
    }
    // The same event again is what a receiver must expect.
    run.publish(50, "event-50").await;
    let told = run.told(50, |told| told.repeats == 1).await;
    assert_eq!((told.lost, told.duplicates, told.out_of_order), (0, 0, 0));
    assert_eq!((run.world.board.told.get(), run.world.board.rabbitmq.latency.quantiles().count), (50, 50));
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_a_duplicate_and_a_wrong_order_are_found() {
    let run = Run::start().await;
    for (number, id) in [(1, "a"), (3, "c"), (2, "b"), (3, "another"), (5, ""), (5, "")] {
        run.publish(number, id).await;
    }
    let told = run.told(6, |told| told.duplicates == 2).await;
    assert_eq!((told.lost, told.out_of_order, told.repeats), (2, 1, 0), "4 and 6; 2 after 3");
    assert_eq!(run.world.board.misrouted.get(), 0);
    let foreign = json!({"event": "messages.upsert", "instance": "somebody", "data": {
        "message": {"conversation": format!("waggle-load {:08x} in 0 6 1 x", run.world.run)}}});
    run.send(&run.name, &foreign.to_string()).await;
    run.told(6, |_| run.world.board.misrouted.get() == 1).await;
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_taken_away_is_consumed_again() {
    let run = Run::start().await;
    run.publish(1, "a").await;
    run.told(1, |told| told.lost == 0).await;
    let queue = topology::queue(&run.name, topology::MESSAGE);
    run.channel.queue_delete(queue, lapin::options::QueueDeleteOptions::default()).await.unwrap();
    run.told(1, |_| run.world.board.rabbitmq.reconnects.get() == 1).await;
    // Known queues are declared anew before an order is carried out.
    run.world.feeds.rabbitmq.as_ref().unwrap().expect(&run.name).await.unwrap();
    run.publish(2, "b").await;
    let told = run.told(2, |told| told.lost == 0).await;
    assert_eq!((told.duplicates, told.out_of_order), (0, 0));
    assert!(run.world.options.receive.first() == Feed::Rabbitmq);
    run.end().await;
}
