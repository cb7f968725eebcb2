//! Messages in both directions: instances send over the API, contacts write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::api::{Answer, Call};
use super::board::Board;
use super::client::Client;
use super::kinds::Kind;
use super::schedule::{Plan, Schedule};
use super::stream::{Role, Stream};
use super::world::World;
use crate::sequence::{Direction, Payload};

/// Contacts that write at once; the node is what limits them.
const WRITERS: usize = 8;
/// How long a send is tried again before its fate is called unknown.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// What is sent by the streams of a role.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// By instances.
    pub outbound: Plan,
    /// By contacts.
    pub inbound: Plan,
    /// Whose streams.
    pub role: Role,
}

impl Traffic {
    /// Of all tenants.
    pub fn of_tenants(inbound: Plan, outbound: Plan) -> Self {
        Self { outbound, inbound, role: Role::Tenant }
    }

    /// The same of the noisy tenant.
    pub fn noisy(self) -> Self {
        Self { role: Role::Noisy, ..self }
    }
}

/// Sends all of it, or until `stop`; back when the last one was answered.
pub async fn run(world: &Arc<World>, traffic: &Traffic, stop: &CancellationToken) {
    let streams: Vec<Arc<Stream>> =
        world.streams().iter().filter(|stream| stream.role == traffic.role).cloned().collect();
    if streams.is_empty() {
        return;
    }
    let started = Instant::now();
    let (done, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    for (senders, plan, direction) in [
        (world.options.connections, traffic.outbound, Direction::Out),
        (WRITERS, traffic.inbound, Direction::In),
    ] {
        if plan.is_empty() {
            continue;
        }
        // A stream has one sender in each direction, or its messages would overtake each other.
        let senders = senders.clamp(1, streams.len());
        for sender in 0..senders {
            let own: Vec<_> = streams.iter().skip(sender).step_by(senders).cloned().collect();
            let schedule = plan.share(sender, senders, started);
            let (own_world, done) = (Arc::clone(world), done.clone());
            let stop = stop.clone();
            world.tasks.spawn(async move {
                let world = own_world;
                match direction {
                    Direction::Out => send_all(&world, sender, &own, (schedule, stop)).await,
                    Direction::In => write_all(&world, &own, (schedule, stop)).await,
                }
                drop(done);
            });
        }
    }
    drop(done);
    // Nothing is ever sent: the channel closes with the last sender.
    let _ = ended.recv().await;
}

/// Lets one message each way pass on every stream: the first of a session is another kind of message and
/// carries look-ups.
pub async fn warm_up(world: &Arc<World>) {
    let chunk = world.options.connections.max(1);
    let bar = world.progress.bar("warming up", world.streams().len() as u64);
    for streams in world.streams().chunks(chunk) {
        let both = streams.iter().enumerate().map(|(nth, stream)| async move {
            let mut client = world.nodes.client(nth);
            send(world, &mut client, stream, Instant::now()).await;
            write(world, stream, Kind::Text).await;
        });
        join_all(both).await;
        bar.inc(streams.len() as u64);
        if world.is_interrupted() {
            break;
        }
    }
    bar.finish();
}

async fn send_all(
    world: &World,
    nth: usize,
    streams: &[Arc<Stream>],
    (mut schedule, stop): (Schedule, CancellationToken),
) {
    let mut client = world.nodes.client(nth);
    let mut turn = 0;
    while let Some(since) = schedule.next(&stop).await {
        send(world, &mut client, &streams[turn % streams.len()], since).await;
        turn += 1;
    }
}

/// What an answer to a send means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    /// An earlier try has put it on record; whether it left is not told.
    OnRecord,
    TryAgain,
    Refused,
    /// A service is away, as it should be: nothing has left.
    Away,
}

fn verdict(answer: &anyhow::Result<Answer>, board: &Board, idempotent: bool) -> Verdict {
    match answer {
        Ok(answer) if board.is_refusal(answer) => Verdict::Away,
        Ok(answer) if answer.is_success() && answer.replayed => Verdict::OnRecord,
        Ok(answer) if answer.is_success() => Verdict::Accepted,
        Ok(answer) if matches!(answer.status, 400 | 401 | 403 | 404 | 413 | 422) => Verdict::Refused,
        // Not connected, or too fast: nothing has left.
        Ok(answer) if matches!(answer.status, 409 | 429) => Verdict::TryAgain,
        _ if idempotent => Verdict::TryAgain,
        _ => Verdict::Refused,
    }
}

/// Sends the next message of a stream until the node has accepted it.
async fn send(world: &World, client: &mut Client, stream: &Stream, since: Instant) {
    let number = {
        let mut outbound = stream.outbound();
        outbound.sent += 1;
        outbound.sent
    };
    let payload = Payload {
        run: world.run,
        direction: Direction::Out,
        stream: stream.number,
        number,
        sent: world.origin.elapsed(),
    };
    let path = format!("/message/sendText/{}", stream.instance.name);
    let body = json!({"number": stream.contact, "text": payload.to_string()}).to_string();
    // With it, a second try of a send that did arrive is no second message.
    let idempotency_key = match world.options.idempotent {
        true => format!("{:08x}-{}-{number}", world.run, stream.number),
        false => String::new(),
    };
    let call = Call { idempotency_key: &idempotency_key, ..Call::post(&path, &stream.instance.token, &body) };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.exchange(call).await;
        let trouble = world.board.judge(&answer);
        match verdict(&answer, &world.board, world.options.idempotent) {
            Verdict::Accepted => {
                world.board.accepted.add();
                world.board.last_accepted.set(world.origin.elapsed());
                if world.board.is_timing() {
                    world.board.of(stream.role).send.record(since.elapsed());
                }
                return;
            }
            Verdict::OnRecord => {
                stream.outbound().unknown.insert(number, number);
                return;
            }
            Verdict::Away => {
                stream.outbound().refused.insert(number, number);
                return;
            }
            Verdict::TryAgain if Instant::now() < deadline && !world.is_interrupted() => {
                world.board.retries.add();
                if let Ok(answer) = &answer {
                    tracing::debug!(
                        status = answer.status,
                        answer = answer.text(),
                        path,
                        "a send is tried again"
                    );
                }
                tokio::time::sleep(PAUSE).await;
            }
            Verdict::TryAgain | Verdict::Refused => {
                let said = || answer.map_or_else(|error| format!("{error:#}"), |answer| answer.trouble());
                world.complain(&format!("{path}: {}", trouble.unwrap_or_else(said)));
                stream.outbound().unknown.insert(number, number);
                world.board.failed.add();
                return;
            }
        }
    }
}

async fn write_all(
    world: &World,
    streams: &[Arc<Stream>],
    (mut schedule, stop): (Schedule, CancellationToken),
) {
    for (stream, kind) in streams.iter().cycle().zip(world.options.kinds.turns()) {
        if schedule.next(&stop).await.is_none() {
            break;
        }
        write(world, stream, kind).await;
    }
}

/// A contact writes the next message of a stream.
async fn write(world: &World, stream: &Stream, kind: Kind) {
    let number = {
        let mut inbound = stream.inbound();
        inbound.sent += 1;
        inbound.sent
    };
    let payload = Payload {
        run: world.run,
        direction: Direction::In,
        stream: stream.number,
        number,
        sent: world.origin.elapsed(),
    };
    match world.phones.write(&stream.contact, &stream.instance.phone, kind, payload.to_string()).await {
        Ok(()) => world.board.written.add(),
        Err(error) => {
            world.complain(&format!("a contact cannot write: {error:#}"));
            stream.inbound().unsent.insert(number, number);
            world.board.unwritten.add();
        }
    }
}
