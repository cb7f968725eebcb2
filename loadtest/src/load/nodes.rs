//! The node or nodes under load.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::api::{Call, Connection, Endpoint, PATIENCE as ANSWER};
use super::child::{self, Child};
use super::client::{Client, Servers};
use super::process;

/// How long a node may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often every node of a cluster is asked whether it is ready.
const CHECK: Duration = Duration::from_millis(200);
/// A node that needs longer to say so is not ready.
const CHECKED: Duration = Duration::from_secs(1);

/// One service of one or more nodes.
pub struct Nodes {
    servers: Servers,
    /// The global key.
    pub key: String,
    /// How long an answer is awaited.
    patience: Duration,
    children: Vec<Mutex<Child>>,
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
        let servers = endpoints.into_iter().collect();
        Ok(Self { servers, key, patience: ANSWER, children: Vec::new(), pids })
    }

    /// Nodes of the run's own. The first `started` of them are started, and ready when this is back.
    ///
    /// # Errors
    /// When one cannot be started, or does not become ready.
    pub async fn own(children: Vec<Child>, started: usize) -> anyhow::Result<Self> {
        let nodes = Self {
            servers: children.iter().map(|child| Endpoint::from(child.address)).collect(),
            key: child::KEY.to_owned(),
            patience: ANSWER,
            children: children.into_iter().map(Mutex::new).collect(),
            pids: Vec::new(),
        };
        for nth in 0..nodes.children.len() {
            nodes.servers.set_up(nth, nth < started);
        }
        for nth in 0..started {
            nodes.start(nth)?;
        }
        for nth in 0..started {
            nodes.ready(nth).await?;
        }
        Ok(nodes)
    }

    /// With another patience for answers.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many nodes the run has prepared itself; most of them are started.
    pub fn owned(&self) -> usize {
        self.children.len()
    }

    /// A node that the run has prepared itself.
    pub fn child(&self, nth: usize) -> Option<MutexGuard<'_, Child>> {
        self.children.get(nth).map(|child| child.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn children(&self) -> impl Iterator<Item = MutexGuard<'_, Child>> {
        self.children.iter().map(|child| child.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The nodes, as clients know them.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The processes whose memory and processor time count; `None` for one that was not started.
    pub fn pids(&self) -> Vec<Option<u32>> {
        match self.children.is_empty() {
            true => self.pids.iter().copied().map(Some).collect(),
            false => self.children().map(|child| child.pid()).collect(),
        }
    }

    /// A client of its own, whose first node is the n-th.
    pub fn client(&self, nth: usize) -> Client {
        Client::new(self.servers.clone(), nth).patient(self.patience)
    }

    /// Memory of all processes that live, in KiB; `None` when there is none on this machine.
    pub fn rss_kib(&self) -> Option<u64> {
        let pids = self.pids().into_iter().flatten();
        pids.filter_map(|pid| process::rss_kib(pid).ok()).reduce(|sum, one| sum + one)
    }

    /// As [`Nodes::rss_kib`], once it has settled.
    pub async fn settled_rss_kib(&self, patience: Duration) -> Option<u64> {
        process::settled(|| self.rss_kib(), patience).await
    }

    /// Processor time of all processes that live; `None` when there is none on this machine.
    pub fn cpu(&self) -> Option<Duration> {
        let pids = self.pids().into_iter().flatten();
        pids.filter_map(|pid| process::cpu(pid).ok()).reduce(|sum, one| sum + one)
    }

    /// Starts a node of the run's own, for the first time or again. It may not be ready yet.
    ///
    /// # Errors
    /// When there is none, or it cannot be started.
    pub fn start(&self, nth: usize) -> anyhow::Result<()> {
        self.child(nth).context("the run has no such node")?.start()
    }

    /// Waits until a node is ready.
    ///
    /// # Errors
    /// When it is not within a minute, or has ended.
    pub async fn ready(&self, nth: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let endpoint = self.servers.endpoints().nth(nth).context("there is no such node")?;
        while !is_ready(endpoint, &mut None).await {
            if let Some(mut child) = self.child(nth)
                && child.has_ended()
            {
                bail!("the node has ended; its log ends with\n{}", child.log_end());
            }
            ensure!(Instant::now() < deadline, "the node is not ready{}", self.log_end());
            tokio::time::sleep(LOOK).await;
        }
        self.servers.set_up(nth, true);
        Ok(())
    }

    /// SIGTERM to a node that the run has started; waits for its end.
    ///
    /// # Errors
    /// When there is none, or it does not end in time.
    pub async fn stop(&self, nth: usize) -> anyhow::Result<()> {
        let pid =
            self.child(nth).and_then(|child| child.pid()).context("the run has started no such node")?;
        process::signal(pid, "TERM")?;
        let deadline = Instant::now() + PATIENCE;
        while !self.child(nth).is_some_and(|mut child| child.has_ended()) {
            ensure!(Instant::now() < deadline, "the node does not stop{}", self.log_end());
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Asks every node of a cluster whether it is ready, and lets clients know, until it is stopped.
    pub async fn check_health(&self, stop: &CancellationToken) {
        let check = |(nth, endpoint)| async move {
            let mut connection = None;
            loop {
                let checked = tokio::time::timeout(CHECKED, is_ready(endpoint, &mut connection)).await;
                if checked.is_err() {
                    connection = None;
                }
                self.servers.set_up(nth, checked.unwrap_or(false));
                tokio::time::sleep(CHECK).await;
            }
        };
        let checks = futures::future::join_all(self.servers.endpoints().enumerate().map(check));
        tokio::select! {
            _ = checks => {}
            () = stop.cancelled() => {}
        }
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

    /// The sum of a counter in the metrics of a node.
    ///
    /// # Errors
    /// When it does not answer, or does not count that.
    pub async fn counter(&self, nth: usize, name: &str) -> anyhow::Result<f64> {
        let endpoint = self.servers.endpoints().nth(nth).context("there is no such node")?;
        let answer = Connection::open(endpoint).await?.exchange(Call::get("/metrics", "")).await?;
        ensure!(answer.is_success(), "the metrics of {endpoint} cannot be read: {}", answer.trouble());
        let text = String::from_utf8_lossy(&answer.body);
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let lines = lines.filter(|rest| rest.starts_with([' ', '{']));
        let values = lines.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
        values.reduce(|sum, one| sum + one).with_context(|| format!("{endpoint} does not count {name}"))
    }

    /// Warnings and errors in the logs of started nodes; `None` when there are none.
    pub fn complaints(&self) -> Option<usize> {
        self.children().map(|child| child.complaints()).reduce(|sum, one| sum + one)
    }

    /// The ends of the logs of started nodes, for an error.
    pub fn log_end(&self) -> String {
        let started = self.children().filter(|child| child.pid().is_some());
        started
            .map(|child| format!("; the log of {} ends with\n{}", child.address, child.log_end()))
            .collect()
    }
}

/// Whether a node says that it is ready; the connection is kept for the next time.
async fn is_ready(endpoint: &Endpoint, connection: &mut Option<Connection>) -> bool {
    let mut open = match connection.take().filter(|open| !open.is_closed()) {
        Some(open) => open,
        None => match Connection::open(endpoint).await {
            Ok(open) => open,
            Err(_) => return false,
        },
    };
    match open.exchange(Call::get("/health/ready", "")).await {
        Ok(answer) => {
            *connection = Some(open);
            answer.status == 200
        }
        Err(_) => false,
    }
}
