//! Stanzas for one device: the live connection and what waits for a receipt or ack.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use wacore_binary::Node;

/// Stanzas handed to a connection's task.
pub(crate) struct Outgoing {
    pub(crate) due: Option<Instant>,
    pub(crate) nodes: Vec<Arc<Node>>,
    /// Written after the stanzas that follow.
    pub(crate) late: bool,
}

/// Whether a connection is half open: nothing is read or written, the socket stays.
#[derive(Default)]
pub(crate) struct Silence {
    on: AtomicBool,
    lifted: Notify,
}

impl Silence {
    pub(crate) fn set(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
        if !on {
            self.lifted.notify_waiters();
        }
    }

    pub(crate) fn on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Waits for the end of the silence.
    pub(crate) async fn lifted(&self) {
        loop {
            // Made before the look, so that an end in between is not missed.
            let lifted = self.lifted.notified();
            if !self.on() {
                return;
            }
            lifted.await;
        }
    }
}

/// A live connection of a device.
#[derive(Clone)]
pub(crate) struct Link {
    /// Tells connections of one device apart.
    pub(crate) id: u64,
    pub(crate) sender: mpsc::Sender<Outgoing>,
    /// Closes the socket after what is queued has been written.
    pub(crate) close: CancellationToken,
    /// Closes the socket at once.
    pub(crate) cut: CancellationToken,
    pub(crate) silence: Arc<Silence>,
}

impl Link {
    /// Queues stanzas; a client that does not read fast enough is disconnected.
    pub(crate) fn send(&self, nodes: Vec<Arc<Node>>, due: Option<Instant>) {
        self.hand_over(Outgoing { due, nodes, late: false });
    }

    /// Queues a message that arrives out of order or more than once.
    pub(crate) fn send_disturbed(&self, node: Arc<Node>, due: Option<Instant>, late: bool, twice: bool) {
        let nodes = if twice { vec![node.clone(), node] } else { vec![node] };
        self.hand_over(Outgoing { due, nodes, late });
    }

    fn hand_over(&self, outgoing: Outgoing) {
        if self.sender.try_send(outgoing).is_err() {
            self.close.cancel();
        }
    }
}

/// A stanza kept until the device has confirmed it.
pub(crate) struct Pending {
    /// Tag of the stanza, which is the class of its ack.
    pub(crate) class: &'static str,
    pub(crate) id: String,
    pub(crate) node: Arc<Node>,
}

/// Queue and connection of one device.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) link: Option<Link>,
    /// Whether the login got as far as `passive active`, after which stanzas flow at once.
    pub(crate) live: bool,
    /// When the connection ended, until another one is live.
    pub(crate) gone: Option<std::time::Instant>,
}

/// Counts for `offline_preview`.
#[derive(Default, Clone, Copy)]
pub(crate) struct Preview {
    pub(crate) count: usize,
    pub(crate) message: usize,
    pub(crate) receipt: usize,
    pub(crate) notification: usize,
    pub(crate) call: usize,
}

impl Outbox {
    /// Keeps a stanza until it is confirmed. False when the queue is full.
    pub(crate) fn keep(&mut self, class: &'static str, id: String, node: Arc<Node>, limit: usize) -> bool {
        if self.pending.len() >= limit {
            return false;
        }
        self.pending.push_back(Pending { class, id, node });
        true
    }

    /// The live connection, if there is one.
    pub(crate) fn live_link(&self) -> Option<&Link> {
        self.link.as_ref().filter(|_| self.live)
    }

    /// Takes the connection away: from now on stanzas wait for the next login.
    pub(crate) fn detach(&mut self) -> Option<Link> {
        self.live = false;
        let link = self.link.take();
        if link.is_some() {
            self.gone.get_or_insert_with(std::time::Instant::now);
        }
        link
    }

    /// Forgets a confirmed stanza. Confirmations come mostly in order, so the search is short.
    pub(crate) fn confirm(&mut self, class: &str, id: &str) -> bool {
        let position = self.pending.iter().position(|pending| pending.class == class && pending.id == id);
        position.and_then(|index| self.pending.remove(index)).is_some()
    }

    /// What waits, by class.
    pub(crate) fn preview(&self) -> Preview {
        let mut preview = Preview { count: self.pending.len(), ..Preview::default() };
        for pending in &self.pending {
            match pending.class {
                "message" => preview.message += 1,
                "receipt" => preview.receipt += 1,
                "call" => preview.call += 1,
                _ => preview.notification += 1,
            }
        }
        preview
    }
}
