//! Failures that were asked for: which stand, which are used up, and how often each kind struck.

pub(crate) mod conditions;
pub(crate) mod order;
pub(crate) mod queries;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use self::{
    order::FaultOrder,
    queries::{Queries, Query, QueryFailure},
};
use super::lock;

/// A refusal of logins: `<failure reason="..."/>` instead of `<success/>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginFailure {
    /// Reason code: 401, 402, 403, 405, 406, 429, 500, 503, ...
    pub reason: u16,
    /// Number of logins that fail.
    #[serde(default = "one")]
    pub count: u32,
    /// Only logins of this phone number; any login when absent.
    #[serde(default)]
    pub phone: Option<String>,
    /// Detail code of a ban (reason 402).
    #[serde(default)]
    pub code: Option<u32>,
    /// Length of a ban in seconds (reason 402).
    #[serde(default)]
    pub expire: Option<u64>,
}

/// Failing requests of the media host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaFault {
    /// Delay of each request in milliseconds.
    pub delay_ms: u64,
    /// HTTP status that answers each request; served as usual, after the delay, when absent.
    pub status: Option<u16>,
    /// Whether uploads are concerned.
    pub uploads: bool,
    /// Whether downloads are concerned.
    pub downloads: bool,
    /// Number of requests; until it is lifted when absent.
    pub count: Option<u32>,
}

impl Default for MediaFault {
    fn default() -> Self {
        Self { delay_ms: 0, status: None, uploads: true, downloads: true, count: None }
    }
}

/// Refused WebSocket upgrades.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectRefusal {
    /// HTTP status of the refusal, such as 429 or 503.
    pub status: u16,
    /// Number of connections that are refused.
    #[serde(default = "one")]
    pub count: u32,
}

/// Faults that stand, and how often each kind has struck.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingFaults {
    /// Logins that will fail.
    pub logins: Vec<LoginFailure>,
    /// Queries that will be refused.
    pub queries: Vec<QueryFailure>,
    /// Connections that will be refused.
    pub connections: Option<ConnectRefusal>,
    /// Requests of the media host that will fail.
    pub media: Option<MediaFault>,
    /// Faults of devices, accounts and contacts as they could be ordered now, those that are partly used up
    /// with what is left of them.
    pub orders: Vec<FaultOrder>,
    /// Strikes since the start, by kind.
    pub used: BTreeMap<&'static str, u64>,
}

pub(crate) fn one() -> u32 {
    1
}

/// The server's faults. Those of connections, accounts and contacts are kept where they strike.
#[derive(Default)]
pub(crate) struct Faults {
    /// Whether anything may be in `logins` or `connections`: keeps the mutexes off the login path.
    armed: AtomicBool,
    logins: Mutex<VecDeque<LoginFailure>>,
    queries: Queries,
    connections: Mutex<Option<ConnectRefusal>>,
    media: Mutex<Option<MediaFault>>,
    used: Mutex<BTreeMap<&'static str, u64>>,
}

impl Faults {
    /// Adds a failure of logins; a count of zero clears all of them.
    pub(crate) fn add(&self, failure: LoginFailure) {
        let mut logins = lock(&self.logins);
        if failure.count == 0 {
            logins.clear();
        } else {
            logins.push_back(failure);
        }
        self.armed.store(true, Ordering::Release);
    }

    /// Takes the failure that applies to a login of `phone`.
    pub(crate) fn take(&self, phone: &str) -> Option<LoginFailure> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut logins = lock(&self.logins);
        let index =
            logins.iter().position(|fault| fault.phone.as_deref().is_none_or(|wanted| wanted == phone))?;
        let fault = logins.get_mut(index)?;
        fault.count -= 1;
        let taken = fault.clone();
        if taken.count == 0 {
            logins.remove(index);
        }
        drop(logins);
        self.used("failLogins", 1);
        Some(taken)
    }

    /// Refuses queries; a count of zero stops that.
    pub(crate) fn refuse_queries(&self, failure: QueryFailure) {
        self.queries.add(failure);
    }

    /// The code that refuses this query.
    pub(crate) fn take_query(&self, query: &Query<'_>) -> Option<u16> {
        let code = self.queries.take(query)?;
        self.used("failQueries", 1);
        Some(code)
    }

    /// Refuses coming connections; a count of zero stops that.
    pub(crate) fn refuse_connections(&self, refusal: ConnectRefusal) {
        *lock(&self.connections) = Some(refusal).filter(|refusal| refusal.count > 0);
        self.armed.store(true, Ordering::Release);
    }

    /// The status that refuses this connection.
    pub(crate) fn take_connection(&self) -> Option<u16> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut connections = lock(&self.connections);
        let refusal = connections.as_mut()?;
        let status = refusal.status;
        refusal.count -= 1;
        if refusal.count == 0 {
            *connections = None;
        }
        drop(connections);
        self.used("refuseConnections", 1);
        Some(status)
    }

    /// Makes requests of the media host fail.
    pub(crate) fn fail_media(&self, fault: MediaFault) {
        *lock(&self.media) = Some(fault).filter(|fault| fault.count != Some(0));
    }

    /// The delay in milliseconds and the status of this request.
    pub(crate) fn take_media(&self, upload: bool) -> Option<(u64, Option<u16>)> {
        let mut media = lock(&self.media);
        let fault = media.as_mut()?;
        if !(if upload { fault.uploads } else { fault.downloads }) {
            return None;
        }
        let taken = (fault.delay_ms, fault.status);
        if let Some(count) = &mut fault.count {
            *count -= 1;
            if *count == 0 {
                *media = None;
            }
        }
        drop(media);
        self.used("media", 1);
        Some(taken)
    }

    /// Forgets what stands: everything, or only the failures of logins and queries of `phone`.
    pub(crate) fn lift(&self, phone: Option<&str>) {
        self.queries.lift(phone);
        if phone.is_some() {
            lock(&self.logins).retain(|fault| fault.phone.as_deref() != phone);
            return;
        }
        lock(&self.logins).clear();
        *lock(&self.connections) = None;
        *lock(&self.media) = None;
    }

    /// Counts strikes of a fault.
    pub(crate) fn used(&self, kind: &'static str, times: u64) {
        if times > 0 {
            *lock(&self.used).entry(kind).or_default() += times;
        }
    }

    /// What stands and what struck.
    pub(crate) fn standing(&self, orders: Vec<FaultOrder>) -> StandingFaults {
        StandingFaults {
            logins: lock(&self.logins).iter().cloned().collect(),
            queries: self.queries.standing(),
            connections: lock(&self.connections).clone(),
            media: lock(&self.media).clone(),
            orders,
            used: lock(&self.used).clone(),
        }
    }
}
