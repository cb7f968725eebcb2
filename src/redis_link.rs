//! Owns the connection to Redis, be it one server, one that Sentinels know, or a cluster; must not
//! know what is kept there. To add a form: its case in [`Target`].
//!
//! A link connects when it is first used. A connection that failed is replaced at the next command,
//! and Sentinels are asked again then. Commands are never repeated: whether one that got no answer
//! was carried out, only its sender can find out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, Pipeline,
    RedisConnectionInfo, RedisError, RedisFuture, RedisResult, ServerErrorKind, TlsCertificates, TlsMode,
    Value,
};

use tokio::time::Instant;

use crate::config::Secret;
use crate::config::redis_address::{Address, Form};

/// A connection of many users; clones share it.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    target: Target,
    patience: Duration,
    database: i64,
    /// The connection, or the attempt to make it, which everybody waits for together.
    current: Mutex<Connecting>,
}

type Connecting = Shared<BoxFuture<'static, RedisResult<Connection>>>;

/// What is connected to.
#[derive(Clone)]
enum Target {
    Single(Box<Client>),
    Sentinel(Arc<tokio::sync::Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with certificates cannot be read.
    #[error("the certificates in {0}")]
    Certificates(String, #[source] std::io::Error),
    /// The client refuses the address.
    #[error("the address of Redis cannot be used")]
    Address(#[from] RedisError),
}

impl Link {
    /// A link to an address; connecting, and each command, may take up to `patience`.
    ///
    /// # Errors
    /// When the address or the file with certificates cannot be used.
    pub fn new(address: &Address, patience: Duration) -> Result<Self, Error> {
        let target = Target::new(address, certificates(address)?, patience)?;
        let current = Mutex::new(target.connect(patience));
        let database = address.database;
        Ok(Self(Arc::new(Inner { target, patience, database, current })))
    }

    fn current(&self) -> MutexGuard<'_, Connecting> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs on the connection, which is replaced if that shows that it is of no use.
    async fn run<T>(&self, run: impl AsyncFnOnce(Connection) -> RedisResult<T>) -> RedisResult<T> {
        let connecting = self.current().clone();
        let connection = match connecting.clone().await {
            Ok(connection) => connection,
            // Whatever the reason: the next command tries again.
            Err(error) => {
                self.renew(&connecting);
                return Err(error);
            }
        };
        let mut wait = Wait { link: self, connecting: &connecting, since: Instant::now(), over: false };
        let answer = run(connection).await;
        wait.over = true;
        if answer.as_ref().is_err_and(is_lost) {
            self.renew(&connecting);
        }
        answer
    }

    fn renew(&self, failed: &Connecting) {
        let mut current = self.current();
        if current.ptr_eq(failed) {
            *current = self.0.target.connect(self.0.patience);
        }
    }
}

/// A command under way. When its caller gives up after long, the connection is replaced too: the caller
/// may be less patient than the link, and a server that is suddenly gone says nothing.
struct Wait<'a> {
    link: &'a Link,
    connecting: &'a Connecting,
    since: Instant,
    over: bool,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.over && self.since.elapsed() >= self.link.0.patience / 2 {
            self.link.renew(self.connecting);
        }
    }
}

/// Whether a connection is of no use after this; one to a server that is no longer the master, too.
fn is_lost(error: &RedisError) -> bool {
    let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
    error.is_io_error() || error.is_unrecoverable_error() || demoted.contains(&error.kind())
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let run = async move |connection| match connection {
            Connection::Node(mut node) => node.req_packed_command(command).await,
            Connection::Cluster(mut cluster) => cluster.req_packed_command(command).await,
        };
        Box::pin(self.run(run))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let run = async move |connection| match connection {
            Connection::Node(mut node) => node.req_packed_commands(pipeline, offset, count).await,
            Connection::Cluster(mut cluster) => cluster.req_packed_commands(pipeline, offset, count).await,
        };
        Box::pin(self.run(run))
    }

    fn get_db(&self) -> i64 {
        self.0.database
    }
}

impl Target {
    fn new(address: &Address, ca: Option<TlsCertificates>, patience: Duration) -> RedisResult<Self> {
        let hosts = || {
            address.hosts.iter().map(|(host, port)| match address.tls {
                false => ConnectionAddr::Tcp(host.clone(), *port),
                true => ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: false,
                    tls_params: None,
                },
            })
        };
        let (user, password) = (&address.user, address.password.as_ref().map(Secret::expose));
        Ok(match &address.form {
            Form::Single => {
                let mut login = RedisConnectionInfo::default().set_db(address.database);
                if let Some(user) = user {
                    login = login.set_username(user);
                }
                if let Some(password) = password {
                    login = login.set_password(password);
                }
                let Some(host) = hosts().next() else { return Err(no_host()) };
                let info = host.into_connection_info()?.set_redis_settings(login);
                Self::Single(Box::new(match ca {
                    Some(ca) => Client::build_with_tls(info, ca)?,
                    None => Client::open(info)?,
                }))
            }
            Form::Sentinel { master, user: watcher, password: watchword } => {
                let mut builder =
                    SentinelClientBuilder::new(hosts(), master.as_str(), SentinelServerType::Master)?
                        .set_client_to_redis_db(address.database);
                if address.tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                }
                if let Some(ca) = ca {
                    builder = builder.set_client_to_redis_certificates(ca.clone());
                    builder = builder.set_client_to_sentinel_certificates(ca);
                }
                if let Some(user) = user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(user) = watcher {
                    builder = builder.set_client_to_sentinel_username(user);
                }
                if let Some(password) = watchword {
                    builder = builder.set_client_to_sentinel_password(password.expose());
                }
                Self::Sentinel(Arc::new(tokio::sync::Mutex::new(builder.build()?)))
            }
            Form::Cluster => {
                let mut builder = ClusterClientBuilder::new(hosts())
                    .connection_timeout(patience)
                    .response_timeout(patience)
                    .overall_response_timeout(Some(patience));
                if address.tls {
                    builder = builder.tls(TlsMode::Secure);
                }
                if let Some(ca) = ca {
                    builder = builder.certs(ca);
                }
                if let Some(user) = user {
                    builder = builder.username(user);
                }
                if let Some(password) = password {
                    builder = builder.password(password);
                }
                Self::Cluster(Box::new(builder.build()?))
            }
        })
    }

    /// An attempt to connect, which begins when somebody waits for it.
    fn connect(&self, patience: Duration) -> Connecting {
        let target = self.clone();
        let attempt = async move {
            let settings = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(patience))
                .set_response_timeout(Some(patience));
            let connect = async {
                Ok(match target {
                    Self::Single(client) => Connection::Node(
                        client.get_multiplexed_async_connection_with_config(&settings).await?,
                    ),
                    Self::Sentinel(client) => {
                        let mut client = client.lock().await;
                        Connection::Node(client.get_async_connection_with_config(&settings).await?)
                    }
                    Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
                })
            };
            // Sentinels and the nodes of a cluster are asked one after the other.
            tokio::time::timeout(2 * patience, connect)
                .await
                .unwrap_or_else(|_| Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))))
        };
        attempt.boxed().shared()
    }
}

fn certificates(address: &Address) -> Result<Option<TlsCertificates>, Error> {
    let Some(path) = address.ca.as_ref().filter(|_| address.tls) else { return Ok(None) };
    let read = std::fs::read(path).map_err(|error| Error::Certificates(path.display().to_string(), error))?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(read) }))
}

fn no_host() -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "no host"))
}
