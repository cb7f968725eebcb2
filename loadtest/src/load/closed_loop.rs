//! Closed loops: every connection sends its next request when it has the answer to the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tokio::sync::oneshot;

use super::api::Call;
use super::client::{Client, Servers};
use super::recorder::Recorder;
use super::stream::Instance;
use super::world::World;

/// What a load came to.
#[derive(Debug)]
pub struct Loaded {
    /// Answers with a status of success.
    pub succeeded: u64,
    /// Other answers.
    pub failed: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Latencies of the successes.
    pub latencies: Arc<Recorder>,
}

impl Loaded {
    /// Successes per second.
    pub fn per_second(&self) -> f64 {
        self.succeeded as f64 / self.elapsed.as_secs_f64()
    }
}

/// Asks servers for the state of an instance for a while, over as many connections as the run has.
///
/// # Errors
/// When a connection breaks.
pub async fn run(
    world: &World,
    servers: &Servers,
    instance: &Instance,
    duration: Duration,
) -> anyhow::Result<Loaded> {
    let (latencies, started) = (Arc::new(Recorder::default()), Instant::now());
    let loops = (0..world.options.connections.max(1)).map(|nth| {
        let client = Client::new(servers.clone(), nth);
        let (instance, latencies) = (instance.clone(), Arc::clone(&latencies));
        let (done, outcome) = oneshot::channel();
        world.tasks.spawn(async move {
            // Who asked may be gone after another loop has failed.
            let _ = done.send(one(client, &instance, started + duration, &latencies).await);
        });
        async { outcome.await? }
    });
    let counts: Vec<(u64, u64)> = try_join_all(loops).await?;
    let (succeeded, failed) = counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Ok(Loaded { succeeded, failed, elapsed: started.elapsed(), latencies })
}

async fn one(
    mut client: Client,
    instance: &Instance,
    end: Instant,
    latencies: &Recorder,
) -> anyhow::Result<(u64, u64)> {
    let path = format!("/instance/connectionState/{}", instance.name);
    let (mut succeeded, mut failed) = (0, 0);
    while Instant::now() < end {
        let sent = Instant::now();
        let answer = client.exchange(Call::get(&path, &instance.token)).await?;
        if answer.is_success() {
            succeeded += 1;
            latencies.record(sent.elapsed());
        } else {
            failed += 1;
        }
    }
    Ok((succeeded, failed))
}
