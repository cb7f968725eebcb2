//! Carries out the engine's orders on the table. An outage of the database is logged here, once.

use futures::StreamExt as _;
use futures::stream;

use super::engine::Report;
use super::intake::PageRead;
use super::key::{Feed, Key};
use super::ledger::{Change, Setback};
use super::scan;
use crate::db;
use crate::telemetry::Outage;
use crate::webhook::Table;

/// Rows that are changed at once.
const PARALLEL: usize = 4;

pub(super) async fn page(table: &dyn Table, read: PageRead) -> Report {
    let limit = read.limit as u64;
    let rows = table.page_of_instance(read.key.instance, read.key.feed.sink(), read.after, limit).await;
    log_read(&rows);
    Report::Paged(read, rows.ok())
}

pub(super) async fn scan(table: &dyn Table, feed: Feed, after: i64) -> Report {
    let found = table.page(feed.sink(), after, scan::PAGE as u64).await;
    let name = |row: &db::OutboxRow| (Key { instance: row.instance, feed }, row.id);
    log_read(&found);
    Report::Scanned(feed, found.map(|rows| rows.iter().map(name).collect()).map_err(drop))
}

pub(super) async fn delete(table: &dyn Table, ids: Vec<i64>) -> Report {
    let deleted = table.delete(&ids).await;
    if let Err(error) = &deleted {
        tracing::warn!(error = %error, rows = ids.len(), "delivered events stay in the outbox for now");
    }
    Report::Deleted(ids, deleted.is_ok())
}

pub(super) async fn settle(table: &dyn Table, setbacks: Vec<Setback>) -> Report {
    let writes = setbacks.into_iter().map(|setback| async {
        let written = match &setback.change {
            Change::Again { attempt, due_at } => table.reschedule(setback.id, *attempt, *due_at).await,
            Change::Bury(failure) => table.bury(setback.id, failure).await,
        };
        (setback, written)
    });
    let results: Vec<_> = stream::iter(writes).buffer_unordered(PARALLEL).collect().await;
    let (mut written, mut unwritten) = (Vec::new(), Vec::new());
    let mut first = None;
    for (setback, result) in results {
        match result {
            // Gone with its instance.
            Ok(()) | Err(db::Error::NotFound) => written.push(setback),
            Err(error) => {
                first.get_or_insert(error);
                unwritten.push(setback);
            }
        }
    }
    if let Some(error) = first {
        tracing::warn!(error = %error, rows = unwritten.len(), "failed deliveries are not on record yet");
    }
    Report::Settled(written, unwritten)
}

/// Whether the table can be read now, told when that changes: it is asked several times a second.
static OUTAGE: Outage = Outage::new();

fn log_read<T>(read: &Result<T, db::Error>) {
    match read {
        Err(error) if OUTAGE.begins() => tracing::warn!(%error, "the outbox cannot be read"),
        Ok(_) if OUTAGE.ends() => tracing::info!("the outbox can be read again"),
        _ => {}
    }
}
