//! Contacts write to instances: how fast webhooks tell of it, whether all of it arrives and in order, and
//! how late a text is when there is little else to do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::try_join_all;
use wa_sim::{Handle, NewContact, Send};

use crate::Bench;
use crate::latencies::Latencies;
use crate::node::{Instance, Node};
use crate::report::{Objective, note};
use crate::webhooks::Webhooks;

/// Instances, each with a contact of its own.
const INSTANCES: usize = 16;
/// Texts per second of the steady stream.
const RATE: u32 = 200;
/// What has not arrived after this much silence is lost.
const SILENCE: Duration = Duration::from_secs(15);

/// Measures the flood, then the steady stream.
pub async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let (node, phones) = (Node::start(bench).await?, bench.simulator.handle());
    let mut connection = node.connection().await?;
    let mut webhooks = Webhooks::start().await?;
    let mut pairs = Vec::new();
    for number in 0..INSTANCES {
        let name = format!("inbound-{number}");
        let instance = node.pair(&mut connection, &phones, &name, Some(&webhooks.url)).await?;
        pairs.push((phones.create_contact(NewContact::default())?.phone, instance));
    }
    // The first text of a session is another kind of message, and its chat and contact are new.
    for (contact, instance) in &pairs {
        phones.send(contact, text(instance, "warm".to_owned())).await?;
    }
    for _ in &pairs {
        webhooks.next("warm", SILENCE).await.with_context(|| format!("no webhook; {}", node.log_end()))?;
    }
    flood(bench, &node, &pairs, &mut webhooks).await?;
    steady(bench, &node, &pairs, &mut webhooks).await?;
    let complaints = node.complaints();
    if complaints > 0 {
        note(&format!("  {complaints} warnings in the node's log, which ends with\n{}", node.log_end()));
    }
    Ok(())
}

fn text(instance: &Instance, text: String) -> Send {
    Send { to: instance.phone.clone(), text, ..Send::default() }
}

/// Order and completeness of the texts of one chat.
#[derive(Clone, Default)]
struct Chat {
    last: u32,
    arrived: u32,
    disordered: u32,
}

async fn flood(
    bench: &mut Bench,
    node: &Node,
    pairs: &[(String, Instance)],
    webhooks: &mut Webhooks,
) -> anyhow::Result<()> {
    let each: u32 = bench.arguments.scaled(1250, 25);
    let total = each * INSTANCES as u32;
    let phones = bench.simulator.handle();
    let (started, cpu) = (Instant::now(), node.cpu()?);
    let sending = async {
        let streams = pairs.iter().map(|(contact, instance)| {
            let order = Send { count: each, ..text(instance, "flood {n}".to_owned()) };
            phones.send(contact, order)
        });
        try_join_all(streams).await?;
        anyhow::Ok(started.elapsed())
    };
    let receiving = async {
        let mut chats: HashMap<String, Chat> = HashMap::new();
        let mut last = started;
        for _ in 0..total {
            let Some(arrival) = webhooks.next("flood ", SILENCE).await else { break };
            let number: u32 = arrival.text.trim_start_matches("flood ").parse()?;
            let chat = chats.entry(arrival.instance).or_default();
            chat.arrived += 1;
            chat.disordered += u32::from(number != chat.last + 1);
            chat.last = number;
            last = arrival.at;
        }
        anyhow::Ok((chats, last - started))
    };
    let (sent, (chats, elapsed)) = futures::future::try_join(sending, receiving).await?;
    let cpu = (node.cpu()? - cpu).as_secs_f64();
    let arrived: u32 = chats.values().map(|chat| chat.arrived).sum();
    let disordered: u32 = chats.values().map(|chat| chat.disordered).sum();
    let report = &mut bench.report;
    let rate = f64::from(arrived) / elapsed.as_secs_f64();
    report.add(
        format!("webhooks of {total} texts to {INSTANCES} instances"),
        rate,
        "/s",
        Objective::AtLeast(1500.0),
    );
    report.add("  lost", f64::from(total - arrived), "", Objective::Is(0.0));
    report.add("  out of order in their chat", f64::from(disordered), "", Objective::Is(0.0));
    report.add("  the contacts had sent them after", sent.as_secs_f64(), "s", Objective::None);
    report.add("  processor time of the node per text", cpu / f64::from(total) * 1e6, "us", Objective::None);
    report.add("  processors that the node used", cpu / elapsed.as_secs_f64(), "", Objective::None);
    Ok(())
}

async fn steady(
    bench: &mut Bench,
    node: &Node,
    pairs: &[(String, Instance)],
    webhooks: &mut Webhooks,
) -> anyhow::Result<()> {
    let total = RATE * bench.arguments.scaled(10, 1);
    let phones = bench.simulator.handle();
    let (origin, cpu) = (Instant::now(), node.cpu()?);
    let receiving = async {
        let mut latencies = Latencies::default();
        for _ in 0..total {
            let Some(arrival) = webhooks.next("steady ", SILENCE).await else { break };
            // The text carries when it was sent.
            let sent = arrival.text.trim_start_matches("steady ").parse().map(Duration::from_micros)?;
            latencies.push(arrival.at.saturating_duration_since(origin + sent));
        }
        anyhow::Ok(latencies)
    };
    let ((), mut latencies) =
        futures::future::try_join(stream(&phones, pairs, origin, total), receiving).await?;
    let cpu = (node.cpu()? - cpu).as_secs_f64();
    let report = &mut bench.report;
    let what = format!("contact's text to webhook at {RATE}/s: p99");
    report.add(what, latencies.quantile_ms(0.99), "ms", Objective::Below(100.0));
    report.add("  p50", latencies.quantile_ms(0.5), "ms", Objective::None);
    report.add("  lost", f64::from(total) - latencies.len() as f64, "", Objective::Is(0.0));
    report.add("  processor time of the node per text", cpu / f64::from(total) * 1e6, "us", Objective::None);
    Ok(())
}

/// Sends the texts of the steady stream, from one contact after the other.
async fn stream(
    phones: &Handle,
    pairs: &[(String, Instance)],
    origin: Instant,
    total: u32,
) -> anyhow::Result<()> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
    for (_, (contact, instance)) in (0..total).zip(pairs.iter().cycle()) {
        pace.tick().await;
        let stamp = origin.elapsed().as_micros();
        phones.send(contact, text(instance, format!("steady {stamp}"))).await?;
    }
    Ok(())
}
