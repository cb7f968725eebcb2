//! Owns private database servers for tests, from the programs that the machine has installed; must
//! not know what is tested. To add a server: a file with its start script and a function here.
//!
//! A server lives as long as the test process: it ends when its standard input closes, which the
//! system does even after a crash.
#![allow(dead_code, reason = "not every test needs every server")]

mod mariadb;
mod postgres;
mod server;

use std::sync::atomic::{AtomicU32, Ordering};

pub use server::Server;

/// A URL of an empty PostgreSQL database, with its server: from `TEST_POSTGRES_URL` (the URL of a
/// server whose user may create databases) or from a server of this process.
pub async fn postgres() -> Database {
    make(match given("TEST_POSTGRES_URL") {
        Some(url) => Server::given(url),
        None => postgres::start().await,
    })
    .await
}

/// As [`postgres`], of MariaDB or MySQL, with `TEST_MARIADB_URL`.
pub async fn mariadb() -> Database {
    make(match given("TEST_MARIADB_URL") {
        Some(url) => Server::given(url),
        None => mariadb::start().await,
    })
    .await
}

/// An empty database of its own.
pub struct Database {
    pub url: String,
    name: String,
    server: Server,
}

impl Database {
    /// Runs a statement in it.
    pub async fn execute(&self, sql: &str) {
        server::execute(&self.url, sql).await;
    }

    /// Removes it. Not done when a test fails, so that a given server keeps the evidence.
    pub async fn remove(self) {
        let drop = if self.server.url.starts_with("postgres") { " WITH (FORCE)" } else { "" };
        server::execute(&self.server.url, &format!("DROP DATABASE {}{drop}", self.name)).await;
    }
}

async fn make(server: Server) -> Database {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("waggle_test_{}_{number}", std::process::id());
    server::execute(&server.url, &format!("CREATE DATABASE {name}")).await;
    let (base, query) = server.url.split_once('?').unwrap_or((&server.url, ""));
    let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    Database { url: format!("{base}/{name}{query}"), name, server }
}

fn given(name: &str) -> Option<String> {
    std::env::var_os(name).and_then(|value| value.into_string().ok()).filter(|url| !url.is_empty())
}
