//! What the tests share: a simulator and real clients.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod client;
pub mod groups;
pub mod http;
pub mod texts;
pub mod transport;

use std::{future::Future, time::Duration};

use wa_sim::{Options, Simulator};

/// Longest wait of a test for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A simulator on a free port.
pub async fn simulator() -> Simulator {
    simulator_with(Options::default()).await
}

/// A simulator with options.
pub async fn simulator_with(options: Options) -> Simulator {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    Simulator::start(options).await.expect("simulator")
}

/// Polls `probe` until it answers; panics with `what` after the deadline.
pub async fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(value) = probe() {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// Panics with `what` when `future` does not end before the deadline.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("timed out: {what}"),
    }
}
