//! The node or nodes under load.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::api::{Call, Client, Connection, Endpoint};
use super::child::{self, Child};
use super::process;

/// How long a node may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// One service of one or more nodes.
pub struct Nodes {
    endpoints: Arc<[Endpoint]>,
    /// The global key.
    pub key: String,
    child: Option<Mutex<Child>>,
    pids: Vec<u32>,
}

impl Nodes {
    /// Nodes that run already; `pids` are those of them that are on this machine.
    ///
    /// # Errors
    /// When one of them does not answer, or refuses the key.
    pub async fn running(endpoints: Vec<Endpoint>, key: String, pids: Vec<u32>) -> anyhow::Result<Self> {
        for endpoint in &endpoints {
            let mut connection = Connection::open(endpoint).await.context("the node cannot be loaded")?;
            let ready = connection.exchange(Call::get("/health/ready", "")).await;
            let ready = ready.with_context(|| format!("{endpoint} does not answer"))?;
            ensure!(
                ready.status == 200,
                "{endpoint} is not ready: it answered {} {}",
                ready.status,
                ready.text()
            );
            let asked = connection.exchange(Call::get("/instance/fetchInstances?number=0", &key)).await?;
            ensure!(
                !matches!(asked.status, 401 | 403),
                "{endpoint} refuses the key: give its global key with --api-key"
            );
        }
        for &pid in &pids {
            process::rss_kib(pid)?;
        }
        Ok(Self { endpoints: endpoints.into(), key, child: None, pids })
    }

    /// A node that was started for the run; waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn started(child: Child) -> anyhow::Result<Self> {
        let endpoints = [Endpoint::from(child.address)].into();
        let nodes =
            Self { endpoints, key: child::KEY.to_owned(), child: Some(Mutex::new(child)), pids: Vec::new() };
        nodes.ready().await?;
        Ok(nodes)
    }

    /// The node that the run has started.
    pub fn child(&self) -> Option<MutexGuard<'_, Child>> {
        self.child.as_ref().map(|child| child.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where the nodes are.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The processes whose memory and processor time count.
    pub fn pids(&self) -> Vec<u32> {
        self.child().map_or_else(|| self.pids.clone(), |child| vec![child.pid()])
    }

    /// A client of its own, whose first node is the n-th.
    pub fn client(&self, nth: usize) -> Client {
        Client::new(Arc::clone(&self.endpoints), nth)
    }

    /// Memory of all processes that live, in KiB; `None` when there is none on this machine.
    pub fn rss_kib(&self) -> Option<u64> {
        self.pids().into_iter().filter_map(|pid| process::rss_kib(pid).ok()).reduce(|sum, one| sum + one)
    }

    /// As [`Nodes::rss_kib`], once it has settled.
    pub async fn settled_rss_kib(&self, patience: Duration) -> Option<u64> {
        process::settled(|| self.rss_kib(), patience).await
    }

    /// Processor time of all processes that live; `None` when there is none on this machine.
    pub fn cpu(&self) -> Option<Duration> {
        self.pids().into_iter().filter_map(|pid| process::cpu(pid).ok()).reduce(|sum, one| sum + one)
    }

    /// Waits until the first node is ready.
    ///
    /// # Errors
    /// When it is not within a minute, or has ended.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut client = self.client(0);
        loop {
            if matches!(client.exchange(Call::get("/health/ready", "")).await, Ok(answer) if answer.status == 200)
            {
                return Ok(());
            }
            if let Some(mut child) = self.child()
                && child.has_ended()
            {
                bail!("the node has ended; its log ends with\n{}", child.log_end());
            }
            ensure!(Instant::now() < deadline, "the node is not ready{}", self.log_end());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// SIGTERM to the node that the run has started; waits for its end.
    ///
    /// # Errors
    /// When there is none, or it does not end in time.
    pub async fn stop_child(&self) -> anyhow::Result<()> {
        let pid = self.child().context("the run has started no node")?.pid();
        process::signal(pid, "TERM")?;
        let deadline = Instant::now() + PATIENCE;
        while !self.child().is_some_and(|mut child| child.has_ended()) {
            ensure!(Instant::now() < deadline, "the node does not stop{}", self.log_end());
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// How many of the instances whose names begin so are open, in the nodes' own words.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn open_instances(&self, prefix: &str) -> anyhow::Result<usize> {
        let list = self.client(0).call(Call::get("/instance/fetchInstances", &self.key)).await?;
        let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_ours = |row: &&Value| row["name"].as_str().is_some_and(|name| name.starts_with(prefix));
        Ok(rows.iter().filter(is_ours).filter(|row| row["connectionStatus"] == "open").count())
    }

    /// The end of the log of a started node, for an error.
    pub fn log_end(&self) -> String {
        self.child().map_or_else(String::new, |child| format!("; its log ends with\n{}", child.log_end()))
    }
}
