//! The command line.

mod groups;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use super::baseline::{Baseline, bare_clients};
use super::compare::compare;
use super::find_messages::FindMessages;
use super::measure::{LATENCIES, OTHERS};
use super::objective::rate;
use super::progress::Progress;
use super::report::Report;
use super::run::run as run_scenario;
use super::scenario::Scenario;
use super::scenario::burst::Burst;
use super::scenario::http_limit::HttpLimit;
use super::scenario::join::Join;
use super::scenario::noisy_neighbour::NoisyNeighbour;
use super::scenario::outage::Outage;
use super::scenario::ramp::Ramp;
use super::scenario::reconnect_storm::ReconnectStorm;
use super::scenario::rolling::Rolling;
use super::scenario::steady::{Soak, Steady};
use super::scenario::takeover::Takeover;
use super::scenario::talk::Talk;
use super::setup::Setup;
use super::{bare_http, process};
use crate::task;
use groups::Common;

/// Loads Waggle against a simulated WhatsApp: sizes a deployment, and checks that every message arrives
/// once and in order.
///
/// Without --url it starts a node of its own, the binary `waggle` beside this program (built with the
/// feature `simulator`), on SQLite in a folder that it removes afterwards. With --nodes, --database and
/// --redis it starts a cluster, on a database and a key prefix that it removes afterwards.
///
/// Exit code 0: the run reached its end, nothing was lost, doubled or out of order, and every --objective
/// was met. 1: something of that is not so. 2: it could not be run.
#[derive(Parser, Debug)]
#[command(name = "loadtest", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A scenario with what all scenarios have.
#[derive(Debug, Clone, Args)]
struct With<S: Args> {
    #[command(flatten)]
    scenario: S,
    #[command(flatten)]
    common: Common,
}

/// Nothing of its own.
#[derive(Debug, Clone, Copy, Args)]
struct Nothing {}

#[derive(Debug, Subcommand)]
enum Command {
    /// Raise the rate until an objective breaks: how much is too much
    Ramp(With<Ramp>),
    /// Hold a rate both ways: what it costs, and whether all arrives
    Steady(With<Steady>),
    /// Hold a rate for long: whether memory grows
    Soak(With<Soak>),
    /// Send as fast as it is taken: the most that goes through
    Burst(With<Burst>),
    /// Pair all instances at once: how a start from nothing behaves
    PairingStorm(With<Nothing>),
    /// Cut all connections while messages flow: how long everybody needs to come back
    ReconnectStorm(With<ReconnectStorm>),
    /// Let one tenant flood: what the others notice
    NoisyNeighbour(With<NoisyNeighbour>),
    /// Kill or freeze a node while messages flow: what is lost (nothing), and for how long it is felt
    Takeover(With<Takeover>),
    /// Restart every node in turn while messages flow, as an upgrade does: what callers and instances notice
    Rolling(With<Rolling>),
    /// Start one more node while messages flow: how many instances move, and for how long they are gone
    Join(With<Join>),
    /// Take a service away that the nodes need, while messages flow: what callers notice, and what is lost (nothing)
    Outage(With<Outage>),
    /// Let two instances text each other in turn: the shortest way through
    Talk(With<Talk>),
    /// Ask for the cheapest thing, and a bare HTTP handler too: what the node's HTTP costs
    HttpLimit(With<HttpLimit>),
    /// Measure bare whatsapp-rust clients, then as many instances: what the node adds
    Baseline(With<Baseline>),
    /// Look for messages among many that are stored, and list many instances
    FindMessages(FindMessages),
    /// Compare two JSON reports; exit code 1 when the second is worse
    Compare {
        /// The first report
        before: PathBuf,
        /// The second report
        after: PathBuf,
        /// Share by which a measure may be worse; counts of errors may not
        #[arg(long, value_name = "SHARE", value_parser = rate, default_value = "0.1")]
        tolerance: f64,
    },
    /// List the measures that --objective may name
    Measures,
    /// Be a bare HTTP handler
    #[command(name = bare_http::COMMAND, hide = true)]
    BareHttp,
    /// Be a process of bare clients
    #[command(name = bare_clients::COMMAND, hide = true)]
    BareClients {
        /// How many
        count: usize,
        /// Chat socket of the simulator
        url: String,
    },
}

