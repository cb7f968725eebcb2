//! The names at the broker.

use std::time::Duration;

use super::Ladder;
use crate::domain::InstanceId;
use crate::events::rabbitmq::{Binding, Exchange, Queue, Retry};

/// The exchange that all deliveries go through, unless there is a prefix.
const NAME: &str = "waggle.webhook";
/// The routing key of messages that no worker can read.
const UNREADABLE: &str = "unreadable";

/// Exchanges and queues of the deliveries. Whoever publishes and whoever consumes needs the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    exchange: String,
    partitions: u16,
}

impl Topology {
    /// The names below a prefix, with so many partitions.
    #[must_use]
    pub fn new(prefix: Option<&str>, partitions: u16) -> Self {
        let exchange = prefix.map_or_else(|| NAME.to_owned(), |prefix| format!("{prefix}.{NAME}"));
        Self { exchange, partitions: partitions.max(1) }
    }

    /// The exchange that all deliveries go through.
    #[must_use]
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The routing key of an instance's events, for ever the same.
    #[must_use]
    pub fn key(&self, instance: InstanceId) -> String {
        partition_key((instance.0.as_u128() % u128::from(self.partitions)) as u16)
    }

    /// The queue of a partition, by its routing key.
    #[must_use]
    pub fn partition(&self, key: &str) -> Binding {
        let name = format!("{}.{key}", self.exchange);
        let queue = Queue { single_active_consumer: true, ..Queue::plain(name) };
        Binding { exchange: Exchange::Topic(self.exchange.clone()), queue, key: key.to_owned() }
    }

    /// Every partition.
    pub fn partitions(&self) -> impl Iterator<Item = Binding> + '_ {
        (0..self.partitions).map(|number| self.partition(&partition_key(number)))
    }

    /// Where deliveries wait before they are tried again. The wait is in the name: another schedule
    /// has other queues, and what waits in the old ones still comes back.
    #[must_use]
    pub fn rung(&self, wait: Duration) -> Binding {
        let name = self.rung_exchange(wait);
        let retry = Some(Retry { after: wait, exchange: self.exchange.clone() });
        let queue = Queue { retry, ..Queue::plain(name.clone()) };
        Binding { exchange: Exchange::Fanout(name), queue, key: String::new() }
    }

    /// The exchange to which a delivery goes that has to wait.
    #[must_use]
    pub fn rung_exchange(&self, wait: Duration) -> String {
        format!("{}.retry.{}", self.exchange, wait.as_millis())
    }

    /// Where messages stay that no worker can read.
    #[must_use]
    pub fn unreadable(&self) -> Binding {
        let queue = Queue::plain(format!("{}.{UNREADABLE}", self.exchange));
        Binding { exchange: Exchange::Topic(self.exchange.clone()), queue, key: UNREADABLE.to_owned() }
    }

    /// Everything that a worker needs.
    #[must_use]
    pub fn all(&self, ladder: &Ladder) -> Vec<Binding> {
        let rungs = ladder.rungs().iter().map(|wait| self.rung(*wait));
        self.partitions().chain(rungs).chain([self.unreadable()]).collect()
    }
}

fn partition_key(number: u16) -> String {
    format!("p.{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_one_partition_for_ever() {
        let topology = Topology::new(None, 16);
        let instance = InstanceId(uuid::Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cde9));
        assert_eq!(topology.key(instance), "p.9");
        let names: Vec<String> = topology.partitions().map(|binding| binding.queue.name).collect();
        assert_eq!((names.len(), names[9].as_str()), (16, "waggle.webhook.p.9"));
    }

    #[test]
    fn instances_are_spread_evenly() {
        let topology = Topology::new(None, 8);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..8_000 {
            *counts.entry(topology.key(InstanceId::random())).or_insert(0) += 1;
        }
        assert!(counts.len() == 8 && counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn everything_is_below_the_prefix() {
        let topology = Topology::new(Some("east"), 2);
        let rung = topology.rung(Duration::from_secs(5));
        assert_eq!(rung.queue.name, "east.waggle.webhook.retry.5000");
        assert_eq!(rung.queue.retry.unwrap().exchange, "east.waggle.webhook");
        assert_eq!(topology.unreadable().queue.name, "east.waggle.webhook.unreadable");
    }
}
