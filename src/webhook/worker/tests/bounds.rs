//! Bounds, schedules and order, step by step.

use super::super::key::Job;
use super::world::{World, instance, limits, row};
use crate::webhook::worker::desk::Limits;

fn fine(_: &Job) -> Option<u16> {
    Some(200)
}

/// Attempts under way.
fn flying(world: &World) -> Vec<i64> {
    use super::super::engine::Order;
    let mut ids = Vec::new();
    for pending in &world.under_way {
        if let super::world::Pending::Order(Order::Attempt(job)) = pending {
            ids.push(job.row.id);
        }
    }
    ids
}

/// Lets everything end but attempts.
fn chores(world: &mut World) {
    use super::super::engine::Order;
    loop {
        world.pump();
        let chore = |pending: &super::world::Pending| {
            !matches!(pending, super::world::Pending::Order(Order::Attempt(_)))
        };
        let Some(at) = world.under_way.iter().position(chore) else { return };
        world.end(at, &mut fine);
    }
}

#[test]
fn one_lane_is_one_after_another_and_lanes_are_side_by_side() {
    let mut world = World::new(limits());
    chores(&mut world);
    world.commit(vec![row(1, 0, 1), row(2, 0, 1), row(3, 0, 2), row(4, 0, 0)], true);
    chores(&mut world);
    world.now += 60;
    chores(&mut world);
    assert_eq!(flying(&world), [1, 3, 4]);
    world.settle(&mut fine);
    assert_eq!(world.tries.len(), 4);
    world.run_for(10, &mut fine);
    assert!(world.table.is_empty());
}

#[test]
fn a_failed_head_holds_its_lane_until_it_is_due_and_only_its_lane() {
    let mut world = World::new(limits());
    let start = world.now;
    world.commit(vec![row(1, 0, 1), row(2, 0, 1), row(3, 0, 2)], true);
    world.run_for(100_000, &mut |job| {
        if job.row.id == 1 && job.row.attempt < 3 { Some(500) } else { Some(200) }
    });
    let when =
        |id| world.tries.iter().filter(move |(_, tried)| *tried == id).map(|(at, _)| (at - start) / 100);
    assert_eq!(when(1).collect::<Vec<_>>(), [0, 50, 150, 350]);
    assert_eq!(when(2).collect::<Vec<_>>(), [350]);
    assert_eq!(when(3).collect::<Vec<_>>(), [0]);
    assert!(world.table.is_empty());
}

#[test]
fn a_schedule_outlives_the_process() {
    let mut world = World::new(limits());
    let start = world.now;
    world.commit(vec![row(1, 0, 1)], true);
    world.run_for(6_000, &mut |_| Some(500));
    assert_eq!(world.table[&1].attempt, 2);
    world.crash(limits());
    world.run_for(60_000, &mut fine);
    let times: Vec<i64> = world.tries.iter().map(|(at, _)| (at - start) / 100).collect();
    assert_eq!(times, [0, 50, 150]);
}

#[test]
fn what_cannot_be_delivered_is_buried_and_the_lane_goes_on() {
    let mut world = World::new(limits());
    world.commit(vec![row(1, 0, 1), row(2, 0, 1), row(3, 0, 1)], true);
    world.run_for(3_600_000, &mut |job| match job.row.id {
        1 => Some(404),
        2 => Some(500),
        _ => Some(200),
    });
    assert_eq!(world.buried[&1].attempts, 1);
    assert_eq!(world.buried[&2].attempts, 10);
    assert!(world.table.is_empty());
    assert_eq!(world.tries.last().unwrap().1, 3);
}

#[test]
fn no_bound_is_exceeded_and_the_rest_waits_in_the_table() {
    let small = Limits { rows: 40, endpoint_rows: 20, page: 8, ..limits() };
    let mut world = World::new(small);
    world.commit(
        (0..300).map(|n| row(n + 1, u8::try_from(n % 3).unwrap(), u8::try_from(n % 7).unwrap())).collect(),
        true,
    );
    let mut most = 0;
    for _ in 0..5_000 {
        chores(&mut world);
        let ids = flying(&world);
        most = most.max(ids.len());
        for number in 0..3 {
            assert!(ids.iter().filter(|id| world.table[id].instance == instance(number)).count() <= 4);
        }
        assert!(world.engine.held() <= 40);
        if world.table.is_empty() {
            break;
        }
        world.end(0, &mut fine);
        world.now += 7;
    }
    assert!(world.table.is_empty());
    assert!(most > 8, "{most}");
    assert_eq!(world.tries.len(), 300);
}