/// Does what was asked for.
pub fn run(arguments: Arguments) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    dispatch(arguments.command).unwrap_or_else(|error| {
        // Nothing can be done when nobody reads it.
        let _ = writeln!(std::io::stderr().lock(), "loadtest: {error:#}");
        ExitCode::from(2)
    })
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let (scenario, common) = match command {
        Command::Ramp(with) => (Scenario::Ramp(with.scenario), with.common),
        Command::Steady(with) => (Scenario::Steady(with.scenario), with.common),
        Command::Soak(with) => (Scenario::Soak(with.scenario), with.common),
        Command::Burst(with) => (Scenario::Burst(with.scenario), with.common),
        Command::PairingStorm(with) => (Scenario::PairingStorm, with.common),
        Command::ReconnectStorm(with) => (Scenario::ReconnectStorm(with.scenario), with.common),
        Command::NoisyNeighbour(with) => (Scenario::NoisyNeighbour(with.scenario), with.common),
        Command::Takeover(with) => (Scenario::Takeover(with.scenario), with.common),
        Command::Rolling(with) => (Scenario::Rolling(with.scenario), with.common),
        Command::Join(with) => (Scenario::Join(with.scenario), with.common),
        Command::Outage(with) => (Scenario::Outage(with.scenario), with.common),
        Command::Talk(with) => (Scenario::Talk(with.scenario), with.common),
        Command::HttpLimit(with) => (Scenario::HttpLimit(with.scenario), with.common),
        Command::Baseline(with) => (Scenario::Baseline(with.scenario), with.common),
        Command::Compare { before, after, tolerance } => {
            let compared = compare(&Report::read(&before)?, &Report::read(&after)?, tolerance);
            compared.print(&mut std::io::stdout().lock())?;
            return Ok(code(compared.holds()));
        }
        Command::FindMessages(command) => {
            runtime()?.block_on(command.run())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Measures => return measures(),
        Command::BareHttp => return bare_http::serve().map(|()| ExitCode::SUCCESS),
        Command::BareClients { count, url } => {
            runtime()?.block_on(bare_clients::serve(count, &url))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let runtime = runtime()?;
    let done = runtime.block_on(drive(scenario, common));
    // Whoever still waits for an answer need not be waited for.
    runtime.shutdown_background();
    done
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn drive(scenario: Scenario, common: Common) -> anyhow::Result<ExitCode> {
    let interrupt = CancellationToken::new();
    let progress = Progress::new(common.quiet);
    let output = (common.json.clone(), common.html.clone());
    let setup: Setup = common.into_setup(&scenario, interrupt.clone(), progress.clone())?;
    task::start(listen(interrupt, progress));
    // The work is a task of its own, so that no part of it stays on this thread.
    let (done, report) = tokio::sync::oneshot::channel();
    task::start(async move {
        // Who asked waits for it.
        let _ = done.send(run_scenario(setup, &scenario).await);
    });
    let report = report.await??;
    report.print()?;
    if let Some(path) = output.0 {
        report.write_json(&path)?;
    }
    if let Some(path) = output.1 {
        report.write_html(&path)?;
    }
    Ok(code(report.succeeded()))
}

/// The first Ctrl-C ends the run with a report, the second at once.
async fn listen(interrupt: CancellationToken, progress: Progress) {
    if tokio::signal::ctrl_c().await.is_ok() {
        progress.note("interrupted: tidying up; once more ends it at once");
        interrupt.cancel();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        process::kill_children();
        std::process::exit(130);
    }
}

fn measures() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for (name, meaning) in LATENCIES {
        writeln!(out, "{:<26} {meaning} (ms)", format!("{name}-p50|p90|p99|max"))?;
    }
    for (name, unit, _, meaning) in OTHERS {
        let unit = unit.symbol();
        let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        writeln!(out, "{name:<26} {meaning}{unit}")?;
    }
    Ok(ExitCode::SUCCESS)
}
