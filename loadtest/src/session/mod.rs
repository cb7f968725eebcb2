//! One client connection from handshake to close.

pub(crate) mod device;
pub(crate) mod login;
pub(crate) mod pump;
pub(crate) mod unpaired;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use wacore::xml::DisplayableNode;
use wacore_binary::{Node, OwnedNodeRef};

use crate::{
    pairing::desk::Slot,
    wire::channel::{self, Channel, ChannelError, Socket},
    world::{
        World,
        outbox::Link,
        record::Direction,
        stats::{TAGS, add, count},
    },
};

/// Longest handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest time for writing what is queued when a connection is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Who is at the other end.
pub(crate) enum Role {
    /// A client without an account.
    Unpaired(Arc<Slot>),
    /// A paired device.
    Device(device::Session),
    /// A refused login: only the refusal is written.
    Refused,
}

impl Role {
    fn handle(&self, world: &Arc<World>, node: &OwnedNodeRef, length: usize) {
        world.stats.stanzas_in.count(&TAGS, node.get().tag.as_ref());
        add(&world.stats.bytes_in, length);
        match self {
            Self::Unpaired(slot) => unpaired::handle(world, slot, node.get()),
            Self::Device(session) => session.handle(node.get()),
            Self::Refused => {}
        }
    }

    /// Writes stanzas, counts them and notes them in the account's record.
    async fn send(
        &self,
        world: &World,
        channel: &mut Channel,
        nodes: &[Arc<Node>],
    ) -> Result<(), ChannelError> {
        let length = channel.send(nodes).await?;
        add(&world.stats.bytes_out, length);
        for node in nodes {
            world.stats.stanzas_out.count(&TAGS, &node.tag);
            if let Self::Device(session) = self {
                let text = || DisplayableNode(node).to_string();
                session.account.record.note(session.device, Direction::Out, text);
            }
        }
        Ok(())
    }

    fn end(&self, world: &Arc<World>) {
        match self {
            Self::Unpaired(slot) => world.desk.close(slot),
            Self::Device(session) => session.end(),
            Self::Refused => {}
        }
    }
}

/// Serves an upgraded connection until it ends.
pub(crate) async fn run(world: Arc<World>, socket: Socket) {
    count(&world.stats.connections);
    count(&world.stats.connections_total);
    if let Err(error) = serve(&world, socket).await {
        tracing::debug!(%error, "connection ended");
    }
    world.stats.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn serve(world: &Arc<World>, socket: Socket) -> Result<(), ChannelError> {
    let stop = world.tasks.stop();
    let mut opened = tokio::select! {
        opened = channel::accept(socket, &world.server_key, &world.certificate) => opened?,
        () = sleep(HANDSHAKE_TIMEOUT) => return Err(ChannelError::Closed),
        () = stop.cancelled() => return Err(ChannelError::Closed),
    };
    let (sender, receiver) = mpsc::channel(world.options.connection_buffer);
    let link = Link {
        id: world.serial.fetch_add(1, Ordering::Relaxed),
        sender,
        close: CancellationToken::new(),
        cut: CancellationToken::new(),
        silence: Arc::default(),
    };
    let role = if opened.payload.username.is_some() {
        login::login(world, &opened, &link)
    } else {
        unpaired::register(world, &opened, &link)
    };
    let outcome = tokio::select! {
        outcome = pump::run(world, &mut opened.channel, receiver, &link, &role) => outcome,
        () = link.cut.cancelled() => Ok(()),
        () = overdue(world, &link) => Err(ChannelError::Closed),
    };
    // Before the socket: a client that has seen it close may log in again at once.
    role.end(world);
    drop(opened);
    outcome
}

/// Ends some time after the connection was asked to close: a client that does not read blocks the pump.
async fn overdue(world: &World, link: &Link) {
    tokio::select! {
        () = link.close.cancelled() => {}
        () = world.tasks.stop().cancelled() => {}
    }
    sleep(CLOSE_TIMEOUT).await;
}
