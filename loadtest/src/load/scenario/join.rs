//! `join`: one more node is started while messages flow, and takes its share of the instances.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::{Outcome, Rates, accounts, alongside};
use crate::load::objective::duration;
use crate::load::outages::Since;
use crate::load::window::Window;
use crate::load::world::World;

/// How long it may take until everybody is back.
const PATIENCE: Duration = Duration::from_secs(300);

/// One more node joins.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Join {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// When it is started, after messages began to flow
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub join_after: Duration,
    /// After so long without a connection that ended, no more instances are expected to move
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "15s")]
    pub calm: Duration,
}

impl Join {
    /// Runs.
    ///
    /// # Errors
    /// When the node does not become ready, or the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let window = Window::begin(world);
        let gap = alongside(world, &self.rates.endless(), self.join(world, outcome)).await?;
        outcome.measures.add("unavailable", gap.as_secs_f64());
        window.end(world, &mut outcome.measures);
        Ok(())
    }

    async fn join(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let accounts = accounts(world);
        let last = world.nodes.owned().checked_sub(1).context("there is no node that could join")?;
        world.pause(self.join_after).await;
        if world.is_interrupted() {
            return Ok(());
        }
        outcome.mark(world, "a node joins");
        let (since, began) = (Since::now(world).await?, Instant::now());
        world.nodes.start(last)?;
        world.nodes.ready(last).await?;
        outcome.mark(world, "it is ready");
        outcome.measures.add("ready-after", began.elapsed().as_secs_f64());
        let seen = since.until_calm(world, &accounts, self.calm, PATIENCE).await?;
        world.until_open(accounts.len(), began, PATIENCE).await?;
        outcome.measures.add("replaced", since.replaced(world).await? as f64);
        seen.measure(world, outcome);
        Ok(())
    }
}
