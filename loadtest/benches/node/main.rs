//! Drives a node over loopback against a simulated WhatsApp and prints one table of measures.
//!
//! ```text
//! cargo build --release --features simulator
//! cargo bench -p waggle-loadtest --features simulator --bench node
//! ```
//!
//! The simulator, the load and the webhook receiver are this process; the node, the bare WhatsApp clients
//! and the bare HTTP handler are child processes, so that memory and processor time are told apart.
#![recursion_limit = "512"]

mod api;
mod arguments;
mod bare_clients;
mod bare_http;
mod fleet;
mod inbound;
mod latencies;
mod load;
mod lookup;
mod node;
mod process;
mod report;
mod send;
mod talk;
mod task;
#[path = "../../tests/common/transport.rs"]
mod transport;
mod webhooks;

use std::process::ExitCode;

use clap::Parser as _;
use wa_sim::Simulator;

use crate::arguments::{Arguments, Suite};
use crate::report::Report;

/// What every suite works with.
struct Bench {
    arguments: Arguments,
    simulator: Simulator,
    report: Report,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::note(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.bare_http {
        return bare_http::serve();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(count) = arguments.baseline_clients {
            let url = arguments.url.as_deref().unwrap_or_default();
            return bare_clients::run(count, url).await;
        }
        // The work is a task of its own, so that no part of it stays on this thread.
        task::spawn(drive(arguments)).await?
    })
}

async fn drive(arguments: Arguments) -> anyhow::Result<()> {
    let simulator = Simulator::start(wa_sim::Options::default()).await?;
    let mut bench = Bench { report: Report::new(&arguments), arguments, simulator };
    let mut failed = None;
    for suite in Suite::ALL {
        if !bench.arguments.runs(suite) {
            continue;
        }
        report::note(&format!("suite {}", suite.name()));
        let outcome = match suite {
            Suite::Fleet => fleet::run(&mut bench).await,
            Suite::Lookup => lookup::run(&mut bench).await,
            Suite::Send => send::run(&mut bench).await,
            Suite::Talk => talk::run(&mut bench).await,
            Suite::Inbound => inbound::run(&mut bench).await,
        };
        if let Err(error) = outcome {
            report::note(&format!("suite {} failed: {error:#}", suite.name()));
            bench.report.failed(suite.name(), &error);
            failed = Some(error);
        }
    }
    bench.report.print()?;
    if let Some(path) = &bench.arguments.json {
        bench.report.write(path)?;
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
