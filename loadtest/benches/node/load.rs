//! Closed loops: every connection sends its next request when it has the answer to the last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::Connection;
use crate::latencies::Latencies;
use crate::{report, task};

/// One request of a loop.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method.
    pub method: &'static str,
    /// Path.
    pub path: String,
    /// The `apikey`.
    pub key: String,
    /// The body; empty for none.
    pub body: String,
}

/// What a load came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers with a status of success.
    pub succeeded: u64,
    /// Other answers.
    pub failed: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Latencies of the successes.
    pub latencies: Latencies,
}

impl Outcome {
    /// Successes per second.
    pub fn per_second(&self) -> f64 {
        self.succeeded as f64 / self.elapsed.as_secs_f64()
    }
}

/// Runs a number of loops for a while; `call` makes the n-th request of a connection.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
    call: impl Fn(usize, u64) -> Call + Send + Sync + 'static,
) -> anyhow::Result<Outcome> {
    let call = Arc::new(call);
    let started = Instant::now();
    let loops: Vec<_> = (0..connections)
        .map(|connection| {
            let call = Arc::clone(&call);
            task::spawn(async move { one(address, started + duration, |n| call(connection, n)).await })
        })
        .collect();
    let mut total = Outcome::default();
    for one in loops {
        let one = one.await??;
        total.succeeded += one.succeeded;
        total.failed += one.failed;
        total.latencies.extend(one.latencies);
    }
    total.elapsed = started.elapsed();
    Ok(total)
}

async fn one(address: SocketAddr, end: Instant, call: impl Fn(u64) -> Call) -> anyhow::Result<Outcome> {
    let mut connection = Connection::open(address).await?;
    let mut outcome = Outcome::default();
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let Call { method, path, key, body } = call(number);
        let request = connection.request(method, &path, &key, &body);
        let sent = Instant::now();
        let (status, answer) = connection.exchange(&request).await?;
        if (200..300).contains(&status) {
            outcome.succeeded += 1;
            outcome.latencies.push(sent.elapsed());
        } else {
            if outcome.failed == 0 {
                report::note(&format!(
                    "  {method} {path} answered {status}: {}",
                    String::from_utf8_lossy(answer)
                ));
            }
            outcome.failed += 1;
        }
    }
    Ok(outcome)
}
