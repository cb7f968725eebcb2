//! What the worker is told at start.

use std::sync::Arc;
use std::time::Duration;

use super::{Attach, Letterhead, Retry};
use crate::domain::InstanceId;

/// Which instances this worker delivers for. Asked often; must not block.
pub type Share = Arc<dyn Fn(InstanceId) -> bool + Send + Sync>;

/// Numbers from 0 to 1.
pub type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Bounds, rules and the content of every request.
#[derive(Clone)]
pub struct Options {
    /// Most rows in memory.
    pub rows: usize,
    /// Most rows of one endpoint in memory; the rest stays in the table until there is room.
    pub endpoint_rows: usize,
    /// Most requests at once.
    pub concurrency: usize,
    /// Most requests at once of one endpoint: the webhook of one instance, or one instance's part
    /// of the global webhook.
    pub endpoint_concurrency: usize,
    /// Most requests at once to one origin (scheme, host and port), whoever they are for. Halved
    /// by each failure of the connection, doubled by each success.
    pub origin_concurrency: usize,
    /// How long an answer is awaited.
    pub timeout: Duration,
    /// Most results in one write.
    pub batch: usize,
    /// How long a result waits for company before it is written.
    pub linger: Duration,
    /// Rows read from the table at once.
    pub page: usize,
    /// How often the end of the table is looked at.
    pub poll: Duration,
    /// How often the beginning is looked at again, for rows that became visible late.
    pub beat: Duration,
    /// How old an event that failed may become before it is a dead letter.
    pub retention: Duration,
    /// How long the configuration of an endpoint is remembered.
    pub endpoint_ttl: Duration,
    /// When a failed delivery is tried again.
    pub retry: Retry,
    /// What every request says about this installation.
    pub letterhead: Letterhead,
    /// Which instances this worker delivers for.
    pub share: Share,
    /// Gets the files of messages, for endpoints that want them along.
    pub attach: Option<Arc<dyn Attach>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rows: 20_000,
            endpoint_rows: 1_000,
            concurrency: 256,
            endpoint_concurrency: 16,
            origin_concurrency: 64,
            timeout: Duration::from_secs(30),
            batch: 256,
            linger: Duration::from_millis(5),
            page: 256,
            poll: Duration::from_millis(500),
            beat: Duration::from_secs(5),
            retention: Duration::from_hours(72),
            endpoint_ttl: Duration::from_secs(30),
            retry: Retry::default(),
            letterhead: Letterhead::default(),
            share: Arc::new(|_| true),
            attach: None,
        }
    }
}
