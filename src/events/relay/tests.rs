//! The relay over a real table, with a broker that is out of order at random.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::SystemClock;
use crate::db::{self, Database, NewInstance, Routed, Target, Unit, Write};
use crate::domain::{ConnectionState, Event, EventKind, Fence, Settings};
use tokio_util::sync::CancellationToken;

const SINKS: &[&str] = &["feed", "feed-global"];

/// Takes some rows of a page, and lets some instances wait.
struct Moody {
    luck: AtomicU64,
    /// Whose rows nobody wants.
    unwanted: InstanceId,
    taken: Mutex<Vec<(InstanceId, String, i64)>>,
}

impl Moody {
    fn luck(&self) -> u64 {
        // Numerical Recipes' linear congruential generator.
        let next = |luck: u64| {
            Some(luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
        };
        self.luck.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap() >> 33
    }
}

#[async_trait]
impl Carrier for Moody {
    async fn ready(&self) {}

    async fn carry(&self, rows: &[OutboxRow]) -> Carried {
        assert!(rows.len() <= 16 && rows.is_sorted_by_key(|row| row.id));
        let mut carried = Carried::default();
        for row in rows {
            if row.instance == self.unwanted {
                carried.dropped.push(row.id);
            } else if self.luck().is_multiple_of(40) {
                // The connection is lost.
                break;
            } else if self.luck().is_multiple_of(200) {
                carried.waiting.insert(row.instance);
            } else if !carried.waiting.contains(&row.instance) {
                carried.published.push(row.id);
                self.taken.lock().unwrap().push((row.instance, row.sink.to_string(), row.sequence));
            }
        }
        carried
    }
}

async fn instance(database: &Database, number: usize) -> InstanceId {
    let new = NewInstance {
        id: InstanceId::random(),
        name: format!("acme {number}").parse().unwrap(),
        client_name: "east".to_owned(),
        integration: "WHATSAPP-BAILEYS".to_owned(),
        token: format!("token-{number}"),
        token_hash: format!("{number:064x}"),
        number: None,
        business_id: None,
        state: ConnectionState::Open,
        owner: None,
        settings: Settings::default(),
    };
    database.instances().insert(&new, &[]).await.unwrap().id
}

async fn write(database: &Database, instances: &[InstanceId], each: usize) {
    for _ in 0..each {
        for instance in instances {
            let event = Event::once(EventKind::Call, 1, &"x").unwrap();
            let routed = Routed { event: Arc::new(event), sinks: SINKS.to_vec() };
            let unit = Unit { instance: *instance, fence: Fence(0), writes: vec![Write::Event(routed)] };
            database.writer().commit(unit).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_the_own_share_is_carried_in_order() {
    const EACH: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Sqlite { path: folder.path().join("waggle.db") };
    let clock = SystemClock::shared();
    let (database, writer) = Database::connect(db::Options::new(target), Arc::new(|| 1)).await.unwrap();
    database.migrate().await.unwrap();
    let stop = CancellationToken::new();
    let story = async {
        let mut all = Vec::new();
        for number in 0..6 {
            all.push(instance(&database, number).await);
        }
        let [foreign, unwanted, own @ ..] = all.as_slice() else { unreachable!() };
        let luck = AtomicU64::new(7);
        let moody = Arc::new(Moody { luck, unwanted: *unwanted, taken: Mutex::default() });
        let share = *foreign;
        let options = Options {
            sinks: SINKS,
            batch: 16,
            poll: Duration::from_millis(20),
            share: Arc::new(move |instance| instance != share),
        };
        // Half of it is there before the relay, and nobody rings for it.
        write(&database, &all, EACH / 2).await;
        let carrier: Arc<dyn Carrier> = Arc::<Moody>::clone(&moody);
        let (relay, observer) = Relay::new(options, database.outbox(), carrier, clock);
        database.writer().observe(observer);
        let end = CancellationToken::new();
        let filling = async {
            write(&database, &all, EACH / 2).await;
            while database.outbox().instances_waiting(SINKS).await.unwrap() != [*foreign] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            end.cancel();
        };
        let done = async { tokio::join!(relay.run(end.clone()), filling) };
        tokio::time::timeout(Duration::from_secs(60), done).await.unwrap();
        let mut seen: HashMap<(InstanceId, String), Vec<i64>> = HashMap::new();
        for (instance, sink, sequence) in moody.taken.lock().unwrap().drain(..) {
            seen.entry((instance, sink)).or_default().push(sequence);
        }
        let instances: BTreeSet<InstanceId> = seen.keys().map(|(instance, _)| *instance).collect();
        assert_eq!(instances, own.iter().copied().collect());
        let wanted: Vec<i64> = (1..=EACH as i64).collect();
        assert!(
            seen.len() == own.len() * SINKS.len() && seen.values().all(|seen| *seen == wanted),
            "{seen:?}"
        );
        stop.cancel();
    };
    tokio::join!(writer.run(stop.clone()), story);
    database.close().await;
}
