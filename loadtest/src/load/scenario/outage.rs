//! `outage`: something that the nodes need is taken away while messages flow, and comes back.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio_util::sync::CancellationToken;

use super::{Outcome, Rates, accounts, alongside};
use crate::load::api::Call;
use crate::load::objective::duration;
use crate::load::outages::Since;
use crate::load::process::Owned;
use crate::load::window::Window;
use crate::load::world::World;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// Time between two questions for the state of an instance.
const ASK: Duration = Duration::from_millis(250);

/// A service is away for a while.
#[derive(Debug, Clone, clap::Args)]
pub struct Outage {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// Shell command that takes the service away
    #[arg(long, value_name = "COMMAND")]
    pub down: String,
    /// Shell command that brings it back; run in any case, after Ctrl-C too
    #[arg(long, value_name = "COMMAND")]
    pub up: String,
    /// How long messages flow before
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub before: Duration,
    /// How long the service is away, from the end of the first command
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub away: Duration,
    /// How long messages flow after the second command
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub after: Duration,
}

impl Outage {
    /// Runs.
    ///
    /// # Errors
    /// When a command fails, or the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let (window, asking) = (Window::begin(world), world.interrupt.child_token());
        let flow = async {
            let gap = alongside(world, &self.rates.endless(), self.pass(world, outcome)).await;
            asking.cancel();
            gap
        };
        let (gap, ()) = tokio::join!(flow, ask(world, &asking));
        outcome.measures.add("unavailable", gap?.as_secs_f64());
        outcome.measures.add("caught-up-after", world.board.backlog.cleared_after().as_secs_f64());
        window.end(world, &mut outcome.measures);
        Ok(())
    }

    async fn pass(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        world.pause(self.before).await;
        if world.is_interrupted() {
            return Ok(());
        }
        let (accounts, since) = (accounts(world), Since::now(world).await?);
        if let Some(kib) = world.nodes.rss_kib() {
            outcome.measures.add("rss-before", kib as f64);
        }
        let from = world.origin.elapsed().as_secs_f64();
        outcome.mark(world, "down");
        world.board.set_away();
        let down = shell(&self.down).await;
        if down.is_ok() {
            world.pause(self.away).await;
        }
        outcome.measures.add("unacknowledged", world.phones.pending().await? as f64);
        outcome.mark(world, "up");
        world.board.backlog.ends(world.origin.elapsed());
        shell(&self.up).await?;
        down?;
        world.pause(self.after).await;
        let samples = world.samples.all().into_iter().filter(|sample| sample.at >= from);
        if let Some(kib) = samples.filter_map(|sample| sample.rss_kib).max_by(f64::total_cmp) {
            outcome.measures.add("rss-peak", kib);
        }
        let seen = since.seen(world, &accounts).await?;
        seen.gaps.iter().for_each(|gap| world.board.gap.record(*gap));
        outcome.measures.add("dropped", (seen.back.len() + seen.missing) as f64);
        outcome.measures.add("not-reconnected", seen.missing as f64);
        outcome.measures.add("replaced", since.replaced(world).await? as f64);
        Ok(())
    }
}

/// Runs a command of the operator's, which may leave a server behind.
async fn shell(command: &str) -> anyhow::Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null());
    // A Ctrl-C is for the load generator alone.
    shell.process_group(0);
    let mut shell = Owned(shell.spawn().context("sh cannot be started")?);
    let status = shell.ended(PATIENCE).await.with_context(|| format!("{command:?} does not end"))?;
    ensure!(status.success(), "{command:?} has failed: {status}");
    Ok(())
}

/// Asks for the states of the instances in turn: whoever has a key must get in, whatever is away.
async fn ask(world: &World, stop: &CancellationToken) {
    let mut client = world.nodes.client(0);
    for stream in world.streams().iter().cycle() {
        let next = Instant::now() + ASK;
        let path = format!("/instance/connectionState/{}", stream.instance.name);
        let answer = client.exchange(Call::get(&path, &stream.instance.token)).await;
        if let Some(trouble) = world.board.judge(&answer) {
            world.complain(&format!("{path}: {trouble}"));
        }
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            () = stop.cancelled() => return,
        }
    }
}
