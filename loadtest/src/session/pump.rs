//! Moves nodes between a channel and its role, in one task: a split socket would lose wake-ups.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use wacore_binary::Node;

use super::Role;
use crate::{
    wire::channel::{Channel, ChannelError},
    world::{
        World,
        outbox::{Link, Outgoing},
    },
};

/// Most stanzas written in one WebSocket message.
const BATCH: usize = 64;

/// Longest time that a stanza waits for another one to overtake it.
const OVERTAKE: Duration = Duration::from_millis(500);

/// A stanza that the next one is to overtake, and when it goes without that.
struct Aside {
    at: Instant,
    nodes: Vec<Arc<Node>>,
}

/// Runs until the socket ends or the link is told to close.
pub(crate) async fn run(
    world: &Arc<World>,
    channel: &mut Channel,
    mut receiver: mpsc::Receiver<Outgoing>,
    link: &Link,
    role: &Role,
) -> Result<(), ChannelError> {
    let stop = world.tasks.stop();
    let mut held: Option<Outgoing> = None;
    let mut aside: Option<Aside> = None;
    loop {
        let due = held.as_ref().and_then(|outgoing| outgoing.due);
        let overtaken = aside.as_ref().map(|aside| aside.at);
        tokio::select! {
            node = channel.receive() => {
                let (node, length) = node?;
                silence(link, stop).await;
                role.handle(world, &node, length);
            }
            outgoing = receiver.recv(), if held.is_none() => held = outgoing,
            () = wait(due), if held.is_some() => {
                silence(link, stop).await;
                if let Some(first) = held.take() {
                    held = write(world, role, channel, first, &mut receiver, &mut aside).await?;
                }
            }
            () = wait(overtaken), if aside.is_some() => {
                silence(link, stop).await;
                if let Some(aside) = aside.take() {
                    role.send(world, channel, &aside.nodes).await?;
                }
            }
            () = link.close.cancelled() => break,
            () = stop.cancelled() => break,
        }
    }
    if link.silence.on() {
        return Ok(());
    }
    if let Some(aside) = aside.take() {
        role.send(world, channel, &aside.nodes).await?;
    }
    if let Some(first) = held.take() {
        role.send(world, channel, &first.nodes).await?;
    }
    while let Ok(outgoing) = receiver.try_recv() {
        role.send(world, channel, &outgoing.nodes).await?;
    }
    channel.close().await;
    Ok(())
}

async fn wait(due: Option<Instant>) {
    if let Some(due) = due {
        sleep_until(due).await;
    }
}

/// Waits while the connection is half open.
async fn silence(link: &Link, stop: &CancellationToken) {
    if link.silence.on() {
        tokio::select! {
            () = link.silence.lifted() => {}
            () = link.close.cancelled() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Writes `first` and what may follow it now; returns the first stanza that must wait.
async fn write(
    world: &World,
    role: &Role,
    channel: &mut Channel,
    first: Outgoing,
    receiver: &mut mpsc::Receiver<Outgoing>,
    aside: &mut Option<Aside>,
) -> Result<Option<Outgoing>, ChannelError> {
    let mut nodes = Vec::new();
    let mut held = None;
    let mut next = Some(first);
    while let Some(outgoing) = next.take() {
        if outgoing.late && aside.is_none() {
            *aside = Some(Aside { at: Instant::now() + OVERTAKE, nodes: outgoing.nodes });
        } else {
            nodes.extend(outgoing.nodes);
        }
        if nodes.len() >= BATCH {
            break;
        }
        let Ok(next_one) = receiver.try_recv() else { break };
        if next_one.due.is_some_and(|due| due > Instant::now()) {
            held = Some(next_one);
        } else {
            next = Some(next_one);
        }
    }
    if !nodes.is_empty() {
        nodes.extend(aside.take().into_iter().flat_map(|aside| aside.nodes));
        role.send(world, channel, &nodes).await?;
    }
    Ok(held)
}
