//! Exchange and queues of an instance, exactly as Evolution API declares them: whoever declares one of
//! them otherwise is refused by the broker.

use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind, Result};

/// An event that is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    /// As an instance's configuration names it.
    pub(super) name: &'static str,
    /// As routing keys and queues name it.
    pub(super) key: &'static str,
}

/// A message that an instance received.
pub(super) const MESSAGE: Event = Event { name: "MESSAGES_UPSERT", key: "messages.upsert" };
/// The state of an instance's connection.
pub(super) const CONNECTION: Event = Event { name: "CONNECTION_UPDATE", key: "connection.update" };

/// The queue of an event.
pub(super) fn queue(instance: &str, event: Event) -> ShortString {
    format!("{instance}.{}", event.key).into()
}

/// Declares what the feed of an instance needs, so that nothing is published to nobody.
pub(super) async fn declare(channel: &Channel, instance: &str, events: &[Event]) -> Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(instance.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    for event in events {
        let queue = queue(instance, *event);
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(queue.clone(), QueueDeclareOptions::durable(), arguments).await?;
        let bind = QueueBindOptions::default();
        channel.queue_bind(queue, instance.into(), event.key.into(), bind, FieldTable::default()).await?;
    }
    Ok(())
}

/// Deletes it again. What is gone already is no error for the broker.
pub(super) async fn delete(channel: &Channel, instance: &str, events: &[Event]) -> Result<()> {
    for event in events {
        channel.queue_delete(queue(instance, *event), QueueDeleteOptions::default()).await?;
    }
    channel.exchange_delete(instance.into(), ExchangeDeleteOptions::default()).await
}
