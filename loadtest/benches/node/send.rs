//! Texts sent over the API. Every text is stored, with the session's keys, before it is answered.

use std::time::{Duration, Instant};

use serde_json::json;
use wa_sim::{Behaviour, NewContact};

use crate::Bench;
use crate::load::{self, Call};
use crate::node::{Instance, Node};
use crate::report::Objective;

/// Instances, each with a contact of its own.
const INSTANCES: usize = 16;
/// How long contacts may take to receive what was sent.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures one connection, then as many as there are instances on one instance and on all.
pub async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let duration = bench.arguments.scaled(Duration::from_secs(10), Duration::from_secs(1));
    let (node, phones) = (Node::start(bench).await?, bench.simulator.handle());
    let mut connection = node.connection().await?;
    let mut pairs = Vec::new();
    for number in 0..INSTANCES {
        let instance = node.pair(&mut connection, &phones, &format!("send-{number}"), None).await?;
        let behaviour = Behaviour { auto_receipt: false, ..Behaviour::default() };
        let contact = phones.create_contact(NewContact { behaviour, ..NewContact::default() })?;
        pairs.push((instance, contact.phone));
    }
    // The first text of a session is another kind of message and carries a look-up.
    let calls: Vec<Call> = pairs.iter().map(|(instance, phone)| text(instance, phone)).collect();
    for call in &calls {
        let request = connection.request(call.method, &call.path, &call.key, &call.body);
        connection.exchange(&request).await?;
    }
    let mode = bench.arguments.node_env.iter().find(|(name, _)| name == "WAGGLE_SQLITE_SYNCHRONOUS");
    let mode = mode.map_or("full", |(_, value)| value).to_owned();
    let at_least = Objective::AtLeast(2000.0);
    for (connections, instances, objective) in
        [(1, 1, Objective::None), (16, 1, Objective::None), (16, INSTANCES, at_least)]
    {
        let before: u64 = received(bench, &pairs)?;
        let (calls, cpu) = (calls.clone(), node.cpu()?);
        let mut sent = load::run(node.address, connections, duration, move |connection, _| {
            calls[connection % instances].clone()
        })
        .await?;
        let cpu = (node.cpu()? - cpu).as_secs_f64();
        let deadline = Instant::now() + PATIENCE;
        while received(bench, &pairs)? - before < sent.succeeded && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let arrived = received(bench, &pairs)? - before;
        let what = format!("sendText, {connections} connections, {instances} instances, synchronous={mode}");
        let what = what.replace("1 connections", "1 connection").replace(" 1 instances", " 1 instance");
        let report = &mut bench.report;
        report.add(what, sent.per_second(), "/s", objective);
        report.add("  p50", sent.latencies.quantile_ms(0.5), "ms", Objective::None);
        report.add("  p99", sent.latencies.quantile_ms(0.99), "ms", Objective::None);
        report.add(
            "  processor time of the node per text",
            cpu / sent.succeeded as f64 * 1e6,
            "us",
            Objective::None,
        );
        report.add("  processors that the node used", cpu / sent.elapsed.as_secs_f64(), "", Objective::None);
        report.add("  failed", sent.failed as f64, "", Objective::Is(0.0));
        report.add(
            "  answered and not received",
            sent.succeeded as f64 - arrived as f64,
            "",
            Objective::Is(0.0),
        );
    }
    Ok(())
}

fn text(instance: &Instance, phone: &str) -> Call {
    Call {
        method: "POST",
        path: format!("/message/sendText/{}", instance.name),
        key: instance.token.clone(),
        body: json!({"number": phone, "text": "a text of the length that people send"}).to_string(),
    }
}

/// Texts that the contacts received so far.
fn received(bench: &Bench, pairs: &[(Instance, String)]) -> anyhow::Result<u64> {
    let phones = bench.simulator.handle();
    pairs.iter().try_fold(0, |sum, (_, phone)| Ok(sum + phones.received(phone, u64::MAX)?.1))
}
