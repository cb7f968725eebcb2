//! How many requests each origin gets at once. An origin that cannot be reached costs little: its
//! share halves with each failure down to one probe, and doubles with each success.

use std::collections::{HashMap, VecDeque};

use super::key::{Key, Origin};

/// What an attempt says about its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Health {
    /// It answers.
    Good,
    /// It does not, or asks for less.
    Bad,
    /// Nothing was sent.
    Unknown,
}

pub(super) struct Origins {
    most: usize,
    known: HashMap<Origin, Share>,
}

struct Share {
    allowed: usize,
    used: usize,
    /// Endpoints that have something to send and found no room.
    waiting: VecDeque<Key>,
}

impl Origins {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), known: HashMap::new() }
    }

    /// Takes a place for a request; without room the endpoint waits and is handed back by
    /// [`Origins::release`].
    pub(super) fn admit(&mut self, origin: &Origin, key: Key) -> bool {
        let fresh = || Share { allowed: self.most, used: 0, waiting: VecDeque::new() };
        let share = self.known.entry(Origin::clone(origin)).or_insert_with(fresh);
        if share.used >= share.allowed {
            share.waiting.push_back(key);
            return false;
        }
        share.used += 1;
        true
    }

    /// Gives a place back; answers with the endpoints that need not wait any more.
    pub(super) fn release(&mut self, origin: &Origin, health: Health) -> Vec<Key> {
        let Some(share) = self.known.get_mut(origin) else { return Vec::new() };
        share.used = share.used.saturating_sub(1);
        match health {
            Health::Good => share.allowed = share.allowed.saturating_mul(2).min(self.most),
            Health::Bad => share.allowed = (share.allowed / 2).max(1),
            Health::Unknown => {}
        }
        let room = share.allowed.saturating_sub(share.used).min(share.waiting.len());
        let free = share.waiting.drain(..room).collect();
        if share.used == 0 && share.waiting.is_empty() && share.allowed == self.most {
            self.known.remove(origin);
        }
        free
    }

    /// Whether the origin has less than it could.
    pub(super) fn is_throttled(&self, origin: &Origin) -> bool {
        self.known.get(origin).is_some_and(|share| share.allowed < self.most)
    }

    /// Forgets origins that nobody uses, however they fared.
    pub(super) fn sweep(&mut self) {
        self.known.retain(|_, share| share.used > 0 || !share.waiting.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Feed;
    use super::*;
    use crate::domain::InstanceId;

    #[test]
    fn a_dead_origin_shrinks_to_one_probe_and_recovers() {
        let key = Key { instance: InstanceId::random(), feed: Feed::Own };
        let origin: Origin = "https://a.example".into();
        let mut origins = Origins::new(4);
        assert!((0..4).all(|_| origins.admit(&origin, key)));
        assert!(!origins.admit(&origin, key));
        assert!(
            (0..4)
                .map(|_| origins.release(&origin, Health::Bad))
                .all(|free| free.is_empty() || free == [key])
        );
        assert!(origins.admit(&origin, key));
        assert!(!origins.admit(&origin, key));
        assert!(!origins.admit(&origin, key));
        assert_eq!(origins.release(&origin, Health::Good), [key, key]);
        assert!(origins.is_throttled(&origin));
        assert!(origins.admit(&origin, key));
        assert_eq!(origins.release(&origin, Health::Good), []);
        assert!(!origins.is_throttled(&origin));
        assert!(origins.known.is_empty());
    }
}
