//! Queries of devices that are answered with an error.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::one;
use crate::world::lock;

/// Which queries are refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedQueries {
    /// Their namespace, such as `w:g2`.
    pub namespace: String,
    /// Tag of what they ask for, such as `invite`; anything when absent.
    #[serde(default)]
    pub tag: Option<String>,
    /// Only those that change something, or only those that read; both when absent.
    #[serde(default)]
    pub changes: Option<bool>,
    /// Code of the error, such as 304, 401, 409 or 503; zero leaves the query without an answer.
    pub code: u16,
    /// Number of queries.
    #[serde(default = "one")]
    pub count: u32,
}

/// A failure of queries.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryFailure {
    /// Which queries fail.
    #[serde(flatten)]
    pub refused: RefusedQueries,
    /// Only queries of this phone number; any query when absent.
    pub phone: Option<String>,
}

/// A query, as far as a failure looks at it.
pub(crate) struct Query<'a> {
    pub(crate) phone: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) changes: bool,
}

impl QueryFailure {
    fn concerns(&self, query: &Query<'_>) -> bool {
        let RefusedQueries { namespace, tag, changes, .. } = &self.refused;
        self.phone.as_deref().is_none_or(|phone| phone == query.phone)
            && namespace == query.namespace
            && tag.as_deref().is_none_or(|tag| tag == query.tag)
            && changes.is_none_or(|changes| changes == query.changes)
    }
}

/// The failures that stand.
#[derive(Default)]
pub(crate) struct Queries {
    /// Whether there may be any: keeps the mutex off the path of queries.
    armed: AtomicBool,
    failures: Mutex<VecDeque<QueryFailure>>,
}

impl Queries {
    /// Adds a failure; a count of zero clears all of them.
    pub(super) fn add(&self, failure: QueryFailure) {
        let mut failures = lock(&self.failures);
        if failure.refused.count == 0 {
            failures.clear();
        } else {
            failures.push_back(failure);
        }
        self.armed.store(true, Ordering::Release);
    }

    /// The code that this query is refused with.
    pub(super) fn take(&self, query: &Query<'_>) -> Option<u16> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut failures = lock(&self.failures);
        let index = failures.iter().position(|failure| failure.concerns(query))?;
        let refused = &mut failures.get_mut(index)?.refused;
        refused.count -= 1;
        let (code, is_last) = (refused.code, refused.count == 0);
        if is_last {
            failures.remove(index);
        }
        Some(code)
    }

    /// Forgets all of them, or those of one phone number.
    pub(super) fn lift(&self, phone: Option<&str>) {
        lock(&self.failures).retain(|failure| phone.is_some() && failure.phone.as_deref() != phone);
    }

    /// Those that stand.
    pub(super) fn standing(&self) -> Vec<QueryFailure> {
        lock(&self.failures).iter().cloned().collect()
    }
}
