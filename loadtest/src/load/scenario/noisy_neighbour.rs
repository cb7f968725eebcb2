//! `noisy-neighbour`: one tenant floods, and the others' latency is what counts.

use std::sync::Arc;

use super::{Outcome, Rates, Time};
use crate::load::schedule::Plan;
use crate::load::traffic::{self, Traffic};
use crate::load::verify;
use crate::load::window::Window;
use crate::load::world::World;

/// One tenant floods during the second half.
#[derive(Debug, Clone, clap::Args)]
pub struct NoisyNeighbour {
    /// How many the others send and receive
    #[command(flatten)]
    pub rates: Rates,
    /// How long
    #[command(flatten)]
    pub time: Time,
}

impl NoisyNeighbour {
    /// Runs.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let half = self.time.duration / 2;
        let quiet = self.rates.steady(half);
        let window = Window::begin(world);
        outcome.mark(world, "calm");
        traffic::run(world, &quiet, &world.interrupt).await;
        let tenants = &world.board.tenants;
        let calm = (tenants.send.take_phase(), tenants.inbound.take_phase());
        outcome.measures.latency("calm-send", calm.0);
        outcome.measures.latency("calm-inbound", calm.1);

        outcome.mark(world, "noise");
        let noise = Traffic::of_tenants(Plan::flood(half), Plan::flood(half)).noisy();
        tokio::join!(
            traffic::run(world, &quiet, &world.interrupt),
            traffic::run(world, &noise, &world.interrupt)
        );
        outcome.mark(world, "end of the noise");
        // What the others wrote last may still be on its way.
        verify::drain(world).await?;
        outcome.measures.latency("send", tenants.send.take_phase());
        outcome.measures.latency("inbound", tenants.inbound.take_phase());
        outcome.measures.latency("noisy-send", world.board.noisy.send.quantiles());
        outcome.measures.latency("noisy-inbound", world.board.noisy.inbound.quantiles());
        outcome.measures.ratio("noise-send", "send-p99", "calm-send-p99");
        outcome.measures.ratio("noise-inbound", "inbound-p99", "calm-inbound-p99");
        window.end(world, &mut outcome.measures);
        Ok(())
    }
}
