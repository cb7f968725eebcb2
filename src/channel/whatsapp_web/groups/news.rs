//! What was told of groups since a question was asked: an answer may be older than that, and must not
//! take its place.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::Jid;

/// Changed groups that are remembered; past it every group counts as doubted.
const MOST: usize = 256;

/// A point in what was told; later ones are larger.
pub type Version = u64;

/// What was told of one group since a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// That nothing can be believed, of this group or of all.
    Doubt,
    /// A change.
    Change,
    /// That it is gone, or that we are out of it.
    Gone,
}

impl Told {
    const fn of(gone: bool) -> Self {
        if gone { Self::Gone } else { Self::Change }
    }
}

/// The order in which changes of groups were told.
#[derive(Default)]
pub struct News(Mutex<State>);

#[derive(Default)]
struct State {
    version: Version,
    /// Since when nothing at all is known.
    doubted: Version,
    /// The last change of a group, and whether it is gone.
    changes: HashMap<Jid, (Version, bool)>,
}

impl News {
    /// The version of now. Taken before a question is asked.
    pub fn version(&self) -> Version {
        self.with(|state| state.version)
    }

    /// A change of a group. Whoever calls it has the group's turn.
    pub fn change(&self, group: &Jid, gone: bool) {
        self.with(|state| {
            if state.changes.len() >= MOST && !state.changes.contains_key(group) {
                state.doubt();
            }
            state.version += 1;
            state.changes.insert(group.clone(), (state.version, gone));
        });
    }

    /// Something was missed.
    pub fn doubt(&self) {
        self.with(State::doubt);
    }

    /// What was told of a group since.
    pub fn told(&self, group: &Jid, since: Version) -> Told {
        self.with(|state| match state.changes.get(group) {
            Some((version, gone)) if *version > since => Told::of(*gone),
            _ if state.doubted > since => Told::Doubt,
            _ => Told::Nothing,
        })
    }

    /// Everything that was told since: whether anything is doubted, and the groups that changed.
    pub fn since(&self, since: Version) -> (bool, Vec<(Jid, Told)>) {
        self.with(|state| {
            let changes = state.changes.iter().filter(|(_, (version, _))| *version > since);
            let told = changes.map(|(group, (_, gone))| (group.clone(), Told::of(*gone)));
            (state.doubted > since, told.collect())
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn doubt(&mut self) {
        self.version += 1;
        self.doubted = self.version;
        self.changes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(number: usize) -> Jid {
        Jid::parse(&format!("{number}@g.us")).unwrap()
    }

    #[test]
    fn only_what_was_told_afterwards_counts() {
        let news = News::default();
        news.change(&group(1), false);
        let since = news.version();
        assert_eq!([1, 2].map(|it| news.told(&group(it), since)), [Told::Nothing; 2]);
        assert_eq!(news.since(since), (false, vec![]));
        news.change(&group(2), true);
        assert_eq!([1, 2].map(|it| news.told(&group(it), since)), [Told::Nothing, Told::Gone]);
        assert_eq!(news.since(since), (false, vec![(group(2), Told::Gone)]));
        news.change(&group(2), false);
        assert_eq!(news.told(&group(2), since), Told::Change);
        news.doubt();
        assert_eq!([1, 2].map(|it| news.told(&group(it), since)), [Told::Doubt; 2]);
        assert!(news.since(since).0);
        assert_eq!(news.told(&group(1), news.version()), Told::Nothing, "asked after that");
    }

    #[test]
    fn too_many_changes_to_remember_are_a_doubt_of_all() {
        let news = News::default();
        let since = news.version();
        for number in 0..=MOST {
            assert_eq!(news.told(&group(MOST), since), Told::Nothing);
            news.change(&group(number), false);
        }
        assert_eq!(news.told(&group(MOST), since), Told::Change);
        assert_eq!(news.told(&group(0), since), Told::Doubt);
        assert_eq!(news.told(&group(9999), since), Told::Doubt);
    }
}
