//! What a run does with its instances.

pub mod burst;
pub mod http_limit;
pub mod join;
pub mod noisy_neighbour;
pub mod outage;
pub mod ramp;
pub mod reconnect_storm;
pub mod rolling;
pub mod steady;
pub mod takeover;
pub mod talk;

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use tokio_util::sync::CancellationToken;

use super::cluster::Own;
use super::measure::Measures;
use super::objective::{Objective, duration, rate};
use super::report::Step;
use super::schedule::Plan;
use super::traffic::{self, Traffic};
use super::verify;
use super::world::World;

/// How often it is looked for the last accepted send.
const LOOK: Duration = Duration::from_millis(10);
/// Messages flow for no longer than this.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How many messages flow.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Rates {
    /// Messages per second that contacts write, over all instances
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "20")]
    pub rate_in: f64,
    /// Texts per second that instances send, over all instances
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "20")]
    pub rate_out: f64,
}

impl Rates {
    /// All messages of some time.
    pub fn steady(&self, time: Duration) -> Traffic {
        Traffic::of_tenants(Plan::steady(self.rate_in, time), Plan::steady(self.rate_out, time))
    }

    /// The same until somebody stops it.
    pub fn endless(&self) -> Traffic {
        Traffic::of_tenants(Plan::limited(self.rate_in, LONGEST), Plan::limited(self.rate_out, LONGEST))
    }
}

/// How long messages flow.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Time {
    /// How long messages flow, such as 90s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub duration: Duration,
}

/// What is run.
#[derive(Debug, Clone)]
pub enum Scenario {
    /// A rising rate.
    Ramp(ramp::Ramp),
    /// A constant rate.
    Steady(steady::Steady),
    /// A constant rate for long.
    Soak(steady::Soak),
    /// As fast as possible.
    Burst(burst::Burst),
    /// All pairings at once.
    PairingStorm,
    /// Everybody loses the connection.
    ReconnectStorm(reconnect_storm::ReconnectStorm),
    /// One tenant floods.
    NoisyNeighbour(noisy_neighbour::NoisyNeighbour),
    /// A node dies.
    Takeover(takeover::Takeover),
    /// Every node is restarted in turn.
    Rolling(rolling::Rolling),
    /// One more node.
    Join(join::Join),
    /// A service is away.
    Outage(outage::Outage),
    /// Two instances write to each other.
    Talk(talk::Talk),
    /// The cheapest request.
    HttpLimit(http_limit::HttpLimit),
    /// Bare clients beside instances.
    #[cfg(feature = "simulator")]
    Baseline(super::baseline::Baseline),
}

/// What a scenario has found, beside what is counted in every run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Measures.
    pub measures: Measures,
    /// Steps of a ramp.
    pub steps: Vec<Step>,
    /// Marks in the plots.
    pub marks: Vec<(f64, String)>,
}

impl Outcome {
    /// Marks this moment.
    pub fn mark(&mut self, world: &World, what: &str) {
        self.marks.push((world.origin.elapsed().as_secs_f64(), what.to_owned()));
    }
}

