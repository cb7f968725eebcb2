//! What is declared at the broker. Everything is durable.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use super::Error;

/// An exchange.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Exchange {
    /// Routes by patterns over the routing key.
    Topic(String),
    /// Routes everything to every queue.
    Fanout(String),
}

/// A quorum queue.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Only one consumer gets messages at a time; the next one follows when that is gone.
    pub single_active_consumer: bool,
    /// Messages stay for a time, and then go on.
    pub retry: Option<Retry>,
}

/// How long messages stay, and where they go then, with the routing key that they came with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Retry {
    /// How long.
    pub after: Duration,
    /// The exchange that they go to.
    pub exchange: String,
}

/// An exchange, a queue, and what leads from one to the other.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Binding {
    /// From here.
    pub exchange: Exchange,
    /// To there.
    pub queue: Queue,
    /// What has this routing key.
    pub key: String,
}

impl Queue {
    /// A plain quorum queue.
    #[must_use]
    pub fn plain(name: String) -> Self {
        Self { name, single_active_consumer: false, retry: None }
    }

    fn arguments(&self) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text("quorum"));
        if self.single_active_consumer {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        if let Some(Retry { after, exchange }) = &self.retry {
            let millis = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
            arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(millis));
            arguments.insert("x-dead-letter-exchange".into(), text(exchange));
            // A message leaves the queue only once the next one has it for certain.
            arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
            arguments.insert("x-overflow".into(), text("reject-publish"));
        }
        arguments
    }
}

impl Exchange {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Topic(name) | Self::Fanout(name) => name,
        }
    }
}

/// A name as the protocol can carry it.
pub(super) fn short(name: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name).map_err(|error| Error::Refused(error.to_string()))
}

/// Declares all of a binding. A refusal closes the channel.
pub(super) async fn declare(channel: &Channel, binding: &Binding) -> Result<(), Error> {
    let (exchange, kind) = match &binding.exchange {
        Exchange::Topic(name) => (short(name)?, ExchangeKind::Topic),
        Exchange::Fanout(name) => (short(name)?, ExchangeKind::Fanout),
    };
    let (queue, key) = (short(&binding.queue.name)?, short(&binding.key)?);
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(exchange.clone(), kind, durable, FieldTable::default()).await?;
    channel.queue_declare(queue.clone(), QueueDeclareOptions::durable(), binding.queue.arguments()).await?;
    let options = QueueBindOptions::default();
    Ok(channel.queue_bind(queue, exchange, key, options, FieldTable::default()).await?)
}
