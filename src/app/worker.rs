//! `waggle worker`: delivers webhooks that nodes hand to RabbitMQ. It has no instances; where
//! something goes it reads in the database.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;

use super::attach::attach;
use super::directory::stored;
use super::{METRICS_UPKEEP, files, open_database, parts, rabbitmq};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::webhook::Global;
use crate::db::{self, Database};
use crate::domain::{InstanceId, SinkKind};
use crate::events::rabbitmq::Broker;
use crate::lifecycle::{Lifecycle, Phase};
use crate::telemetry::metrics::Exporter;
use crate::webhook::{self, Endpoint, Unavailable};
use crate::{http, net};

/// How long the configuration of an endpoint is remembered: nobody tells a worker of a change.
const ENDPOINT_TTL: Duration = Duration::from_secs(3);

/// Starts a worker; its health and metrics are served on a listener.
///
/// # Errors
/// When the database cannot be reached, or a setting cannot be used.
pub async fn start(
    config: &Config,
    listener: TcpListener,
    exporter: Exporter,
    lifecycle: &mut Lifecycle,
) -> anyhow::Result<()> {
    net::install_crypto();
    let handle = lifecycle.handle();
    let clock = SystemClock::shared();
    if rabbitmq::nodes_deliver(config) {
        bail!(
            "WAGGLE_WEBHOOK_DELIVERY=node leaves nothing for a worker: set it to workers or both, here and on the nodes"
        );
    }
    let Some(broker) = rabbitmq::broker(config, lifecycle)? else { bail!("RABBITMQ_URI is not set") };
    let database = open_database(config, &clock, lifecycle).await?;
    database.migrate().await.context("the database could not be migrated")?;
    consume(config, broker.clone(), &database, &clock, lifecycle)?;

    let (serving, render) = (handle.clone(), exporter.clone());
    let probes = http::Probes {
        database,
        is_connected: Arc::new(move || broker.is_connected()),
        is_serving: Arc::new(move || !serving.is_stopping()),
        metrics: config.metrics.clone(),
        render_metrics: Arc::new(move || render.render()),
    };
    let tls = config.server.tls.as_ref();
    let (server, stop) =
        http::serve_probes(listener, tls, probes).context("the HTTP server could not start")?;
    handle.spawn_critical("http", async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the HTTP server failed");
        }
    });
    // Health is served until the last delivery has ended.
    lifecycle.on_shutdown(Phase::Database, "http", async move { stop.stop(true).await });
    let stopping = handle.soft();
    handle.spawn("metrics upkeep", async move {
        while stopping.run_until_cancelled(tokio::time::sleep(METRICS_UPKEEP)).await.is_some() {
            exporter.upkeep();
        }
    });
    Ok(())
}

/// Consumes the webhook queues.
pub fn consume(
    config: &Config,
    broker: Broker,
    database: &Database,
    clock: &Arc<dyn Clock>,
    lifecycle: &mut Lifecycle,
) -> anyhow::Result<()> {
    let media = parts::media(config)?;
    let shelf = files::shelf(config, &media, files::store(config, &media)?.as_ref())?;
    let attach = Some(attach(config, &media, database, shelf)?);
    let options = webhook::Options { endpoint_ttl: ENDPOINT_TTL, attach, ..parts::webhooks(config)? };
    let now = Arc::clone(clock);
    let outside = webhook::Outside {
        post: Arc::new(parts::post(config)?),
        directory: Arc::new(Stored { database: database.clone(), global: config.webhook.global.clone() }),
        table: Arc::new(database.outbox()),
        clock: Arc::new(move || now.now_ms()),
        random: Arc::new(rand::random::<f64>),
    };
    let share = config.outbox.worker_queue / usize::from(config.webhook.partitions);
    let queues = webhook::Queues {
        broker,
        topology: rabbitmq::topology(config),
        prefetch: u16::try_from(share.max(1)).unwrap_or(u16::MAX),
        database: database.clone(),
    };
    let handle = lifecycle.handle();
    let consumer = webhook::Consumer::new(options, outside, queues).hard(handle.hard());
    let running = handle.spawn_critical("webhook consumer", consumer.run(handle.phase(Phase::Events)));
    rabbitmq::wait_for(running, "webhook consumer", lifecycle);
    Ok(())
}

/// Endpoints as they are stored.
struct Stored {
    database: Database,
    global: Option<Global>,
}

impl Stored {
    async fn find(&self, instance: InstanceId, sink: &str) -> Result<Option<Endpoint>, db::Error> {
        let Some(endpoint) = stored(&self.database, instance).await? else { return Ok(None) };
        if sink == webhook::GLOBAL {
            let global = self.global.as_ref();
            return Ok(global.map(|global| Endpoint {
                url: global.url.expose().to_owned(),
                by_events: global.by_events,
                ..endpoint
            }));
        }
        let sinks = self.database.instances().all_sinks(&[instance]).await?.into_values().flatten();
        let own = sinks.filter(|sink| sink.kind == SinkKind::Webhook && sink.enabled);
        Ok(own.filter_map(|sink| sink.webhook).next().map(|options| Endpoint {
            url: options.url,
            headers: options.headers,
            by_events: options.by_events,
            base64: options.base64,
            ..endpoint
        }))
    }
}

#[async_trait]
impl webhook::Directory for Stored {
    async fn endpoint(
        &self,
        instance: InstanceId,
        sink: &'static str,
    ) -> Result<Option<Endpoint>, Unavailable> {
        self.find(instance, sink).await.map_err(|_| Unavailable)
    }
}
