//! `takeover`: a node dies while messages flow. With one node it is started again; of a cluster the
//! others take its instances over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Outcome, Rates, Time, accounts};
use crate::load::objective::duration;
use crate::load::process;
use crate::load::traffic;
use crate::load::verify;
use crate::load::watch;
use crate::load::window::Window;
use crate::load::world::World;

/// How long it may take until everybody is back.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is looked for the last accepted send.
const LOOK: Duration = Duration::from_millis(10);

/// A node dies.
#[derive(Debug, Clone, clap::Args)]
pub struct Takeover {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// How long
    #[command(flatten)]
    pub time: Time,
    /// When the node dies, after messages began to flow; a third of the time when it is not said
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub kill_after: Option<Duration>,
    /// Process of the node that dies, on this machine; it is not started again. Without it, it is the node
    /// that the run has started
    #[arg(long, value_name = "PID")]
    pub kill_pid: Option<u32>,
    /// SIGTERM in place of SIGKILL
    #[arg(long)]
    pub graceful: bool,
    /// How long a node of the run's own stays down
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    pub down: Duration,
}

impl Takeover {
    /// Runs.
    ///
    /// # Errors
    /// When the node cannot be killed or started again, or the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let window = Window::begin(world);
        let traffic = self.rates.steady(self.time.duration);
        let stop = world.interrupt.child_token();
        let sending = async {
            traffic::run(world, &traffic, &stop).await;
            stop.cancel();
        };
        let (died, gap, ()) = tokio::join!(self.die(world, outcome), unavailable(world, &stop), sending);
        died?;
        outcome.measures.add("unavailable", gap.as_secs_f64());
        verify::drain(world).await?;
        window.end(world, &mut outcome.measures);
        Ok(())
    }

    async fn die(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let accounts: HashSet<String> = accounts(world);
        world.pause(self.kill_after.unwrap_or(self.time.duration / 3)).await;
        if world.is_interrupted() {
            return Ok(());
        }
        outcome.mark(world, if self.graceful { "SIGTERM" } else { "SIGKILL" });
        let began = Instant::now();
        match self.kill_pid {
            Some(pid) => process::signal(pid, if self.graceful { "TERM" } else { "KILL" })?,
            None => self.restart(world, &accounts, began, outcome).await?,
        }
        let all = self.kill_pid.is_none();
        let record = &world.board.reconnect;
        let back = watch::until_back(world, &accounts, began, all, PATIENCE, record).await?;
        outcome.mark(world, "all back");
        outcome.measures.add("reconnected-after", back.last.as_secs_f64());
        outcome.measures.add("not-reconnected", back.missing as f64);
        let open = world.until_open(accounts.len(), began, PATIENCE).await?;
        outcome.measures.add("open-after", open.as_secs_f64());
        Ok(())
    }

    /// Ends the run's own node and starts it again.
    async fn restart(
        &self,
        world: &World,
        accounts: &HashSet<String>,
        began: Instant,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        if self.graceful {
            world.nodes.stop_child().await?;
            outcome.measures.add("stopped-after", began.elapsed().as_secs_f64());
        } else if let Some(mut child) = world.nodes.child() {
            child.kill()?;
        }
        // Nobody may count as back who has not been seen to leave.
        while !world.phones.online().await?.is_disjoint(accounts) && began.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
        world.pause(self.down).await;
        if let Some(mut child) = world.nodes.child() {
            child.start_again()?;
        }
        Ok(())
    }
}

/// The longest time without an accepted send.
async fn unavailable(world: &World, stop: &tokio_util::sync::CancellationToken) -> Duration {
    let mut longest = Duration::ZERO;
    while !stop.is_cancelled() {
        longest = longest.max(world.origin.elapsed().saturating_sub(world.board.last_accepted.get()));
        tokio::time::sleep(LOOK).await;
    }
    longest
}