#[test]
fn dead_endpoints_that_fill_the_memory_make_room_for_a_living_one() {
    let small = Limits { rows: 64, endpoint_rows: 32, page: 16, ..limits() };
    let mut world = World::new(small);
    let dead = (0..400).map(|n| row(n + 1, u8::try_from(n % 8).unwrap(), u8::try_from(n % 40).unwrap()));
    world.commit(dead.collect(), true);
    let mut answer = |job: &Job| if job.key.instance == instance(9) { Some(200) } else { None };
    world.run_for(60_000, &mut answer);
    let begun = world.now;
    world.commit((500..600).map(|id| row(id, 9, u8::try_from(id % 5).unwrap())).collect(), true);
    world.run_for(3_000, &mut answer);
    let delivered = world.taken.values().map(Vec::len).sum::<usize>();
    assert_eq!(delivered, 100, "after {} ms", world.now - begun);
    assert!(world.engine.held() <= 64);
}

#[test]
fn rows_that_the_fast_path_lost_come_first() {
    let mut world = World::new(limits());
    world.run_for(1_000, &mut fine);
    world.commit(vec![row(10, 0, 1)], true);
    world.settle(&mut fine);
    world.commit(vec![row(11, 0, 1)], false);
    world.engine.lost_track();
    world.commit(vec![row(12, 0, 1)], true);
    world.run_for(1_000, &mut fine);
    assert_eq!(world.taken.values().next().unwrap(), &[10, 11, 12]);
}

#[test]
fn a_row_that_becomes_visible_late_is_found() {
    let mut world = World::new(limits());
    world.commit(vec![row(10, 0, 1), row(20, 1, 1)], true);
    world.run_for(20_000, &mut fine);
    world.commit(vec![row(5, 2, 1)], false);
    world.run_for(5_100, &mut fine);
    assert!(world.table.is_empty());
}

#[test]
fn rows_of_an_instance_that_left_are_left_and_come_first_when_it_returns() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let mine = Arc::new(AtomicBool::new(true));
    let share = Arc::clone(&mine);
    let mut world = World::new(Limits { share: Arc::new(move |_| share.load(Ordering::SeqCst)), ..limits() });
    world.commit(vec![row(1, 0, 1), row(2, 0, 1)], true);
    world.run_for(1_000, &mut |_| Some(500));
    mine.store(false, Ordering::SeqCst);
    let tries = world.tries.len();
    world.commit(vec![row(3, 0, 1)], true);
    world.run_for(60_000, &mut fine);
    assert_eq!((world.tries.len(), world.table.len(), world.engine.held()), (tries, 3, 0));
    mine.store(true, Ordering::SeqCst);
    world.engine.look(instance(0), world.now);
    world.commit(vec![row(4, 0, 1)], true);
    world.run_for(1_000, &mut fine);
    assert_eq!(world.taken.values().next().unwrap(), &[1, 2, 3, 4]);
}

#[test]
fn results_are_written_in_groups() {
    let mut world = World::new(limits());
    chores(&mut world);
    world.commit((1..=64).map(|id| row(id, 0, u8::try_from(id).unwrap())).collect(), true);
    let mut groups = Vec::new();
    for _ in 0..2_000 {
        world.pump();
        let Some(pending) = world.under_way.front() else { break };
        if let super::world::Pending::Order(super::super::engine::Order::Delete(ids)) = pending {
            groups.push(ids.len());
        }
        world.end(0, &mut fine);
    }
    assert!(groups.iter().all(|group| *group <= 8), "{groups:?}");
    assert!(groups.len() <= 10, "{groups:?}");
}

#[test]
fn nothing_new_is_tried_after_the_stop_and_results_are_written() {
    let mut world = World::new(limits());
    world.commit((1..=8).map(|id| row(id, 0, 1 + u8::try_from(id % 2).unwrap())).collect(), true);
    chores(&mut world);
    world.now += 60;
    chores(&mut world);
    assert_eq!(flying(&world).len(), 2);
    world.engine.stop();
    world.settle(&mut fine);
    assert!(world.engine.is_settled());
    assert_eq!(world.table.len(), 6);
}
