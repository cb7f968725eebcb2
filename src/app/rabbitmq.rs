//! What a node has to do with RabbitMQ: the feeds of its tenants and of all instances, and webhooks
//! that are delivered through it.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinHandle;

use super::directory::Directory;
use super::worker;
use crate::clock::Clock;
use crate::config::webhook::Delivery;
use crate::config::{Config, Secret};
use crate::db::{Database, Outbox};
use crate::domain::EventKind;
use crate::events::rabbitmq::{self, Broker, Feed, Names, Publisher};
use crate::events::relay::{self, Relay};
use crate::lifecycle::{Lifecycle, Phase};
use crate::webhook;
use crate::webhook::queue::{Outgoing, Topology};

/// The sinks of the feeds.
const FEEDS: &[&str] = &[rabbitmq::OWN, rabbitmq::GLOBAL];
/// The sinks of the webhooks.
const WEBHOOKS: &[&str] = &[webhook::OWN, webhook::GLOBAL];
/// Rows of a feed that is off that are removed at once.
const CHUNK: u64 = 256;

/// The events of the global feed; `None` when no feed is published.
pub fn global_events(config: &Config) -> Option<Vec<EventKind>> {
    let section = config.rabbitmq.enabled.then_some(&config.rabbitmq)?;
    let events = section.events.iter().filter(|_| section.global);
    Some(events.filter_map(|name| EventKind::from_name(name)).collect())
}

/// The broker, when there is an address of one. The connection is kept up until the deliveries
/// have ended.
pub fn broker(config: &Config, lifecycle: &mut Lifecycle) -> anyhow::Result<Option<Broker>> {
    let uri = config.rabbitmq.uri.as_ref().filter(|_| is_used(config));
    let Some(uri) = uri.map(Secret::expose) else { return Ok(None) };
    let name = config.node.id.as_ref().map(|id| format!("waggle {id}"));
    let broker = Broker::new(rabbitmq::Options {
        uri: uri.to_owned(),
        frame_max: config.rabbitmq.frame_max,
        name: name.unwrap_or_else(|| "waggle".to_owned()),
    })?;
    let handle = lifecycle.handle();
    handle.spawn("rabbitmq connection", broker.clone().watch(handle.phase(Phase::Database)));
    let ending = broker.clone();
    lifecycle.on_shutdown(Phase::Database, "rabbitmq", async move { ending.close().await });
    Ok(Some(broker))
}

fn is_used(config: &Config) -> bool {
    config.rabbitmq.enabled || !nodes_deliver(config)
}

/// Whether nodes deliver webhooks from their own outbox.
pub fn nodes_deliver(config: &Config) -> bool {
    config.webhook.delivery == Delivery::Node
}

/// Starts what a node does with RabbitMQ.
pub fn start(
    config: &Config,
    (directory, database, share): (&Arc<Directory>, &Database, &relay::Share),
    clock: &Arc<dyn Clock>,
    lifecycle: &mut Lifecycle,
) -> anyhow::Result<()> {
    let handle = lifecycle.handle();
    if !config.rabbitmq.enabled {
        handle.spawn("rows of feeds that are off", clear(database.outbox()));
    }
    let Some(broker) = broker(config, lifecycle)? else { return Ok(()) };
    if config.rabbitmq.enabled {
        let section = &config.rabbitmq;
        let names = Names {
            global: section.global.then(|| section.exchange.clone()),
            prefix: section.prefix.clone(),
            reserved: vec![topology(config).exchange().to_owned()],
        };
        let expose = config.auth.expose_in_fetch_instances;
        let directory = Arc::<Directory>::clone(directory);
        let feed =
            Feed::new(Publisher::new(broker.clone()), directory, names, config.server.url.clone(), expose);
        let options = relay_options(config, FEEDS, share);
        let (relay, observer) = Relay::new(options, database.outbox(), Arc::new(feed), Arc::clone(clock));
        database.writer().observe(observer);
        let running = handle.spawn_critical("rabbitmq feeds", relay.run(handle.phase(Phase::Events)));
        wait_for(running, "rabbitmq feeds", lifecycle);
    }
    if !nodes_deliver(config) {
        let now = Arc::clone(clock);
        let now: crate::db::Clock = Arc::new(move || now.now_ms());
        let outgoing = Outgoing::new(Publisher::new(broker.clone()), topology(config), now);
        let options = relay_options(config, WEBHOOKS, share);
        let (relay, observer) = Relay::new(options, database.outbox(), Arc::new(outgoing), Arc::clone(clock));
        database.writer().observe(observer);
        let running = handle.spawn_critical("webhook relay", relay.run(handle.phase(Phase::Events)));
        wait_for(running, "webhook relay", lifecycle);
    }
    if config.webhook.delivery == Delivery::Both {
        worker::consume(config, broker, database, clock, lifecycle)?;
    }
    Ok(())
}

/// Keeps the connection and the database open until a task has ended.
pub fn wait_for(running: JoinHandle<()>, name: &'static str, lifecycle: &mut Lifecycle) {
    // A panic is on record already.
    lifecycle.on_shutdown(Phase::Events, name, async move { drop(running.await) });
}

/// The names of the webhook queues, the same for everybody with the same settings.
pub fn topology(config: &Config) -> Topology {
    Topology::new(config.rabbitmq.prefix.as_deref(), config.webhook.partitions)
}

fn relay_options(config: &Config, sinks: &'static [&'static str], share: &relay::Share) -> relay::Options {
    let share = Arc::clone(share);
    relay::Options { sinks, batch: config.outbox.batch, poll: config.outbox.poll, share }
}

/// Removes what waited for feeds when they were switched off: nobody will ever take it.
async fn clear(outbox: Outbox) {
    for sink in FEEDS {
        let cleared = async {
            loop {
                let rows = outbox.page(sink, 0, CHUNK).await?;
                if rows.is_empty() {
                    return Ok::<_, anyhow::Error>(());
                }
                let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                outbox.delete(&ids).await.context("rows cannot be removed")?;
            }
        };
        if let Err(error) = cleared.await {
            tracing::warn!(
                sink,
                error = format!("{error:#}"),
                "rows of a feed that is off stay until the next start"
            );
        }
    }
}
