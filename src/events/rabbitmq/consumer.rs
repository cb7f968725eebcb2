//! Consumes queues.

use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll, once};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel};
use tokio::time::timeout;

use super::broker::PATIENCE;
use super::topology::short;
use super::{Broker, Error};

/// A message of a queue. One that is not acknowledged comes again, to whoever consumes then.
#[derive(Debug)]
pub struct Delivery {
    /// The routing key that it was published with.
    pub key: String,
    /// What was published.
    pub body: Vec<u8>,
    acker: Acker,
}

impl Delivery {
    /// Tells the broker to forget it. `false` when the broker did not hear that.
    pub async fn ack(&self) -> bool {
        let acked = timeout(PATIENCE, self.acker.ack(BasicAckOptions::default())).await;
        acked.is_ok_and(|acked| acked.unwrap_or(false))
    }
}

/// Several queues as one stream.
pub struct Consumer {
    channel: Channel,
    deliveries: SelectAll<BoxStream<'static, Option<Delivery>>>,
}

impl Broker {
    /// Consumes queues, with so many unacknowledged messages of each at most.
    ///
    /// # Errors
    /// [`Error::Refused`] when one is not there, [`Error::Lost`].
    pub async fn consume(&self, queues: &[String], prefetch: u16) -> Result<Consumer, Error> {
        let (channel, _) = self.channel().await;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let mut deliveries = SelectAll::new();
        for queue in queues {
            let options = BasicConsumeOptions::default();
            let consumer =
                channel.basic_consume(short(queue)?, "".into(), options, FieldTable::default()).await?;
            let some = consumer.map(|delivery| {
                let delivery = delivery.ok()?;
                let (key, acker) = (delivery.routing_key.to_string(), delivery.acker);
                Some(Delivery { key, body: delivery.data, acker })
            });
            // The end of one is the end of all: its queue is gone, or the connection is.
            deliveries.push(some.chain(once(async { None })).boxed());
        }
        Ok(Consumer { channel, deliveries })
    }
}

impl Consumer {
    /// The next message; `None` when the broker sends no more.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.next().await.flatten()
    }

    /// Hands back what is not acknowledged.
    pub async fn close(self) {
        let _ = timeout(PATIENCE, self.channel.close(200, "bye".into())).await;
    }
}
