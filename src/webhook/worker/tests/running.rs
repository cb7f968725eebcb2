//! The service as it runs, with scripted receivers and a table in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::world::{instance, row};
use crate::db::{Error as DbError, Failure, OutboxRow};
use crate::domain::InstanceId;
use crate::webhook::{
    Directory, Endpoint, Error, Handle, Options, Outside, Post, PostError, Request, Response, Retry, Service,
    Table, Unavailable,
};

#[derive(Default)]
pub(super) struct Memory {
    rows: Mutex<BTreeMap<i64, OutboxRow>>,
    buried: Mutex<HashMap<i64, Failure>>,
    deletes: AtomicUsize,
    down: AtomicBool,
}

impl Memory {
    fn put(&self, rows: &[OutboxRow]) {
        self.rows.lock().unwrap().extend(rows.iter().map(|row| (row.id, row.clone())));
    }

    fn len(&self) -> usize {
        self.rows.lock().unwrap().len()
    }

    fn up(&self) -> Result<(), DbError> {
        if self.down.load(Ordering::SeqCst) { Err(DbError::Stopped) } else { Ok(()) }
    }

    fn find(&self, after: i64, limit: u64, wanted: impl Fn(&OutboxRow) -> bool) -> Vec<OutboxRow> {
        let rows = self.rows.lock().unwrap();
        let found = rows.range(after + 1..).map(|(_, row)| row).filter(|row| wanted(row));
        found.take(usize::try_from(limit).unwrap()).cloned().collect()
    }
}

#[async_trait]
impl Table for Memory {
    async fn page(&self, sink: &str, after: i64, limit: u64) -> Result<Vec<OutboxRow>, DbError> {
        self.up().map(|()| self.find(after, limit, |row| row.sink == sink))
    }

    async fn page_of_instance(
        &self,
        instance: InstanceId,
        sink: &str,
        after: i64,
        limit: u64,
    ) -> Result<Vec<OutboxRow>, DbError> {
        self.up().map(|()| self.find(after, limit, |row| row.sink == sink && row.instance == instance))
    }

    async fn delete(&self, ids: &[i64]) -> Result<(), DbError> {
        self.up()?;
        self.deletes.fetch_add(1, Ordering::SeqCst);
        self.rows.lock().unwrap().retain(|id, _| !ids.contains(id));
        Ok(())
    }

    async fn reschedule(&self, id: i64, attempt: i32, due_at: i64) -> Result<(), DbError> {
        self.up()?;
        if let Some(row) = self.rows.lock().unwrap().get_mut(&id) {
            (row.attempt, row.due_at) = (attempt, due_at);
        }
        Ok(())
    }

    async fn bury(&self, id: i64, failure: &Failure) -> Result<(), DbError> {
        self.up()?;
        self.rows.lock().unwrap().remove(&id).ok_or(DbError::NotFound)?;
        self.buried.lock().unwrap().insert(id, failure.clone());
        Ok(())
    }

    async fn depth(&self, _: &str) -> Result<u64, DbError> {
        Ok(self.len() as u64)
    }

    async fn oldest(&self, _: &str) -> Result<Option<i64>, DbError> {
        Ok(None)
    }
}

/// Each endpoint is named after its instance.
struct Names;

#[async_trait]
impl Directory for Names {
    async fn endpoint(&self, instance: InstanceId, _: &'static str) -> Result<Option<Endpoint>, Unavailable> {
        if instance == super::world::instance(99) {
            return Ok(None);
        }
        Ok(Some(Endpoint { url: format!("https://{instance}.example/t0k3n"), ..Endpoint::default() }))
    }
}

/// Answers by the id of the event.
struct Script<F> {
    answer: F,
    seen: Mutex<Vec<i64>>,
    open: AtomicUsize,
}

#[async_trait]
impl<F: Fn(i64, usize) -> Result<u16, PostError> + Send + Sync + 'static> Post for Script<F> {
    async fn post(&self, request: Request) -> Result<Response, PostError> {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let id = body["data"].as_i64().unwrap();
        let times = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(id);
            seen.iter().filter(|other| **other == id).count()
        };
        self.open.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        (self.answer)(id, times).map(|status| Response { status, retry_after: None })
    }
}

fn script<F>(answer: F) -> Arc<Script<F>> {
    Arc::new(Script { answer, seen: Mutex::default(), open: AtomicUsize::new(0) })
}

fn wall() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn build(table: &Arc<Memory>, post: Arc<dyn Post>) -> (Service, Handle) {
    let retry = Retry {
        initial_delay: Duration::from_millis(30),
        max_delay: Duration::from_millis(60),
        max_attempts: 3,
        ..Retry::default()
    };
    // The events of these tests are from 1970.
    let retention = Duration::MAX;
    let options = Options { poll: Duration::from_millis(20), retention, retry, ..Options::default() };
    let outside = Outside {
        post,
        directory: Arc::new(Names),
        table: Arc::<Memory>::clone(table),
        clock: Arc::new(wall),
        random: Arc::new(|| 0.5),
    };
    Service::new(options, outside)
}

