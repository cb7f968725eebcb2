//! Which instances may have rows, and which of them have to wait. Pure: time is handed in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::InstanceId;

/// How long an instance waits after it was told to.
const PAUSE: Duration = Duration::from_secs(2);

/// Instances that are served in turn.
#[derive(Default)]
pub(super) struct Dirty {
    queue: VecDeque<InstanceId>,
    queued: BTreeSet<InstanceId>,
    paused: HashMap<InstanceId, Instant>,
}

impl Dirty {
    /// Puts an instance at the end of the queue if it is not in it.
    pub(super) fn add(&mut self, instance: InstanceId) {
        if !self.paused.contains_key(&instance) && self.queued.insert(instance) {
            self.queue.push_back(instance);
        }
    }

    /// Whether nobody is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes the next few out of the queue.
    pub(super) fn take(&mut self, most: usize) -> Vec<InstanceId> {
        let some: Vec<InstanceId> = self.queue.drain(..self.queue.len().min(most)).collect();
        for instance in &some {
            self.queued.remove(instance);
        }
        some
    }

    /// Lets an instance wait; what is added meanwhile is taken up afterwards.
    pub(super) fn pause(&mut self, instance: InstanceId, now: Instant) {
        self.paused.insert(instance, now + PAUSE);
        if self.queued.remove(&instance) {
            self.queue.retain(|queued| *queued != instance);
        }
    }

    /// Queues those that have waited long enough.
    pub(super) fn wake(&mut self, now: Instant) {
        let due: Vec<InstanceId> =
            self.paused.iter().filter(|(_, at)| **at <= now).map(|(instance, _)| *instance).collect();
        for instance in due {
            self.paused.remove(&instance);
            self.add(instance);
        }
    }

    /// When the next one has waited long enough.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.paused.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_take_turns_and_one_that_has_to_wait_holds_nobody_up() {
        let [one, two, three] = [(); 3].map(|()| InstanceId::random());
        let mut dirty = Dirty::default();
        for instance in [one, two, one, three] {
            dirty.add(instance);
        }
        assert_eq!(dirty.take(2), [one, two]);
        let now = Instant::now();
        dirty.pause(three, now);
        dirty.add(three);
        dirty.add(one);
        assert_eq!(dirty.take(9), [one]);
        dirty.wake(now);
        assert_eq!(dirty.take(9), []);
        assert_eq!(dirty.wake_at(), Some(now + PAUSE));
        dirty.wake(now + PAUSE);
        assert_eq!((dirty.take(9), dirty.wake_at()), (vec![three], None));
    }
}
