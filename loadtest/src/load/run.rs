//! A run from its beginning to its report.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::api::Endpoint;
use super::child::{self, Child};
use super::measure::Measures;
use super::nodes::Nodes;
use super::objective::Objective;
use super::phones::Phones;
use super::progress::Progress;
use super::report::{Context, PAIRED, Report};
use super::scenario::{Outcome, Scenario};
use super::world::{Options, World};
use super::{fleet, sampler, traffic, verify, webhooks};
use crate::Simulator;

/// Where the simulated WhatsApp is.
#[derive(Debug, Clone)]
pub enum SimulatorAt {
    /// In this process, at this address.
    Here(SocketAddr),
    /// Another process.
    There(Endpoint),
}

/// Where the nodes are.
#[derive(Debug, Clone)]
pub enum NodesAt {
    /// They run already.
    Running {
        /// Their addresses.
        endpoints: Vec<Endpoint>,
        /// The global key.
        key: String,
        /// Those of them that are on this machine.
        pids: Vec<u32>,
    },
    /// A node of the run's own.
    Own {
        /// The binary; the one beside this program when it is not named.
        binary: Option<PathBuf>,
        /// Variables of its environment.
        environment: Vec<(String, String)>,
    },
}

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The simulator.
    pub simulator: SimulatorAt,
    /// The nodes.
    pub nodes: NodesAt,
    /// Where webhooks are received.
    pub webhook_listen: SocketAddr,
    /// Where nodes send them, when that is not the address above.
    pub webhook_url: Option<String>,
    /// Options.
    pub options: Options,
    /// What should be reached, beside that nothing is lost, doubled or out of order.
    pub objectives: Vec<Objective>,
    /// The command line, for the report.
    pub command: String,
    /// Ends the run early.
    pub interrupt: CancellationToken,
    /// What is shown meanwhile.
    pub progress: Progress,
}

impl Setup {
    /// A simulator in this process, webhooks on loopback, nothing shown.
    pub fn new(nodes: NodesAt, options: Options) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            simulator: SimulatorAt::Here(loopback),
            nodes,
            webhook_listen: loopback,
            webhook_url: None,
            options,
            objectives: Vec::new(),
            command: String::new(),
            interrupt: CancellationToken::new(),
            progress: Progress::new(true),
        }
    }
}

/// Runs a scenario. What goes wrong once everything is up is in the report, with what was measured until
/// then; instances are deleted and processes ended in any case.
///
/// # Errors
/// When the scenario cannot be run so, or the simulator, the node or the receiver of webhooks cannot be started or reached.
pub async fn run(setup: Setup, scenario: &Scenario) -> anyhow::Result<Report> {
    scenario.check(setup.options.instances, matches!(setup.nodes, NodesAt::Own { .. }))?;
    let (simulator, phones) = simulator(&setup.simulator).await?;
    let nodes = nodes(&setup.nodes, &phones).await?;
    let listener = webhooks::bind(setup.webhook_listen).await?;
    let webhook_url = match setup.webhook_url {
        Some(url) => url,
        None => format!("http://{}/", listener.local_addr()?),
    };
    let context = Context {
        command: setup.command,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        debug: cfg!(debug_assertions),
        processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        nodes: nodes.endpoints().iter().map(ToString::to_string).collect(),
        own_node: nodes.child().is_some(),
        instances: setup.options.instances,
    };
    let mut report = Report::new(scenario.name(), context);
    let world = World::new(setup.options, phones, nodes, webhook_url, setup.progress, setup.interrupt);
    world.tasks.spawn(webhooks::serve(Arc::clone(&world), listener));
    world.tasks.spawn(sampler::run(Arc::clone(&world)));

    let mut outcome = Outcome::default();
    let objectives = [verify::integrity(), setup.objectives].concat();
    if let Err(error) = phases(&world, scenario, &objectives, &mut outcome).await {
        report.errors.push(format!("{error:#}"));
    }
    let measures = conclude(&world, &mut outcome, &mut report).await;
    report.judge(measures, &scenario.judged(&objectives));
    tidy_up(&world, &mut report).await;
    world.tasks.shutdown().await;
    if let Some(simulator) = simulator {
        simulator.shutdown().await?;
    }
    Ok(report)
}

async fn simulator(at: &SimulatorAt) -> anyhow::Result<(Option<Simulator>, Phones)> {
    match at {
        SimulatorAt::Here(listen) => {
            let allow_remote = !listen.ip().is_loopback();
            let options = crate::Options { listen: *listen, allow_remote, ..crate::Options::default() };
            let simulator = Simulator::start(options).await.context("the simulator cannot be started")?;
            let phones = Phones::Here { handle: simulator.handle(), chat_url: simulator.chat_url() };
            Ok((Some(simulator), phones))
        }
        SimulatorAt::There(endpoint) => Ok((None, Phones::there(endpoint.clone()).await?)),
    }
}

async fn nodes(at: &NodesAt, phones: &Phones) -> anyhow::Result<Nodes> {
    match at {
        NodesAt::Running { endpoints, key, pids } => {
            Nodes::running(endpoints.clone(), key.clone(), pids.clone()).await
        }
        NodesAt::Own { binary, environment } => {
            let binary = child::binary(binary.as_deref())?;
            Nodes::started(Child::start(binary, phones.chat_url(), environment)?).await
        }
    }
}

