//! The node under test: the real binary as a child process, on SQLite in a folder of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use wa_sim::Handle;

use crate::Bench;
use crate::api::Connection;
use crate::process::{self, Owned};

/// The global key.
pub const KEY: &str = "global-key-of-the-benchmark";
/// How long a start, a stop or a pairing may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A paired instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name.
    pub name: String,
    /// Its own key.
    pub token: String,
    /// Phone number of its account.
    pub phone: String,
}

/// A running node.
pub struct Node {
    child: Owned,
    /// Where it listens.
    pub address: SocketAddr,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl Node {
    /// Starts a node on a fresh database and waits until it is ready.
    pub async fn start(bench: &Bench) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let binary = binary(bench)?;
        let mut environment: Vec<(String, String)> = [
            ("AUTHENTICATION_API_KEY", KEY.to_owned()),
            ("SERVER_PORT", address.port().to_string()),
            ("WAGGLE_DATA_DIR", folder.path().join("data").display().to_string()),
            ("WAGGLE_WHATSAPP_URL", bench.simulator.chat_url()),
            ("WAGGLE_WHATSAPP_VERSION", "2.3000.1027934701".to_owned()),
            ("WAGGLE_EGRESS_ALLOW", "*".to_owned()),
            ("WAGGLE_RECONNECT_PER_SECOND", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(bench.arguments.node_env.iter().cloned());
        let child = spawn(&binary, &environment, &folder)?;
        let node = Self { child, address, binary, environment, folder };
        node.ready().await?;
        Ok(node)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.pid())
    }

    /// Opens a connection to the API.
    pub async fn connection(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address).await
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut connection) = self.connection().await {
                let request = connection.request("GET", "/health/ready", "", "");
                if matches!(connection.exchange(&request).await, Ok((200, _))) {
                    return Ok(());
                }
            }
            ensure!(Instant::now() < deadline, "the node is not ready: {}", self.log_end());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops the node gracefully and starts it on the same database; returns the moment of the start.
    /// It may not be ready yet.
    pub async fn restart(&mut self) -> anyhow::Result<Instant> {
        Command::new("kill").arg(self.pid().to_string()).status()?;
        let status = self.child.ended(PATIENCE).await?;
        ensure!(status.success(), "the node ended with {status}: {}", self.log_end());
        let started = Instant::now();
        self.child = spawn(&self.binary, &self.environment, &self.folder)?;
        Ok(started)
    }

    /// The last lines of the log.
    pub fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// How many lines of the log are warnings or errors.
    pub fn complaints(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count()
    }

    /// Creates an instance, links it to a new account and waits until it is open. A webhook is told of
    /// received messages only.
    pub async fn pair(
        &self,
        connection: &mut Connection,
        phones: &Handle,
        name: &str,
        webhook: Option<&str>,
    ) -> anyhow::Result<Instance> {
        let mut body = json!({"instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": true});
        if let Some(url) = webhook {
            body["webhook"] = json!({"enabled": true, "url": url, "events": ["MESSAGES_UPSERT"]});
        }
        let created = connection.call("POST", "/instance/create", KEY, &body).await?;
        let token = created["hash"].as_str().context("no token")?.to_owned();
        let code = created["qrcode"]["code"].as_str().with_context(|| format!("no QR of {name}"))?;
        let phone = phones.scan_qr(code, None).await?.phone;
        let deadline = Instant::now() + PATIENCE;
        let path = format!("/instance/connectionState/{name}");
        loop {
            let state = connection.call("GET", &path, &token, &Value::Null).await?;
            if state["instance"]["state"] == "open" {
                return Ok(Instance { name: name.to_owned(), token, phone });
            }
            ensure!(Instant::now() < deadline, "{name} did not open: {state}; {}", self.log_end());
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn spawn(binary: &PathBuf, environment: &[(String, String)], folder: &TempDir) -> anyhow::Result<Owned> {
    let log = std::fs::File::options().create(true).append(true).open(folder.path().join("log"))?;
    let mut command = Command::new(binary);
    command.env_clear().envs(environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(Owned(command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?))
}

/// The binary that was named, or the one in the build folder: the benchmark itself is in its folder `deps`.
fn binary(bench: &Bench) -> anyhow::Result<PathBuf> {
    if let Some(named) = &bench.arguments.waggle {
        return Ok(named.clone());
    }
    let own = std::env::current_exe()?;
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join("waggle")).find(|path| path.is_file());
    found.context(
        "no binary waggle: run `cargo build --release --features simulator` first, or set WAGGLE_BIN",
    )
}
