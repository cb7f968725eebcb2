//! The life of an instance as a pure machine: what happened goes in, what to do comes out.

use std::time::Duration;

use crate::channel::End;
use crate::domain::ConnectionState;

/// Where an instance is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Not connected and not trying.
    Idle,
    /// A connection is being made, or waits for a QR to be scanned.
    Dialing,
    /// Logged in.
    Open,
    /// Waits before the next attempt.
    Backoff,
    /// The connection is being ended; what comes then.
    Stopping(Then),
    /// The runner is over.
    Ended,
}

/// What comes after a connection was ended on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Connect again.
    Dial,
    /// Forget the session and stay closed.
    Wipe,
    /// The runner ends; the session stays.
    End,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A client asks for a connection.
    Connect,
    /// A client asks for a new connection.
    Restart,
    /// A client asks to unlink the account.
    Logout,
    /// The node stops, or the instance is deleted or moved.
    End,
    /// A QR was shown.
    Qr,
    /// The account was linked.
    Paired,
    /// Logged in.
    Opened,
    /// The connection is over.
    Closed(End),
    /// The wait is over.
    Due,
}

/// What is to be done, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Open a channel and run it.
    Dial,
    /// Stop the running channel; its end is reported as [`Input::Closed`].
    Stop,
    /// Unlink and stop the running channel.
    Unlink,
    /// Forget the session.
    Wipe,
    /// Report [`Input::Due`] after this time (jitter is added by whoever waits).
    Wait(Duration),
    /// Tell everybody the state, with the contract's number for the reason.
    Announce(ConnectionState, i32),
    /// Tell everybody that no further QR will be shown.
    QrLimit,
    /// The runner ends.
    Exit,
}

/// The numbers that clients know as `statusReason` and `disconnectionReasonCode`.
pub mod reason {
    /// Everything is fine.
    pub const OK: i32 = 200;
    /// Unlinked.
    pub const LOGGED_OUT: i32 = 401;
    /// Banned for some time.
    pub const BANNED: i32 = 402;
    /// WhatsApp wants a newer client.
    pub const OUTDATED: i32 = 405;
    /// Closed, for example because nobody scanned a QR.
    pub const CLOSED: i32 = 428;
    /// Another connection took over.
    pub const REPLACED: i32 = 440;
    /// Nothing to go on with, as for a code that nobody scanned.
    pub const BAD_SESSION: i32 = 500;
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine {
    phase: Phase,
    paired: bool,
    /// Attempts since the last time it was open.
    attempt: u32,
    /// QRs shown since the last request to connect.
    shown: u32,
    qr_limit: u32,
}

/// First wait after a lost connection; it doubles with each failed attempt.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Wait after WhatsApp refused a login for a reason that may pass.
const REFUSED_WAIT: Duration = Duration::from_secs(30);

impl Machine {
    /// A closed instance. `qr_limit` is how many QRs are shown before it gives up.
    #[must_use]
    pub const fn new(paired: bool, qr_limit: u32) -> Self {
        Self { phase: Phase::Idle, paired, attempt: 0, shown: 0, qr_limit }
    }

    /// Where it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether an account is linked.
    #[cfg(test)]
    const fn paired(&self) -> bool {
        self.paired
    }

    /// QRs shown since the last request to connect.
    #[must_use]
    pub const fn shown(&self) -> u32 {
        self.shown
    }

    /// Takes what happened, and answers what to do.
    pub fn step(&mut self, input: Input) -> Vec<Action> {
        match (self.phase, input) {
            (Phase::Ended, _) => Vec::new(),
            (Phase::Idle | Phase::Backoff, Input::Connect | Input::Restart) => self.dial_afresh(),
            (Phase::Dialing | Phase::Open, Input::Restart) => self.stop(Then::Dial, Action::Stop),
            (Phase::Dialing | Phase::Open, Input::Logout) => self.stop(Then::Wipe, Action::Unlink),
            (Phase::Idle | Phase::Backoff, Input::Logout) => self.wiped(),
            (Phase::Stopping(_), Input::Logout) => self.stopping(Then::Wipe),
            (Phase::Dialing | Phase::Open, Input::End) => self.stop(Then::End, Action::Stop),
            (Phase::Idle | Phase::Backoff, Input::End) => self.end(),
            (Phase::Stopping(_), Input::End) => self.stopping(Then::End),
            (Phase::Backoff, Input::Due) => self.dial(),
            (Phase::Dialing, Input::Qr) => self.qr(),
            (Phase::Dialing, Input::Paired) => {
                self.paired = true;
                Vec::new()
            }
            (Phase::Dialing, Input::Opened) => self.opened(),
            (Phase::Stopping(then), Input::Closed(end)) => self.stopped(then, &end),
            (Phase::Dialing | Phase::Open, Input::Closed(end)) => self.closed(&end),
            // Late reports of a connection that is over already, and requests that are met already.
            (_, _) => Vec::new(),
        }
    }

