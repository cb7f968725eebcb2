//! The state of an instance, asked with its own token, against a bare handler.

use std::net::SocketAddr;
use std::time::Duration;

use crate::load::{self, Call, Outcome};
use crate::node::Node;
use crate::report::Objective;
use crate::{Bench, bare_http};

/// Connections at once.
const CONNECTIONS: usize = 16;

/// Measures the node, then the bare handler at the same load.
pub async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let duration = bench.arguments.scaled(Duration::from_secs(5), Duration::from_secs(1));
    let node = Node::start(bench).await?;
    let mut connection = node.connection().await?;
    let instance = node.pair(&mut connection, &bench.simulator.handle(), "lookup", None).await?;
    load(node.address, &instance.token, duration / 5).await?;
    let before = node.cpu()?;
    let mut ours = load(node.address, &instance.token, duration).await?;
    let cpu = (node.cpu()? - before).as_secs_f64() / ours.succeeded as f64 * 1e6;
    drop(node);

    let (_child, address) = bare_http::start().await?;
    load(address, &instance.token, duration / 5).await?;
    let bare = load(address, &instance.token, duration).await?;

    let report = &mut bench.report;
    report.add("connectionState with a token, 16 connections", ours.per_second(), "/s", Objective::None);
    report.add("  p99", ours.latencies.quantile_ms(0.99), "ms", Objective::None);
    report.add("  processor time of the node per request", cpu, "us", Objective::None);
    report.add("  failed", (ours.failed + bare.failed) as f64, "", Objective::Is(0.0));
    report.add("bare handler, same load", bare.per_second(), "/s", Objective::None);
    let share = ours.per_second() / bare.per_second() * 100.0;
    report.add("connectionState against the bare handler", share, "%", Objective::AtLeast(50.0));
    Ok(())
}

async fn load(address: SocketAddr, token: &str, duration: Duration) -> anyhow::Result<Outcome> {
    let call = Call {
        method: "GET",
        path: "/instance/connectionState/lookup".to_owned(),
        key: token.to_owned(),
        body: String::new(),
    };
    load::run(address, CONNECTIONS, duration, move |_, _| call.clone()).await
}
