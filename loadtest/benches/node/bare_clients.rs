//! The bare clients whose memory that of the node is compared with: whatsapp-rust, paired and idle, with
//! its store in memory and no gateway around it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use whatsapp_rust::TokioRuntime;
use whatsapp_rust::async_trait;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::types::events::{Event, EventHandler};
use whatsapp_rust::wacore::store::InMemoryBackend;

use crate::api::Connection;
use crate::process::{self, Owned};
use crate::transport::Factory;

/// One-time keys of a client, as many as a node's.
const PRE_KEYS: usize = 50;
/// Pairings at once.
const CONCURRENCY: usize = 16;
/// How long one pairing may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all of it may take.
const ALL: Duration = Duration::from_secs(300);

/// What the process of the clients tells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Memory before the first client.
    pub before_kib: u64,
    /// Memory with all of them, when it has settled.
    pub after_kib: u64,
    /// How many there are.
    pub clients: usize,
}

impl Told {
    /// Memory of one client.
    pub fn each_kib(self) -> f64 {
        self.after_kib.saturating_sub(self.before_kib) as f64 / self.clients as f64
    }
}

/// Starts a process with a number of clients and returns what it tells at its end.
pub async fn measure(count: usize, chat_url: &str) -> anyhow::Result<Told> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--baseline-clients", &count.to_string(), chat_url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Owned(command.spawn()?);
    let status = child.ended(ALL).await?;
    anyhow::ensure!(status.success(), "the bare clients ended with {status}");
    let told = child.0.stdout.take().context("no output")?;
    Ok(serde_json::from_reader(told)?)
}

struct Tap(mpsc::UnboundedSender<Arc<Event>>);

impl EventHandler for Tap {
    fn handle_event(&self, event: Arc<Event>) {
        // Once a client is paired, nobody listens.
        let _ = self.0.send(event);
    }
}

struct NoHttp;

#[async_trait]
impl HttpClient for NoHttp {
    async fn execute(&self, _: HttpRequest) -> anyhow::Result<HttpResponse> {
        anyhow::bail!("these clients transfer no media")
    }
}

/// Pairs the clients and tells their memory.
pub async fn run(count: usize, chat_url: &str) -> anyhow::Result<()> {
    let own = std::process::id();
    let before_kib = process::settled_rss_kib(own).await?;
    let pair = |_| async { tokio::time::timeout(PATIENCE, pair(chat_url)).await.context("a pairing hangs")? };
    let clients: Vec<BotHandle> =
        stream::iter(0..count).map(pair).buffer_unordered(CONCURRENCY).try_collect().await?;
    let told = Told { before_kib, after_kib: process::settled_rss_kib(own).await?, clients: clients.len() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&told)?)?;
    out.flush()?;
    // A graceful end of all clients is nothing that is measured.
    std::process::exit(0);
}

async fn pair(chat_url: &str) -> anyhow::Result<BotHandle> {
    let (sender, mut events) = mpsc::unbounded_channel();
    let bot = Bot::builder()
        .with_backend(InMemoryBackend::new())
        .with_transport_factory(Factory { url: chat_url.to_owned() })
        .with_http_client(NoHttp)
        .with_runtime(TokioRuntime)
        .with_version((2, 3000, 1_027_934_701))
        .with_wanted_pre_key_count(PRE_KEYS)
        .with_event_handler(Tap(sender))
        .skip_history_sync()
        .build()
        .await?;
    let client = bot.client();
    let handle = bot.spawn();
    loop {
        match &*events.recv().await.context("a client ended")? {
            Event::PairingQrCode(qr) => scan(chat_url, &qr.code).await?,
            Event::Connected(_) => break,
            _ => {}
        }
    }
    client.wait_for_startup_sync(PATIENCE).await?;
    Ok(handle)
}

/// Asks the simulator's admin interface, which is on the port of the chat socket, to scan a code.
async fn scan(chat_url: &str, code: &str) -> anyhow::Result<()> {
    let host = chat_url.trim_start_matches("ws://").split('/').next().unwrap_or_default();
    let mut connection = Connection::open(host.parse()?).await?;
    let request = connection.request("POST", "/admin/mock-phone/scan-qr", "", code);
    let (status, answer) = connection.exchange(&request).await?;
    anyhow::ensure!(status == 200, "scanning answered {status}: {}", String::from_utf8_lossy(answer));
    Ok(())
}