impl Scenario {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ramp(_) => "ramp",
            Self::Steady(_) => "steady",
            Self::Soak(_) => "soak",
            Self::Burst(_) => "burst",
            Self::PairingStorm => "pairing-storm",
            Self::ReconnectStorm(_) => "reconnect-storm",
            Self::NoisyNeighbour(_) => "noisy-neighbour",
            Self::Takeover(_) => "takeover",
            Self::Rolling(_) => "rolling",
            Self::Join(_) => "join",
            Self::Outage(_) => "outage",
            Self::Talk(_) => "talk",
            Self::HttpLimit(_) => "http-limit",
            #[cfg(feature = "simulator")]
            Self::Baseline(_) => "baseline",
        }
    }

    /// Whether it can be run with so many instances, on nodes of the run's own or on others.
    ///
    /// # Errors
    /// When it cannot; the text says what to do.
    pub fn check(&self, instances: usize, own: Option<&Own>) -> anyhow::Result<()> {
        match self {
            Self::Takeover(takeover) => ensure!(
                own.is_some() || takeover.kill_pid.is_some(),
                "nothing to kill: name a process with --kill-pid, or let the run start the node (without --url)"
            ),
            Self::Rolling(_) | Self::Join(_) => {
                ensure!(own.is_some(), "{} needs nodes that the run starts: leave --url away", self.name());
            }
            Self::NoisyNeighbour(_) | Self::Talk(_) => {
                ensure!(instances > 1, "{} needs two instances or more: --instances 2", self.name())
            }
            _ => {}
        }
        own.map_or(Ok(()), |own| own.check(self.joining()))
    }

    /// How many nodes are prepared beside those that are started at the beginning.
    pub fn joining(&self) -> usize {
        usize::from(matches!(self, Self::Join(_)))
    }

    /// Whether nodes of the run's own are asked for their metrics.
    pub fn reads_metrics(&self) -> bool {
        matches!(self, Self::Takeover(takeover) if takeover.freeze.is_some())
    }

    /// Whether nodes come and go: sends fail then at a moment that nobody chooses, and a client would try
    /// them again.
    pub fn moves_instances(&self) -> bool {
        matches!(self, Self::Takeover(_) | Self::Rolling(_) | Self::Join(_))
    }

    /// How many of the instances are noisy tenants.
    pub fn noisy(&self) -> usize {
        usize::from(matches!(self, Self::NoisyNeighbour(_)))
    }

    /// Whether every stream should have carried a message before anything is timed.
    pub fn wants_warmth(&self) -> bool {
        match self {
            Self::PairingStorm | Self::Talk(_) | Self::HttpLimit(_) => false,
            #[cfg(feature = "simulator")]
            Self::Baseline(_) => false,
            _ => true,
        }
    }

    /// Whether memory before, between and after is of interest.
    pub fn wants_memory(&self) -> bool {
        !matches!(self, Self::Talk(_) | Self::HttpLimit(_))
    }

    /// The objectives that are judged at the end of the run; a ramp judges some at every step instead.
    pub fn judged(&self, objectives: &[Objective]) -> Vec<Objective> {
        match self {
            Self::Ramp(_) => objectives.iter().filter(|one| !ramp::is_of_a_step(one)).cloned().collect(),
            // Nobody may notice but callers, and those are told when to come back.
            Self::Outage(_) => {
                let none =
                    ["replaced", "not-reconnected", "dropped", "server-errors", "denied", "unanswered"];
                [objectives, &none.map(Objective::none)].concat()
            }
            // No account may ever be open on two nodes, or stay away.
            _ if self.moves_instances() => {
                [objectives, &["replaced", "not-reconnected"].map(Objective::none)].concat()
            }
            _ => objectives.to_vec(),
        }
    }

    /// What comes before the instances.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn prepare(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        match self {
            #[cfg(feature = "simulator")]
            Self::Baseline(baseline) => baseline.bare(world, outcome).await,
            _ => {
                let _ = (world, outcome);
                Ok(())
            }
        }
    }

    /// Runs.
    ///
    /// # Errors
    /// When it cannot be run; what was found until then is in the outcome.
    pub async fn run(
        &self,
        world: &Arc<World>,
        objectives: &[Objective],
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        match self {
            Self::Ramp(ramp) => ramp.run(world, objectives, outcome).await,
            Self::Steady(steady) => steady.run(world, outcome).await,
            Self::Soak(soak) => soak.run(world, outcome).await,
            Self::Burst(burst) => burst.run(world, outcome).await,
            Self::PairingStorm => Ok(()),
            Self::ReconnectStorm(storm) => storm.run(world, outcome).await,
            Self::NoisyNeighbour(noise) => noise.run(world, outcome).await,
            Self::Takeover(takeover) => takeover.run(world, outcome).await,
            Self::Rolling(rolling) => rolling.run(world, outcome).await,
            Self::Join(join) => join.run(world, outcome).await,
            Self::Outage(outage) => outage.run(world, outcome).await,
            Self::Talk(talk) => talk.run(world, outcome).await,
            Self::HttpLimit(limit) => limit.run(world, outcome).await,
            #[cfg(feature = "simulator")]
            Self::Baseline(baseline) => baseline.nodes(world, outcome).await,
        }
    }
}

/// The numbers of the accounts of all instances.
fn accounts(world: &World) -> HashSet<String> {
    world.streams().iter().map(|stream| stream.instance.phone.clone()).collect()
}

/// Lets messages flow while something is done, then waits for what is under way; answers the longest time
/// without an accepted send.
async fn alongside(
    world: &Arc<World>,
    traffic: &Traffic,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Duration> {
    let stop = world.interrupt.child_token();
    let work = async {
        let done = work.await;
        stop.cancel();
        done
    };
    let (done, gap, ()) = tokio::join!(work, unavailable(world, &stop), traffic::run(world, traffic, &stop));
    done?;
    verify::drain(world).await?;
    Ok(gap)
}

/// The longest time without an accepted send.
async fn unavailable(world: &World, stop: &CancellationToken) -> Duration {
    let mut longest = Duration::ZERO;
    while !stop.is_cancelled() {
        longest = longest.max(world.origin.elapsed().saturating_sub(world.board.last_accepted.get()));
        tokio::time::sleep(LOOK).await;
    }
    longest
}
