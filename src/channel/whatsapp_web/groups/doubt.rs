//! Doubts about what is on record of groups. WhatsApp takes what it has told us for known, and tells it
//! no more: what we missed of it has to be remembered beyond the connection, and beyond the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::channel::Error;
use crate::channel::whatsapp_web::connection::Context;
use crate::events::Write;

/// How long a doubt waits for a database that is away until it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Doubts of one connection.
#[derive(Default)]
pub struct Doubts {
    /// What was asked for up to then is not believed, in unix milliseconds.
    since: AtomicI64,
    raised: AtomicU64,
    /// How many of those are on record.
    recorded: AtomicU64,
    bell: Notify,
}

impl Doubts {
    /// Something was missed up to now, in unix milliseconds.
    pub fn raise(&self, now: i64) {
        self.since.fetch_max(now, Ordering::SeqCst);
        self.raised.fetch_add(1, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// Whether what was asked for at a time is not concerned.
    pub fn spare(&self, time: i64) -> bool {
        time > self.since.load(Ordering::SeqCst)
    }
}

impl Context {
    /// Puts the doubts that were raised on record; nothing when there are none.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Fenced`].
    pub async fn record_doubts(&self) -> Result<(), Error> {
        let doubts = &self.groups.doubts;
        let raised = doubts.raised.load(Ordering::SeqCst);
        if doubts.recorded.load(Ordering::SeqCst) >= raised {
            return Ok(());
        }
        // An answer from before that is being recorded comes first.
        let _all = self.groups.list.write().await;
        self.record(vec![Write::DoubtGroups]).await?;
        doubts.recorded.fetch_max(raised, Ordering::SeqCst);
        Ok(())
    }
}

/// Puts doubts on record until the connection is over.
pub async fn keep_doubts(context: Arc<Context>) {
    let over = context.over.clone();
    while over.run_until_cancelled(context.groups.doubts.bell.notified()).await.is_some() {
        while let Err(error) = context.record_doubts().await {
            tracing::warn!(instance = %context.seat.name, %error, "a doubt about groups could not be recorded");
            let again = over.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            if again.is_none() || matches!(error, Error::Fenced) {
                return;
            }
        }
    }
}
