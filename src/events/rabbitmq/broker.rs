//! The connection: made when it is needed, and made again for as long as it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::RABBITMQ_CONNECTED;

/// How long an attempt to connect, or an answer of the broker, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Wait after the first attempt that failed; doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often the connection is looked at when nobody uses it.
const WATCH: Duration = Duration::from_millis(500);
/// Seconds between signs of life; a peer that is silent for two of them is gone.
const HEARTBEAT: u16 = 15;

/// Where the broker is.
#[derive(Clone)]
pub struct Options {
    /// `amqp://` or `amqps://` address with credentials.
    pub uri: String,
    /// Largest frame, in bytes.
    pub frame_max: u32,
    /// How we call ourselves there.
    pub name: String,
}

/// What went wrong at the broker. The texts carry no secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("RABBITMQ_URI is not an address that can be used")]
    Address,
    /// The connection is gone: trying again will help once the broker is back.
    #[error("RabbitMQ is out of reach: {0}")]
    Lost(String),
    /// The broker, or the protocol, does not allow it.
    #[error("RabbitMQ refused: {0}")]
    Refused(String),
}

impl From<lapin::Error> for Error {
    fn from(error: lapin::Error) -> Self {
        if error.is_amqp_soft_error() {
            Self::Refused(error.to_string())
        } else {
            Self::Lost(error.to_string())
        }
    }
}

/// A broker. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    uri: AMQPUri,
    name: String,
    current: Mutex<Current>,
    up: AtomicBool,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Grows with every connection.
    number: u64,
}

impl Broker {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Address`], without the address: there is a password in it.
    pub fn new(options: Options) -> Result<Self, Error> {
        let mut uri: AMQPUri = options.uri.parse().map_err(|_| Error::Address)?;
        // As other clients read an address that ends with a slash.
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.frame_max.get_or_insert(options.frame_max);
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let inner = Inner { uri, name: options.name, current: Mutex::default(), up: AtomicBool::new(false) };
        Ok(Self(Arc::new(inner)))
    }

    /// Keeps the connection up until the token is cancelled.
    pub async fn watch(self, stop: CancellationToken) {
        self.show(false);
        let watching = async {
            loop {
                drop(self.connected().await);
                sleep(WATCH).await;
            }
        };
        stop.run_until_cancelled(watching).await;
    }

    /// Whether there was a connection a moment ago; nobody is kept waiting for one.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.up.load(Ordering::Relaxed)
    }

    fn show(&self, up: bool) {
        self.0.up.store(up, Ordering::Relaxed);
        metrics::gauge!(RABBITMQ_CONNECTED).set(if up { 1.0 } else { 0.0 });
    }

    /// Ends the connection in the broker's words.
    pub async fn close(&self) {
        if let Some(connection) = self.0.current.lock().await.connection.take() {
            let _ = timeout(PATIENCE, connection.close(200, "bye".into())).await;
        }
    }

    /// A new channel and the number of its connection, however long it takes.
    pub(super) async fn channel(&self) -> (Channel, u64) {
        let mut pause = FIRST_PAUSE;
        loop {
            let current = self.connected().await;
            if let Some(connection) = &current.connection {
                match timeout(PATIENCE, connection.create_channel()).await {
                    Ok(Ok(channel)) => return (channel, current.number),
                    Ok(Err(error)) => tracing::warn!(%error, "RabbitMQ gives no channel"),
                    Err(_) => tracing::warn!("RabbitMQ gives no channel in time"),
                }
            }
            drop(current);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A connection that was up a moment ago. Only one attempt is made at a time.
    async fn connected(&self) -> MutexGuard<'_, Current> {
        let mut current = self.0.current.lock().await;
        let mut pause = FIRST_PAUSE;
        let mut complained = false;
        while !current.connection.as_ref().is_some_and(|it| it.status().connected()) {
            self.show(false);
            current.connection = None;
            let properties = ConnectionProperties::default().with_connection_name(self.0.name.clone().into());
            let attempt = timeout(PATIENCE, Connection::connect_uri(self.0.uri.clone(), properties)).await;
            let failure = match attempt {
                Ok(Ok(connection)) => {
                    tracing::info!("connected to RabbitMQ");
                    self.show(true);
                    current.connection = Some(connection);
                    current.number += 1;
                    break;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            if !complained {
                tracing::warn!(error = failure, "RabbitMQ is out of reach; trying until it is back");
            }
            complained = true;
            // Whoever comes together after an outage does not come at the same moment.
            sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        current
    }
}
