//! The bare clients that the nodes are compared with: whatsapp-rust, paired and idle, with its store in
//! memory and no gateway around it.

use std::io::{BufRead as _, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

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

use super::transport::Factory;
use crate::load::api::Endpoint;
use crate::load::phones::Phones;
use crate::load::process::{self, Owned};
use crate::load::recorder::{Quantiles, Recorder};

/// The hidden command that is this process.
pub const COMMAND: &str = "bare-clients";
/// One-time keys of a client, as many as a node's.
const PRE_KEYS: usize = 50;
/// Pairings at once.
const CONCURRENCY: usize = 16;
/// How long one pairing may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long memory may take to settle.
const SETTLE: Duration = Duration::from_secs(20);

/// What the process of the clients tells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Told {
    before_kib: u64,
    after_kib: u64,
    clients: usize,
    /// Pairings per second.
    pub rate: f64,
    /// Count, then p50, p90, p99 and the longest in milliseconds.
    pairing: (u64, f64, f64, f64, f64),
}

impl Told {
    /// Memory of one client, when it has settled.
    pub fn each_kib(self) -> f64 {
        self.after_kib.saturating_sub(self.before_kib) as f64 / self.clients.max(1) as f64
    }

    /// Time of a pairing.
    pub fn pairing(self) -> Quantiles {
        let (count, p50, p90, p99, max) = self.pairing;
        Quantiles { count, p50, p90, p99, max }
    }
}

/// Starts a process with a number of clients, and returns what it tells when all are paired. They stay
/// until the process is dropped.
///
/// # Errors
/// When they cannot be paired.
pub async fn start(count: usize, chat_url: &str) -> anyhow::Result<(Owned, Told)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([COMMAND, &count.to_string(), chat_url]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Owned(command.spawn()?);
    let out = child.0.stdout.take().context("no output")?;
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufReader::new(out).read_line(&mut line).map(|_| line)
    });
    let line = line.await??;
    let told = serde_json::from_str(&line).context("the bare clients have failed")?;
    Ok((child, told))
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

/// Pairs the clients, tells of it, and stays until the input is closed.
///
/// # Errors
/// When a client cannot be paired.
pub async fn serve(count: usize, chat_url: &str) -> anyhow::Result<()> {
    let own = || process::rss_kib(std::process::id()).ok();
    let endpoint: Endpoint = chat_url
        .replacen("ws://", "http://", 1)
        .trim_end_matches("/ws/chat")
        .parse()
        .map_err(anyhow::Error::msg)?;
    let phones = Phones::there(endpoint).await?;
    let before_kib = process::settled(own, SETTLE).await.context("this process has no memory")?;
    let (times, started) = (Recorder::default(), Instant::now());
    let pair = |_| async {
        let began = Instant::now();
        let paired =
            tokio::time::timeout(PATIENCE, pair(chat_url, &phones)).await.context("a pairing hangs")??;
        times.record(began.elapsed());
        anyhow::Ok(paired)
    };
    let clients: Vec<BotHandle> =
        stream::iter(0..count).map(pair).buffer_unordered(CONCURRENCY).try_collect().await?;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let Quantiles { count, p50, p90, p99, max } = times.quantiles();
    let after_kib = process::settled(own, SETTLE).await.context("this process has no memory")?;
    let pairing = (count, p50, p90, p99, max);
    let told = Told { before_kib, after_kib, clients: clients.len(), rate, pairing };
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&told)?)?;
        out.flush()?;
    }
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    // A graceful end of all clients is nothing that is measured.
    std::process::exit(0);
}

async fn pair(chat_url: &str, phones: &Phones) -> anyhow::Result<BotHandle> {
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
            Event::PairingQrCode(qr) => drop(phones.scan(&qr.code).await?),
            Event::Connected(_) => break,
            _ => {}
        }
    }
    client.wait_for_startup_sync(PATIENCE).await?;
    Ok(handle)
}
