//! `takeover`: a node dies or freezes while messages flow. The only one is started again; of a cluster
//! the others take its instances over.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::{Outcome, Rates, Time, accounts, unavailable};
use crate::load::board::Last;
use crate::load::objective::duration;
use crate::load::outages::Since;
use crate::load::process;
use crate::load::traffic;
use crate::load::verify;
use crate::load::watch;
use crate::load::window::Window;
use crate::load::world::World;

/// How long it may take until everybody is back.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is looked who is online.
const LOOK: Duration = Duration::from_millis(10);
/// How often the nodes of a cluster are asked for their instances.
const ASK: Duration = Duration::from_millis(100);
/// After so long without a connection that ended, a takeover is over.
const CALM: Duration = Duration::from_secs(3);

/// What a node counts that tries to write for an instance which others have.
const FENCE_REJECTIONS: &str = "waggle_fence_rejections_total";

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
    /// Process of the node that dies, on this machine; it is not started again. Without it, it is the first
    /// node that the run has started
    #[arg(long, value_name = "PID")]
    pub kill_pid: Option<u32>,
    /// SIGTERM in place of SIGKILL
    #[arg(long)]
    pub graceful: bool,
    /// SIGSTOP in place of SIGKILL, and SIGCONT after this time: longer than a cluster takes to call a node
    /// dead shows whether a stale owner steps back
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["graceful", "restart", "down"])]
    pub freeze: Option<Duration>,
    /// Start the node of a cluster again; the only node always is
    #[arg(long, conflicts_with = "kill_pid")]
    pub restart: bool,
    /// How long a node that is started again stays down
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
        let since = Since::now(world).await?;
        outcome.mark(world, self.signal());
        if self.kill_pid.is_none() && self.freeze.is_none() && world.nodes.owned() == 1 {
            self.the_only_one(world, &accounts, &since, outcome).await?;
        } else {
            self.one_of_several(world, &accounts, &since, outcome).await?;
        }
        outcome.mark(world, "all back");
        since.seen(world, &accounts).await?.measure(world, outcome);
        Ok(())
    }

    async fn the_only_one(
        &self,
        world: &World,
        accounts: &HashSet<String>,
        since: &Since,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        self.restart_only(world, accounts, began, outcome).await?;
        let record = &world.board.reconnect;
        let back = watch::until_back(world, accounts, began, true, PATIENCE, record).await?;
        outcome.measures.add("reconnected-after", back.last.as_secs_f64());
        let open = world.until_open(accounts.len(), began, PATIENCE).await?;
        outcome.measures.add("open-after", open.as_secs_f64());
        outcome.measures.add("replaced", since.replaced(world).await? as f64);
        Ok(())
    }

    async fn one_of_several(
        &self,
        world: &World,
        accounts: &HashSet<String>,
        since: &Since,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let (began, open) = (Instant::now(), Last::default());
        let course = async {
            let frozen = self.strike(world, since, outcome).await?;
            anyhow::Ok((frozen, since.until_calm(world, accounts, CALM, PATIENCE).await?))
        };
        let (frozen, seen) = tokio::select! {
            course = course => course?,
            never = not_open(world, accounts.len(), began, &open) => match never {},
        };
        if self.freeze.is_some() && self.kill_pid.is_none() {
            let refused = world.nodes.counter(0, FENCE_REJECTIONS).await?;
            outcome.measures.add("fence-rejections", refused);
        }
        let replaced = since.replaced(world).await?.saturating_sub(frozen);
        outcome.measures.add("replaced", replaced as f64);
        seen.back.values().for_each(|back| world.board.reconnect.record(*back));
        // While somebody is missing, it is not known when everybody will be back.
        if seen.missing == 0 {
            let last = seen.back.values().max().copied().unwrap_or_default();
            outcome.measures.add("reconnected-after", last.as_secs_f64());
            open.set(last);
            world.until_open(accounts.len(), began, PATIENCE).await?;
            outcome.measures.add("open-after", open.get().as_secs_f64());
        }
        Ok(())
    }

    fn signal(&self) -> &'static str {
        match (self.freeze, self.graceful) {
            (Some(_), _) => "SIGSTOP",
            (None, true) => "SIGTERM",
            (None, false) => "SIGKILL",
        }
    }

    /// Ends or freezes one node of a cluster; answers how many connections were replaced while it was frozen.
    async fn strike(&self, world: &World, since: &Since, outcome: &mut Outcome) -> anyhow::Result<u64> {
        let began = Instant::now();
        let own = || world.nodes.child(0).and_then(|child| child.pid());
        let pid = self.kill_pid.or_else(own).context("there is no process to kill")?;
        let mut frozen = 0;
        match self.freeze {
            Some(time) => {
                process::signal(pid, "STOP")?;
                world.pause(time).await;
                // The connections of a frozen process stay open: whoever takes over replaces them.
                frozen = since.replaced(world).await?;
                process::signal(pid, "CONT")?;
                outcome.mark(world, "SIGCONT");
                outcome.measures.add("replaced-frozen", frozen as f64);
            }
            None if self.kill_pid.is_some() => {
                process::signal(pid, if self.graceful { "TERM" } else { "KILL" })?;
            }
            None => self.end(world, began, outcome).await?,
        }
        if self.restart {
            world.pause(self.down).await;
            world.nodes.start(0)?;
        }
        Ok(frozen)
    }

    /// Ends the first node of the run's own.
    async fn end(&self, world: &World, began: Instant, outcome: &mut Outcome) -> anyhow::Result<()> {
        if self.graceful {
            world.nodes.stop(0).await?;
            outcome.measures.add("stopped-after", began.elapsed().as_secs_f64());
        } else if let Some(mut child) = world.nodes.child(0) {
            child.kill()?;
        }
        Ok(())
    }

    /// Ends the only node and starts it again.
    async fn restart_only(
        &self,
        world: &World,
        accounts: &HashSet<String>,
        began: Instant,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        self.end(world, began, outcome).await?;
        // Nobody may count as back who has not been seen to leave.
        while !world.phones.online().await?.is_disjoint(accounts) && began.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
        world.pause(self.down).await;
        world.nodes.start(0)
    }
}

/// Notes until when the nodes did not call every instance open.
async fn not_open(world: &World, count: usize, began: Instant, last: &Last) -> Infallible {
    let prefix = world.prefix();
    loop {
        // Between two nodes nobody may answer, which is not open either.
        if world.nodes.open_instances(&prefix).await.unwrap_or_default() < count {
            last.set(began.elapsed());
        }
        tokio::time::sleep(ASK).await;
    }
}
