//! Owns the composition: builds every service from the configuration and wires their handles;
//! must not know what any of them does inside. To add a service: build it here, give it a token of
//! the lifecycle's phase in which it stops, and hand its handle to those who need it.

mod attach;
mod cluster;
mod directory;
mod files;
mod key;
mod orphans;
mod parts;
mod rabbitmq;
pub mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::db::Database;
use crate::events::GlobalSinks;
use crate::instance::{Deps, Registry};
use crate::lifecycle::{Lifecycle, Phase};
use crate::telemetry::metrics::Exporter;
use crate::{http, net, webhook};

/// How often old samples of histograms are folded.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// A running node.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// The global key.
    pub key: crate::config::Secret,
    /// Its instances.
    pub registry: Registry,
}

/// Starts a node on a listener. It stops through the lifecycle: first nothing new is accepted, then
/// the instances end, then HTTP, then deliveries, then the database.
///
/// # Errors
/// When the database cannot be reached or migrated, or a setting cannot be used.
pub async fn start(
    config: Config,
    listener: TcpListener,
    exporter: Option<Exporter>,
    lifecycle: &mut Lifecycle,
) -> anyhow::Result<App> {
    net::install_crypto();
    let address = listener.local_addr()?;
    let handle = lifecycle.handle();
    let clock = SystemClock::shared();
    let key = key::global(&config.auth, &config.node.data_dir)?;

    let database = open_database(&config, &clock, lifecycle).await?;
    database.migrate().await.context("the database could not be migrated")?;

    // The worker asks the registry where events go, and the registry tells it when that changes.
    let worker_cell: Arc<OnceLock<webhook::Handle>> = Arc::default();
    let files = parts::media(&config)?;
    let kept = files::store(&config, &files)?.zip(files::keeper(&config, &key));
    let shelf = files::shelf(&config, &files, kept.as_ref().map(|(store, _)| store))?;
    let global = config.webhook.global.as_ref();
    let global = Arc::new(GlobalSinks {
        webhook: global.map(parts::global_events).unwrap_or_default(),
        rabbitmq: rabbitmq::global_events(&config),
        keeper: kept.as_ref().map(|(_, keeper)| Arc::clone(keeper)),
    });
    let lease = cluster::lease(&config);
    let factory = parts::whatsapp_web(&config, &database, &clock, &handle, files.clone())?;
    let deps = Deps {
        database: database.clone(),
        factories: vec![Arc::new(factory)],
        global,
        clock: Arc::clone(&clock),
        lifecycle: handle.clone(),
        lease: lease.clone(),
        claimed: Arc::new({
            let worker = Arc::clone(&worker_cell);
            // Alone, the worker finds the rows by itself: they cannot be another node's.
            let shared = config.cache.redis.is_some();
            move |instance| {
                if let Some(worker) = worker.get().filter(|_| shared) {
                    worker.look(instance);
                }
            }
        }),
        endpoint_changed: Arc::new({
            let worker = Arc::clone(&worker_cell);
            move |instance| {
                let worker = worker.get().cloned();
                Box::pin(async move {
                    if let Some(worker) = worker {
                        webhook::Handle::forget(&worker, instance).await;
                    }
                })
            }
        }),
    };
    let registry = Registry::new(parts::instances(&config)?, deps);

    let parts_of_cluster = (&registry, &database, &lease);
    let (member, reconciler, cluster) = cluster::join(&config, &key, address, parts_of_cluster)?;
    let orphans = orphans::Orphans::default();
    let share: webhook::Share =
        if cluster.is_alone() { Arc::new(|_| true) } else { orphans.share(&registry) };

    let directory = Arc::new(directory::Directory::new(registry.clone(), database.clone(), &config));
    rabbitmq::start(&config, (&directory, &database, &share), &clock, lifecycle)?;
    let now = Arc::clone(&clock);
    let post: Arc<dyn webhook::Post> = Arc::new(parts::post(&config)?);
    let outside = webhook::Outside {
        table: Arc::new(database.outbox()),
        directory,
        post: Arc::clone(&post),
        clock: Arc::new(move || now.now_ms()),
        random: Arc::new(rand::random::<f64>),
    };
    let attach = Some(attach::attach(&config, &files, &database, shelf.clone())?);
    let deliveries = webhook::Options { share, attach, ..parts::webhooks(&config)? };
    let (deliveries, worker) = webhook::Service::new(deliveries, outside);
    if rabbitmq::nodes_deliver(&config) {
        database.writer().observe(worker.observer());
        let _ = worker_cell.set(worker);
        let (soft, deliveries) = (handle.phase(Phase::Events), deliveries.hard(handle.hard()));
        handle.spawn_critical("webhook worker", async move {
            if let Err(error) = deliveries.run(soft).await {
                tracing::warn!(%error, "the webhook worker ended");
            }
        });
    }

    let failures = parts::reports(&config, post)?.map(|(reports, reporter)| {
        handle.spawn("reports of failed calls", reports.run(handle.phase(Phase::Events)));
        reporter
    });

    if let Some((store, keeper)) = &kept {
        let with = (Arc::clone(keeper), store.clone(), &files);
        let service = files::service(&config, with, (&registry, &database), &clock, &handle)?;
        handle.spawn_critical("files", service.run(handle.soft()));
    }

    let draining = Arc::new(AtomicBool::new(false));
    let render = exporter.clone();
    let state = parts::http_state(
        &config,
        &key,
        (&registry, &database, &cluster),
        &clock,
        render,
        (&handle, Arc::clone(&draining)),
        (
            failures,
            files,
            kept.zip(shelf).map(|((store, keeper), shelf)| http::Files::new(keeper, store, shelf)),
        ),
    );
    let served = http::serve(listener, &parts::http(&config), Arc::new(state));
    let (server, stop) = served.context("the HTTP server could not start")?;
    handle.spawn_critical("http", async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the HTTP server failed");
        }
    });

    lifecycle.on_shutdown(Phase::Intake, "readiness", async move { draining.store(true, Ordering::SeqCst) });
    let ending = cluster.clone();
    lifecycle.on_shutdown(Phase::Instances, "instances", async move { ending.drain().await });
    lifecycle.on_shutdown(Phase::Http, "http", async move { stop.stop(true).await });

    // It is a member until the last instance is given away.
    let leaving = handle.phase(Phase::Http);
    handle.spawn_critical("membership", async move {
        if let Err(error) = member.run(leaving).await {
            tracing::error!(%error, "not a member of the cluster any more");
        }
    });
    handle.spawn_critical("reconciler", reconciler.run(handle.soft()));
    if !cluster.is_alone() {
        handle.spawn("orphans", orphans.run(cluster, database.clone(), handle.soft()));
    }
    handle.spawn("sweep", registry.clone().sweep(handle.soft()));
    if let Some(exporter) = exporter {
        let stopping = handle.soft();
        handle.spawn("metrics upkeep", async move {
            while stopping.run_until_cancelled(tokio::time::sleep(METRICS_UPKEEP)).await.is_some() {
                exporter.upkeep();
                database.measure();
            }
        });
    }
    Ok(App { address, key, registry })
}

