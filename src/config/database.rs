//! The SQL database and what is kept in it.

use std::time::Duration;

use super::parse;
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Database",
    variables: &[
        Variable::choice("DATABASE_PROVIDER", "", &["sqlite", "postgresql", "mysql", "psql_bouncer"], "unset, it follows from the connection URI; without one it is sqlite, embedded in the node"),
        Variable::url("DATABASE_CONNECTION_URI", "", "address of the database; for PostgreSQL the parameter schema chooses the schema; unset, sqlite keeps a file in WAGGLE_DATA_DIR").secret(),
        Variable::url("DATABASE_BOUNCER_CONNECTION_URI", "", "address of PgBouncer, used with psql_bouncer for everything but migrations").secret(),
        Variable::text("DATABASE_CONNECTION_CLIENT_NAME", "evolution", "tag of this installation: a node loads only the instances with its tag"),
        Variable::ignored("DATABASE_SAVE_DATA_INSTANCE", ALWAYS),
        Variable::ignored("DATABASE_SAVE_DATA_NEW_MESSAGE", ALWAYS),
        Variable::ignored("DATABASE_SAVE_MESSAGE_UPDATE", ALWAYS),
        Variable::ignored("DATABASE_SAVE_DATA_CONTACTS", ALWAYS),
        Variable::ignored("DATABASE_SAVE_DATA_CHATS", ALWAYS),
        Variable::flag("DATABASE_SAVE_DATA_HISTORIC", "true", "stores the messages, chats and contacts that a phone hands over when it is linked; false only tells them as events. Unlike Evolution API, unset is true on every database"),
        Variable::ignored("DATABASE_SAVE_DATA_LABELS", ALWAYS),
        Variable::ignored("DATABASE_SAVE_IS_ON_WHATSAPP", "numbers that were looked up are always remembered, since WhatsApp limits how often one may ask"),
        Variable::number("DATABASE_SAVE_IS_ON_WHATSAPP_DAYS", "", "days", "how long a number that is on WhatsApp is known to be, at most, in the node's memory; unset is 6 hours, 0 asks each time"),
        Variable::ignored("DATABASE_DELETE_MESSAGE", "a message that is deleted is always marked as deleted and stays on record"),
        Variable::number("WAGGLE_DATABASE_POOL", "8", "count", "connections that a node opens at most; more than the database has cores for make answers come less evenly"),
        Variable::choice("WAGGLE_SQLITE_SYNCHRONOUS", "full", &["normal", "full"], "full survives a power cut; normal may lose the last moments to one, though never to a crash of the node"),
        Variable::number("WAGGLE_COMMIT_LINGER_MS", "0", "milliseconds", "how long a commit waits for company; 0 takes what has gathered during the commit before it, which is the fastest on a local disk"),
        Variable::number("WAGGLE_COMMIT_BATCH", "512", "count", "changes in one commit at most"),
    ],
    switches: None,
};

const ALWAYS: &str = "these rows are always kept: acknowledging only what is on record, telling repeats apart, quotes, edits, votes and retries rest on them";

/// Variables with [`ALWAYS`] and the like, which Evolution API reads as a wish to keep less when they are false.
const KEPT: [&str; 7] = [
    "DATABASE_SAVE_DATA_INSTANCE",
    "DATABASE_SAVE_DATA_NEW_MESSAGE",
    "DATABASE_SAVE_MESSAGE_UPDATE",
    "DATABASE_SAVE_DATA_CONTACTS",
    "DATABASE_SAVE_DATA_CHATS",
    "DATABASE_SAVE_DATA_LABELS",
    "DATABASE_SAVE_IS_ON_WHATSAPP",
];

/// Kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Embedded.
    Sqlite,
    /// PostgreSQL.
    PostgreSql,
    /// MySQL or MariaDB.
    MySql,
    /// PostgreSQL behind PgBouncer: no prepared statements across transactions.
    PostgreSqlBouncer,
}

/// How hard SQLite presses every commit onto the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// A power cut may take the last commits; a crash of the node takes none.
    Normal,
    /// A commit is on the disk.
    Full,
}

