//! The history that the phone hands over when it is linked, and what of it is asked for later.
//!
//! The library tells the phone that it has a part before it downloads it, hands it over once, and drops what
//! is under way with the connection; the phone does not offer it again. What the node could see of it, the
//! event, comes after that receipt, and the message that announces a part reaches the hook without its
//! notice. So the node runs the library's worker of such parts itself ([`ClientBuild::into_parts`]
//! is made for that): what announces a part is in the database before its message is acknowledged, and goes
//! with the last of what the part holds. A part whose recording was interrupted is downloaded again on the
//! next connection, on whichever node that is, and recorded from where it was. The notice is kept and not
//! the part: it is small, and WhatsApp keeps the part for weeks.
//!
//! A part is in memory only while it is recorded, and few instances of a node record at the same time.
//!
//! [`ClientBuild::into_parts`]: whatsapp_rust::ClientBuild::into_parts

mod fetch;
mod record;
mod spool;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wacore::types::events::{Event, LazyHistorySync};
use waproto::whatsapp::history_sync::HistorySyncType;
use whatsapp_rust::Client;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::sync_task::MajorSyncTask;

pub use spool::{Settles, Spool, announces};

use self::record::Recorded;
use super::connection::Context;
use super::hook;
use crate::channel::Signal;
use crate::events::{self, Spooled, Write};

/// Parts that are looked at to find the next one.
const AHEAD: u64 = 64;
/// First wait for a part that could not be had; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long WhatsApp may be expected to have a part, in milliseconds.
const KEPT: i64 = 30 * 24 * 3600 * 1000;

/// A part that could not be had.
struct Failed {
    pause: Duration,
    until: Instant,
}

/// What became of a part.
enum Became {
    /// It does not wait any more.
    Gone,
    /// It is tried again after a while.
    Later,
    /// The connection is as good as over.
    Over,
}

/// Notes and records histories until the connection is over.
pub async fn drain(context: Arc<Context>, tasks: Receiver<MajorSyncTask>, settles: Settles) {
    let over = context.over.clone();
    let both = async { tokio::join!(spool::note_all(&context, &tasks, settles), record_all(&context)) };
    over.run_until_cancelled(both).await;
}

async fn record_all(context: &Context) {
    let mut failed = HashMap::new();
    loop {
        let due = pass(context, &mut failed).await;
        let due = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = context.spool.woken() => {}
            () = due => {}
        }
    }
}

/// Records what can be recorded now; answers when there may be more without a wake.
async fn pass(context: &Context, failed: &mut HashMap<String, Failed>) -> Option<Instant> {
    loop {
        let client = context.client()?;
        let account = spool::account(&client).filter(|_| client.is_logged_in())?;
        let Ok(waiting) = context.seat.spool.waiting(&account, AHEAD).await else {
            return Some(Instant::now() + FIRST_PAUSE);
        };
        failed.retain(|name, _| waiting.contains(name));
        let now = Instant::now();
        let is_due = |name: &&String| failed.get(*name).is_none_or(|failed| failed.until <= now);
        let Some(name) = waiting.iter().find(is_due) else {
            return failed.values().map(|failed| failed.until).min();
        };
        match one(context, &client, name).await {
            Became::Gone => drop(failed.remove(name)),
            Became::Later => {
                let pause = failed.get(name).map_or(FIRST_PAUSE, |failed| failed.pause * 2);
                let pause = pause.min(LONGEST_PAUSE);
                failed.insert(name.clone(), Failed { pause, until: Instant::now() + pause });
            }
            Became::Over => return None,
        }
    }
}

async fn one(context: &Context, client: &Arc<Client>, name: &str) -> Became {
    let Ok(_turn) = context.history.turns.acquire().await else { return Became::Over };
    let part = match context.seat.spool.find(name).await {
        Ok(Some(part)) => part,
        Ok(None) => return Became::Gone,
        Err(_) => return Became::Later,
    };
    let event = match context.spool.read(client, &part).await {
        Some(event) => event,
        None => match again(context, client, &part).await {
            Ok(event) => event,
            Err(became) => return became,
        },
    };
    let Event::HistorySync(blob) = &*event else { return forget(context, name).await };
    if !is_wanted(context, blob.sync_type()) {
        return forget(context, name).await;
    }
    match record::all(context, client, blob, &part).await {
        Recorded::Whole => {
            let became = forget(context, name).await;
            if let (Became::Gone, Some(progress)) = (&became, progress(blob)) {
                context.signal(Signal::History { progress }).await;
            }
            became
        }
        Recorded::Unreadable => forget(context, name).await,
        Recorded::Stopped => Became::Over,
    }
}

/// Reads a part without the library.
async fn again(context: &Context, client: &Client, part: &Spooled) -> Result<Arc<Event>, Became> {
    let Some(notice) = spool::notice(part) else {
        tracing::error!(instance = %context.seat.name, "a part of the history was not announced readably");
        return Err(forget(context, &part.message_id).await);
    };
    if !is_wanted(context, notice.sync_type.map(|kind| kind as i32).unwrap_or_default()) {
        return Err(forget(context, &part.message_id).await);
    }
    match fetch::fetch(context, client, &part.message_id, notice).await {
        Ok(event) => Ok(event),
        Err(fetch::Error::Away(error)) if context.seat.journal.now() - part.created_at < KEPT => {
            tracing::warn!(instance = %context.seat.name, %error, "a part of the history is not here yet");
            Err(Became::Later)
        }
        Err(error) => {
            tracing::error!(instance = %context.seat.name, %error, "a part of the history is lost");
            Err(forget(context, &part.message_id).await)
        }
    }
}

async fn forget(context: &Context, name: &str) -> Became {
    let forgotten = Write::Spooled { message_id: name.to_owned(), done: None };
    match hook::commit(context, vec![forgotten]).await {
        Ok(()) => Became::Gone,
        Err(events::Error::Fenced) => {
            context.fenced();
            Became::Over
        }
        Err(events::Error::Unavailable(_)) => Became::Over,
        Err(error) => {
            tracing::error!(instance = %context.seat.name, %error, "a part of the history comes again");
            Became::Later
        }
    }
}

/// Whether a part is wanted: the oldest messages only by those who asked for all of them.
fn is_wanted(context: &Context, kind: i32) -> bool {
    kind != HistorySyncType::FULL as i32 || context.seat.settings.borrow().sync_full_history
}

/// How much of the history is here with a part; what was asked for later says nothing of it.
fn progress(blob: &LazyHistorySync) -> Option<u32> {
    blob.progress().filter(|_| blob.sync_type() != HistorySyncType::ON_DEMAND as i32)
}
