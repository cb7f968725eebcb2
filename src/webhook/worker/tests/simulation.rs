//! Random commits, losses, failures, crashes and interleavings: per lane nothing is lost and
//! nothing is out of order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::key::{Key, lane_of};
use super::world::{World, instance, limits, row};
use crate::domain::InstanceId;
use crate::webhook::worker::desk::Limits;
use crate::webhook::{Retry, Share};

#[derive(Clone, Debug)]
enum Step {
    /// So many rows of an instance and a chat; the fast path brings them, or loses them.
    Commit(u8, u8, u8, bool),
    /// One of the orders under way ends; attempts with this status.
    End(u16, u8),
    /// An instance becomes somebody else's, or ours again.
    Share(u8, bool),
    /// Time passes.
    Wait(u16),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, 0..4_u8, 1..6_u8, prop::bool::weighted(0.8)).prop_map(|(i, c, n, told)| Step::Commit(i, c, n, told)),
        12 => (any::<u16>(), any::<u8>()).prop_map(|(at, luck)| Step::End(at, luck)),
        3 => (0..3_000_u16).prop_map(Step::Wait),
        1 => (0..4_u8, any::<bool>()).prop_map(|(instance, ours)| Step::Share(instance, ours)),
        1 => prop::bool::weighted(0.2).prop_map(|really| if really { Step::Crash } else { Step::Wait(1) }),
    ]
}

fn tight() -> Limits {
    Limits { rows: 24, endpoint_rows: 10, page: 4, ..limits() }
}

/// Instances that are somebody else's.
type Away = Arc<Mutex<BTreeSet<InstanceId>>>;

fn give_back(world: &mut World, away: &Away, number: u8) {
    if away.lock().unwrap().remove(&instance(number)) {
        world.engine.look(instance(number), world.now);
    }
}

/// Every lane has all its rows in order; repeats only directly after the same row or, after a
/// crash, of rows that were taken and not yet removed.
fn check(world: &World, all: &BTreeMap<(Key, String), Vec<i64>>, crashed: bool) -> Result<(), TestCaseError> {
    for (lane, rows) in all {
        let taken = world.taken.get(lane).cloned().unwrap_or_default();
        let mut first = Vec::new();
        for id in &taken {
            if !first.contains(id) {
                prop_assert!(first.last().is_none_or(|last| last < id), "{taken:?}");
                first.push(*id);
            }
        }
        prop_assert_eq!(&first, rows);
        if !crashed {
            prop_assert_eq!(&taken, rows);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn lanes_keep_their_order_and_lose_nothing(steps in prop::collection::vec(step(), 1..200), small: bool) {
        let away = Away::default();
        let bounds = || {
            let away = Arc::clone(&away);
            let share: Share = Arc::new(move |instance| !away.lock().unwrap().contains(&instance));
            Limits { share, ..if small { tight() } else { limits() } }
        };
        let mut world = World::new(bounds());
        world.retry = Retry { max_attempts: u32::MAX, ..world.retry };
        let mut all: BTreeMap<(Key, String), Vec<i64>> = BTreeMap::new();
        let (mut next, mut crashed, mut lost) = (1_i64, false, false);
        for step in steps {
            match step {
                Step::Commit(instance, chat, count, told) => {
                    let rows: Vec<_> = (0..i64::from(count)).map(|n| row(next + n, instance, chat)).collect();
                    next += i64::from(count);
                    for row in &rows {
                        all.entry((Key::of(row).unwrap(), lane_of(row).to_owned())).or_default().push(row.id);
                    }
                    if told && lost {
                        world.engine.lost_track();
                        lost = false;
                    }
                    lost |= !told;
                    world.commit(rows, told);
                }
                Step::End(at, luck) => {
                    world.pump();
                    let at = usize::from(at) % world.under_way.len().max(1);
                    let status = match luck % 4 { 0 => Some(500), 1 => None, _ => Some(200) };
                    world.end(at, &mut |_| status);
                }
                Step::Share(number, true) => give_back(&mut world, &away, number),
                Step::Share(number, false) => {
                    away.lock().unwrap().insert(instance(number));
                }
                Step::Wait(millis) => world.now += i64::from(millis),
                Step::Crash => {
                    world.crash(bounds());
                    (crashed, lost) = (true, false);
                }
            }
            prop_assert!(world.engine.held() <= bounds().rows);
        }
        (0..4).for_each(|number| give_back(&mut world, &away, number));
        world.run_for(1_200_000, &mut |_| Some(200));
        prop_assert!(world.table.is_empty(), "{} rows are left", world.table.len());
        check(&world, &all, crashed)?;
    }
}
