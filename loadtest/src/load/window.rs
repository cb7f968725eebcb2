//! The time in which messages flow: what was reached in it, and what it cost.

use std::sync::Arc;
use std::time::Duration;

use super::measure::Measures;
use super::world::World;

/// A beginning.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    began: Duration,
    accepted: u64,
    told: u64,
    cpu: Option<Duration>,
}

impl Window {
    /// Begins: from now on latencies count.
    pub fn begin(world: &Arc<World>) -> Self {
        world.board.set_timing(true);
        for messages in [&world.board.tenants, &world.board.noisy] {
            messages.send.take_phase();
            messages.inbound.take_phase();
        }
        Self {
            began: world.origin.elapsed(),
            accepted: world.board.accepted.get(),
            told: world.board.told.get(),
            cpu: world.nodes.cpu(),
        }
    }

    /// When it began, in seconds since the run did.
    pub fn began(&self) -> f64 {
        self.began.as_secs_f64()
    }

    /// Accepted sends and told texts per second so far, each until the last of them.
    pub fn rates(&self, world: &World) -> (f64, f64) {
        let rate = |count: u64, last: Duration| match last.saturating_sub(self.began) {
            Duration::ZERO => 0.0,
            time => count as f64 / time.as_secs_f64(),
        };
        let sent = rate(world.board.accepted.get() - self.accepted, world.board.last_accepted.get());
        (sent, rate(world.board.told.get() - self.told, world.board.last_told.get()))
    }

    /// Ends: latencies do not count any more; adds rates and costs to the measures.
    pub fn end(self, world: &World, measures: &mut Measures) {
        world.board.set_timing(false);
        let (sent, told) = self.rates(world);
        let count = (world.board.accepted.get() - self.accepted) + (world.board.told.get() - self.told);
        measures.add("throughput", sent + told);
        measures.add("sent-rate", sent);
        measures.add("received-rate", told);
        let last =
            world.board.last_accepted.get().max(world.board.last_told.get()).saturating_sub(self.began);
        // A node that was restarted counts from zero again.
        let used = world.nodes.cpu().zip(self.cpu).and_then(|(now, before)| now.checked_sub(before));
        if let Some(used) = used.filter(|_| count > 0 && !last.is_zero()) {
            measures.add("cpu", used.as_secs_f64() / last.as_secs_f64());
            measures.add("cpu-per-message", used.as_secs_f64() * 1000.0 / count as f64);
        }
    }
}