/// The SQL database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Kind of database.
    pub provider: Provider,
    /// Its address; `None` is an SQLite file in the data directory.
    pub uri: Option<Secret>,
    /// PgBouncer's address, only with that provider.
    pub bouncer_uri: Option<Secret>,
    /// Tag of the installation: a node loads only instances with its own.
    pub client_name: String,
    /// Whether the messages, chats and contacts of a phone's history are stored, or only told.
    pub keep_history: bool,
    /// How long a number is known to be on WhatsApp; `None` is the cache's own time.
    pub number_age: Option<Duration>,
    /// Connections at most, at least one.
    pub pool: u32,
    /// SQLite's durability.
    pub sqlite_synchronous: Synchronous,
    /// How long a group commit waits for company.
    pub commit_linger: Duration,
    /// Changes in one group commit at most, at least one.
    pub commit_batch: usize,
}

const SCHEMES: &[&str] = &["postgresql", "postgres", "mysql", "mariadb"];

impl Database {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let uri = reader.parse("DATABASE_CONNECTION_URI", address).map(Secret::new);
        let bouncer_uri = reader.secret_url("DATABASE_BOUNCER_CONNECTION_URI", &SCHEMES[..2]);
        let provider = provider(reader, uri.as_ref());
        match provider {
            Provider::Sqlite => {}
            Provider::PostgreSqlBouncer if bouncer_uri.is_some() => {}
            _ => reader.require("DATABASE_CONNECTION_URI", &uri, "this DATABASE_PROVIDER needs an address"),
        }
        KEPT.into_iter().for_each(|name| reader.not_less(name));
        reader.ignore("DATABASE_DELETE_MESSAGE");
        Self {
            provider,
            uri,
            bouncer_uri: bouncer_uri.filter(|_| provider == Provider::PostgreSqlBouncer),
            client_name: reader.string("DATABASE_CONNECTION_CLIENT_NAME"),
            keep_history: reader.flag("DATABASE_SAVE_DATA_HISTORIC"),
            number_age: reader
                .optional_number("DATABASE_SAVE_IS_ON_WHATSAPP_DAYS", 0..=36_500_u64)
                .map(|days| Duration::from_secs(days * 86_400)),
            pool: reader.number("WAGGLE_DATABASE_POOL", 1..=10_000),
            sqlite_synchronous: reader
                .parse("WAGGLE_SQLITE_SYNCHRONOUS", |value| {
                    parse::choice(value, &[("normal", Synchronous::Normal), ("full", Synchronous::Full)])
                })
                .unwrap_or(Synchronous::Full),
            commit_linger: reader.milliseconds("WAGGLE_COMMIT_LINGER_MS", 0..=1_000),
            commit_batch: reader.number("WAGGLE_COMMIT_BATCH", 1..=100_000),
        }
    }
}

/// SQLite addresses have no host (`sqlite://data/waggle.db`, `sqlite::memory:`), so they pass unchecked.
fn address(value: &str) -> Result<String, String> {
    if value.starts_with("sqlite:") {
        return Ok(value.to_owned());
    }
    parse::url(value, SCHEMES)
        .map_err(|_| "an address that begins with postgresql://, mysql:// or sqlite:".to_owned())
}

fn provider(reader: &mut Reader<'_>, uri: Option<&Secret>) -> Provider {
    let asked = reader.parse("DATABASE_PROVIDER", |value| {
        let choices = [
            ("sqlite", Provider::Sqlite),
            ("postgresql", Provider::PostgreSql),
            ("mysql", Provider::MySql),
            ("psql_bouncer", Provider::PostgreSqlBouncer),
        ];
        parse::choice(value, &choices)
    });
    let implied = uri.map(|uri| match uri.expose().split(':').next() {
        Some("sqlite") => Provider::Sqlite,
        Some("mysql" | "mariadb") => Provider::MySql,
        _ => Provider::PostgreSql,
    });
    match (asked, implied) {
        (Some(Provider::PostgreSqlBouncer), None | Some(Provider::PostgreSql)) => Provider::PostgreSqlBouncer,
        (Some(asked), Some(implied)) if asked != implied => {
            reader.refuse(
                "DATABASE_CONNECTION_URI",
                "it is of another kind of database than DATABASE_PROVIDER says",
            );
            asked
        }
        (Some(asked), _) => asked,
        // An address that does not parse still says that a database is wanted, so that its error stands alone.
        (None, None) if reader.is_set("DATABASE_CONNECTION_URI") => Provider::PostgreSql,
        (None, implied) => implied.unwrap_or(Provider::Sqlite),
    }
}
