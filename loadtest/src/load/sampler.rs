//! Rates, latencies, memory and processor time over the course of a run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::world::World;

/// Most samples that are kept. When there are more, two become one and the time between them doubles.
const MOST: usize = 3_600;

/// What happened between two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
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
    fn merged(self, other: Self) -> Self {
        let mean = |a: Option<f64>, b: Option<f64>| Some((a? + b?) / 2.0).or(a).or(b);
        Self {
            at: other.at,
            sent: f64::midpoint(self.sent, other.sent),
            told: f64::midpoint(self.told, other.told),
            send_p99: self.send_p99.max(other.send_p99),
            inbound_p99: self.inbound_p99.max(other.inbound_p99),
            cpu: mean(self.cpu, other.cpu),
            rss_kib: mean(self.rss_kib, other.rss_kib),
        }
    }
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
                [one, other] => one.merged(*other),
                rest => rest[0],
            })
            .collect();
        true
    }
}

/// Samples until the run's tasks are stopped.
pub async fn run(world: Arc<World>) {
    let (mut time, line) = (world.options.sample, world.progress.line());
    let (mut last, mut cpu) = (Instant::now(), world.nodes.cpu());
    let (mut accepted, mut told) = (0, 0);
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
        let now = (world.board.accepted.get(), world.board.told.get(), world.nodes.cpu());
        // A node that was restarted counts from zero again.
        let used = now.2.zip(cpu).map(|(now, before)| now.saturating_sub(before).as_secs_f64() / seconds);
        let sample = Sample {
            at: world.origin.elapsed().as_secs_f64(),
            sent: (now.0 - accepted) as f64 / seconds,
            told: (now.1 - told) as f64 / seconds,
            send_p99: world.board.tenants.send.take_recent().p99,
            inbound_p99: world.board.tenants.inbound.take_recent().p99,
            cpu: used,
            rss_kib: world.nodes.rss_kib().map(|kib| kib as f64),
        };
        (accepted, told, cpu) = now;
        line.set_message(sample.to_string());
        if world.samples.add(sample) {
            time = time.saturating_mul(2).min(Duration::from_secs(600));
        }
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
