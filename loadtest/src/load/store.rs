//! What the nodes of a cluster share: a database and a prefix in Redis, made for the run and removed with it.

use anyhow::{Context as _, ensure};
use sea_orm::{ConnectionTrait as _, Database};

/// Keys that are looked at in one step while they are removed.
const KEYS: usize = 1_000;

/// A database and a key prefix of the run's own, as far as servers for them were named.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Store {
    database: Option<OwnDatabase>,
    redis: Option<OwnKeys>,
}

#[derive(Debug, PartialEq, Eq)]
struct OwnDatabase {
    /// Where databases are created and dropped.
    server: String,
    url: String,
    name: String,
}

#[derive(Debug, PartialEq, Eq)]
struct OwnKeys {
    url: String,
    prefix: String,
}

impl Store {
    /// Names for a run on these servers; nothing is created yet.
    ///
    /// # Errors
    /// When an address is of another kind of server.
    pub fn new(run: u32, database: Option<&str>, redis: Option<&str>) -> anyhow::Result<Self> {
        let database = database.map(|server| OwnDatabase::new(server, format!("waggle_load_{run:08x}")));
        if let Some(url) = redis {
            ensure!(url.starts_with("redis"), "--redis takes an address such as redis://127.0.0.1:6379/");
        }
        let redis =
            redis.map(|url| OwnKeys { url: url.to_owned(), prefix: format!("waggle-load-{run:08x}") });
        Ok(Self { database: database.transpose()?, redis })
    }

    /// Creates the database.
    ///
    /// # Errors
    /// When the server cannot be reached or its user may not.
    pub async fn create(&self) -> anyhow::Result<()> {
        let Some(OwnDatabase { server, name, .. }) = &self.database else { return Ok(()) };
        execute(server, &format!("CREATE DATABASE {name}")).await.context("no database can be created")
    }

    /// The variables by which a node uses them.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        if let Some(OwnDatabase { url, .. }) = &self.database {
            let provider = if url.starts_with("postgres") { "postgresql" } else { "mysql" };
            variables.extend([("DATABASE_PROVIDER", provider), ("DATABASE_CONNECTION_URI", url)]);
        }
        if let Some(OwnKeys { url, prefix }) = &self.redis {
            variables.extend([
                ("CACHE_REDIS_ENABLED", "true"),
                ("CACHE_REDIS_URI", url),
                ("CACHE_REDIS_PREFIX_KEY", prefix),
            ]);
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Where they are, for somebody who kept them.
    pub fn places(&self) -> Vec<String> {
        let database = self.database.iter().map(|database| format!("database {}", database.name));
        database.chain(self.redis.iter().map(|keys| format!("keys {}*", keys.prefix))).collect()
    }

    /// Removes both. The nodes must have ended.
    ///
    /// # Errors
    /// When a server cannot be reached.
    pub async fn remove(&self) -> anyhow::Result<()> {
        if let Some(OwnDatabase { server, name, .. }) = &self.database {
            // A killed node's connections may linger at the server.
            let force = if server.starts_with("postgres") { " WITH (FORCE)" } else { "" };
            let dropped = execute(server, &format!("DROP DATABASE IF EXISTS {name}{force}")).await;
            dropped.with_context(|| format!("the database {name} is left behind"))?;
        }
        match &self.redis {
            Some(keys) => {
                keys.remove().await.with_context(|| format!("keys {}* are left behind", keys.prefix))
            }
            None => Ok(()),
        }
    }
}

impl OwnDatabase {
    fn new(server: &str, name: String) -> anyhow::Result<Self> {
        let (scheme, rest) = server.split_once("://").unwrap_or_default();
        ensure!(
            matches!(scheme, "postgres" | "postgresql" | "mysql"),
            "--database takes an address such as postgres://USER:PASSWORD@HOST:5432/ or mysql://USER@HOST/"
        );
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // PostgreSQL has no connection without a database; this one is always there.
        let default = if scheme == "mysql" { "" } else { "postgres" };
        let path = if path.is_empty() { default } else { path };
        Ok(Self {
            server: format!("{scheme}://{authority}/{path}{query}"),
            url: format!("{scheme}://{authority}/{name}{query}"),
            name,
        })
    }
}

async fn execute(server: &str, statement: &str) -> anyhow::Result<()> {
    let connection = Database::connect(server).await?;
    connection.execute_unprepared(statement).await?;
    connection.close().await?;
    Ok(())
}

impl OwnKeys {
    async fn remove(&self) -> anyhow::Result<()> {
        let client = redis::Client::open(self.url.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{}*", self.prefix)).arg("COUNT").arg(KEYS);
            let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
            if !keys.is_empty() {
                redis::cmd("DEL").arg(keys).exec_async(&mut connection).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(store: &Store, name: &str) -> Option<String> {
        store.environment().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn a_run_has_names_of_its_own_on_the_servers() {
        let store =
            Store::new(0xBEE, Some("postgres://root:pw@host:5432/?sslmode=disable"), Some("redis://h/"));
        let store = store.unwrap();
        assert_eq!(
            variable(&store, "DATABASE_CONNECTION_URI").as_deref(),
            Some("postgres://root:pw@host:5432/waggle_load_00000bee?sslmode=disable")
        );
        assert_eq!(variable(&store, "DATABASE_PROVIDER").as_deref(), Some("postgresql"));
        assert_eq!(variable(&store, "CACHE_REDIS_PREFIX_KEY").as_deref(), Some("waggle-load-00000bee"));
        let mysql = Store::new(1, Some("mysql://root@host"), None).unwrap();
        assert_eq!(
            variable(&mysql, "DATABASE_CONNECTION_URI").as_deref(),
            Some("mysql://root@host/waggle_load_00000001")
        );
        assert_eq!(variable(&mysql, "CACHE_REDIS_URI"), None);
        assert!(Store::new(1, Some("oracle://host"), None).is_err());
        assert!(Store::new(1, None, Some("http://host")).is_err());
        assert_eq!(Store::new(1, None, None).unwrap(), Store::default());
    }

    #[tokio::test]
    async fn what_was_made_for_a_run_is_gone_after_it() {
        let given = |name: &str, local: &str| {
            let given = std::env::var_os(name).and_then(|value| value.into_string().ok());
            given.unwrap_or_else(|| local.to_owned())
        };
        let database = given("TEST_POSTGRES_URL", "postgres://root@127.0.0.1:5432/");
        let redis = given("TEST_REDIS_URL", "redis://127.0.0.1:6379/");
        let store = Store::new(rand::random(), Some(&database), Some(&redis)).unwrap();
        store.create().await.unwrap();
        let url = variable(&store, "DATABASE_CONNECTION_URI").unwrap();
        // A connection that a killed node has left behind.
        let left = Database::connect(&url).await.unwrap();
        left.execute_unprepared("CREATE TABLE kept (id int)").await.unwrap();
        let prefix = variable(&store, "CACHE_REDIS_PREFIX_KEY").unwrap();
        let client = redis::Client::open(redis.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        for number in 0..3 {
            let mut set = redis::cmd("SET");
            set.arg(format!("{prefix}:{number}")).arg(1).exec_async(&mut connection).await.unwrap();
        }
        store.remove().await.unwrap();
        assert!(Database::connect(&url).await.is_err());
        let mut keys = redis::cmd("KEYS");
        let left: Vec<String> = keys.arg(format!("{prefix}*")).query_async(&mut connection).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}
