//! A client of several servers that are one service: requests are spread over those that are up, as a
//! load balancer does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::api::{Answer, Call, Connection, Endpoint, PATIENCE};

/// Servers, and which of them are up. Cheap to clone; all clones know the same.
#[derive(Clone, Debug)]
pub struct Servers(Arc<[Server]>);

#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    up: AtomicBool,
}

impl FromIterator<Endpoint> for Servers {
    /// All are up until something else is known.
    fn from_iter<T: IntoIterator<Item = Endpoint>>(endpoints: T) -> Self {
        let server = |endpoint| Server { endpoint, up: AtomicBool::new(true) };
        Self(endpoints.into_iter().map(server).collect())
    }
}

impl Servers {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Where they are.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.0.iter().map(|server| &server.endpoint)
    }

    /// Whether one is up, as far as is known.
    pub fn is_up(&self, nth: usize) -> bool {
        self.0.get(nth).is_some_and(|server| server.up.load(Ordering::Relaxed))
    }

    /// Notes whether one is up.
    pub fn set_up(&self, nth: usize, up: bool) {
        if let Some(server) = self.0.get(nth) {
            server.up.store(up, Ordering::Relaxed);
        }
    }

    /// All of them from the n-th on; those that are not up come last, in case they are after all.
    fn from(&self, nth: usize) -> impl Iterator<Item = usize> {
        let order = (0..self.0.len()).map(|step| nth.wrapping_add(step) % self.0.len());
        let (up, down): (Vec<usize>, Vec<usize>) = order.partition(|nth| self.is_up(*nth));
        up.into_iter().chain(down)
    }
}

/// A client with a connection to each server: every request goes to the next one.
#[derive(Debug)]
pub struct Client {
    servers: Servers,
    next: usize,
    connections: Vec<Option<Connection>>,
    patience: Duration,
}

impl Client {
    /// A client whose first server is the n-th; it connects when it is needed.
    pub fn new(servers: Servers, nth: usize) -> Self {
        let connections = (0..servers.count()).map(|_| None).collect();
        Self { servers, next: nth, connections, patience: PATIENCE }
    }

    /// With another patience for answers.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// As [`Connection::exchange`], on a fresh connection when there is none.
    ///
    /// # Errors
    /// As [`Connection::exchange`].
    pub async fn exchange(&mut self, call: Call<'_>) -> anyhow::Result<Answer> {
        let (nth, mut connection) = self.connected().await?;
        let outcome = connection.exchange_within(call, self.patience).await;
        if outcome.is_ok() {
            self.connections[nth] = Some(connection);
        }
        outcome
    }

    /// A connection to the next server that can be reached. Nothing has been sent, so any will do.
    async fn connected(&mut self) -> anyhow::Result<(usize, Connection)> {
        let mut outcome = Err(anyhow!("there is no server to ask"));
        for nth in self.servers.from(self.next) {
            self.next = nth.wrapping_add(1);
            let open = self.connections[nth].take().filter(|connection| !connection.is_closed());
            outcome = match open {
                Some(connection) => Ok((nth, connection)),
                None => Connection::open(&self.servers.0[nth].endpoint).await.map(|made| (nth, made)),
            };
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    /// As [`Connection::call`].
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn call(&mut self, call: Call<'_>) -> anyhow::Result<Value> {
        let answer = self.exchange(call).await?;
        answer.json().with_context(|| format!("{} {}", call.method, call.path))
    }
}
