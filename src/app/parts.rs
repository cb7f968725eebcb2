//! From the operator's settings to what each room is told.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::auth::Keys;
use crate::channel::whatsapp_web;
use crate::clock::Clock;
use crate::config::database::{Provider, Synchronous};
use crate::config::egress::Rule;
use crate::config::objects::Objects;
use crate::config::proxy::Protocol;
use crate::config::session::{Durability, Store as Place};
use crate::config::webhook::{Delivery, Global};
use crate::config::{self, Config, Secret};
use crate::db::{self, Database};
use crate::domain::EventKind;
use crate::instance::{self, Registry};
use crate::limits::Rates;
use crate::media::Previews;
use crate::net::{self, Egress, Proxy};
use crate::redis_link::Link;
use crate::session::sealed::{self, Key, Sealed};
use crate::session::write_behind::{self, WriteBehind};
use crate::session::{
    Store,
    memory::Memory,
    mirrored::{self, Mirrored},
    object::Object,
    redis::Redis,
    sql::Sql,
};
use crate::telemetry::metrics::Exporter;
use crate::{cluster, http, lifecycle, media, session, webhook};

/// Units that may wait for the database's writer.
const WRITER_QUEUE: usize = 8192;
/// How long workers can look up where the events of a deleted instance go.
const KEEP_DELETED: Duration = Duration::from_hours(24);
/// How long ending one instance may take.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// Creates a directory for the owner only.
pub fn private_dir(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("{}", path.display()))
}

pub fn database(config: &Config) -> anyhow::Result<db::Options> {
    let section = &config.database;
    let uri = || {
        let uri = section.uri.as_ref().context("DATABASE_CONNECTION_URI is not set")?;
        Ok::<_, anyhow::Error>(uri.expose().to_owned())
    };
    let url = match section.provider {
        Provider::Sqlite => db::Target::Sqlite { path: sqlite_file(config) },
        Provider::PostgreSql | Provider::PostgreSqlBouncer => db::Target::Postgres { url: uri()? },
        Provider::MySql => db::Target::Mysql { url: uri()? },
    };
    Ok(db::Options {
        pool: section.pool,
        synchronous: match section.sqlite_synchronous {
            Synchronous::Full => db::Synchronous::Full,
            Synchronous::Normal => db::Synchronous::Normal,
        },
        linger: section.commit_linger,
        batch: section.commit_batch,
        queue: WRITER_QUEUE,
        keep_deleted: if config.webhook.delivery == Delivery::Node { Duration::ZERO } else { KEEP_DELETED },
        keeps_media: config.media.store.is_some(),
        url,
    })
}

/// The file that the URI names, or the one in the data directory.
fn sqlite_file(config: &Config) -> PathBuf {
    let named = config.database.uri.as_ref().map(|uri| {
        let path =
            uri.expose().trim_start_matches("sqlite:").trim_start_matches("//").trim_start_matches("file:");
        PathBuf::from(path.split('?').next().unwrap_or(path))
    });
    named.unwrap_or_else(|| config.node.data_dir.join("waggle.db"))
}

pub fn proxy(section: Option<&config::Proxy>) -> anyhow::Result<Option<Proxy>> {
    let Some(section) = section else { return Ok(None) };
    let (username, password) = (section.username.as_deref(), section.password.as_ref().map(Secret::expose));
    let protocol = match section.protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::Socks4 => "socks4",
        Protocol::Socks5 => "socks5",
    };
    Ok(Some(Proxy::parse(protocol, &section.host, &section.port.to_string(), username, password)?))
}

pub fn instances(config: &Config) -> anyhow::Result<instance::Options> {
    let section = &config.instances;
    Ok(instance::Options {
        node: super::cluster::node_id(config),
        client_name: config.database.client_name.clone(),
        qr_limit: section.qrcode_limit,
        qr_color: section.qrcode_color,
        dials_per_second: section.reconnect_per_second.unwrap_or(0),
        pairing_concurrency: section.pairing_concurrency,
        stop_deadline: STOP_DEADLINE,
        delete_closed_after: section.delete_after,
        delete_never_connected: section.delete_temporary,
        proxy: proxy(config.proxy.as_ref())?,
        metrics_per_instance: config.metrics.per_instance,
    })
}

