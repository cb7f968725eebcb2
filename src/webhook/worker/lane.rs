//! The rows of one lane, in order of their ids; only the first may be tried.

use std::collections::VecDeque;

use crate::db::OutboxRow;

/// When something is due, and a number that tells apart what is due at once.
pub(super) type Alarm = (i64, u64);

#[derive(Default, Debug)]
pub(super) struct Lane {
    rows: VecDeque<OutboxRow>,
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum State {
    /// Has just changed; is settled before anything else happens.
    #[default]
    Idle,
    /// In the endpoint's queue of lanes to serve.
    Ready,
    /// The row of this id is being tried.
    Busy(i64),
    /// Its first row is not due yet.
    Asleep(Alarm),
}

impl Lane {
    pub(super) fn head(&self) -> Option<&OutboxRow> {
        self.rows.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().map(|row| row.id)
    }

    /// Puts a row to its place.
    pub(super) fn insert(&mut self, row: OutboxRow) {
        let place = self.rows.partition_point(|other| other.id < row.id);
        self.rows.insert(place, row);
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<OutboxRow> {
        let place = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        self.rows.remove(place)
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut OutboxRow> {
        let place = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        self.rows.get_mut(place)
    }

    /// Keeps only the row that is being tried; answers with the ids of the others.
    pub(super) fn strip(&mut self) -> Vec<i64> {
        let busy = if let State::Busy(id) = self.state { Some(id) } else { None };
        let gone = self.ids().filter(|id| Some(*id) != busy).collect();
        self.rows.retain(|row| Some(row.id) == busy);
        gone
    }
}
