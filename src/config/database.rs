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
        Variable::flag("DATABASE_SAVE_DATA_INSTANCE", "", SAVE),
        Variable::flag("DATABASE_SAVE_DATA_NEW_MESSAGE", "", SAVE),
        Variable::flag("DATABASE_SAVE_MESSAGE_UPDATE", "", SAVE),
        Variable::flag("DATABASE_SAVE_DATA_CONTACTS", "", SAVE),
        Variable::flag("DATABASE_SAVE_DATA_CHATS", "", SAVE),
        Variable::flag("DATABASE_SAVE_DATA_HISTORIC", "", SAVE),
        Variable::flag("DATABASE_SAVE_DATA_LABELS", "", SAVE),
        Variable::flag("DATABASE_SAVE_IS_ON_WHATSAPP", "", SAVE),
        Variable::number("DATABASE_SAVE_IS_ON_WHATSAPP_DAYS", "7", "days", "how long a checked number stays known"),
        Variable::flag("DATABASE_DELETE_MESSAGE", "false", "marks messages as deleted when they are revoked"),
        Variable::number("WAGGLE_DATABASE_POOL", "8", "count", "connections that a node opens at most; more than the database has cores for make answers come less evenly"),
        Variable::choice("WAGGLE_SQLITE_SYNCHRONOUS", "full", &["normal", "full"], "full survives a power cut; normal may lose the last moments to one, though never to a crash of the node"),
        Variable::number("WAGGLE_COMMIT_LINGER_MS", "0", "milliseconds", "how long a commit waits for company; 0 takes what has gathered during the commit before it, which is the fastest on a local disk"),
        Variable::number("WAGGLE_COMMIT_BATCH", "512", "count", "changes in one commit at most"),
    ],
    switches: None,
};

const SAVE: &str = "keeps this kind of row; unset it is true on the embedded database (a gateway that loses no message must store it) and false on any other, as in Evolution API";

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

/// The SQL database and what is kept in it.
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
    /// What is kept.
    pub save: Save,
    /// Mark messages as deleted when they are revoked.
    pub delete_message: bool,
    /// Connections at most, at least one.
    pub pool: u32,
    /// SQLite's durability.
    pub sqlite_synchronous: Synchronous,
    /// How long a group commit waits for company.
    pub commit_linger: Duration,
    /// Changes in one group commit at most, at least one.
    pub commit_batch: usize,
}

/// Which rows are kept. Unset, all are true on SQLite, and false on any other database as in Evolution
/// API: a deliberate difference, because the embedded gateway promises to lose no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Save {
    /// Instances.
    pub instance: bool,
    /// Messages as they come and go.
    pub new_message: bool,
    /// Status changes of messages.
    pub message_update: bool,
    /// Contacts.
    pub contacts: bool,
    /// Chats.
    pub chats: bool,
    /// Messages from the history that the phone sends at pairing.
    pub historic: bool,
    /// Labels.
    pub labels: bool,
    /// Numbers checked for being on WhatsApp.
    pub is_on_whatsapp: bool,
    /// How long such a check stays known.
    pub is_on_whatsapp_age: Duration,
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
        Self {
            provider,
            uri,
            bouncer_uri: bouncer_uri.filter(|_| provider == Provider::PostgreSqlBouncer),
            client_name: reader.string("DATABASE_CONNECTION_CLIENT_NAME"),
            save: Save::read(reader, provider == Provider::Sqlite),
            delete_message: reader.flag("DATABASE_DELETE_MESSAGE"),
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

impl Save {
    fn read(reader: &mut Reader<'_>, unset: bool) -> Self {
        let days: u64 = reader.number("DATABASE_SAVE_IS_ON_WHATSAPP_DAYS", 0..=36_500);
        Self {
            instance: reader.flag_or("DATABASE_SAVE_DATA_INSTANCE", unset),
            new_message: reader.flag_or("DATABASE_SAVE_DATA_NEW_MESSAGE", unset),
            message_update: reader.flag_or("DATABASE_SAVE_MESSAGE_UPDATE", unset),
            contacts: reader.flag_or("DATABASE_SAVE_DATA_CONTACTS", unset),
            chats: reader.flag_or("DATABASE_SAVE_DATA_CHATS", unset),
            historic: reader.flag_or("DATABASE_SAVE_DATA_HISTORIC", unset),
            labels: reader.flag_or("DATABASE_SAVE_DATA_LABELS", unset),
            is_on_whatsapp: reader.flag_or("DATABASE_SAVE_IS_ON_WHATSAPP", unset),
            is_on_whatsapp_age: Duration::from_secs(days * 86_400),
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
