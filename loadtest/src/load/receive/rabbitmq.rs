//! The consumer of the instances' own RabbitMQ queues.
//!
//! One connection consumes all of them. When it breaks it is made again: what was not acknowledged comes
//! again then, and what was verified already counts as a repeat.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll, once};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::topology::{self, CONNECTION, Event, MESSAGE};
use super::{Delivery, Feed, Receive, take};
use crate::load::world::World;

/// Messages that the broker hands over ahead of their acknowledgement, per queue.
const PREFETCH: u16 = 256;
/// First pause before a broken connection is made again; it doubles with every failure.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Orders the consumer, and says what instances must be told.
pub struct RabbitMq {
    uri: String,
    events: &'static [Event],
    names: Arc<Mutex<Vec<String>>>,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
}

struct Order {
    instance: String,
    done: oneshot::Sender<anyhow::Result<()>>,
}

/// The consumer.
pub struct Consumer {
    uri: String,
    events: &'static [Event],
    names: Arc<Mutex<Vec<String>>>,
    orders: mpsc::Receiver<Order>,
    stop: CancellationToken,
}

/// What a queue tells; `None` when the broker does not serve it any more.
type Told = Option<lapin::Result<lapin::message::Delivery>>;

/// A consumer of the broker at `uri`, which must answer.
///
/// # Errors
/// When it does not.
pub async fn connect(uri: &str, receive: Receive) -> anyhow::Result<(RabbitMq, Consumer)> {
    // The state of connections is told by the first feed; the queues of a second would only cost.
    let events: &[Event] = if receive == Receive::Rabbitmq { &[MESSAGE, CONNECTION] } else { &[MESSAGE] };
    dial(uri).await?;
    let (sender, orders) = mpsc::channel(1);
    let (names, stop) = (Arc::<Mutex<Vec<String>>>::default(), CancellationToken::new());
    let uri = uri.to_owned();
    let handle =
        RabbitMq { uri: uri.clone(), events, names: Arc::clone(&names), orders: sender, stop: stop.clone() };
    Ok((handle, Consumer { uri, events, names, orders, stop }))
}

async fn dial(uri: &str) -> anyhow::Result<(Connection, Channel)> {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await;
    let connection = connection.context("RabbitMQ cannot be reached")?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    Ok((connection, channel))
}

impl RabbitMq {
    /// Names of the events, as an instance's configuration lists them.
    pub fn events(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.name).collect()
    }

    /// Declares and consumes the queues of an instance that will be created.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn expect(&self, instance: &str) -> anyhow::Result<()> {
        let (done, outcome) = oneshot::channel();
        let order = Order { instance: instance.to_owned(), done };
        self.orders.send(order).await.context("the consumer of RabbitMQ has ended")?;
        outcome.await.context("the consumer of RabbitMQ has ended")?
    }

    /// Consumes nothing any more: queues that nodes delete from now on are none of its business.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Deletes the queues and exchanges of the run.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn clean(&self) -> anyhow::Result<()> {
        self.stop();
        let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
        let (connection, channel) = dial(&self.uri).await?;
        for instance in names {
            topology::delete(&channel, &instance, self.events).await?;
        }
        connection.close(200, "the run is over".into()).await?;
        Ok(())
    }
}

impl Consumer {
    /// Consumes until the run is over.
    pub async fn run(mut self, world: Arc<World>) {
        let mut pause = PAUSE;
        loop {
            let began = Instant::now();
            let Err(error) = self.consume(&world).await else { return };
            world.board.rabbitmq.reconnects.add();
            world.complain(&format!("RabbitMQ is connected anew: {error:#}"));
            pause = if began.elapsed() > LONGEST_PAUSE { PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
                () = world.tasks.stop().cancelled() => return,
            }
        }
    }

    /// One connection; back without an error when it is needed no more.
    async fn consume(&mut self, world: &World) -> anyhow::Result<()> {
        let (_connection, channel) = dial(&self.uri).await?;
        let mut queues = SelectAll::new();
        let known = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for instance in known {
            self.open(&channel, &instance, &mut queues).await?;
        }
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                () = world.tasks.stop().cancelled() => return Ok(()),
                Some(Order { instance, done }) = self.orders.recv() => {
                    let opened = match self.is_known(&instance) {
                        true => Ok(()),
                        false => self.open(&channel, &instance, &mut queues).await,
                    };
                    let refused = opened.as_ref().err().map(|error| anyhow!("{error:#}"));
                    // Who ordered it may have been interrupted.
                    let _ = done.send(opened);
                    if let Some(refused) = refused {
                        return Err(refused);
                    }
                }
                Some((instance, told)) = queues.next() => match told {
                    Some(delivery) => accept(world, &instance, delivery?).await?,
                    None => bail!("a queue of {instance} is served no more"),
                },
            }
        }
    }

    /// Whether the queues of an instance are consumed already; from now on they are.
    fn is_known(&self, instance: &str) -> bool {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().any(|name| name == instance);
        if !known {
            names.push(instance.to_owned());
        }
        known
    }

    /// Declares the queues of an instance and consumes them.
    async fn open(
        &self,
        channel: &Channel,
        instance: &str,
        queues: &mut SelectAll<BoxStream<'static, (Arc<str>, Told)>>,
    ) -> anyhow::Result<()> {
        topology::declare(channel, instance, self.events)
            .await
            .with_context(|| format!("the queues of {instance} cannot be declared"))?;
        for event in self.events {
            let queue = topology::queue(instance, *event);
            let options = BasicConsumeOptions::default();
            let consumer = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
            let name: Arc<str> = instance.into();
            // A queue that ends must be noticed: its messages would be missed in silence.
            let end = once(async { None });
            queues.push(consumer.map(Some).chain(end).map(move |told| (Arc::clone(&name), told)).boxed());
        }
        Ok(())
    }
}

/// Verifies what a queue told, then acknowledges it.
async fn accept(world: &World, instance: &str, told: lapin::message::Delivery) -> anyhow::Result<()> {
    let at = Instant::now();
    if told.exchange.as_str() == instance {
        let id = told.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
        let delivery = Delivery { feed: Feed::Rabbitmq, at, again: told.redelivered, id };
        take(world, &told.data, &delivery);
    } else {
        world.board.misrouted.add();
    }
    told.ack(BasicAckOptions::default()).await?;
    Ok(())
}
