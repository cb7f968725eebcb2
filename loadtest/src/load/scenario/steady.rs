//! `steady` and `soak`: a constant rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Outcome, Rates, Time};
use crate::load::objective::duration;
use crate::load::sampler::rss_slope;
use crate::load::traffic;
use crate::load::verify;
use crate::load::window::Window;
use crate::load::world::World;

/// A constant rate, both ways.
#[derive(Debug, Clone, clap::Args)]
pub struct Steady {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// How long
    #[command(flatten)]
    pub time: Time,
}

/// A constant rate for long: the growth of the memory is what it shows.
#[derive(Debug, Clone, clap::Args)]
pub struct Soak {
    /// How many
    #[command(flatten)]
    pub rates: Rates,
    /// How long messages flow, such as 90s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1h")]
    pub duration: Duration,
}

impl Steady {
    /// Runs.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        flow(world, &self.rates, self.time.duration, outcome).await.map(|_| ())
    }
}

impl Soak {
    /// Runs.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let (from, to) = flow(world, &self.rates, self.duration, outcome).await?;
        // The first tenth fills caches.
        if let Some(slope) = rss_slope(&world.samples.all(), from + (to - from) / 10.0, to) {
            outcome.measures.add("rss-slope", slope);
        }
        Ok(())
    }
}

/// Lets messages flow; answers from when until when they did, in seconds since the run began.
async fn flow(
    world: &Arc<World>,
    rates: &Rates,
    time: Duration,
    outcome: &mut Outcome,
) -> anyhow::Result<(f64, f64)> {
    let bar = world.progress.timed("messages", time);
    let (window, started) = (Window::begin(world), Instant::now());
    let traffic = rates.steady(time);
    let sending = traffic::run(world, &traffic, &world.interrupt);
    tokio::pin!(sending);
    loop {
        tokio::select! {
            () = &mut sending => break,
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
        bar.set_position(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    let behind = started.elapsed().saturating_sub(time);
    let to = world.origin.elapsed().as_secs_f64();
    verify::drain(world).await?;
    outcome.measures.add("behind", behind.as_secs_f64());
    let from = window.began();
    window.end(world, &mut outcome.measures);
    Ok((from, to))
}