async fn phases(
    world: &Arc<World>,
    scenario: &Scenario,
    objectives: &[Objective],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    scenario.prepare(world, outcome).await?;
    let memory = scenario.wants_memory();
    let fresh = if memory { world.nodes.settled_rss_kib(world.options.settle).await } else { None };
    if let Some(kib) = fresh {
        outcome.measures.add("rss-fresh", kib as f64);
    }
    let (began, cpu) = (Instant::now(), world.nodes.cpu());
    let count = fleet::pair_all(world, scenario.noisy()).await?.len() as f64;
    if memory {
        outcome.measures.add("pairing-rate", count / began.elapsed().as_secs_f64());
        if let Some(used) = world.nodes.cpu().zip(cpu).and_then(|(now, before)| now.checked_sub(before)) {
            outcome.measures.add("cpu-per-pairing", used.as_secs_f64() * 1000.0 / count);
        }
        outcome.mark(world, PAIRED);
        per_instance(world, "rss-per-instance", fresh, outcome).await;
        idle(world, outcome).await;
    }
    if scenario.wants_warmth() {
        traffic::warm_up(world).await;
        verify::drain(world).await?;
    }
    let ran = scenario.run(world, objectives, outcome).await;
    if memory && scenario.wants_warmth() && !world.is_interrupted() {
        per_instance(world, "rss-per-instance-loaded", fresh, outcome).await;
    }
    ran
}

/// What the nodes do when nobody wants anything.
async fn idle(world: &World, outcome: &mut Outcome) {
    let time = IDLE.min(world.options.settle);
    let before = world.nodes.cpu();
    world.pause(time).await;
    let used = world.nodes.cpu().zip(before).and_then(|(now, before)| now.checked_sub(before));
    if let Some(used) = used.filter(|_| !time.is_zero() && !world.is_interrupted()) {
        outcome.measures.add("cpu-idle", used.as_secs_f64() / time.as_secs_f64());
    }
}

/// What an instance adds to the memory of a fresh node.
async fn per_instance(world: &World, name: &str, fresh: Option<u64>, outcome: &mut Outcome) {
    let Some(fresh) = fresh else { return };
    let bar = world.progress.timed("settling", world.options.settle);
    let settled = tokio::select! {
        settled = world.nodes.settled_rss_kib(world.options.settle) => settled,
        () = world.interrupt.cancelled() => world.nodes.rss_kib(),
    };
    bar.finish_and_clear();
    if let Some(now) = settled {
        let added = now.saturating_sub(fresh) as f64;
        outcome.measures.add(name, added / world.options.instances.max(1) as f64);
    }
}

/// Puts together what was counted.
async fn conclude(world: &World, outcome: &mut Outcome, report: &mut Report) -> Measures {
    let mut measures = Measures::default();
    match verify::tally(world).await {
        Ok(tally) => verify::measure(world, tally, &mut measures),
        Err(error) => report.errors.push(format!("what contacts received is not known: {error:#}")),
    }
    let board = &world.board;
    measures.latency("send", board.tenants.send.quantiles());
    measures.latency("inbound", board.tenants.inbound.quantiles());
    measures.latency("reconnect", board.reconnect.quantiles());
    measures.latency("pairing", board.pairing.quantiles());
    measures.latency("qr", board.qr.quantiles());
    report.samples = world.samples.all();
    let most = report
        .samples
        .iter()
        .filter_map(|sample| sample.rss_kib)
        .fold(None, |most: Option<f64>, kib| Some(most.map_or(kib, |most| most.max(kib))));
    if let Some(most) = most {
        measures.add("rss-max", most);
    }
    if let Some(child) = world.nodes.child() {
        measures.add("complaints", child.complaints() as f64);
    }
    if board.unreadable.get() > 0 {
        report.errors.push(format!("{} webhooks cannot be read", board.unreadable.get()));
    }
    // What the scenario itself says is more exact.
    for measure in std::mem::take(&mut outcome.measures).0 {
        measures.add(&measure.name, measure.value);
    }
    report.steps = std::mem::take(&mut outcome.steps);
    report.marks = std::mem::take(&mut outcome.marks);
    report.interrupted = world.is_interrupted();
    report.seconds = world.origin.elapsed().as_secs_f64();
    measures
}

/// How long idle nodes are watched.
const IDLE: Duration = Duration::from_secs(5);
/// Longest time for deletions.
const DELETING: Duration = Duration::from_secs(300);

async fn tidy_up(world: &Arc<World>, report: &mut Report) {
    if let Some(mut child) = world.nodes.child() {
        // The node and its database end with the run.
        if let Some(folder) = child.end(world.options.keep) {
            world.progress.note(&format!("data and log of the node are in {}", folder.display()));
        }
        return;
    }
    match tokio::time::timeout(DELETING, fleet::delete_all(world)).await {
        Ok(0) => {}
        Ok(left) => report.errors.push(format!("{left} instances {}* could not be deleted", world.prefix())),
        Err(_) => report.errors.push(format!("not all instances {}* were deleted in time", world.prefix())),
    }
}