/// Runs until the table is empty, then stops.
async fn run_dry(service: Service, table: &Memory) -> Result<(), Error> {
    let stop = CancellationToken::new();
    let dry = async {
        for _ in 0..2_000 {
            if table.len() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
    };
    tokio::join!(service.run(stop.clone()), dry).0
}

#[tokio::test]
async fn the_fast_path_and_the_table_are_delivered_in_order_and_in_few_writes() {
    let table = Arc::new(Memory::default());
    let post = script(|id, times| Ok(if id % 50 == 0 && times == 1 { 500 } else { 200 }));
    let (service, handle) = build(&table, Arc::<Script<_>>::clone(&post));
    let make = |ids: std::ops::Range<i64>| -> Vec<OutboxRow> {
        ids.map(|id| row(id, u8::try_from(id % 5).unwrap(), u8::try_from(id % 20).unwrap())).collect()
    };
    table.put(&make(1..200));
    for start in (200..1_000).step_by(100) {
        let rows = make(start..start + 100);
        table.put(&rows);
        handle.observer().committed(&rows);
    }
    run_dry(service, &table).await.unwrap();
    assert_eq!(table.len(), 0);
    let seen = post.seen.lock().unwrap();
    for chat in 0..20 {
        let mut lane: Vec<i64> = seen.iter().copied().filter(|id| id % 20 == chat).collect();
        lane.dedup();
        let expected: Vec<i64> = (1..1_000).filter(|id| id % 20 == chat).collect();
        assert_eq!(lane, expected);
    }
    assert!(table.deletes.load(Ordering::SeqCst) < 500);
}

#[tokio::test]
async fn more_commits_than_the_channel_holds_are_found_in_the_table() {
    let table = Arc::new(Memory::default());
    let post = script(|_, _| Ok(204));
    let (service, handle) = build(&table, Arc::<Script<_>>::clone(&post));
    for id in 1..3_000 {
        let rows = [row(id, u8::try_from(id % 40).unwrap(), u8::try_from(id % 7).unwrap())];
        table.put(&rows);
        handle.observer().committed(&rows);
    }
    run_dry(service, &table).await.unwrap();
    let seen = post.seen.lock().unwrap();
    assert_eq!(seen.len(), 2_999);
    for lane in 0..280 {
        let taken: Vec<i64> = seen.iter().copied().filter(|id| id % 280 == lane).collect();
        assert!(taken.is_sorted(), "{taken:?}");
    }
}

#[tokio::test]
async fn the_dead_are_buried_with_their_reason_and_without_secrets() {
    let table = Arc::new(Memory::default());
    let post = script(|id, _| match id {
        1 => Ok(404),
        2 => Ok(503),
        3 => Err(PostError::Refused("10.0.0.1 is a private address and is not allowed".to_owned())),
        _ => Err(PostError::Timeout),
    });
    table.put(&[row(1, 0, 1), row(2, 1, 1), row(3, 2, 1), row(4, 3, 1), row(5, 99, 1)]);
    let (service, _handle) = build(&table, post);
    run_dry(service, &table).await.unwrap();
    let buried = table.buried.lock().unwrap();
    let of = |id: i64| {
        let Failure { target, attempts, last_status, last_error } = &buried[&id];
        assert!(!format!("{target}{last_error:?}").contains("t0k3n"));
        (*attempts, *last_status, last_error.clone().unwrap())
    };
    assert_eq!(of(1), (1, Some(404), "status 404".to_owned()));
    assert_eq!(of(2), (3, Some(503), "status 503".to_owned()));
    assert_eq!(of(3).0, 0);
    assert_eq!(of(4), (3, None, "timed out".to_owned()));
    assert_eq!(of(5).2, "the webhook is not configured any more");
    assert_eq!(buried[&1].target, format!("https://{}.example", instance(0)));
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_writes_their_results() {
    let table = Arc::new(Memory::default());
    let post = script(|_, _| Ok(200));
    table.put(&(1..=500).map(|id| row(id, 0, u8::try_from(id % 50).unwrap())).collect::<Vec<_>>());
    let (service, _handle) = build(&table, Arc::<Script<_>>::clone(&post));
    let stop = CancellationToken::new();
    let some = async {
        while post.seen.lock().unwrap().len() < 40 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    tokio::join!(service.run(stop.clone()), some).0.unwrap();
    let seen = post.seen.lock().unwrap().len();
    assert_eq!(post.open.load(Ordering::SeqCst), 0);
    assert!(seen < 500);
    assert_eq!(table.len(), 500 - seen);
}

#[tokio::test]
async fn a_table_that_is_down_for_a_while_loses_nothing() {
    let table = Arc::new(Memory::default());
    let post = script(|_, _| Ok(200));
    let (service, handle) = build(&table, Arc::<Script<_>>::clone(&post));
    let rows: Vec<OutboxRow> = (1..=100).map(|id| row(id, 0, u8::try_from(id % 9).unwrap())).collect();
    table.put(&rows);
    table.down.store(true, Ordering::SeqCst);
    handle.observer().committed(&rows);
    let recover = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        table.down.store(false, Ordering::SeqCst);
    };
    tokio::join!(run_dry(service, &table), recover).0.unwrap();
    assert_eq!(post.seen.lock().unwrap().len(), 100);
}

#[tokio::test]
async fn results_that_cannot_be_written_at_the_end_are_told() {
    let table = Arc::new(Memory::default());
    let post = script(|_, _| Ok(200));
    table.put(&[row(1, 0, 1)]);
    let (service, _handle) = build(&table, Arc::<Script<_>>::clone(&post));
    let stop = CancellationToken::new();
    let fail = async {
        while post.seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        table.down.store(true, Ordering::SeqCst);
        stop.cancel();
    };
    assert_eq!(tokio::join!(service.run(stop.clone()), fail).0, Err(Error::Unwritten));
    assert_eq!(table.len(), 1);
}
