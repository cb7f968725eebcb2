//! `rolling`: every node is restarted in turn while messages flow, as an upgrade does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Outcome, Rates, accounts, alongside};
use crate::load::objective::duration;
use crate::load::outages::Since;
use crate::load::window::Window;
use crate::load::world::World;

/// How long it may take until everybody is back.
const PATIENCE: Duration = Duration::from_secs(180);

/// Every node is restarted in turn.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Rolling {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// How long a node stays down
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    pub down: Duration,
    /// How long no connection may have ended before the next node is restarted
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "3s")]
    pub calm: Duration,
}

impl Rolling {
    /// Runs.
    ///
    /// # Errors
    /// When a node does not stop or does not become ready, or the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let window = Window::begin(world);
        let gap = alongside(world, &self.rates.endless(), self.roll(world, outcome)).await?;
        outcome.measures.add("unavailable", gap.as_secs_f64());
        window.end(world, &mut outcome.measures);
        Ok(())
    }

    async fn roll(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let (accounts, nodes) = (accounts(world), &world.nodes);
        world.pause(self.calm).await;
        let (since, began) = (Since::now(world).await?, Instant::now());
        let (mut stopping, mut starting) = (Duration::ZERO, Duration::ZERO);
        for nth in 0..nodes.owned() {
            if world.is_interrupted() {
                break;
            }
            outcome.mark(world, &format!("SIGTERM to node {}", nth + 1));
            let stopped = Instant::now();
            nodes.stop(nth).await?;
            stopping = stopping.max(stopped.elapsed());
            world.pause(self.down).await;
            let started = Instant::now();
            nodes.start(nth)?;
            nodes.ready(nth).await?;
            starting = starting.max(started.elapsed());
            since.until_calm(world, &accounts, self.calm, PATIENCE).await?;
            world.until_open(accounts.len(), started, PATIENCE).await?;
        }
        outcome.mark(world, "all restarted");
        outcome.measures.add("rolled-after", began.elapsed().as_secs_f64());
        outcome.measures.add("stopped-after", stopping.as_secs_f64());
        outcome.measures.add("ready-after", starting.as_secs_f64());
        outcome.measures.add("replaced", since.replaced(world).await? as f64);
        since.seen(world, &accounts).await?.measure(world, outcome);
        Ok(())
    }
}
