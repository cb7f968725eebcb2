//! `burst`: as fast as it is taken.

use std::sync::Arc;

use super::Outcome;
use crate::load::schedule::Plan;
use crate::load::traffic::{self, Traffic};
use crate::load::verify;
use crate::load::window::Window;
use crate::load::world::World;

/// A number of messages, as fast as they are taken.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Burst {
    /// Messages that contacts write, over all instances
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub messages_in: u64,
    /// Texts that instances send, over all instances; `--connections` of them are under way at once
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub messages_out: u64,
}

impl Burst {
    /// Runs.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let traffic = Traffic::of_tenants(Plan::burst(self.messages_in), Plan::burst(self.messages_out));
        let window = Window::begin(world);
        traffic::run(world, &traffic, &world.interrupt).await;
        outcome.mark(world, "all sent");
        verify::drain(world).await?;
        window.end(world, &mut outcome.measures);
        Ok(())
    }
}
