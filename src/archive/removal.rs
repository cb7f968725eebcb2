//! Removing files whose time is over, and those of deleted instances: apart from bringing new ones, so that
//! neither holds up the other, whatever the store refuses.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::sleep;
use uuid::Uuid;

use super::attempt::counted;
use super::{Deps, ladder};
use crate::db::{self, Leaving};
use crate::domain::InstanceId;
use crate::media::Error;
use crate::telemetry::metrics::MEDIA_PENDING;

/// How often files that are to be removed are looked for.
const LOOK: Duration = Duration::from_secs(5);
/// Rows that are read at once.
const PAGE: u64 = 256;
/// Files that are removed at once.
const AT_ONCE: usize = 8;
/// For how long a node has a page to itself, in milliseconds. Afterwards it has died, or the store is away.
const TAKEN: i64 = 60_000;
/// How long an upload may still be under way when its instance is deleted, in milliseconds.
const UNDER_WAY: i64 = 300_000;

/// Removes what is due, again and again.
pub(super) async fn again(deps: &Deps) {
    loop {
        if let Err(error) = round(deps).await {
            tracing::warn!(%error, "files that are to be removed are not known now");
        }
        sleep(LOOK).await;
    }
}

async fn round(deps: &Deps) -> Result<(), db::Error> {
    let media = deps.database.media(&deps.client_name);
    measured(media.pending().await?);
    loop {
        let now = deps.clock.now_ms();
        let condemned = media.condemn(now, now + UNDER_WAY, PAGE).await?;
        let due = media.leaving(now, PAGE).await?;
        let ids: Vec<Uuid> = due.iter().map(|row| row.id).collect();
        let is_taken = !ids.is_empty() && media.take(&ids, now, now + TAKEN).await?;
        if is_taken && !remove(deps, due).await? {
            return Ok(());
        }
        if condemned < PAGE && (ids.len() as u64) < PAGE {
            return Ok(());
        }
    }
}

/// Removes a page of files, and notes which are gone. Answers whether the store is there; what is left then
/// is due again when the page is not taken any more.
async fn remove(deps: &Deps, page: Vec<Leaving>) -> Result<bool, db::Error> {
    let (mut files, mut forgotten) = (Vec::new(), Vec::new());
    let mut folders: BTreeMap<InstanceId, Vec<Uuid>> = BTreeMap::new();
    for row in page {
        match row {
            Leaving { file_name: Some(name), id, attempts, .. } => files.push((id, attempts, name)),
            // It may have been put there by a node that died before it could note so.
            Leaving { is_instance_deleted: true, id, instance, .. } => {
                folders.entry(instance).or_default().push(id);
            }
            Leaving { id, .. } => forgotten.push(id),
        }
    }
    deps.database.media(&deps.client_name).forget(&forgotten).await?;
    let is_away = AtomicBool::new(false);
    let is_away = &is_away;
    let files = files.into_iter().map(|file| async move {
        if !is_away.load(Ordering::Relaxed) && !remove_file(deps, file).await? {
            is_away.store(true, Ordering::Relaxed);
        }
        Ok::<_, db::Error>(())
    });
    futures::stream::iter(files).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    for (instance, ids) in folders {
        if is_away.load(Ordering::Relaxed) || !remove_folder(deps, instance, &ids).await? {
            return Ok(false);
        }
    }
    Ok(!is_away.load(Ordering::Relaxed))
}

/// Answers whether the store is there.
async fn remove_file(deps: &Deps, (id, attempts, name): (Uuid, i32, String)) -> Result<bool, db::Error> {
    let media = deps.database.media(&deps.client_name);
    match deps.store.remove(&name).await {
        Ok(()) => {
            counted("removed");
            media.forget(&[id]).await?;
        }
        Err(error @ Error::Unavailable(_)) => {
            tracing::warn!(%error, "files cannot be removed now");
            return Ok(false);
        }
        Err(error) => {
            tracing::warn!(%error, "the store refused to remove a file");
            let (wait, attempts) = ladder::endless(attempts);
            media.postpone(id, attempts, deps.clock.now_ms() + wait, &error.to_string()).await?;
        }
    }
    Ok(true)
}

/// Removes whatever else there is of a deleted instance; answers whether the store is there.
async fn remove_folder(deps: &Deps, instance: InstanceId, ids: &[Uuid]) -> Result<bool, db::Error> {
    match deps.store.remove_all(&instance.to_string()).await {
        Ok(()) => {}
        Err(error @ Error::Unavailable(_)) => {
            tracing::warn!(%error, "files cannot be removed now");
            return Ok(false);
        }
        // Whoever may not list files cannot be asked for those that nobody has noted.
        Err(error) => tracing::warn!(%instance, %error, "the files of a deleted instance cannot be listed"),
    }
    deps.database.media(&deps.client_name).forget(ids).await?;
    Ok(true)
}

#[allow(clippy::cast_precision_loss, reason = "a gauge")]
fn measured(pending: u64) {
    metrics::gauge!(MEDIA_PENDING).set(pending as f64);
}
