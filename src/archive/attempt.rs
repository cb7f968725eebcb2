//! One thing that is due with one file.

use super::{Deps, ladder};
use crate::channel::{self, Opened};
use crate::db::{self, Media, MediaState, Stored};
use crate::domain::StoredMessage;
use crate::instance::Handle;
use crate::media::{self, Label};
use crate::telemetry::metrics::{MEDIA_BYTES, MEDIA_FILES, OUTCOME};

/// How long a file waits that the store did not take, in milliseconds: others come first.
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
    /// It did not take a file, or could not be reached.
    StoreAway,
}

/// Why a file is not in the store.
enum Failure {
    /// It will never be.
    Useless(String),
    /// Its source did not give it.
    Source(String),
    /// The store did not take it.
    Store(media::Error),
}

/// Does what is due with a file, and notes what became of it.
///
/// # Errors
/// When that could not be noted: it stays due.
pub(super) async fn attempt(deps: &Deps, handle: &Handle, media: &Media) -> Result<Attempted, db::Error> {
    let rows = handle.scope().media();
    match &media.state {
        MediaState::Pending { attempts } => return keep(deps, handle, media, *attempts).await,
        MediaState::Failed(_) => rows.forget(media.id).await?,
        MediaState::Stored(stored) => {
            if let Err(error) = deps.store.remove(&stored.file_name).await {
                tracing::warn!(instance = %handle.name(), %error, "a file could not be removed");
                let again = deps.clock.now_ms() + NOT_TAKEN;
                rows.postpone(media.id, 0, again, &error.to_string()).await?;
                return Ok(Attempted::StoreAway);
            }
            counted("removed");
            rows.forget(media.id).await?;
        }
    }
    Ok(Attempted::Done)
}

async fn keep(deps: &Deps, handle: &Handle, media: &Media, attempts: i32) -> Result<Attempted, db::Error> {
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
            if !wanted && deps.store.remove(&stored.file_name).await.is_err() {
                tracing::error!(%instance, name = stored.file_name, "a file of a deleted instance stays");
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
        // That says nothing of the file: it is tried for as long as it takes.
        Err(Failure::Store(error)) => {
            tracing::warn!(%instance, id, %error, "the store did not take a file");
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
    let file_name = format!("{}/{chat}/{field}/{}.{extension}", handle.id(), media.id);
    let label = Label { mimetype, download_as };
    let bytes = opened.file.length();
    deps.store.put(&file_name, &opened.file, &label).await.map_err(Failure::Store)?;
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

fn counted(outcome: &'static str) {
    metrics::counter!(MEDIA_FILES, OUTCOME => outcome).increment(1);
}
