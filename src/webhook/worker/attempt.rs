//! One attempt: find the endpoint, write the request, send it, judge the answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Outside;
use super::key::{Job, Key, Origin};
use super::origins::Health;
use super::turns::{Turn, Turns, Waited};
use crate::db::{Clock, Failure, OutboxRow};
use crate::webhook::endpoints::{Endpoint, Endpoints};
use crate::webhook::metrics::{self, Outcome};
use crate::webhook::{
    Attach, Decision, Letterhead, Options, Post, PostError, Random, Response, Retry, attach, request,
    retry_after,
};

/// What all attempts share.
pub(super) struct Sender {
    pub(super) post: Arc<dyn Post>,
    pub(super) endpoints: Endpoints,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) retry: Retry,
    pub(super) letterhead: Letterhead,
    pub(super) timeout: Duration,
    /// Milliseconds.
    pub(super) retention: i64,
    attach: Option<Arc<dyn Attach>>,
    turns: Turns,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) job: Job,
    pub(super) verdict: Verdict,
    pub(super) health: Health,
    /// Where it led; `None` when that was not found out.
    pub(super) origin: Option<Origin>,
}

/// What becomes of the row. Delays are in milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Delivered,
    Again {
        attempt: i32,
        delay: i64,
    },
    Dead(Failure),
    /// Nothing was tried: as before, but later.
    Later {
        delay: i64,
    },
}

/// It is not the turn of its file.
struct Later;

/// How long to wait when the endpoint is not known now, or files of others are in memory; in milliseconds.
const PAUSE: i64 = 1_000;

/// Longest error text on record, in characters.
const TEXT: usize = 200;

impl Sender {
    pub(super) fn new(options: &Options, endpoints: Endpoints, outside: &Outside) -> Self {
        Self {
            post: Arc::clone(&outside.post),
            endpoints,
            clock: Clock::clone(&outside.clock),
            random: Random::clone(&outside.random),
            retry: options.retry.clone(),
            letterhead: options.letterhead.clone(),
            timeout: options.timeout,
            retention: i64::try_from(options.retention.as_millis()).unwrap_or(i64::MAX),
            attach: options.attach.clone(),
            turns: Turns::new(),
        }
    }

    /// Where an endpoint leads; `None` when that is not known now.
    pub(super) async fn origin(&self, key: Key) -> Option<Origin> {
        let endpoint = self.endpoints.get(key.instance, key.feed.sink()).await.ok()?;
        Some(origin_of(endpoint.as_deref()))
    }

    pub(super) async fn attempt(&self, job: Job) -> Attempted {
        let Ok(endpoint) = self.endpoints.get(job.key.instance, job.key.feed.sink()).await else {
            let verdict = Verdict::Later { delay: PAUSE };
            return Attempted { job, verdict, health: Health::Unknown, origin: None };
        };
        let origin = origin_of(endpoint.as_deref());
        let (verdict, health) = match endpoint {
            None => self.refuse(&job, &origin, "the webhook is not configured any more".to_owned()),
            Some(_) if self.is_expired(&job) => self.expire(&job, &origin),
            Some(endpoint) => self.send(&job, &endpoint, &origin).await,
        };
        Attempted { job, verdict, health, origin: Some(origin) }
    }

    /// Too old to be tried again; what was never tried is tried once.
    fn is_expired(&self, job: &Job) -> bool {
        job.row.attempt > 0 && self.is_too_old(&job.row)
    }

    /// Whether an event has waited for longer than it may.
    pub(super) fn is_too_old(&self, row: &OutboxRow) -> bool {
        (self.clock)().saturating_sub(row.event.time) > self.retention
    }

    /// The event with its file, for an endpoint that wants it; without when the file cannot be had.
    ///
    /// # Errors
    /// [`Later`] when files of others are in memory: it is put off, but not for ever.
    async fn with_file(&self, job: &Job, endpoint: &Endpoint) -> Result<Option<(Turn, OutboxRow)>, Later> {
        let attach = self.attach.as_deref().filter(|_| attach::is_wanted(&job.row, endpoint));
        let Some(attach) = attach else { return Ok(None) };
        match self.turns.wait(job.key, job.row.event.id).await {
            Waited::Turn(turn) => Ok(attach::attached(&job.row, attach).await.map(|row| (turn, row))),
            Waited::Later => Err(Later),
            Waited::Never => {
                tracing::warn!(instance = %job.key.instance, "an event goes without its file, because too many wait");
                Ok(None)
            }
        }
    }

