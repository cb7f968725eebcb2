//! One attempt to bring a file to the store.

use super::{Deps, ladder};
use crate::channel::{self, Opened};
use crate::db::{self, Media, MediaState, Stored};
use crate::domain::StoredMessage;
use crate::instance::Handle;
use crate::media::{self, Label};
use crate::telemetry::metrics::{MEDIA_BYTES, MEDIA_FILES, OUTCOME};

/// How long a file waits for a store that is away, in milliseconds: others come first.
const NOT_TAKEN: i64 = 10_000;
/// How long it is known that a file cannot be had, in milliseconds.
const REMEMBERED: i64 = 30 * DAY;
/// In milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// What became of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attempted {
    /// It answered, or was not needed.
    Done,
    /// It could not be reached, or could not work.
    StoreAway,
}

/// Why a file is not in the store.
enum Failure {
    /// It will never be.
    Useless(String),
    /// Its source did not give it.
    Source(String),
    /// The store is there and did not take it.
    Refused(media::Error),
    /// The store is away.
    Away(media::Error),
}

/// Brings a file that is due, and notes what became of it.
///
/// # Errors
/// When that could not be noted: it stays due.
pub(super) async fn attempt(deps: &Deps, handle: &Handle, media: &Media) -> Result<Attempted, db::Error> {
    let MediaState::Pending { attempts } = media.state else { return Ok(Attempted::Done) };
    let rows = handle.scope().media();
    let Some(message) = handle.scope().messages().by_id(media.id).await? else {
        rows.forget(media.id).await?;
        return Ok(Attempted::Done);
    };
    let brought = bring(deps, handle, media, &message).await;
    let now = deps.clock.now_ms();
    let (instance, id) = (handle.name(), &message.key.id);
    match brought {
        Ok(stored) => {
            metrics::counter!(MEDIA_BYTES).increment(stored.bytes);
            counted("stored");
            let wanted = rows.store(media.id, &stored, until(deps, handle, now)).await?;
            // Should that fail, it is done when the row of the deleted instance goes.
            if !wanted && let Err(error) = deps.store.remove(&stored.file_name).await {
                tracing::warn!(%instance, %error, "a file of a deleted instance is not removed yet");
            }
        }
        Err(Failure::Useless(why)) => {
            tracing::info!(%instance, id, why, "a file is not kept");
            counted("failed");
            rows.fail(media.id, now + REMEMBERED, &why).await?;
        }
        Err(Failure::Source(why)) => match ladder::wait(attempts) {
            Some(wait) => {
                tracing::debug!(%instance, id, why, "a file is tried again later");
                counted("postponed");
                rows.postpone(media.id, attempts.saturating_add(1), now + wait, &why).await?;
            }
            None => {
                tracing::warn!(%instance, id, why, "a file is given up");
                counted("failed");
                rows.fail(media.id, now + REMEMBERED, &why).await?;
            }
        },
        // Nor is it lost for that: rights can be given.
        Err(Failure::Refused(error)) => {
            let (wait, attempts) = ladder::endless(attempts);
            tracing::warn!(%instance, id, %error, "the store refused a file");
            counted("refused");
            rows.postpone(media.id, attempts, now + wait, &error.to_string()).await?;
        }
        // That says nothing of the file: it is tried for as long as it takes.
        Err(Failure::Away(error)) => {
            tracing::warn!(%instance, id, %error, "the store is away");
            counted("postponed");
            rows.postpone(media.id, attempts, now + NOT_TAKEN, &error.to_string()).await?;
            return Ok(Attempted::StoreAway);
        }
    }
    Ok(Attempted::Done)
}

/// From when on a file is to be removed; the policy of the day on which it is stored counts.
fn until(deps: &Deps, handle: &Handle, now: i64) -> Option<i64> {
    match handle.settings().media.retention_days {
        Some(0) => None,
        Some(days) => Some(now + i64::from(days) * DAY),
        None => deps.retention.map(|kept| now + i64::try_from(kept.as_millis()).unwrap_or(i64::MAX / 2)),
    }
}

async fn bring(
    deps: &Deps,
    handle: &Handle,
    media: &Media,
    message: &StoredMessage,
) -> Result<Stored, Failure> {
    let opened = open(deps, handle, message).await?;
    let mimetype = media::tidy(&opened.mimetype);
    let download_as = opened.file_name.as_deref().and_then(media::cleaned);
    let extension = media::extension(&mimetype);
    let (chat, field) = (&message.key.remote_jid, media.kind.field());
    // It begins with the instance, so that whatever is there of a deleted one is found.
    let file_name = format!("{}/{chat}/{field}/{}.{extension}", handle.id(), media.id);
    let label = Label { mimetype, download_as };
    let bytes = opened.file.length();
    deps.store.put(&file_name, &opened.file, &label).await.map_err(|error| match error {
        error @ media::Error::Unavailable(_) => Failure::Away(error),
        error => Failure::Refused(error),
    })?;
    let Label { mimetype, download_as } = label;
    Ok(Stored { file_name, mimetype, download_as, bytes })
}

/// The file, from WhatsApp's hosts; when they do not have it, the connection asks the sender's phone.
async fn open(deps: &Deps, handle: &Handle, message: &StoredMessage) -> Result<Opened, Failure> {
    let refused = match deps.files.open(&message.key, &message.message).await {
        Ok(opened) => return Ok(opened),
        Err(channel::Error::Invalid { reason, .. }) => return Err(Failure::Useless(reason)),
        Err(error) => error.to_string(),
    };
    let Ok(working) = handle.enter() else { return Err(Failure::Source(refused)) };
    let Ok(files) = working.files() else { return Err(Failure::Source(refused)) };
    files.open(&message.key, &message.message).await.map_err(|error| Failure::Source(error.to_string()))
}

pub(super) fn counted(outcome: &'static str) {
    metrics::counter!(MEDIA_FILES, OUTCOME => outcome).increment(1);
}
