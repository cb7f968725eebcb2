//! Rates, latencies, memory and processor time over the course of a run.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::process;
use super::world::World;

/// Most samples that are kept. When there are more, two become one and the time between them doubles.
const MOST: usize = 3_600;

/// What happened between two looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Seconds since the run began.
    pub at: f64,
    /// Accepted sends per second.
    pub sent: f64,
    /// Told texts per second.
    pub told: f64,
    /// Milliseconds, of ordinary tenants; 0 when nothing was sent.
    pub send_p99: f64,
    /// Milliseconds, of ordinary tenants; 0 when nothing was told.
    pub inbound_p99: f64,
    /// Processors that the nodes used; `None` when they are elsewhere.
    pub cpu: Option<f64>,
    /// Memory of the nodes; `None` when they are elsewhere.
    pub rss_kib: Option<f64>,
    /// Instances that were paired by then.
    #[serde(default)]
    pub instances: u64,
    /// Milliseconds of processor time per second and instance.
    pub cpu_per_instance: Option<f64>,
    /// Memory beyond that of fresh nodes, per instance.
    pub rss_kib_per_instance: Option<f64>,
    /// The nodes, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeSample>,
}

/// One of several nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSample {
    /// Whether it is ready.
    pub up: bool,
    /// Processors that it used.
    pub cpu: Option<f64>,
    /// Its memory.
    pub rss_kib: Option<f64>,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s sent, {:.0}/s received", self.sent, self.told)?;
        write!(f, ", p99 {:.0} ms and {:.0} ms", self.send_p99, self.inbound_p99)?;
        if let (Some(cpu), Some(kib)) = (self.cpu, self.rss_kib) {
            write!(f, ", nodes {cpu:.2} CPU and {:.0} MiB", kib / 1024.0)?;
        }
        Ok(())
    }
}

impl Sample {
    /// Two samples as one.
    fn merged(&self, other: &Self) -> Self {
        let nodes = self.nodes.iter().zip(&other.nodes).map(|(one, other)| NodeSample {
            up: one.up && other.up,
            cpu: mean(one.cpu, other.cpu),
            rss_kib: mean(one.rss_kib, other.rss_kib),
        });
        Self {
            at: other.at,
            sent: f64::midpoint(self.sent, other.sent),
            told: f64::midpoint(self.told, other.told),
            send_p99: self.send_p99.max(other.send_p99),
            inbound_p99: self.inbound_p99.max(other.inbound_p99),
            cpu: mean(self.cpu, other.cpu),
            rss_kib: mean(self.rss_kib, other.rss_kib),
            instances: other.instances,
            cpu_per_instance: mean(self.cpu_per_instance, other.cpu_per_instance),
            rss_kib_per_instance: mean(self.rss_kib_per_instance, other.rss_kib_per_instance),
            nodes: nodes.collect(),
        }
    }
}

fn mean(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some((a? + b?) / 2.0).or(a).or(b)
}

/// The samples of a run so far.
#[derive(Debug, Clone, Default)]
pub struct Samples(Arc<Mutex<Vec<Sample>>>);

impl Samples {
    /// A copy of all samples.
    pub fn all(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a sample; true when two became one, and the next should be as long as these.
    pub fn add(&self, sample: Sample) -> bool {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push(sample);
        if samples.len() < MOST {
            return false;
        }
        *samples = samples
            .chunks(2)
            .map(|pair| match pair {
                [one, other] => one.merged(other),
                rest => rest[0].clone(),
            })
            .collect();
        true
    }
}

/// Samples until the run's tasks are stopped.
pub async fn run(world: Arc<World>) {
    let (mut time, line) = (world.options.sample, world.progress.line());
    let (mut last, mut usage) = (Instant::now(), Usage::default());
    let (mut accepted, mut told) = (0, 0);
    usage.look(&world, 1.0);
    loop {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = world.tasks.stop().cancelled() => {
                line.finish_and_clear();
                return;
            }
        }
        let seconds = last.elapsed().as_secs_f64();
        last = Instant::now();
        let now = (world.board.accepted.get(), world.board.told.get());
        let nodes = usage.look(&world, seconds);
        let sum =
            |of: fn(&NodeSample) -> Option<f64>| nodes.iter().filter_map(of).reduce(|sum, one| sum + one);
        let (cpu, rss_kib) = (sum(|node| node.cpu), sum(|node| node.rss_kib));
        let instances = world.board.paired.get();
        let each = |value: f64| (instances > 0).then(|| value / instances as f64);
        let sample = Sample {
            at: world.origin.elapsed().as_secs_f64(),
            sent: (now.0 - accepted) as f64 / seconds,
            told: (now.1 - told) as f64 / seconds,
            send_p99: world.board.tenants.send.take_recent().p99,
            inbound_p99: world.board.tenants.inbound.take_recent().p99,
            cpu,
            rss_kib,
            instances,
            cpu_per_instance: cpu.and_then(|cpu| each(cpu * 1000.0)),
            rss_kib_per_instance: rss_kib
                .zip(world.fresh_kib.get())
                .and_then(|(now, fresh)| each((now - *fresh as f64).max(0.0))),
            nodes: if nodes.len() > 1 { nodes } else { Vec::new() },
        };
        (accepted, told) = now;
        line.set_message(sample.to_string());
        if world.samples.add(sample) {
            time = time.saturating_mul(2).min(Duration::from_secs(600));
        }
    }
}

/// Processor time that processes had used at the last look.
#[derive(Default)]
struct Usage(HashMap<u32, Duration>);

impl Usage {
    /// What every node has used in the seconds since the last look.
    fn look(&mut self, world: &World, seconds: f64) -> Vec<NodeSample> {
        let before = std::mem::take(&mut self.0);
        let look = |(nth, pid): (usize, Option<u32>)| {
            let cpu = pid.and_then(|pid| Some((pid, process::cpu(pid).ok()?)));
            self.0.extend(cpu);
            // A process that is new counts from zero.
            let used =
                cpu.map(|(pid, now)| now.saturating_sub(before.get(&pid).copied().unwrap_or_default()));
            NodeSample {
                up: world.nodes.servers().is_up(nth),
                cpu: used.map(|used| used.as_secs_f64() / seconds),
                rss_kib: pid.and_then(|pid| process::rss_kib(pid).ok()).map(|kib| kib as f64),
            }
        };
        world.nodes.pids().into_iter().enumerate().map(look).collect()
    }
}

/// Growth of the memory in KiB per hour between two times (seconds since the run began), by least
/// squares; `None` when there are too few samples.
pub fn rss_slope(samples: &[Sample], from: f64, to: f64) -> Option<f64> {
    let points: Vec<(f64, f64)> = samples
        .iter()
        .filter(|sample| sample.at >= from && sample.at <= to)
        .filter_map(|sample| Some((sample.at / 3600.0, sample.rss_kib?)))
        .collect();
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let (x, y) =
        points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let (above, below) = points.iter().fold((0.0, 0.0), |sum, point| {
        (sum.0 + (point.0 - x) * (point.1 - y), sum.1 + (point.0 - x) * (point.0 - x))
    });
    (below > 0.0).then(|| above / below)
}
