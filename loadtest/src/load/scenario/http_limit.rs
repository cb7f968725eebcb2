//! `http-limit`: the state of an instance, asked with its own key, against a bare handler.

use std::sync::Arc;
use std::time::Duration;

use super::Outcome;
use crate::load::closed_loop::{self, Loaded};
use crate::load::objective::duration;
use crate::load::recorder::Quantiles;
use crate::load::world::World;
use crate::load::{bare_http, stream::Instance};

/// Look-ups against a bare handler.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct HttpLimit {
    /// How long each of the two is asked
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub duration: Duration,
}

impl HttpLimit {
    /// Runs: the nodes, then the bare handler at the same load.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let Some(stream) = world.streams().first() else { return Ok(()) };
        let instance: &Instance = &stream.instance;
        let (measures, nodes) = (&mut outcome.measures, world.nodes.servers());
        closed_loop::run(world, nodes, instance, self.duration / 5).await?;
        let before = world.nodes.cpu();
        let ours = closed_loop::run(world, nodes, instance, self.duration).await?;
        if let (Some(now), Some(before)) = (world.nodes.cpu(), before) {
            let used = now.saturating_sub(before).as_secs_f64();
            measures.add("cpu-per-lookup", used * 1000.0 / ours.succeeded.max(1) as f64);
        }
        let (_child, address) = bare_http::start().await?;
        let bare = std::iter::once(address.into()).collect();
        closed_loop::run(world, &bare, instance, self.duration / 5).await?;
        let bare = closed_loop::run(world, &bare, instance, self.duration).await?;
        for (name, loaded) in [("lookup", &ours), ("bare-http", &bare)] {
            let Loaded { latencies, .. } = loaded;
            let quantiles: Quantiles = latencies.quantiles();
            measures.add(&format!("{name}-rate"), loaded.per_second());
            measures.latency(name, quantiles);
        }
        measures.ratio("http-ratio", "lookup-rate", "bare-http-rate");
        for _ in 0..ours.failed + bare.failed {
            world.board.failed.add();
        }
        Ok(())
    }
}