    fn dial_afresh(&mut self) -> Vec<Action> {
        self.attempt = 0;
        self.shown = 0;
        self.dial()
    }

    fn dial(&mut self) -> Vec<Action> {
        self.phase = Phase::Dialing;
        vec![Action::Announce(ConnectionState::Connecting, reason::OK), Action::Dial]
    }

    fn stop(&mut self, then: Then, how: Action) -> Vec<Action> {
        self.phase = Phase::Stopping(then);
        vec![how]
    }

    fn stopping(&mut self, then: Then) -> Vec<Action> {
        self.phase = Phase::Stopping(then);
        Vec::new()
    }

    fn end(&mut self) -> Vec<Action> {
        self.phase = Phase::Ended;
        vec![Action::Exit]
    }

    fn wiped(&mut self) -> Vec<Action> {
        self.phase = Phase::Idle;
        self.paired = false;
        vec![Action::Wipe, Action::Announce(ConnectionState::Close, reason::LOGGED_OUT)]
    }

    fn qr(&mut self) -> Vec<Action> {
        self.shown += 1;
        if self.shown <= self.qr_limit {
            return Vec::new();
        }
        self.phase = Phase::Stopping(Then::Wipe);
        vec![Action::QrLimit, Action::Stop]
    }

    fn opened(&mut self) -> Vec<Action> {
        self.phase = Phase::Open;
        self.paired = true;
        self.attempt = 0;
        self.shown = 0;
        vec![Action::Announce(ConnectionState::Open, reason::OK)]
    }

    fn stopped(&mut self, then: Then, end: &End) -> Vec<Action> {
        match then {
            Then::End => self.end(),
            Then::Wipe => self.wiped(),
            Then::Dial if *end == End::LoggedOut => self.wiped(),
            Then::Dial => self.dial_afresh(),
        }
    }

    fn closed(&mut self, end: &End) -> Vec<Action> {
        match end {
            End::Fenced => self.end(),
            End::LoggedOut => self.wiped(),
            End::Restart => self.dial(),
            End::PairingTimeout if self.paired => self.retry(FIRST_WAIT),
            End::PairingTimeout if self.shown < self.qr_limit => {
                self.phase = Phase::Dialing;
                vec![Action::Dial]
            }
            End::PairingTimeout => {
                let mut actions = vec![Action::QrLimit];
                actions.extend(self.rest(ConnectionState::Close, reason::CLOSED));
                actions
            }
            End::Replaced => self.rest(ConnectionState::Close, reason::REPLACED),
            End::Outdated => self.rest(ConnectionState::Close, reason::OUTDATED),
            End::Banned { expires_seconds, .. } => {
                // A ban that ends by itself is waited for; an unlimited one is not.
                if *expires_seconds == 0 {
                    self.rest(ConnectionState::Refused, reason::BANNED)
                } else {
                    let wait = Duration::from_secs(*expires_seconds).max(REFUSED_WAIT);
                    self.phase = Phase::Backoff;
                    vec![Action::Announce(ConnectionState::Refused, reason::BANNED), Action::Wait(wait)]
                }
            }
            End::Refused(_) => self.retry(REFUSED_WAIT),
            End::Stopped | End::Lost(_) => self.retry(FIRST_WAIT),
        }
    }

    fn rest(&mut self, state: ConnectionState, code: i32) -> Vec<Action> {
        self.phase = Phase::Idle;
        vec![Action::Announce(state, code)]
    }

