//! `reconnect-storm`: the simulator cuts every connection at once, while messages flow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Outcome, Rates, accounts, alongside};
use crate::load::watch;
use crate::load::window::Window;
use crate::load::world::World;

/// How long it may take until everybody is back.
const PATIENCE: Duration = Duration::from_secs(180);
/// Time between two storms.
const CALM: Duration = Duration::from_secs(3);

/// Everybody loses the connection.
#[derive(Debug, Clone, clap::Args)]
pub struct ReconnectStorm {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// How often
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub times: u32,
}

impl ReconnectStorm {
    /// Runs.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let traffic = self.rates.endless();
        let window = Window::begin(world);
        alongside(world, &traffic, self.storms(world, outcome)).await?;
        window.end(world, &mut outcome.measures);
        Ok(())
    }

    async fn storms(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let accounts = accounts(world);
        let (mut longest, mut missing, mut open) = (Duration::ZERO, 0, Duration::ZERO);
        for _ in 0..self.times {
            world.pause(CALM).await;
            if world.is_interrupted() {
                break;
            }
            outcome.mark(world, "storm");
            let began = Instant::now();
            world.phones.drop_all().await?;
            let record = &world.board.reconnect;
            let back = watch::until_back(world, &accounts, began, true, PATIENCE, record).await?;
            longest = longest.max(back.last);
            missing += back.missing;
            open = open.max(world.until_open(accounts.len(), began, PATIENCE).await?);
        }
        outcome.measures.add("reconnected-after", longest.as_secs_f64());
        outcome.measures.add("open-after", open.as_secs_f64());
        outcome.measures.add("not-reconnected", missing as f64);
        Ok(())
    }
}
