//! A logged-in device.

use std::sync::Arc;

use wacore::xml::DisplayableNodeRef;
use wacore_binary::{Node, NodeRef};

use crate::{
    iq, relay,
    wire::nodes::{SERVER, el, text},
    world::{
        World,
        account::Account,
        faults::conditions::Conditions,
        outbox::{Link, Preview},
        record::Direction,
        stats::count,
    },
};

/// The connection of a paired device.
pub(crate) struct Session {
    pub(crate) world: Arc<World>,
    pub(crate) account: Arc<Account>,
    pub(crate) device: u16,
    link: Link,
    conditions: Arc<Conditions>,
}

impl Session {
    pub(crate) fn new(world: Arc<World>, account: Arc<Account>, device: u16, link: Link) -> Self {
        let conditions = account.state().devices.get(&device).map(|device| device.conditions.clone());
        Self { world, account, device, link, conditions: conditions.unwrap_or_default() }
    }

    /// Sends a stanza to this device, outside the kept queue.
    pub(crate) fn reply(&self, node: Node) {
        self.link.send(vec![Arc::new(node)], self.world.due(&self.account, &self.conditions));
    }

    /// Makes this connection the device's only one; an older one is told that it was replaced.
    pub(crate) fn take_over(&self) {
        let old = {
            let mut state = self.account.state();
            let Some(device) = state.devices.get_mut(&self.device) else { return };
            device.available = false;
            let old = device.outbox.detach();
            device.outbox.link = Some(self.link.clone());
            old
        };
        if let Some(old) = old {
            count(&self.world.stats.replaced);
            relay::conflict(&old, "replaced");
        }
    }

    /// Sends what waited, then the end marker without which the client never becomes ready, and goes live.
    pub(crate) fn go_live(&self) {
        let mut state = self.account.state();
        let Some(device) = state.devices.get_mut(&self.device) else { return };
        let preview = device.outbox.preview();
        let mut nodes = Vec::with_capacity(preview.count + 2);
        if preview.count > 0 {
            nodes.push(Arc::new(offline_preview(preview)));
        }
        for pending in &device.outbox.pending {
            let mut node = Node::clone(&pending.node);
            node.attrs.insert("offline", "0");
            nodes.push(Arc::new(node));
        }
        let end = el("offline").attr("count", preview.count).build();
        nodes.push(Arc::new(el("ib").attr("from", SERVER).children([end]).build()));
        device.outbox.live = true;
        if let Some(gone) = device.outbox.gone.take() {
            self.world.outages.back(&self.account.phone, self.device, gone);
        }
        // Still under the lock: nothing newer may overtake the queue.
        self.link.send(nodes, self.world.due(&self.account, &self.conditions));
    }

    /// Handles a stanza of the client.
    pub(crate) fn handle(&self, node: &NodeRef<'_>) {
        self.account.record.note(self.device, Direction::In, || DisplayableNodeRef(node).to_string());
        match node.tag.as_ref() {
            "iq" => iq::handle(self, node),
            "message" => relay::message::handle(self, node),
            "receipt" => relay::receipt::handle(self, node),
            "ack" => {
                self.confirm(&text(node, "class").unwrap_or_default(), &text(node, "id").unwrap_or_default())
            }
            "presence" => relay::presence::handle(self, node),
            "chatstate" => relay::presence::chat_state(self, node),
            "call" => relay::call::handle(self, node),
            "ib" => {}
            other => tracing::debug!(tag = other, "stanza ignored"),
        }
    }

    /// The client has taken over responsibility for a stanza.
    pub(crate) fn confirm(&self, class: &str, id: &str) {
        let mut state = self.account.state();
        if let Some(device) = state.devices.get_mut(&self.device)
            && device.outbox.confirm(class, id)
        {
            drop(state);
            self.world.touch();
        }
    }

    /// The socket has ended.
    pub(crate) fn end(&self) {
        {
            let mut state = self.account.state();
            let Some(device) = state.devices.get_mut(&self.device) else { return };
            if device.outbox.link.as_ref().is_none_or(|link| link.id != self.link.id) {
                return;
            }
            device.outbox.detach();
            device.available = false;
            state.last_seen = crate::clock::unix_seconds();
        }
        relay::presence::announce(&self.world, &self.account);
    }
}

fn offline_preview(preview: Preview) -> Node {
    let counts = el("offline_preview")
        .attr("count", preview.count)
        .attr("message", preview.message)
        .attr("receipt", preview.receipt)
        .attr("notification", preview.notification)
        .attr("appdata", 0)
        .attr("call", preview.call)
        .build();
    el("ib").attr("from", SERVER).children([counts]).build()
}
