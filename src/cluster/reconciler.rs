//! Brings what this node has to what it should have, again and again.

use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::plan::{Plan, Reason, plan};
use super::view::NodeState;
use super::{Error, Handle};
use crate::domain::{Fence, InstanceId};
use crate::telemetry::Outage;
use crate::telemetry::metrics::{CLAIMS, REASON, RELEASES, UNOWNED_INSTANCES};

/// Time between two looks of a node that shares with nobody.
const ALONE: Duration = Duration::from_secs(30);
/// First wait after a look that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Claims and gives away until it is stopped.
#[must_use = "no instance is loaded until it runs"]
pub struct Reconciler {
    cluster: Handle,
    offers: Option<mpsc::Receiver<Vec<InstanceId>>>,
    /// Since when the members are the same.
    stable_since: Instant,
    last_moves: Instant,
    outage: Outage,
}

impl Reconciler {
    pub(super) fn new(cluster: Handle, offers: mpsc::Receiver<Vec<InstanceId>>) -> Self {
        let now = Instant::now();
        Self { cluster, offers: Some(offers), stable_since: now, last_moves: now, outage: Outage::new() }
    }

    /// Runs until the token is cancelled.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let (cluster, offers) = (self.cluster.clone(), self.offers.take());
        let work = async {
            cluster.lease.held().await;
            // Apart: to give instances away takes time, and those that are offered must not wait for it.
            tokio::join!(self.rounds(), take_offers(&cluster, offers));
        };
        shutdown.run_until_cancelled(work).await;
    }

    async fn rounds(&mut self) {
        let mut view = self.cluster.view.clone();
        loop {
            let wait = match self.round().await {
                Ok(wait) => {
                    if self.outage.ends() {
                        tracing::info!("the instances can be looked through again");
                    }
                    wait
                }
                Err(error) => {
                    if self.outage.begins() {
                        tracing::error!(%error, "the instances cannot be looked through; trying again");
                    }
                    RETRY
                }
            };
            tokio::select! {
                changed = view.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.stable_since = Instant::now();
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One look; answers when to look again.
    async fn round(&mut self) -> Result<Duration, Error> {
        let Handle { registry, database, lease, options, .. } = &self.cluster;
        if !lease.is_held() {
            return Ok(options.heartbeat);
        }
        let held = registry.held();
        let owners = database.instances().all_owners(&options.me.client_name).await?;
        let view = self.cluster.view();
        let Plan { claims, moves, lost, disown, unowned } = plan(&options.me, &view, &owners, &held);
        gauge!(UNOWNED_INSTANCES).set(unowned as f64);
        if !(claims.is_empty() && lost.is_empty() && disown.is_empty()) {
            tracing::info!(claims = claims.len(), lost = lost.len(), moves = moves.len(), "the plan");
        }
        let abandoned = lost.iter().filter(|id| registry.abandon(**id)).count();
        counter!(RELEASES, REASON => "fenced").increment(abandoned as u64);
        for (id, fence) in disown {
            database.instances().release(id, fence).await?;
        }
        self.claim(claims).await?;
        if !registry.is_loaded() {
            registry.finish_loading().await;
        }
        let pending = !moves.is_empty();
        self.give(moves).await;
        Ok(match (self.cluster.is_alone(), pending) {
            (true, _) => ALONE,
            (false, true) => self.cluster.options.heartbeat,
            (false, false) => self.cluster.options.heartbeat * 2,
        })
    }

    async fn claim(&self, claims: Vec<(InstanceId, Fence, Reason)>) -> Result<(), Error> {
        for reason in [Reason::Own, Reason::Takeover, Reason::Free] {
            let some = claims.iter().filter(|claim| claim.2 == reason).map(|(id, fence, _)| (*id, *fence));
            let claimed = self.cluster.registry.claim(some.collect()).await?;
            counter!(CLAIMS, REASON => reason.as_str()).increment(claimed as u64);
        }
        Ok(())
    }

    /// Gives away what belongs elsewhere, paced, and not while the members are changing.
    async fn give(&mut self, moves: Vec<(InstanceId, super::view::Node)>) {
        let cluster = &self.cluster;
        if moves.is_empty() || self.stable_since.elapsed() < cluster.options.heartbeat * 2 {
            return;
        }
        let draining = cluster.state() == NodeState::Draining;
        let since = self.last_moves.elapsed().min(cluster.options.heartbeat * 2).as_secs_f64();
        let pace = (since * f64::from(cluster.options.moves_per_second)).ceil();
        let most = if draining { usize::MAX } else { pace as usize };
        let handles = moves.into_iter().filter_map(|(id, to)| Some((cluster.registry.by_id(id)?, Some(to))));
        // Who is being paired would lose the QR; it moves once it is linked.
        let some: Vec<_> = handles.filter(|(handle, _)| draining || handle.is_settled()).take(most).collect();
        if some.is_empty() {
            return;
        }
        self.last_moves = Instant::now();
        tracing::info!(instances = some.len(), "giving instances to the nodes where they belong");
        cluster.give(some, "rebalance").await;
    }
}

/// Takes what other nodes offer, when it is free.
async fn take_offers(cluster: &Handle, offers: Option<mpsc::Receiver<Vec<InstanceId>>>) {
    let Some(mut offers) = offers else { return };
    while let Some(mut instances) = offers.recv().await {
        while let Ok(more) = offers.try_recv() {
            instances.extend(more);
        }
        if cluster.state() != NodeState::Active || !cluster.lease.is_held() {
            continue;
        }
        match cluster.registry.claim_free(instances).await {
            Ok(claimed) => counter!(CLAIMS, REASON => "offer").increment(claimed as u64),
            Err(error) => tracing::warn!(%error, "offered instances could not be claimed"),
        }
    }
}
