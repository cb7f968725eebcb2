//! Many instances: their memory, how fast they are paired, and how fast they are back after a restart.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use wa_sim::Handle;

use crate::Bench;
use crate::bare_clients::{self, Told};
use crate::latencies::Latencies;
use crate::node::{Instance, KEY, Node};
use crate::process::{rss_kib, settled_rss_kib};
use crate::report::{Objective, note};

/// Pairings at once.
const CONCURRENCY: usize = 16;
/// How long a restart may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the simulator is asked whether everybody is back.
const LOOK: Duration = Duration::from_millis(10);

/// Measures the fleet.
pub async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let count = bench.arguments.fleet();
    let bare = bare_clients::measure(count, &bench.simulator.chat_url()).await?;
    let mut node = Node::start(bench).await?;
    let base_kib = settled_rss_kib(node.pid()).await?;
    bench.report.add("memory of a fresh node", mib(base_kib), "MB", Objective::Below(40.0));

    let instances = pairings(bench, &node, count).await?;
    let per_instance = |now: u64| now.saturating_sub(base_kib) as f64 / instances.len() as f64;
    let paired = per_instance(rss_kib(node.pid())?);
    bench.report.add("memory per instance right after pairing", paired, "KiB", Objective::None);

    restart(bench, &mut node, &instances).await?;
    let idle = per_instance(settled_rss_kib(node.pid()).await?);
    memory(bench, bare, idle);
    let complaints = node.complaints();
    if complaints > 0 {
        note(&format!("  {complaints} warnings in the node's log, which ends with\n{}", node.log_end()));
    }
    Ok(())
}

/// Pairs the instances, and tells the rate after the first of them and after all.
async fn pairings(bench: &mut Bench, node: &Node, count: usize) -> anyhow::Result<Vec<Instance>> {
    let first = count * 2 / 5;
    let (started, cpu) = (Instant::now(), node.cpu()?);
    let mut paired = pair(node, &bench.simulator.handle(), 0..first).await?;
    let rate = first as f64 / started.elapsed().as_secs_f64();
    let what = format!("pairings of {first} instances, {CONCURRENCY} at once");
    bench.report.add(what, rate, "/s", Objective::AtLeast(50.0));
    paired.extend(pair(node, &bench.simulator.handle(), first..count).await?);
    let rate = count as f64 / started.elapsed().as_secs_f64();
    bench.report.add(format!("  of {count} instances"), rate, "/s", Objective::None);
    let each = (node.cpu()? - cpu).as_secs_f64() * 1000.0 / count as f64;
    bench.report.add("  processor time of the node per pairing", each, "ms", Objective::None);
    let (instances, times): (Vec<Instance>, Vec<Duration>) = paired.into_iter().unzip();
    let mut latencies = Latencies::default();
    times.into_iter().for_each(|time| latencies.push(time));
    for (what, share) in [("  p50 of one pairing", 0.5), ("  p99", 0.99), ("  longest", 1.0)] {
        bench.report.add(what, latencies.quantile_ms(share), "ms", Objective::None);
    }
    Ok(instances)
}

/// Pairs instances, and returns how long each one took.
async fn pair(
    node: &Node,
    phones: &Handle,
    numbers: std::ops::Range<usize>,
) -> anyhow::Result<Vec<(Instance, Duration)>> {
    let one = |number: usize| async move {
        let mut connection = node.connection().await?;
        let started = Instant::now();
        let instance = node.pair(&mut connection, phones, &format!("fleet-{number}"), None).await?;
        anyhow::Ok((instance, started.elapsed()))
    };
    stream::iter(numbers).map(one).buffer_unordered(CONCURRENCY).try_collect().await
}

/// Restarts the node and waits until every instance is open: first for the logins at the simulator, which
/// costs the node nothing, then for the node's own word.
async fn restart(bench: &mut Bench, node: &mut Node, instances: &[Instance]) -> anyhow::Result<()> {
    let stopping = Instant::now();
    let started = node.restart().await?;
    let stopped = started - stopping;
    let logged_in = |phones: &Handle| {
        let devices = phones.accounts().into_iter().flat_map(|account| account.devices);
        devices.filter(|device| device.online && device.live).count()
    };
    let phones = bench.simulator.handle();
    // When some do not come back, the time is that of the last one that did.
    let (mut back, mut logins) = (0, Duration::ZERO);
    while back < instances.len() && started.elapsed() < PATIENCE {
        let now = logged_in(&phones);
        if now > back {
            (back, logins) = (now, started.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    let waited = started.elapsed() - logins;
    let mut connection = node.connection().await?;
    loop {
        let list = connection.call("GET", "/instance/fetchInstances", KEY, &Value::Null).await?;
        let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let open = rows.iter().filter(|row| row["connectionStatus"] == "open").count();
        if open >= back {
            break;
        }
        ensure!(started.elapsed() < PATIENCE * 2, "{open} open: {}", node.log_end());
        tokio::time::sleep(LOOK).await;
    }
    let open = if back < instances.len() { started.elapsed() - waited } else { started.elapsed() };
    let cpu = node.cpu()?;
    let report = &mut bench.report;
    let what = format!("restart until {} instances are open", instances.len());
    report.add(what, open.as_secs_f64(), "s", Objective::AtMost(3.0));
    report.add("  that did not come back", (instances.len() - back) as f64, "", Objective::Is(0.0));
    report.add("  until all were logged in", logins.as_secs_f64(), "s", Objective::None);
    report.add("  processor time of the node", cpu.as_secs_f64(), "s", Objective::None);
    report.add("graceful stop of all of them", stopped.as_secs_f64(), "s", Objective::None);
    Ok(())
}

fn memory(bench: &mut Bench, bare: Told, idle: f64) {
    let report = &mut bench.report;
    report.add(
        format!("memory per bare client, {} of them", bare.clients),
        bare.each_kib(),
        "KiB",
        Objective::None,
    );
    report.add("memory per idle instance", idle, "KiB", Objective::None);
    report.add("idle instance against a bare client", idle / bare.each_kib(), "x", Objective::AtMost(1.5));
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
