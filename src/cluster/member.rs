//! Shows that this node is alive, and stands down in time when it cannot.
//!
//! The lease of a node runs from the moment a sign of life was *sent*, the others' patience from the
//! moment it *arrived*: so this node always stops first. While Redis is away for everybody nobody can
//! be taken for dead, and the lease goes on for as long as the database bears witness to that.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::roll::{Beat, Roll};
use super::view::{NodeState, View};
use super::witness::{Verdict, Witness};
use super::{Error, Options};
use crate::instance::{Lease, Registry};
use crate::telemetry::Outage;
use crate::telemetry::metrics::{CLUSTER_NODES, HEARTBEAT_AGE, REASON, RELEASES, STATE};

/// Signs the roll until it is stopped.
#[must_use = "the node is not a member until it runs"]
pub struct Member {
    options: Arc<Options>,
    roll: Arc<dyn Roll>,
    witness: Option<Witness>,
    shown: watch::Sender<View>,
    states: watch::Receiver<NodeState>,
    registry: Registry,
    lease: Lease,
    /// When the last sign of life that reached Redis was sent.
    reached: Instant,
    outage: Outage,
}

impl Member {
    pub(super) fn new(
        options: Arc<Options>,
        roll: Arc<dyn Roll>,
        witness: Option<Witness>,
        (shown, states): (watch::Sender<View>, watch::Receiver<NodeState>),
        (registry, lease): (Registry, Lease),
    ) -> Self {
        Self {
            options,
            roll,
            witness,
            shown,
            states,
            registry,
            lease,
            reached: Instant::now(),
            outage: Outage::new(),
        }
    }

    /// Signs until the token is cancelled, then leaves the roll.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process runs under the same id; it has stood down by then.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), Error> {
        let mut ticks = interval(self.options.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = ticks.tick() => {}
                changed = self.states.changed() => if changed.is_err() { break },
            }
            // After a pause of the whole process this comes first.
            if !self.lease.is_held() {
                self.stand_down();
            }
            self.sign().await?;
            gauge!(HEARTBEAT_AGE).set(self.reached.elapsed().as_secs_f64());
        }
        self.leave().await;
        Ok(())
    }

    async fn sign(&mut self) -> Result<(), Error> {
        let (sent, state) = (Instant::now(), *self.states.borrow_and_update());
        let error = match timeout(self.patience(), self.roll.beat(state)).await {
            Ok(Ok(Beat::Seen(view))) => {
                self.seen(sent, view).await;
                return Ok(());
            }
            Ok(Ok(Beat::Replaced)) => {
                self.lease.end();
                self.stand_down();
                return Err(Error::Replaced(self.options.me.id.clone()));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.unseen(sent, &error).await;
        Ok(())
    }

    /// A sign of life may take less than the time to the next one.
    fn patience(&self) -> Duration {
        self.options.heartbeat.mul_f64(0.8)
    }

    async fn seen(&mut self, sent: Instant, view: View) {
        if self.outage.ends() {
            tracing::info!("Redis answers again");
        }
        self.reached = sent;
        let view = view.remembering(&self.shown.borrow());
        for state in NodeState::ALL {
            let nodes = view.of(&self.options.me.client_name).filter(|node| node.state == state).count();
            gauge!(CLUSTER_NODES, STATE => state.as_str()).set(nodes as f64);
        }
        self.shown.send_if_modified(|known| {
            let moved = !known.same_placement(&view);
            if moved {
                let nodes: Vec<&str> =
                    view.of(&self.options.me.client_name).map(|node| node.me.id.0.as_str()).collect();
                tracing::info!(?nodes, settled = view.settled, "the members changed");
            }
            *known = view;
            moved
        });
        // Last: who waits for the lease looks at the view at once.
        self.lease.extend(sent + self.options.ttl);
        let patience = self.patience();
        if let Some(witness) = &mut self.witness
            && !matches!(timeout(patience, witness.count()).await, Ok(Ok(())))
        {
            tracing::debug!("a sign of life could not be counted in the database");
        }
    }

    async fn unseen(&mut self, sent: Instant, error: &str) {
        if self.reached.elapsed() < self.options.ttl / 2 {
            return;
        }
        let Some(witness) = &mut self.witness else { return };
        match timeout(self.options.heartbeat, witness.look()).await {
            Ok(Ok(Verdict::Heard)) => {
                tracing::error!(error, "Redis answers other nodes and not this one: standing down");
                self.lease.end();
                self.stand_down();
            }
            Ok(Ok(Verdict::Silent)) => {
                if self.outage.begins() {
                    tracing::warn!(error, "Redis answers nobody: this node keeps what it has");
                }
                // Looked at again with every sign: when another is heard, it ends at once.
                self.lease.extend(sent + self.options.ttl);
            }
            Ok(Ok(Verdict::Unknown)) => {}
            // Cut off from both: the lease runs out, since the others may have neither problem.
            Ok(Err(_)) | Err(_) => {
                if self.outage.begins() {
                    tracing::warn!(error, "neither Redis nor the database answers");
                }
            }
        }
        if !self.lease.is_held() {
            self.stand_down();
        }
    }

    /// Ends every connection at once: another node may have taken the instances.
    fn stand_down(&self) {
        let ended = self.registry.abandon_all();
        if ended > 0 {
            tracing::error!(instances = ended, "this node is not known to be alive: its instances are ended");
            counter!(RELEASES, REASON => "lease_lost").increment(ended as u64);
        }
    }

    async fn leave(&self) {
        let _ = timeout(self.options.heartbeat, self.roll.leave()).await;
        if let Some(witness) = &self.witness {
            let _ = timeout(self.options.heartbeat, witness.forget()).await;
        }
    }
}
