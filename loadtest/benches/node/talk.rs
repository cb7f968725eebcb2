//! Two instances text each other: the next text is sent when the webhook of the last has arrived.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use crate::Bench;
use crate::latencies::Latencies;
use crate::node::Node;
use crate::report::Objective;
use crate::webhooks::Webhooks;

/// Longest wait for a webhook.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures the time from the call to the webhook.
pub async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let (warm, texts) = bench.arguments.scaled((100, 2000), (4, 40));
    let (node, phones) = (Node::start(bench).await?, bench.simulator.handle());
    let mut connection = node.connection().await?;
    let mut webhooks = Webhooks::start().await?;
    let one = node.pair(&mut connection, &phones, "talk-one", Some(&webhooks.url)).await?;
    let two = node.pair(&mut connection, &phones, "talk-two", Some(&webhooks.url)).await?;
    let (mut calls, mut whole) = (Latencies::default(), Latencies::default());
    for number in 0..warm + texts {
        let (from, to) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let text = format!("talk {number}.");
        let body = json!({"number": to.phone, "text": text});
        let path = format!("/message/sendText/{}", from.name);
        let sent = Instant::now();
        connection.call("POST", &path, &from.token, &body).await?;
        let answered = sent.elapsed();
        let arrival = loop {
            let arrival = webhooks.next(&text, PATIENCE).await;
            let arrival =
                arrival.with_context(|| format!("no webhook of text {number}; {}", node.log_end()))?;
            // The sender may be told of its own text.
            if arrival.instance == to.name {
                break arrival;
            }
        };
        if number >= warm {
            calls.push(answered);
            whole.push(arrival.at.saturating_duration_since(sent));
        }
    }
    let report = &mut bench.report;
    let what = format!("sendText to the other's webhook, {} texts: p50", whole.len());
    report.add(what, whole.quantile_ms(0.5), "ms", Objective::Below(5.0));
    report.add("  p99", whole.quantile_ms(0.99), "ms", Objective::None);
    report.add("  p50 of the call alone", calls.quantile_ms(0.5), "ms", Objective::None);
    report.add("  p99 of the call alone", calls.quantile_ms(0.99), "ms", Objective::None);
    Ok(())
}