/// The session store: in the database with the relaxed writes behind the durable ones, perhaps with
/// Redis before it, in Redis alone, as objects, or in this process; sealed when there is a key.
fn session_store(
    config: &Config,
    database: &Database,
    clock: &Arc<dyn Clock>,
    lifecycle: &lifecycle::Handle,
) -> anyhow::Result<Arc<dyn Store>> {
    let clock = Arc::clone(clock);
    let now: Arc<dyn Fn() -> i64 + Send + Sync> = Arc::new(move || clock.now_ms());
    let sql = Sql::new(database.clone());
    let behind = |inner: Arc<dyn Store>| {
        let spawn = spawner(lifecycle, "session write-behind");
        WriteBehind::new(inner, write_behind::Options::default(), Arc::clone(&now), spawn)
    };
    let in_sql = || behind(Arc::new(sql.clone()));
    let redis = || {
        let redis = config.cache.redis.as_ref().context("sessions in Redis need CACHE_REDIS_URI")?;
        let link = Link::new(&redis.address, session::redis::ANSWER).context("CACHE_REDIS_URI")?;
        Ok::<_, anyhow::Error>(Redis::new(link, &redis.prefix, Arc::clone(&now)))
    };
    let store: Arc<dyn Store> = match (config.session.store, config.session.durability) {
        (Place::Sql, _) => Arc::new(in_sql()),
        (Place::Redis, Durability::Both) => {
            Arc::new(Mirrored::new(redis()?, sql.clone(), in_sql(), mirrored::Options::default()))
        }
        (Place::Redis, Durability::Redis) => Arc::new(redis()?),
        (Place::Memory, _) => Arc::new(Memory::new(Arc::clone(&now))),
        (Place::Object, _) => {
            let objects = config.session.objects.as_ref().context("WAGGLE_SESSION_OBJECT_URL is not set")?;
            if let Objects::Folder(folder) = objects {
                private_dir(folder)?;
            }
            let store = Object::new(objects, Arc::clone(&now)).map_err(|error| anyhow!(error));
            let store = store.context("WAGGLE_SESSION_OBJECT_URL")?;
            Arc::new(behind(Arc::new(store)))
        }
    };
    let Some(current) = &config.session.key else { return Ok(store) };
    let key = |secret: &config::SecretBytes| {
        let bytes: [u8; 32] =
            secret.expose().try_into().map_err(|_| anyhow!("a session key has 32 bytes"))?;
        Ok::<_, anyhow::Error>(Key::new(bytes))
    };
    let previous = config.session.key_previous.as_ref().map(key).transpose()?;
    Ok(Arc::new(Sealed::new(store, sealed::Keys { current: key(current)?, previous, accept_unsealed: true })))
}

fn spawner(
    lifecycle: &lifecycle::Handle,
    name: &'static str,
) -> Arc<dyn Fn(futures::future::BoxFuture<'static, ()>) + Send + Sync> {
    let lifecycle = lifecycle.clone();
    Arc::new(move |task| drop(lifecycle.spawn(name, task)))
}

pub fn whatsapp_web(
    config: &Config,
    database: &Database,
    clock: &Arc<dyn Clock>,
    lifecycle: &lifecycle::Handle,
    files: media::Handle,
) -> anyhow::Result<whatsapp_web::Factory> {
    let store = session_store(config, database, clock, lifecycle)?;
    let options = whatsapp_web::Options {
        url: config.whatsapp.url.clone(),
        version: config.whatsapp.version,
        device_name: config.instances.phone_client.clone(),
        browser: config.instances.phone_name.clone(),
        prekeys: config.instances.prekeys,
        egress: egress(config)?,
        keep_history: config.database.keep_history,
    };
    let http = whatsapp_http()?;
    let main = tokio::runtime::Handle::current();
    let spawn = spawner(lifecycle, "whatsapp");
    // A page must not make a sender wait for long; the preview has a bound over all of it.
    let pages = net::Options {
        egress: egress(config)?,
        timeout: Duration::from_secs(3),
        max_download: 4 << 20,
        redirects: 3,
        ..net::Options::default()
    };
    let previews = Previews::new(net::Client::new(pages)?, files.clone());
    Ok(whatsapp_web::Factory::new(options, store, (http, previews, files), main, spawn)?)
}

/// The client for WhatsApp's own hosts.
pub fn whatsapp_http() -> anyhow::Result<net::Client> {
    // Addresses of media come from peers; only a simulated WhatsApp serves them on loopback.
    let egress = if cfg!(feature = "simulator") { Egress::open() } else { Egress::public() };
    Ok(net::Client::new(net::Options { egress, ..net::Options::default() })?)
}