    /// What is tried again is connecting, whatever it was before: who is told that it is closed takes the
    /// account for lost.
    fn retry(&mut self, first: Duration) -> Vec<Action> {
        let doubled = first.saturating_mul(1 << self.attempt.min(16));
        let wait = doubled.min(LONGEST_WAIT.max(first));
        self.attempt = self.attempt.saturating_add(1);
        self.phase = Phase::Backoff;
        vec![Action::Announce(ConnectionState::Connecting, reason::OK), Action::Wait(wait)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open() -> Machine {
        let mut machine = Machine::new(false, 3);
        machine.step(Input::Connect);
        machine.step(Input::Paired);
        machine.step(Input::Opened);
        machine
    }

    #[test]
    fn a_lost_connection_is_made_again_with_growing_waits() {
        let mut machine = open();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let actions = machine.step(Input::Closed(End::Lost("reset".into())));
            assert_eq!(actions[0], Action::Announce(ConnectionState::Connecting, reason::OK));
            waits
                .extend(actions.iter().filter_map(|a| if let Action::Wait(w) = a { Some(*w) } else { None }));
            assert_eq!(machine.step(Input::Due).last(), Some(&Action::Dial));
        }
        assert!(waits.is_sorted());
        assert_eq!((waits[0], waits[9]), (FIRST_WAIT, LONGEST_WAIT));
    }

    #[test]
    fn qrs_are_shown_up_to_the_limit() {
        let mut machine = Machine::new(false, 3);
        machine.step(Input::Connect);
        for _ in 0..3 {
            assert_eq!(machine.step(Input::Qr), vec![]);
        }
        assert_eq!(machine.step(Input::Qr), vec![Action::QrLimit, Action::Stop]);
        machine.step(Input::Closed(End::Stopped));
        assert_eq!(machine.phase(), Phase::Idle);
        assert_eq!(machine.step(Input::Connect).last(), Some(&Action::Dial));
    }

    #[test]
    fn a_logout_forgets_the_session_from_every_phase() {
        for mut machine in [open(), Machine::new(true, 3)] {
            let mut actions = machine.step(Input::Logout);
            actions.extend(machine.step(Input::Closed(End::Stopped)));
            assert!(actions.contains(&Action::Wipe));
            assert!(!machine.paired());
            assert_eq!(machine.phase(), Phase::Idle);
        }
    }

    fn inputs() -> impl Strategy<Value = Input> {
        prop_oneof![
            Just(Input::Connect),
            Just(Input::Restart),
            Just(Input::Logout),
            Just(Input::Qr),
            Just(Input::Paired),
            Just(Input::Opened),
            Just(Input::Due),
            Just(Input::Closed(End::Stopped)),
            Just(Input::Closed(End::Restart)),
            Just(Input::Closed(End::PairingTimeout)),
            Just(Input::Closed(End::LoggedOut)),
            Just(Input::Closed(End::Replaced)),
            Just(Input::Closed(End::Outdated)),
            Just(Input::Closed(End::Refused(503))),
            Just(Input::Closed(End::Lost(String::new()))),
            Just(Input::Closed(End::Banned { expires_seconds: 60, reason: String::new() })),
        ]
    }

    proptest! {
        /// At most one connection at a time, and whoever waits is told when to go on.
        #[test]
        fn connections_never_overlap_and_nothing_gets_stuck(script in proptest::collection::vec(inputs(), 0..60)) {
            let mut machine = Machine::new(false, 3);
            let (mut running, mut waiting) = (false, false);
            for input in script {
                // The world only reports what can happen.
                match &input {
                    Input::Closed(_) if !running => continue,
                    Input::Qr | Input::Paired | Input::Opened if !running => continue,
                    Input::Due if !waiting => continue,
                    Input::Closed(_) => running = false,
                    Input::Due => waiting = false,
                    _ => {}
                }
                for action in machine.step(input.clone()) {
                    match action {
                        Action::Dial => {
                            prop_assert!(!running, "two connections at once");
                            running = true;
                            waiting = false;
                        }
                        Action::Wait(wait) => {
                            prop_assert!(!running && wait <= LONGEST_WAIT);
                            waiting = true;
                        }
                        Action::Stop | Action::Unlink => prop_assert!(running),
                        _ => {}
                    }
                }
                match machine.phase() {
                    Phase::Dialing | Phase::Open | Phase::Stopping(_) => prop_assert!(running),
                    Phase::Backoff => prop_assert!(waiting && !running),
                    Phase::Idle | Phase::Ended => prop_assert!(!running),
                }
            }
            let mut actions = machine.step(Input::End);
            if running {
                actions.extend(machine.step(Input::Closed(End::Stopped)));
            }
            prop_assert_eq!(actions.last(), Some(&Action::Exit));
            prop_assert_eq!(machine.phase(), Phase::Ended);
        }
    }
}
