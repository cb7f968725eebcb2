//! Runs the simulated WhatsApp server.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use wa_sim::{History, Options, ROUTES, Simulator, Step};

/// A simulated WhatsApp server that speaks the real wire protocol.
#[derive(Parser)]
#[command(version, after_help = ROUTES)]
struct Arguments {
    /// Address of the chat socket, the media host and the admin interface.
    #[arg(long, default_value = "127.0.0.1:4001")]
    listen: SocketAddr,
    /// Allows a listen address that is not loopback; the admin interface has no authentication.
    #[arg(long)]
    allow_remote: bool,
    /// Keeps accounts, devices, contacts and queues in this file.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Delay of every stanza to a client, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Largest random addition to the delay, in milliseconds.
    #[arg(long, default_value_t = 0)]
    jitter_ms: u64,
    /// Lets the phones of paired accounts decrypt and record their copies.
    #[arg(long)]
    decrypt_phones: bool,
    /// Most stanzas kept for one device.
    #[arg(long, default_value_t = 100_000)]
    max_queue: usize,
    /// Tells clients at pairing that their account addresses direct chats by LID.
    #[arg(long)]
    lid_migrated: bool,
    /// Most megabytes that the media host keeps; the oldest files go first.
    #[arg(long, default_value_t = 512)]
    media_mb: usize,
    /// History that devices get when they are linked: {"chats": 20, "bootstrap": 10, "recent": 50}.
    #[arg(long)]
    history: Option<String>,
    /// Runs the faults of this JSON file: [{"afterMs": 5000, "fault": {"kind": "drop", "share": 0.5}}].
    #[arg(long)]
    scenario: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let history = arguments.history.as_deref().map(serde_json::from_str::<History>).transpose();
    let simulator = Simulator::start(Options {
        listen: arguments.listen,
        allow_remote: arguments.allow_remote,
        state_file: arguments.state,
        latency_ms: arguments.latency_ms,
        jitter_ms: arguments.jitter_ms,
        decrypt_phones: arguments.decrypt_phones,
        max_queue: arguments.max_queue,
        lid_migrated: arguments.lid_migrated,
        max_media_bytes: arguments.media_mb.saturating_mul(1 << 20),
        history: history.context("--history")?,
        ..Options::default()
    })
    .await?;
    report(&simulator)?;
    if let Some(path) = &arguments.scenario {
        let content = std::fs::read(path).with_context(|| path.display().to_string())?;
        let steps: Vec<Step> =
            serde_json::from_slice(&content).with_context(|| path.display().to_string())?;
        simulator.handle().run_scenario(steps);
    }
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
    }
    tracing::info!("shutting down");
    simulator.shutdown().await?;
    Ok(())
}

/// The URLs go to standard output, one per line, for scripts.
fn report(simulator: &Simulator) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "chat  {}", simulator.chat_url())?;
    writeln!(out, "admin {}", simulator.admin_url())?;
    out.flush()
}