/// How files are handled.
pub fn media(config: &Config) -> anyhow::Result<media::Handle> {
    let folder = config.node.data_dir.join("media");
    private_dir(&folder)?;
    let options = media::Options {
        max_bytes: config.media.max_bytes,
        fetch_timeout: config.media.fetch_timeout,
        folder,
        ffmpeg: config.media.ffmpeg.clone(),
        converter: config.media.audio_converter.clone(),
    };
    let client = |egress| net::Client::new(net::Options { egress, ..net::Options::default() });
    let (outside, inside) = (client(egress(config)?)?, client(Egress::open())?);
    Ok(media::Handle::new(options, outside, inside, tokio::runtime::Handle::current()))
}

fn egress(config: &Config) -> anyhow::Result<Egress> {
    let rules: Vec<String> = config.webhook.egress.allow.iter().map(rule).collect();
    Ok(Egress::allowing(rules.iter().map(String::as_str))?)
}

fn rule(rule: &Rule) -> String {
    match rule {
        Rule::Any => "*".to_owned(),
        Rule::Private => "private".to_owned(),
        Rule::Network(network) => network.to_string(),
        Rule::Host(host) => host.clone(),
    }
}

/// The events of the global webhook.
pub fn global_events(global: &Global) -> Vec<EventKind> {
    global.events.iter().filter_map(|name| EventKind::from_name(name)).collect()
}

pub fn webhooks(config: &Config) -> anyhow::Result<webhook::Options> {
    let section = &config.webhook;
    let secrets = section.signing_keys.iter().map(|key| webhook::Secret::new(key.expose()));
    Ok(webhook::Options {
        timeout: section.timeout,
        concurrency: config.outbox.worker_concurrency,
        retention: config.outbox.retention,
        retry: webhook::Retry {
            max_attempts: section.retry.max_attempts,
            initial_delay: section.retry.initial_delay,
            exponential: section.retry.exponential,
            max_delay: section.retry.max_delay,
            jitter: section.retry.jitter,
            fatal_statuses: section.retry.fatal_statuses.clone(),
        },
        letterhead: webhook::Letterhead {
            server_url: config.server.url.clone(),
            expose_token: config.auth.expose_in_fetch_instances,
            secrets: secrets.collect(),
        },
        ..webhook::Options::default()
    })
}

pub fn post(config: &Config) -> anyhow::Result<net::Client> {
    let options =
        net::Options { egress: egress(config)?, timeout: config.webhook.timeout, ..net::Options::default() };
    Ok(net::Client::new(options)?)
}

/// Reports of failed calls, when they are asked for.
pub fn reports(
    config: &Config,
    post: Arc<dyn webhook::Post>,
) -> anyhow::Result<Option<(webhook::Reports, webhook::Reporter)>> {
    let Some(url) = &config.webhook.errors_url else { return Ok(None) };
    let url = net::Url::parse(url.expose()).context("WEBHOOK_EVENTS_ERRORS_WEBHOOK")?;
    Ok(Some(webhook::Reports::new(url, config.server.url.clone(), post)))
}

pub fn http(config: &Config) -> http::Options {
    http::Options { workers: None, stop_deadline: STOP_DEADLINE, tls: config.server.tls.clone() }
}

pub fn http_state(
    config: &Config,
    key: &Secret,
    (registry, database, cluster): (&Registry, &Database, &cluster::Handle),
    clock: &Arc<dyn Clock>,
    exporter: Option<Exporter>,
    (lifecycle, draining): (&lifecycle::Handle, Arc<AtomicBool>),
    (failures, media, files): (Option<webhook::Reporter>, media::Handle, Option<http::Files>),
) -> http::State {
    let version = config.whatsapp.version.map(|(a, b, c)| format!("{a}.{b}.{c}"));
    http::State {
        registry: registry.clone(),
        cluster: cluster.clone(),
        body_bytes: config.limits.body_bytes,
        database: database.clone(),
        keys: Keys::new(key.expose()),
        expose_tokens: config.auth.expose_in_fetch_instances,
        rates: Rates::new(config.limits.rate),
        known: http::Known::new(config.database.number_age),
        media,
        files,
        failures,
        server: config.server.clone(),
        metrics: config.metrics.clone(),
        business: config.business.clone(),
        public: http::Public {
            client_name: config.database.client_name.clone(),
            whatsapp_web_version: version.unwrap_or_default(),
            simulator: cfg!(feature = "simulator"),
        },
        lifecycle: lifecycle.clone(),
        clock: Arc::clone(clock),
        render_metrics: Arc::new(move || exporter.as_ref().map(Exporter::render).unwrap_or_default()),
        draining,
    }
}
