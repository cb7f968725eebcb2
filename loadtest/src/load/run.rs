//! A run from its beginning to its report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::measure::Measures;
use super::nodes::Nodes;
use super::objective::Objective;
use super::phones::Phones;
use super::receive::{Feed, rabbitmq, webhooks};
use super::report::{Context, PAIRED, Report};
use super::scenario::{Outcome, Scenario};
use super::setup::{NodesAt, Setup, SimulatorAt};
use super::store::Store;
use super::world::{Feeds, World};
use super::{fleet, sampler, traffic, verify};
use crate::Simulator;

/// Runs a scenario. What goes wrong once everything is up is in the report, with what was measured until
/// then; instances are deleted and processes ended in any case.
///
/// # Errors
/// When the scenario cannot be run so, or the simulator, the node or the receiver of webhooks cannot be started or reached.
pub async fn run(setup: Setup, scenario: &Scenario) -> anyhow::Result<Report> {
    let own = match &setup.nodes {
        NodesAt::Own(own) => Some(own),
        NodesAt::Running { .. } => None,
    };
    scenario.check(setup.options.instances, own)?;
    let (simulator, phones) = simulator(&setup.simulator).await?;
    let store = match own {
        Some(own) => Store::new(rand::random(), own.database.as_deref(), own.redis.as_deref())?,
        None => Store::default(),
    };
    store.create().await?;
    let outcome = on_store(setup, scenario, phones, &store).await;
    // The nodes have ended, even when not all of them came to life.
    let keep = outcome.as_ref().is_ok_and(|(_, keep)| *keep);
    let removed = if keep { Ok(()) } else { store.remove().await };
    let (mut report, _) = outcome?;
    if let Err(error) = removed {
        report.errors.push(format!("{error:#}"));
    }
    if let Some(simulator) = simulator {
        simulator.shutdown().await?;
    }
    Ok(report)
}

/// The run, once there is what its nodes share.
async fn on_store(
    setup: Setup,
    scenario: &Scenario,
    phones: Phones,
    store: &Store,
) -> anyhow::Result<(Report, bool)> {
    let nodes = nodes(&setup, &phones, scenario, store).await?;
    let receive = setup.options.receive;
    let listener = match receive.has(Feed::Webhook) {
        true => Some(webhooks::bind(setup.webhook_listen).await?),
        false => None,
    };
    let own_url = listener.as_ref().map(|listener| listener.local_addr()).transpose()?;
    let webhook_url = own_url.map(|own| setup.webhook_url.unwrap_or_else(|| format!("http://{own}/")));
    let (rabbitmq, consumer) = match (receive.has(Feed::Rabbitmq), setup.rabbitmq) {
        (true, Some(uri)) => Some(rabbitmq::connect(&uri, receive).await?).unzip(),
        (true, None) => bail!("RabbitMQ is to be received: name the broker with --rabbitmq"),
        (false, _) => (None, None),
    };
    let context = Context {
        command: setup.command,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        debug: cfg!(debug_assertions),
        processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        nodes: nodes.servers().endpoints().map(ToString::to_string).collect(),
        own_node: nodes.owned() > 0,
        instances: setup.options.instances,
        kinds: setup.options.kinds.to_string(),
    };
    let mut report = Report::new(scenario.name(), context);
    let feeds = Feeds { webhook_url, rabbitmq };
    let world = World::new(setup.options, phones, nodes, feeds, setup.progress, setup.interrupt);
    if let Some(listener) = listener {
        world.tasks.spawn(webhooks::serve(Arc::clone(&world), listener));
    }
    if let Some(consumer) = consumer {
        world.tasks.spawn(consumer.run(Arc::clone(&world)));
    }
    world.tasks.spawn(sampler::run(Arc::clone(&world)));
    if world.nodes.servers().count() > 1 {
        let world = Arc::clone(&world);
        let tasks = world.tasks.clone();
        tasks.spawn(async move { world.nodes.check_health(world.tasks.stop()).await });
    }

    let mut outcome = Outcome::default();
    let objectives = [verify::integrity(), setup.objectives].concat();
    if let Err(error) = phases(&world, scenario, &objectives, &mut outcome).await {
        report.errors.push(format!("{error:#}"));
    }
    let measures = conclude(&world, &mut outcome, &mut report).await;
    report.judge(measures, &scenario.judged(&objectives));
    tidy_up(&world, &mut report).await;
    world.tasks.shutdown().await;
    if world.options.keep {
        store.places().iter().for_each(|place| world.progress.note(&format!("{place} stays")));
    }
    Ok((report, world.options.keep))
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

async fn nodes(setup: &Setup, phones: &Phones, scenario: &Scenario, store: &Store) -> anyhow::Result<Nodes> {
    let nodes = match &setup.nodes {
        NodesAt::Running { endpoints, key, pids } => {
            Nodes::running(endpoints.clone(), key.clone(), pids.clone()).await?
        }
        NodesAt::Own(own) => {
            let mut shared = store.environment();
            if let Some(uri) = &setup.rabbitmq {
                shared.push(("RABBITMQ_ENABLED".to_owned(), "true".to_owned()));
                shared.push(("RABBITMQ_URI".to_owned(), uri.clone()));
            }
            if scenario.reads_metrics() {
                shared.push(("PROMETHEUS_METRICS".to_owned(), "true".to_owned()));
            }
            let children = own.prepare(scenario.joining(), &shared, &phones.chat_url())?;
            Nodes::own(children, own.nodes).await?
        }
    };
    Ok(nodes.patient(setup.options.request_timeout))
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
        // The scenario asks once.
        let _ = world.fresh_kib.set(kib);
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
    measures.latency("rabbitmq", board.rabbitmq.latency.quantiles());
    measures.latency("gap", board.gap.quantiles());
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
    if let Some(complaints) = world.nodes.complaints() {
        measures.add("complaints", complaints as f64);
    }
    if board.unreadable.get() > 0 {
        report.errors.push(format!("{} events cannot be read", board.unreadable.get()));
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
    if let Some(rabbitmq) = &world.feeds.rabbitmq {
        rabbitmq.stop();
    }
    remove_instances(world, report).await;
    if let Some(rabbitmq) = world.feeds.rabbitmq.as_ref().filter(|_| !world.options.keep)
        && let Err(error) = rabbitmq.clean().await
    {
        report.errors.push(format!("queues {}* could not be deleted: {error:#}", world.prefix()));
    }
}

async fn remove_instances(world: &Arc<World>, report: &mut Report) {
    if world.nodes.owned() > 0 {
        // The nodes and their database end with the run.
        for mut child in (0..world.nodes.owned()).filter_map(|nth| world.nodes.child(nth)) {
            if let Some(folder) = child.end(world.options.keep) {
                world.progress.note(&format!("data and log of a node are in {}", folder.display()));
            }
        }
        return;
    }
    match tokio::time::timeout(DELETING, fleet::delete_all(world)).await {
        Ok(0) => {}
        Ok(left) => report.errors.push(format!("{left} instances {}* could not be deleted", world.prefix())),
        Err(_) => report.errors.push(format!("not all instances {}* were deleted in time", world.prefix())),
    }
}