/// Connects the database and runs its writer until everything else has stopped.
pub(crate) async fn open_database(
    config: &Config,
    clock: &Arc<dyn Clock>,
    lifecycle: &mut Lifecycle,
) -> anyhow::Result<Database> {
    let now = Arc::clone(clock);
    let options = parts::database(config)?;
    let (database, writer) =
        Database::connect(options, Arc::new(move || now.now_ms())).await.context("the database")?;
    let handle = lifecycle.handle();
    handle.spawn_critical("database writer", writer.run(handle.phase(Phase::Database)));
    Ok(database)
}

/// Brings the schema up to date.
///
/// # Errors
/// When the database cannot be reached or migrated.
pub async fn migrate(config: &Config, lifecycle: &mut Lifecycle) -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    let database = open_database(config, &clock, lifecycle).await?;
    let pending = database.pending_migrations().await?;
    database.migrate().await?;
    tracing::info!(applied = pending, "the schema is up to date");
    Ok(())
}

/// Whether the node on this machine's port says that it is ready.
///
/// # Errors
/// When it does not answer.
pub async fn is_ready(server: &crate::config::Server, patience: Duration) -> anyhow::Result<bool> {
    net::install_crypto();
    // The node's own certificate is for its public name, not for this address.
    let (scheme, trust) = match &server.tls {
        None => ("http", net::Trust::PublicRoots),
        Some(tls) => {
            let own = http::chain(&tls.chain)?.into_iter().next().context("no certificate")?;
            ("https", net::Trust::Exactly(own))
        }
    };
    let client =
        net::Client::new(net::Options { egress: net::Egress::open(), trust, ..net::Options::default() })?;
    let url = net::Url::parse(&format!("{scheme}://127.0.0.1:{}/health/ready", server.port))?;
    let answer = tokio::time::timeout(patience, client.send(net::Request::new(net::Method::GET, url))).await;
    Ok(answer.context("the node does not answer")??.status.is_success())
}
