//! The end of a run: waits for what is under way, and counts what did not arrive as it should.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::measure::Measures;
use super::objective::Objective;
use super::receive::Feed;
use super::stream::Arrivals;
use super::world::World;
use crate::sequence::{Check, Ranges, StreamCheck};

/// How often is looked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(100);
/// How long a run that was interrupted waits.
const HASTE: Duration = Duration::from_secs(3);

/// What did not go as it should, and what is told beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that did not arrive.
    pub lost: u64,
    /// Messages that arrived again.
    pub duplicates: u64,
    /// Messages that were overtaken.
    pub out_of_order: u64,
    /// Events that were delivered again.
    pub repeats: u64,
    /// Sends of unknown fate.
    pub unknown: u64,
    /// Those of them that arrived.
    pub unknown_arrived: u64,
    /// Sends that arrived although the node said that it did not take them.
    pub refused_arrived: u64,
    /// Messages that arrived at another contact.
    pub misrouted: u64,
    /// Different messages that arrived.
    pub arrived: u64,
    /// The share of RabbitMQ in it.
    pub rabbitmq: Told,
}

/// What one feed told of, and did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Messages that it did not tell of.
    pub lost: u64,
    /// Messages that it told of in a second event.
    pub duplicates: u64,
    /// Messages that it told of too late.
    pub out_of_order: u64,
    /// Events that it delivered again.
    pub repeats: u64,
    arrived: u64,
}

impl Told {
    fn add(&mut self, arrivals: &Arrivals, sent: u64, unsent: &Ranges) {
        self.lost += arrivals.check.lost(sent, unsent);
        self.duplicates += arrivals.duplicates;
        self.out_of_order += arrivals.check.late;
        self.repeats += arrivals.repeats;
        self.arrived += arrivals.check.arrived;
    }
}

/// The objectives that every run has.
pub fn integrity() -> Vec<Objective> {
    ["lost", "duplicates", "out-of-order", "misrouted", "failed"].map(Objective::none).into()
}

/// Counts what has arrived so far.
///
/// # Errors
/// When the simulator does not answer.
pub async fn tally(world: &World) -> anyhow::Result<Tally> {
    let (mut received, mut told, mut tally): (HashMap<u32, Check>, Told, Tally) = Default::default();
    for StreamCheck { phone, stream, check } in world.phones.sequences(world.run).await? {
        match world.streams().get(stream as usize) {
            Some(known) if known.contact == phone => drop(received.insert(stream, check)),
            _ => tally.misrouted += check.arrived + check.again,
        }
    }
    for stream in world.streams() {
        let outbound = stream.outbound().clone();
        let check = received.remove(&stream.number).unwrap_or_default();
        let (absent, mut excused) = (check.absent(outbound.sent), outbound.unknown.clone());
        let unknown_absent = absent.overlap(&outbound.unknown);
        tally.refused_arrived += outbound.refused.len() - absent.overlap(&outbound.refused);
        outbound.refused.iter().for_each(|(from, to)| excused.insert(from, to));
        tally.lost += check.lost(outbound.sent, &excused);
        tally.duplicates += check.again;
        tally.out_of_order += check.late;
        tally.unknown += outbound.unknown.len();
        tally.unknown_arrived += outbound.unknown.len() - unknown_absent;
        tally.arrived += check.arrived;
        let mut inbound = stream.inbound();
        let (sent, unsent) = (inbound.sent, inbound.unsent.clone());
        for feed in world.options.receive.feeds() {
            let arrivals = inbound.of(*feed);
            told.add(arrivals, sent, &unsent);
            if *feed == Feed::Rabbitmq {
                tally.rabbitmq.add(arrivals, sent, &unsent);
            }
        }
    }
    tally.lost += told.lost;
    tally.duplicates += told.duplicates;
    tally.out_of_order += told.out_of_order;
    tally.repeats += told.repeats;
    tally.arrived += told.arrived;
    Ok(tally)
}

/// Waits until nothing is missing, or nothing has arrived for long.
///
/// # Errors
/// When the simulator does not answer.
pub async fn drain(world: &World) -> anyhow::Result<Tally> {
    let bar = world.progress.timed("arriving", world.options.silence);
    let (mut last, mut since) = (tally(world).await?, Instant::now());
    loop {
        let silence = if world.is_interrupted() { HASTE } else { world.options.silence };
        if last.lost == 0 || since.elapsed() > silence {
            bar.finish_and_clear();
            return Ok(last);
        }
        tokio::time::sleep(LOOK).await;
        let now = tally(world).await?;
        bar.set_message(format!("{} missing", now.lost));
        if now.arrived != last.arrived {
            since = Instant::now();
        }
        last = now;
    }
}

/// Adds what was counted to the measures.
pub fn measure(world: &World, tally: Tally, measures: &mut Measures) {
    let board = &world.board;
    let mut count = |name: &str, value: u64| measures.add(name, value as f64);
    count("sent", board.accepted.get());
    count("received", board.told.get());
    for kind in world.options.kinds.kinds().filter(|_| !world.options.kinds.is_text()) {
        count(&format!("received-{}", kind.name()), board.kinds[kind as usize].get());
    }
    count("lost", tally.lost);
    count("duplicates", tally.duplicates);
    count("out-of-order", tally.out_of_order);
    count("misrouted", board.misrouted.get() + tally.misrouted);
    count("failed", board.failed.get() + board.unwritten.get());
    count("repeats", tally.repeats);
    count("unknown", tally.unknown);
    if tally.unknown > 0 {
        count("unknown-arrived", tally.unknown_arrived);
    }
    count("retries", board.retries.get());
    count("server-errors", board.server_errors.get());
    count("unanswered", board.unanswered.get());
    count("denied", board.denied.get());
    if board.refused.get() > 0 {
        count("refused", board.refused.get());
        count("refused-arrived", tally.refused_arrived);
    }
    if board.turned_away.get() > 0 {
        count("turned-away", board.turned_away.get());
    }
    if world.options.receive.has(Feed::Rabbitmq) {
        count("rabbitmq-received", board.rabbitmq.told.get());
        count("rabbitmq-lost", tally.rabbitmq.lost);
        count("rabbitmq-duplicates", tally.rabbitmq.duplicates);
        count("rabbitmq-out-of-order", tally.rabbitmq.out_of_order);
        count("rabbitmq-repeats", tally.rabbitmq.repeats);
        count("rabbitmq-reconnects", board.rabbitmq.reconnects.get());
    }
}
