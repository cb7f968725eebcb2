//! Any sequence of operations answers as a plain map does.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::support::{InMemory, InSql, write_behind};
use crate::config::objects::Objects;
use crate::session::conformance::Harness;
use crate::session::object::Object;
use crate::session::{Batch, Change, Durability, Kind};

#[derive(Clone, Debug)]
enum Operation {
    Apply(Vec<Step>, Durability),
    Pass(i64),
    Claim,
    Destroy,
    Scan(usize, Vec<u8>),
    Get(usize, Vec<u8>),
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Vec<u8>, u8, Option<i64>),
    Delete(usize, Vec<u8>),
    Clear(usize),
}

const KINDS: [Kind; 2] = ["one", "two"];

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0), Just(b'a'), Just(0xff)], 1..3)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2_usize, key(), any::<u8>(), proptest::option::of(1..50_i64))
            .prop_map(|(kind, key, value, ends)| Step::Put(kind, key, value, ends)),
        3 => (0..2_usize, key()).prop_map(|(kind, key)| Step::Delete(kind, key)),
        1 => (0..2_usize).prop_map(Step::Clear),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let durability = prop_oneof![Just(Durability::Durable), Just(Durability::Relaxed)];
    let prefix = prop_oneof![Just(vec![]), key()];
    prop_oneof![
        8 => (proptest::collection::vec(step(), 0..5), durability).prop_map(|(s, d)| Operation::Apply(s, d)),
        4 => (0..2_usize, prefix).prop_map(|(kind, prefix)| Operation::Scan(kind, prefix)),
        4 => (0..2_usize, key()).prop_map(|(kind, key)| Operation::Get(kind, key)),
        2 => (1..30_i64).prop_map(Operation::Pass),
        1 => Just(Operation::Claim),
        1 => Just(Operation::Destroy),
    ]
}

type Model = BTreeMap<(Kind, Vec<u8>), (Bytes, Option<i64>)>;

async fn check(harness: &dyn Harness, operations: Vec<Operation>, now: &mut i64) {
    let store = harness.store();
    let mut owner = harness.instance().await;
    let mut model = Model::new();
    for operation in operations {
        match operation {
            Operation::Apply(steps, durability) => {
                let changes = steps.into_iter().map(|step| change(step, *now)).collect::<Vec<_>>();
                changes.iter().for_each(|change| follow(&mut model, change));
                store.apply(owner, Batch { changes, durability }).await.unwrap();
            }
            Operation::Pass(millis) => {
                harness.pass(millis);
                *now += millis;
            }
            Operation::Claim => {
                // As a runner does: nothing is left in a queue when a claim changes.
                store.apply(owner, Batch::default()).await.unwrap();
                owner = harness.claim(owner).await;
            }
            Operation::Destroy => {
                store.destroy(owner).await.unwrap();
                model.clear();
            }
            Operation::Scan(kind, prefix) => {
                let expected: Vec<_> = model
                    .iter()
                    .filter(|((of, key), (_, end))| {
                        *of == KINDS[kind] && key.starts_with(&prefix) && end.is_none_or(|end| end > *now)
                    })
                    .map(|((_, key), (value, _))| (key.clone(), value.clone()))
                    .collect();
                assert_eq!(store.scan(owner, KINDS[kind], &prefix).await.unwrap(), expected);
            }
            Operation::Get(kind, key) => {
                let live = |(value, end): &(Bytes, Option<i64>)| {
                    end.is_none_or(|end| end > *now).then(|| value.clone())
                };
                let expected = model.get(&(KINDS[kind], key.clone())).and_then(live);
                assert_eq!(store.get(owner, KINDS[kind], &key).await.unwrap(), expected);
                let many = store.get_many(owner, KINDS[kind], &[key, vec![9]]).await.unwrap();
                assert_eq!(many, [expected, None]);
            }
        }
    }
}

fn change(step: Step, now: i64) -> Change {
    match step {
        Step::Put(kind, key, value, ends) => Change::Put {
            kind: KINDS[kind],
            key,
            value: Bytes::from(vec![value]),
            expires_at: ends.map(|millis| now + millis),
        },
        Step::Delete(kind, key) => Change::Delete { kind: KINDS[kind], key },
        Step::Clear(kind) => Change::Clear { kind: KINDS[kind] },
    }
}

fn follow(model: &mut Model, change: &Change) {
    match change.clone() {
        Change::Put { kind, key, value, expires_at } => {
            model.insert((kind, key), (value, expires_at));
        }
        Change::Delete { kind, key } => {
            model.remove(&(kind, key));
        }
        Change::Clear { kind } => model.retain(|(of, _), _| *of != kind),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn run(cases: u32, runtime: &tokio::runtime::Runtime, harness: Arc<dyn Harness>) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let now = std::sync::Mutex::new(1_000_000);
    let operations = proptest::collection::vec(operation(), 1..40);
    let outcome = runner.run(&operations, |operations| {
        runtime.block_on(check(&*harness, operations, &mut now.lock().unwrap_or_else(|e| e.into_inner())));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn memory_is_a_map() {
    run(200, &runtime(), Arc::new(InMemory::new()));
}

#[test]
fn write_behind_is_a_map() {
    let runtime = runtime();
    let harness = runtime.block_on(async { InMemory::new().wrapped(write_behind) });
    run(200, &runtime, Arc::new(harness));
}

#[test]
fn sql_is_a_map() {
    let runtime = runtime();
    let harness = runtime.block_on(InSql::new());
    run(40, &runtime, Arc::new(harness));
}

#[test]
fn write_behind_over_sql_is_a_map() {
    let runtime = runtime();
    let harness = runtime.block_on(async { InSql::new().await.wrapped(write_behind) });
    run(40, &runtime, Arc::new(harness));
}

#[test]
fn objects_are_a_map() {
    let folder = tempfile::TempDir::new().unwrap();
    let place = Objects::Folder(folder.path().to_owned());
    let harness = InMemory::new().wrapped(|_, clock| Arc::new(Object::new(&place, clock).unwrap()));
    run(40, &runtime(), Arc::new(harness));
}
