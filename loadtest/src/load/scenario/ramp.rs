//! `ramp`: a rising rate, until an objective breaks.

use std::sync::Arc;
use std::time::Duration;

use super::Outcome;
use crate::load::measure::Measures;
use crate::load::objective::{Objective, duration, rate};
use crate::load::report::Step;
use crate::load::schedule::Plan;
use crate::load::traffic::{self, Traffic};
use crate::load::verify;
use crate::load::window::Window;
use crate::load::world::World;

/// Share of the rate that must be reached.
const REACHED: f64 = 0.9;
/// What must hold when nobody says what.
const DEFAULTS: &[&str] = &["send-p99=200ms", "inbound-p99=500ms"];

/// A rising rate.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Ramp {
    /// Messages per second of the first step, both directions together
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "100")]
    pub from: f64,
    /// How much every step adds
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "100")]
    pub step: f64,
    /// The last step has at most this rate
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "10000")]
    pub to: f64,
    /// How long a step takes
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub every: Duration,
    /// Share of the messages that contacts write, from 0 to 1; instances send the others
    #[arg(long, value_name = "SHARE", value_parser = rate, default_value = "0.5")]
    pub share_in: f64,
}

/// Whether an objective is judged at every step.
pub(super) fn is_of_a_step(objective: &Objective) -> bool {
    objective.measure.starts_with("send-") || objective.measure.starts_with("inbound-")
}

impl Ramp {
    /// Runs.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn run(
        &self,
        world: &Arc<World>,
        objectives: &[Objective],
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let mut limits: Vec<Objective> = objectives.iter().filter(|one| is_of_a_step(one)).cloned().collect();
        if limits.is_empty() {
            limits = DEFAULTS.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        }
        let share = self.share_in.clamp(0.0, 1.0);
        let whole = Window::begin(world);
        let (mut rate, mut best) = (self.from, 0.0);
        while rate <= self.to && !world.is_interrupted() {
            let traffic = Traffic::of_tenants(
                Plan::limited(rate * share, self.every),
                Plan::limited(rate * (1.0 - share), self.every),
            );
            let window = Window::begin(world);
            outcome.mark(world, &format!("{rate:.0}/s"));
            traffic::run(world, &traffic, &world.interrupt).await;
            let step = self.look(world, rate, window, &limits);
            world.progress.note(&format!(
                "{rate:>8.0}/s asked for, {:.0}/s reached, p99 of send {:.1} ms, of inbound {:.1} ms: {}",
                step.reached,
                step.send_p99,
                step.inbound_p99,
                if step.held { "held" } else { "broken" },
            ));
            outcome.steps.push(step);
            if !step.held {
                break;
            }
            best = rate;
            rate += self.step.max(1.0);
        }
        verify::drain(world).await?;
        whole.end(world, &mut outcome.measures);
        outcome.measures.add("ramp-rate", best);
        Ok(())
    }

    fn look(&self, world: &World, rate: f64, window: Window, limits: &[Objective]) -> Step {
        let (sent, told) = window.rates(world);
        let send = world.board.tenants.send.take_phase();
        let inbound = world.board.tenants.inbound.take_phase();
        let mut measures = Measures::default();
        measures.latency("send", send);
        measures.latency("inbound", inbound);
        // A direction that is not used has no latency, and its objective holds.
        let held = limits.iter().all(|limit| {
            let verdict = limit.judge(&measures);
            verdict.met || verdict.value.is_none()
        });
        let reached = sent + told;
        Step {
            rate,
            reached,
            send_p99: send.p99,
            inbound_p99: inbound.p99,
            held: held && reached >= rate * REACHED,
        }
    }
}
