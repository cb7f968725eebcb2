//! The page: verdict, plots, table, circumstances. One file that needs nothing else.

use std::fmt::Write as _;

use super::plots::{Line, Plot};
use super::{PAIRED, Report};
use crate::load::measure::{known, shown};
use crate::load::sampler::{NodeSample, Sample};

/// Colours and widths.
const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:1340px;margin:2em auto;padding:0 1em;color:#222}\
h1{font-size:1.5em;margin-bottom:0}p{color:#555;margin:.3em 0}table{border-collapse:collapse;margin:1em 0}\
td,th{text-align:left;padding:.2em .9em .2em 0;border-bottom:1px solid #e4e4e4}td.n{text-align:right;\
font-variant-numeric:tabular-nums}td.m{color:#777}.plots{display:flex;flex-wrap:wrap;gap:8px}.plots svg{max-width:100%}\
.tile{display:inline-block;margin:.6em 1.6em .6em 0}.tile b{display:block;font-size:1.6em}\
.ok{background:#d9f2e3}.bad{background:#fbdcd5}.verdict{display:inline-block;padding:.3em .8em;border-radius:.4em;\
font-weight:600;margin:.8em 0}code{background:#f3f3f3;padding:.1em .3em;word-break:break-all}";

/// Measures that a person looks for first, in this order.
const TILES: &[&str] = &[
    "throughput",
    "ramp-rate",
    "send-p99",
    "inbound-p99",
    "pairing-p99",
    "reconnect-p99",
    "rss-per-instance",
    "cpu-per-message",
    "lost",
    "duplicates",
    "out-of-order",
];

/// The page of a report.
pub(super) fn page(report: &Report) -> anyhow::Result<String> {
    let mut page = String::with_capacity(64 << 10);
    let title = escaped(&format!("waggle loadtest: {}", report.scenario));
    write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
    )?;
    write!(page, "<h1>{title}</h1>")?;
    heading(&mut page, report)?;
    tiles(&mut page, report)?;
    write!(page, "<div class=plots>")?;
    for plot in plots(report) {
        page.push_str(&plot.draw()?);
    }
    write!(page, "</div>")?;
    if !report.marks.is_empty() {
        let marks: Vec<String> =
            report.marks.iter().map(|(at, what)| format!("{what} at {at:.1} s")).collect();
        write!(page, "<p>Vertical lines: {}</p>", escaped(&marks.join(", ")))?;
    }
    objectives(&mut page, report)?;
    measures(&mut page, report)?;
    write!(page, "</html>")?;
    Ok(page)
}

fn heading(page: &mut String, report: &Report) -> std::fmt::Result {
    let context = &report.context;
    let place = if context.own_node { "a node of its own".to_owned() } else { context.nodes.join(", ") };
    write!(
        page,
        "<p>{} instances on {}, contacts wrote {}, {:.0} s, {} processors, version {}{}</p><p><code>{}</code></p>",
        context.instances,
        escaped(&place),
        escaped(if context.kinds.is_empty() { "text" } else { &context.kinds }),
        report.seconds,
        context.processors,
        escaped(&context.version),
        if context.debug {
            ", a build without optimisation: the values say nothing about a release"
        } else {
            ""
        },
        escaped(&context.command),
    )?;
    let (class, verdict) = match (report.succeeded(), report.interrupted) {
        (_, true) => ("bad", "interrupted: this is a part of the run"),
        (true, _) => ("ok", "every objective was met"),
        (false, _) => ("bad", "an objective was missed"),
    };
    write!(page, "<div class='verdict {class}'>{verdict}</div>")?;
    report.errors.iter().try_for_each(|error| write!(page, "<p class=bad>{}</p>", escaped(error)))
}

fn tiles(page: &mut String, report: &Report) -> std::fmt::Result {
    write!(page, "<div>")?;
    for name in TILES {
        if let Some(measure) = report.measures.iter().find(|measure| measure.name == *name) {
            let value = shown(measure.value, measure.unit);
            write!(page, "<span class=tile><b>{}</b>{}</span>", escaped(&value), escaped(name))?;
        }
    }
    write!(page, "</div>")
}

fn objectives(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.objectives.is_empty() {
        return Ok(());
    }
    write!(page, "<table><tr><th>objective<th>value<th></tr>")?;
    for verdict in &report.objectives {
        let value = verdict.value.map(|value| shown(value, verdict.objective.unit));
        let (class, met) = if verdict.met { ("ok", "met") } else { ("bad", "missed") };
        write!(
            page,
            "<tr><td>{}<td class=n>{}<td class={class}>{met}</tr>",
            escaped(&verdict.objective.to_string()),
            escaped(&value.unwrap_or_else(|| "not measured".to_owned())),
        )?;
    }
    write!(page, "</table>")
}

fn measures(page: &mut String, report: &Report) -> std::fmt::Result {
    write!(page, "<table><tr><th>measure<th>value<th>what it is</tr>")?;
    for measure in &report.measures {
        let meaning = known(&measure.name).map_or("", |kind| kind.meaning);
        let (name, value) = (escaped(&measure.name), escaped(&shown(measure.value, measure.unit)));
        write!(page, "<tr><td>{name}<td class=n>{value}<td class=m>{}</tr>", escaped(meaning))?;
    }
    write!(page, "</table>")
}

fn plots(report: &Report) -> Vec<Plot<'_>> {
    let line = |name, y: fn(&Sample) -> Option<f64>| {
        let points = report.samples.iter().filter_map(|sample| Some((sample.at, y(sample)?)));
        Line { name, points: points.collect() }
    };
    let over_time = |title, lines| Plot { title, x: "seconds", lines, marks: &report.marks };
    let steps = |name, y: fn(&super::Step) -> f64| Line {
        name,
        points: report.steps.iter().map(|step| (step.rate, y(step))).collect(),
    };
    let mut plots = vec![
        over_time(
            "Messages per second",
            vec![line("sent", |sample| Some(sample.sent)), line("received", |sample| Some(sample.told))],
        ),
        over_time(
            "Latency p99, milliseconds",
            vec![
                line("send", |sample| some(sample.send_p99)),
                line("inbound to webhook", |sample| some(sample.inbound_p99)),
            ],
        ),
        over_time("Processors that the nodes used", vec![line("processors", |sample| sample.cpu)]),
        over_time(
            "Memory of the nodes, MiB",
            vec![line("memory", |sample| sample.rss_kib.map(|kib| kib / 1024.0))],
        ),
        over_time(
            "Processor time per instance, milliseconds per second",
            vec![line("processor time", |sample| sample.cpu_per_instance)],
        ),
        over_time("Memory per instance, KiB", vec![memory_per_instance(report)]),
    ];
    let names = &report.context.nodes;
    let of_node = |nth: usize, y: fn(&NodeSample) -> Option<f64>| {
        let point = move |sample: &Sample| Some((sample.at, y(sample.nodes.get(nth)?)?));
        Line { name: names[nth].as_str(), points: report.samples.iter().filter_map(point).collect() }
    };
    let by_node = |title, y| over_time(title, (0..names.len()).map(|nth| of_node(nth, y)).collect());
    plots.push(by_node("Processors by node", |node| node.cpu));
    plots.push(by_node("Memory by node, MiB", |node| node.rss_kib.map(|kib| kib / 1024.0)));
    plots.push(by_node("Nodes that were ready", |node| Some(f64::from(u8::from(node.up)))));
    if !report.steps.is_empty() {
        let x = "messages per second asked for";
        plots.push(Plot {
            title: "Messages per second reached",
            x,
            lines: vec![steps("reached", |step| step.reached), steps("asked for", |step| step.rate)],
            marks: &[],
        });
        plots.push(Plot {
            title: "Latency p99 by rate, milliseconds",
            x,
            lines: vec![
                steps("send", |step| step.send_p99),
                steps("inbound to webhook", |step| step.inbound_p99),
            ],
            marks: &[],
        });
    }
    plots
}

/// What an instance adds to a fresh node, from the moment when all are paired.
fn memory_per_instance(report: &Report) -> Line<'_> {
    let paired = report.marks.iter().find(|(_, what)| what == PAIRED).map(|(at, _)| *at);
    let samples = report.samples.iter().filter(|sample| paired.is_some_and(|paired| sample.at >= paired));
    let points = samples.filter_map(|sample| Some((sample.at, sample.rss_kib_per_instance?))).collect();
    Line { name: "memory", points }
}

/// A latency; a sample without messages has none.
fn some(latency: f64) -> Option<f64> {
    (latency > 0.0).then_some(latency)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
