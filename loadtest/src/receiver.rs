//! A receiver of webhooks that remembers what it got, and fails when told to.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::task;

/// One request that was accepted.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Path and query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body; `null` when it was not JSON.
    pub body: Value,
    /// The body as it came, for checking signatures.
    pub raw: Bytes,
    /// When it arrived.
    pub at: Instant,
}

impl Delivery {
    /// The dotted name of the event.
    pub fn event(&self) -> &str {
        self.body["event"].as_str().unwrap_or_default()
    }
}

#[derive(Default)]
struct Inner {
    accepted: Mutex<Vec<Delivery>>,
    news: Notify,
    /// Requests of a thousand that are answered with 500.
    failing: AtomicU32,
    refused: AtomicU32,
}

/// Listens on a free loopback port until it is dropped. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
    address: SocketAddr,
    _stop: Arc<tokio_util::sync::DropGuard>,
}

impl Receiver {
    /// Starts listening.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner::default());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inner));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        task::start(async move {
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        Ok(Self { inner, address, _stop: Arc::new(stop.drop_guard()) })
    }

    /// Where to send webhooks to.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    /// From now on this share (0 to 1) of the requests is answered with 500, chosen at random.
    pub fn fail(&self, share: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a thousand")]
        self.inner.failing.store((share.clamp(0.0, 1.0) * 1000.0) as u32, Ordering::Relaxed);
    }

    /// How many requests were answered with 500.
    pub fn failed(&self) -> u32 {
        self.inner.refused.load(Ordering::Relaxed)
    }

    /// Everything that was accepted, in order of arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much was accepted.
    pub fn count(&self) -> usize {
        self.inner.accepted.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets what was accepted.
    pub fn clear(&self) {
        self.inner.accepted.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until what was accepted is enough; `None` when it is not by then.
    pub async fn wait<T>(&self, patience: Duration, enough: impl Fn(&[Delivery]) -> Option<T>) -> Option<T> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let news = self.inner.news.notified();
            if let Some(found) = enough(&self.inner.accepted.lock().unwrap_or_else(PoisonError::into_inner)) {
                return Some(found);
            }
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                return enough(&self.deliveries());
            }
        }
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn receive(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, raw: Bytes) -> StatusCode {
    if rand::random_range(0..1000) < inner.failing.load(Ordering::Relaxed) {
        inner.refused.fetch_add(1, Ordering::Relaxed);
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let delivery = Delivery {
        path: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: serde_json::from_slice(&raw).unwrap_or_default(),
        raw,
        at: Instant::now(),
    };
    inner.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    inner.news.notify_waiters();
    StatusCode::OK
}
