//! Which endpoints are left alone for a while. One that fails several times in a row gets no more
//! requests than a probe from time to time, until a probe succeeds. Pure: time is handed in, in
//! milliseconds.

use std::collections::HashMap;

use super::super::key::Key;

/// Failures in a row that open a circuit.
const FAILURES: u32 = 5;
/// How long it stays open at first; doubles with every probe that fails.
const PAUSE: i64 = 5_000;
const LONGEST_PAUSE: i64 = 300_000;
/// A circuit that nobody used for this long is forgotten.
const IDLE: i64 = 3_600_000;

/// How a delivery to an endpoint is to be dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// Try it.
    Try,
    /// Put it off.
    PutOff,
}

/// What an attempt says about its endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    Works,
    Fails,
    /// Nothing was sent.
    Nothing,
}

#[derive(Default)]
pub(super) struct Circuits {
    failing: HashMap<Key, Circuit>,
}

#[derive(Default)]
struct Circuit {
    failures: u32,
    /// Until when nothing is sent, once there were enough failures.
    until: i64,
    pause: i64,
    probing: bool,
    used_at: i64,
}

impl Circuits {
    /// Whether a delivery may be tried now; the one that may while a circuit is open is its probe.
    pub(super) fn gate(&mut self, key: Key, now: i64) -> Gate {
        let Some(circuit) = self.failing.get_mut(&key) else { return Gate::Try };
        circuit.used_at = now;
        if circuit.failures < FAILURES {
            return Gate::Try;
        }
        if now < circuit.until || circuit.probing {
            return Gate::PutOff;
        }
        circuit.probing = true;
        Gate::Try
    }

    /// An attempt that was let through has ended.
    pub(super) fn report(&mut self, key: Key, sign: Sign, now: i64) {
        match sign {
            Sign::Works => drop(self.failing.remove(&key)),
            Sign::Fails => {
                let circuit = self.failing.entry(key).or_default();
                circuit.failures = circuit.failures.saturating_add(1);
                circuit.used_at = now;
                // Attempts that began before it opened say nothing new.
                if circuit.failures == FAILURES || circuit.probing {
                    circuit.pause = (circuit.pause * 2).clamp(PAUSE, LONGEST_PAUSE);
                    circuit.until = now + circuit.pause;
                }
                circuit.probing = false;
            }
            Sign::Nothing => {
                if let Some(circuit) = self.failing.get_mut(&key) {
                    circuit.probing = false;
                }
            }
        }
    }

    /// How many circuits are open.
    pub(super) fn open(&self) -> usize {
        self.failing.values().filter(|circuit| circuit.failures >= FAILURES).count()
    }

    /// Forgets what nobody uses any more.
    pub(super) fn tidy(&mut self, now: i64) {
        self.failing.retain(|_, circuit| circuit.probing || now - circuit.used_at < IDLE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::key::Feed;
    use super::*;
    use crate::domain::InstanceId;

    #[test]
    fn a_dead_endpoint_gets_a_probe_from_time_to_time_and_a_living_one_everything() {
        let key = Key { instance: InstanceId::random(), feed: Feed::Own };
        let mut circuits = Circuits::default();
        for _ in 0..FAILURES {
            assert_eq!(circuits.gate(key, 0), Gate::Try);
            circuits.report(key, Sign::Fails, 0);
        }
        assert_eq!((circuits.open(), circuits.gate(key, PAUSE - 1)), (1, Gate::PutOff));
        assert_eq!((circuits.gate(key, PAUSE), circuits.gate(key, PAUSE)), (Gate::Try, Gate::PutOff));
        circuits.report(key, Sign::Fails, PAUSE);
        assert_eq!(circuits.gate(key, 3 * PAUSE - 1), Gate::PutOff);
        assert_eq!(circuits.gate(key, 3 * PAUSE), Gate::Try);
        circuits.report(key, Sign::Nothing, 3 * PAUSE);
        assert_eq!(circuits.gate(key, 3 * PAUSE), Gate::Try);
        circuits.report(key, Sign::Works, 3 * PAUSE);
        assert_eq!((circuits.open(), circuits.gate(key, 0)), (0, Gate::Try));
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed_and_what_is_idle_is_forgotten() {
        let key = Key { instance: InstanceId::random(), feed: Feed::Global };
        let mut circuits = Circuits::default();
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| circuits.report(key, Sign::Fails, 0));
            assert_eq!(circuits.gate(key, 0), Gate::Try);
            circuits.report(key, Sign::Works, 0);
        }
        (0..FAILURES).for_each(|_| circuits.report(key, Sign::Fails, 0));
        circuits.tidy(IDLE);
        assert_eq!(circuits.open(), 0);
    }
}