    async fn send(&self, job: &Job, endpoint: &Endpoint, origin: &str) -> (Verdict, Health) {
        // The turn is held until the answer is there: so long the file is in memory.
        let Ok(with_file) = self.with_file(job, endpoint).await else {
            return (Verdict::Later { delay: PAUSE }, Health::Unknown);
        };
        let (_turn, with_file) = with_file.unzip();
        let row = with_file.as_ref().unwrap_or(&job.row);
        let request = match self.letterhead.request(row, endpoint, (self.clock)()) {
            Ok(request) => request,
            Err(error) => return self.refuse(job, origin, error.to_string()),
        };
        let began = Instant::now();
        let answer = tokio::time::timeout(self.timeout, self.post.post(request)).await;
        let answer = answer.unwrap_or(Err(PostError::Timeout));
        if let Err(PostError::Refused(reason)) = answer {
            return self.refuse(job, origin, reason);
        }
        let took = began.elapsed();
        let (verdict, health) = self.judge(job, origin, answer);
        let outcome = outcome_of(&verdict);
        metrics::answered_in(took, outcome);
        metrics::attempted(outcome, job.key.feed.sink());
        if outcome == Outcome::Delivered {
            metrics::taken(job.key.feed.sink(), job.row.event.time, (self.clock)());
        } else {
            self.endpoints.failed(job.key.instance);
        }
        (verdict, health)
    }

    fn judge(&self, job: &Job, origin: &str, answer: Result<Response, PostError>) -> (Verdict, Health) {
        match answer {
            Ok(Response { status: 200..=299, .. }) => (Verdict::Delivered, Health::Good),
            Ok(Response { status, retry_after: wish }) => {
                let wish = wish.and_then(|text| retry_after(&text, (self.clock)()));
                let busy = matches!(status, 429 | 502 | 503 | 504);
                let health = if busy { Health::Bad } else { Health::Good };
                (self.failed(job, origin, Some(status), wish, format!("status {status}")), health)
            }
            Err(error) => (self.failed(job, origin, None, None, error.to_string()), Health::Bad),
        }
    }

    fn failed(
        &self,
        job: &Job,
        origin: &str,
        status: Option<u16>,
        wish: Option<Duration>,
        error: String,
    ) -> Verdict {
        let attempt = job.row.attempt.saturating_add(1);
        let failed = u32::try_from(attempt).unwrap_or(u32::MAX);
        match self.retry.after(failed, status, wish, (self.random)()) {
            Decision::Again(delay) => {
                let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                Verdict::Again { attempt, delay }
            }
            Decision::GiveUp => Verdict::Dead(failure(origin, attempt, status, error)),
        }
    }

    fn refuse(&self, job: &Job, origin: &str, error: String) -> (Verdict, Health) {
        metrics::attempted(Outcome::Refused, job.key.feed.sink());
        (Verdict::Dead(failure(origin, job.row.attempt, None, error)), Health::Unknown)
    }

    fn expire(&self, job: &Job, origin: &str) -> (Verdict, Health) {
        metrics::attempted(Outcome::Dead, job.key.feed.sink());
        let error = "not delivered within the retention time".to_owned();
        (Verdict::Dead(failure(origin, job.row.attempt, None, error)), Health::Unknown)
    }
}

const fn outcome_of(verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Delivered => Outcome::Delivered,
        Verdict::Again { .. } | Verdict::Later { .. } => Outcome::Retried,
        Verdict::Dead(_) => Outcome::Dead,
    }
}

fn origin_of(endpoint: Option<&Endpoint>) -> Origin {
    endpoint.and_then(|endpoint| request::origin(&endpoint.url)).unwrap_or_default().into()
}

fn failure(origin: &str, attempts: i32, status: Option<u16>, error: String) -> Failure {
    Failure {
        target: origin.to_owned(),
        attempts,
        last_status: status.map(i32::from),
        last_error: Some(error.chars().take(TEXT).collect()),
    }
}
