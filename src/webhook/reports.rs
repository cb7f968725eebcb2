//! Reports of failed API calls to one address of the operator (`WEBHOOK_EVENTS_ERRORS`).
//!
//! They are a help for watching, not events: each is sent once, and what cannot be kept up with is
//! dropped and counted.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Post, Request};
use crate::events::date_time;
use crate::telemetry::metrics::{DROPPED_EVENTS, SINK};

/// Most reports that wait.
const WAITING: usize = 256;
/// The name of this sink in the metrics.
const NAME: &str = "errors";

/// A failed API call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Wall time, in unix milliseconds.
    pub time: i64,
    /// HTTP method.
    pub method: &'static str,
    /// Template of the route.
    pub route: &'static str,
    /// Name of the instance in the path, if the route has one.
    pub instance: Option<String>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Reason phrase of the status.
    pub error: &'static str,
    /// `response.message` of the answer.
    pub message: Value,
}

/// Takes reports; a cheap clone.
#[derive(Clone)]
pub struct Reporter(mpsc::Sender<Failure>);

impl Reporter {
    /// Reports a failure, if there is room; never waits.
    pub fn report(&self, failure: Failure) {
        if self.0.try_send(failure).is_err() {
            metrics::counter!(DROPPED_EVENTS, SINK => NAME).increment(1);
        }
    }
}

/// Sends the reports.
pub struct Reports {
    failures: mpsc::Receiver<Failure>,
    url: Url,
    server_url: Option<String>,
    post: Arc<dyn Post>,
}

impl Reports {
    /// Reports to `url`, which `post` guards. `server_url` is our public address.
    pub fn new(url: Url, server_url: Option<String>, post: Arc<dyn Post>) -> (Self, Reporter) {
        let (sender, failures) = mpsc::channel(WAITING);
        (Self { failures, url, server_url, post }, Reporter(sender))
    }

    /// Sends one report after the other until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(Some(failure)) = stop.run_until_cancelled(self.failures.recv()).await {
            let body = Bytes::from(self.body(&failure).to_string());
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let request = Request { url: self.url.clone(), headers, body };
            match stop.run_until_cancelled(self.post.post(request)).await {
                Some(Ok(answer)) if answer.status >= 300 => {
                    tracing::warn!(status = answer.status, "a report of a failed call was not taken");
                }
                Some(Err(error)) => tracing::warn!(%error, "a failed call could not be reported"),
                _ => {}
            }
        }
    }

    /// As Evolution API's, without the global key that it puts in.
    fn body(&self, failure: &Failure) -> Value {
        json!({
            "event": "error",
            "data": {
                "status": failure.status,
                "error": failure.error,
                "message": failure.message,
                "method": failure.method,
                "url": failure.route,
                "instance": failure.instance,
            },
            "date_time": date_time(failure.time),
            "server_url": self.server_url,
        })
    }
}
