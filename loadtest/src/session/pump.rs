//! Moves nodes between a channel and its role, in one task: a split socket would lose wake-ups.

use std::sync::Arc;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

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

/// Runs until the socket ends or the link is told to close.
pub(crate) async fn run(
    world: &Arc<World>,
    mut channel: Channel,
    mut receiver: mpsc::Receiver<Outgoing>,
    link: &Link,
    role: &Role,
) -> Result<(), ChannelError> {
    let stop = world.tasks.stop();
    let mut held: Option<Outgoing> = None;
    loop {
        let due = held.as_ref().and_then(|outgoing| outgoing.due);
        tokio::select! {
            node = channel.receive() => role.handle(world, &node?),
            outgoing = receiver.recv(), if held.is_none() => held = outgoing,
            () = wait(due), if held.is_some() => {
                if let Some(first) = held.take() {
                    held = write(&mut channel, first, &mut receiver).await?;
                }
            }
            () = link.close.cancelled() => break,
            () = stop.cancelled() => break,
        }
    }
    if let Some(first) = held.take() {
        channel.send(&first.nodes).await?;
    }
    while let Ok(outgoing) = receiver.try_recv() {
        channel.send(&outgoing.nodes).await?;
    }
    channel.close().await;
    Ok(())
}

async fn wait(due: Option<Instant>) {
    if let Some(due) = due {
        sleep_until(due).await;
    }
}

/// Writes `first` and what may follow it now; returns the first stanza that must wait.
async fn write(
    channel: &mut Channel,
    first: Outgoing,
    receiver: &mut mpsc::Receiver<Outgoing>,
) -> Result<Option<Outgoing>, ChannelError> {
    let mut nodes = first.nodes;
    let mut held = None;
    while nodes.len() < BATCH {
        let Ok(next) = receiver.try_recv() else { break };
        if next.due.is_some_and(|due| due > Instant::now()) {
            held = Some(next);
            break;
        }
        nodes.extend(next.nodes);
    }
    channel.send(&nodes).await?;
    Ok(held)
}
