//! Owns the environment: which variables exist, what they mean, and the typed sections that rooms receive.
//!
//! Must not know what rooms do with their sections; nothing outside reads the environment. To add a
//! variable, add its line to `VARIABLES` of a section, a field to the section's struct and a read to the
//! section's `read`; help, documentation and warnings follow from the line. To add a section, add a file,
//! its group to `table::GROUPS` and its field to [`Config`].

pub mod auth;
pub mod bots;
pub mod business;
pub mod cache;
pub mod chatwoot;
pub mod cluster;
pub mod database;
pub mod egress;
mod environment;
mod error;
pub mod events;
pub mod instances;
pub mod kafka;
pub mod limits;
pub mod log;
pub mod media;
pub mod metrics;
pub mod nats;
pub mod node;
pub mod objects;
pub mod outbox;
mod parse;
pub mod proxy;
pub mod pusher;
pub mod rabbitmq;
mod reader;
pub mod redis_address;
mod secret;
pub mod server;
pub mod session;
pub mod sqs;
pub mod table;
mod unknown;
mod unserved;
mod variable;
pub mod webhook;
pub mod websocket;
pub mod whatsapp;

#[cfg(test)]
mod tests;

pub use environment::Environment;
pub use error::{Error, Errors, Warning};
pub use secret::{HIDDEN, Secret, SecretBytes};
pub use variable::{Group, Kind, Switches, Variable};

pub use auth::Auth;
pub use bots::Bots;
pub use business::Business;
pub use cache::Cache;
pub use chatwoot::Chatwoot;
pub use cluster::Cluster;
pub use database::Database;
pub use instances::Instances;
pub use kafka::Kafka;
pub use limits::Limits;
pub use log::Log;
pub use media::Media;
pub use metrics::Metrics;
pub use nats::Nats;
pub use node::Node;
pub use outbox::Outbox;
pub use proxy::Proxy;
pub use pusher::Pusher;
pub use rabbitmq::RabbitMq;
pub use server::Server;
pub use session::Session;
pub use sqs::Sqs;
pub use webhook::Webhook;
pub use websocket::WebSocket;
pub use whatsapp::WhatsApp;

use reader::Reader;

/// The whole configuration, valid. Rooms receive their own section of it only.
#[derive(Debug, Clone)]
pub struct Config {
    /// The HTTP server and the public face of the node.
    pub server: Server,
    /// The global key.
    pub auth: Auth,
    /// Defaults and pacing of instances.
    pub instances: Instances,
    /// How WhatsApp is reached.
    pub whatsapp: WhatsApp,
    /// What is logged, and how.
    pub log: Log,
    /// The metrics page.
    pub metrics: Metrics,
    /// The process: name, data directory, shutdown.
    pub node: Node,
    /// Membership and node-to-node traffic.
    pub cluster: Cluster,
    /// The SQL database.
    pub database: Database,
    /// Where the keys of WhatsApp sessions live and how they are sealed.
    pub session: Session,
    /// Redis and the in-process cache.
    pub cache: Cache,
    /// Rate and size limits.
    pub limits: Limits,
    /// Event outbox and delivery workers.
    pub outbox: Outbox,
    /// Webhooks: the global one, retries, signing, egress.
    pub webhook: Webhook,
    /// The RabbitMQ sink.
    pub rabbitmq: RabbitMq,
    /// The NATS sink.
    pub nats: Nats,
    /// The SQS sink.
    pub sqs: Sqs,
    /// The Kafka sink.
    pub kafka: Kafka,
    /// The websocket sink.
    pub websocket: WebSocket,
    /// The Pusher sink.
    pub pusher: Pusher,
    /// Media storage and conversion.
    pub media: Media,
    /// The proxy of instances that have none of their own.
    pub proxy: Option<Proxy>,
    /// Meta's Cloud API.
    pub business: Business,
    /// Which bots are enabled.
    pub bots: Bots,
    /// Chatwoot.
    pub chatwoot: Chatwoot,
}

impl Config {
    /// Reads and checks an environment.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it at once, each naming its variable.
    pub fn load(environment: &Environment) -> Result<(Self, Vec<Warning>), Errors> {
        let mut reader = Reader::new(environment);
        let config = Self::read(&mut reader);
        reader.warnings.extend(unknown::warnings(environment));
        reader.warnings.extend(unserved::warnings(environment));
        if reader.errors.is_empty() { Ok((config, reader.warnings)) } else { Err(Errors(reader.errors)) }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let database = Database::read(reader);
        let cache = Cache::read(reader);
        let webhook = Webhook::read(reader);
        let media = Media::read(reader);
        Self {
            server: Server::read(reader),
            auth: Auth::read(reader, database.provider),
            instances: Instances::read(reader),
            whatsapp: WhatsApp::read(reader, cfg!(feature = "simulator")),
            log: Log::read(reader),
            metrics: Metrics::read(reader),
            node: Node::read(reader),
            cluster: Cluster::read(reader),
            session: Session::read(reader, cache.redis.is_some(), &media.account),
            limits: Limits::read(reader),
            outbox: Outbox::read(reader),
            rabbitmq: RabbitMq::read(reader, webhook.delivery),
            webhook,
            nats: Nats::read(reader),
            sqs: Sqs::read(reader),
            kafka: Kafka::read(reader),
            websocket: WebSocket::read(reader),
            pusher: Pusher::read(reader),
            proxy: Proxy::read(reader),
            business: Business::read(reader),
            bots: Bots::read(reader),
            chatwoot: Chatwoot::read(reader),
            database,
            cache,
            media,
        }
    }
}
