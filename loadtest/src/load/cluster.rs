//! Nodes of the run's own: one, or several that are a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::ensure;

use super::child::{self, Child};

/// What the run starts.
#[derive(Debug, Clone)]
pub struct Own {
    /// The binary; the one beside this program when it is not named.
    pub binary: Option<PathBuf>,
    /// Variables of the nodes' environment.
    pub environment: Vec<(String, String)>,
    /// How many nodes.
    pub nodes: usize,
    /// A server on which the run makes a database of its own.
    pub database: Option<String>,
    /// A Redis in which the run has a key prefix of its own.
    pub redis: Option<String>,
}

impl Default for Own {
    /// One node on SQLite.
    fn default() -> Self {
        Self { binary: None, environment: Vec::new(), nodes: 1, database: None, redis: None }
    }
}

impl Own {
    /// Whether the nodes can be a cluster, with one that joins them later perhaps.
    ///
    /// # Errors
    /// When they share too little; the text says what to do.
    pub fn check(&self, more: usize) -> anyhow::Result<()> {
        let set = |name: &str| self.environment.iter().any(|(known, _)| known == name);
        let database = self.database.is_some() || set("DATABASE_CONNECTION_URI");
        let redis = self.redis.is_some() || set("CACHE_REDIS_URI");
        ensure!(
            self.nodes + more == 1 || (database && redis),
            "nodes of one cluster share a database and a Redis: name servers with --database and --redis"
        );
        Ok(())
    }

    /// Prepares the nodes, and `more` that may join them. None is started.
    ///
    /// # Errors
    /// When there is no binary, folder or port.
    pub fn prepare(
        &self,
        more: usize,
        shared: &[(String, String)],
        chat_url: &str,
    ) -> anyhow::Result<Vec<Child>> {
        let binary = child::binary(self.binary.as_deref())?;
        let (count, secret) = (self.nodes + more, format!("{:032x}", rand::random::<u128>()));
        let environment = |nth: usize, address: SocketAddr| {
            let mut variables = shared.to_vec();
            if count > 1 {
                variables.extend(
                    [
                        ("WAGGLE_NODE_ID", format!("node-{}", nth + 1)),
                        ("WAGGLE_ADVERTISED_URL", format!("http://{address}")),
                        ("WAGGLE_CLUSTER_SECRET", secret.clone()),
                    ]
                    .map(|(name, value)| (name.to_owned(), value)),
                );
            }
            // What the user says is last, and wins.
            variables.extend(self.environment.iter().cloned());
            variables
        };
        let prepare =
            |nth| Child::prepare(binary.clone(), chat_url.to_owned(), |address| environment(nth, address));
        (0..count).map(prepare).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_a_cluster_share_a_database_and_redis() {
        let one = Own::default();
        assert!(one.check(0).is_ok());
        assert!(one.check(1).unwrap_err().to_string().contains("--database"));
        let database = Own { nodes: 3, database: Some("postgres://h/".to_owned()), ..Own::default() };
        assert!(database.check(0).is_err());
        let variable = ("CACHE_REDIS_URI".to_owned(), "redis://h/".to_owned());
        assert!(Own { environment: vec![variable], ..database }.check(1).is_ok());
    }
}
