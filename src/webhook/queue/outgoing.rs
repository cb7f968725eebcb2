//! From the outbox of a node to the partitions.

use async_trait::async_trait;

use super::{Envelope, Topology};
use crate::db::{Clock, OutboxRow};
use crate::events::rabbitmq::{Error, Message, Publisher, Sent};
use crate::events::{Carried, Carrier};

/// Publishes the rows of both webhook sinks.
pub struct Outgoing {
    publisher: Publisher,
    topology: Topology,
    clock: Clock,
}

impl Outgoing {
    /// Publishes with names of a topology.
    pub fn new(publisher: Publisher, topology: Topology, clock: Clock) -> Self {
        Self { publisher, topology, clock }
    }

    async fn prepare(&self, row: &OutboxRow) -> Result<Message, Error> {
        let key = self.topology.key(row.instance);
        self.publisher.declare(&self.topology.partition(&key)).await?;
        let body = serde_json::to_vec(&Envelope::new(row, (self.clock)()));
        let body = body.map_err(|error| Error::Refused(error.to_string()))?;
        Ok(Message { exchange: self.topology.exchange().to_owned(), key, id: row.event.id, body })
    }
}

#[async_trait]
impl Carrier for Outgoing {
    async fn ready(&self) {
        self.publisher.ready().await;
    }

    async fn carry(&self, rows: &[OutboxRow]) -> Carried {
        let mut carried = Carried::default();
        let (mut taken, mut messages) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows.iter() {
            match self.prepare(row).await {
                Ok(_) if carried.waiting.contains(&row.instance) => {}
                Ok(message) => {
                    taken.push(row);
                    messages.push(message);
                }
                Err(Error::Lost(_)) => break,
                Err(error) => {
                    tracing::warn!(instance = %row.instance, %error, "webhooks of an instance have to wait");
                    carried.waiting.insert(row.instance);
                }
            }
        }
        for (row, sent) in taken.into_iter().zip(self.publisher.send(&messages).await) {
            match sent {
                Sent::Confirmed => carried.published.push(row.id),
                Sent::Returned | Sent::Unknown => drop(carried.waiting.insert(row.instance)),
            }
        }
        carried
    }
}
