//! No message leaves with a ratchet key that a killed node would forget.
//!
//! The library (whatsapp-rust 0.7.0) writes sessions behind, and a send waits for the store only when
//! the lease of its counters has run out: a counter is never used twice. But the first message after
//! one of the contact's carries a new ratchet key, under the lease of the chain before. A contact that
//! has seen it encrypts with nothing else, and a node that comes back without it can read none of that:
//! it asks for every message again, and gets them out of order.
//!
//! The library has no step of ours between encrypting and writing but the transport, so that is where
//! a message waits: until the sessions have been stored after the last incoming message. The library
//! does that by itself, 25 ms after either. It must not be told to do it at once: a message that is
//! decrypted while one flush runs is in the next one before it is in the store itself, if that follows
//! without a pause. Killed in between, the node takes the message for a duplicate afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// How long a write may wait. The store is away or overloaded then, and a message that might have to
/// be repeated after a crash is better than none.
const PATIENCE: Duration = Duration::from_secs(1);

/// What of one connection is stored, and who waits for it.
pub struct Barrier {
    sends: AtomicUsize,
    messages: watch::Sender<Messages>,
}

/// Counts of incoming messages that were decrypted with a session.
#[derive(Clone, Copy, Default)]
struct Messages {
    decrypted: u64,
    /// Those of them whose sessions have been stored since.
    stored: u64,
}

/// One send, until it is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Sessions on their way to the store, with the messages that were decrypted before.
pub struct Storing(u64);

impl Default for Barrier {
    fn default() -> Self {
        Self { sends: AtomicUsize::new(0), messages: watch::Sender::new(Messages::default()) }
    }
}

impl Barrier {
    /// Does what encrypts and writes a message. Only meanwhile do writes wait.
    pub async fn sending<T>(&self, send: impl Future<Output = T>) -> T {
        self.sends.fetch_add(1, Ordering::SeqCst);
        let _under_way = UnderWay(&self.sends);
        send.await
    }

    /// Messages have been decrypted.
    pub fn decrypted(&self, count: usize) {
        self.messages.send_modify(|messages| messages.decrypted += count as u64);
    }

    /// The sessions that have changed are about to be stored.
    pub fn storing(&self) -> Storing {
        Storing(self.messages.borrow().decrypted)
    }

    /// They are.
    pub fn stored(&self, storing: &Storing) {
        self.messages.send_modify(|messages| messages.stored = messages.stored.max(storing.0));
    }

    /// Waits until the next write may be made.
    pub async fn pass(&self) {
        if self.sends.load(Ordering::SeqCst) == 0 {
            return;
        }
        let decrypted = self.messages.borrow().decrypted;
        let mut messages = self.messages.subscribe();
        let stored = messages.wait_for(|messages| messages.stored >= decrypted);
        if tokio::time::timeout(PATIENCE, stored).await.is_err() {
            tracing::debug!("a message leaves before its session is stored");
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, poll};

    use super::*;

    #[tokio::test]
    async fn a_send_waits_for_the_sessions_of_messages_that_came_before() {
        let barrier = Barrier::default();
        barrier.sending(async { assert_eq!(barrier.pass().now_or_never(), Some(())) }).await;
        let early = barrier.storing();
        barrier.decrypted(2);
        assert_eq!(barrier.pass().now_or_never(), Some(()), "nothing is sent");

        let write = async {
            let waiting = barrier.pass();
            tokio::pin!(waiting);
            assert!(poll!(&mut waiting).is_pending());
            barrier.stored(&early);
            assert!(poll!(&mut waiting).is_pending(), "they were stored as they were before");
            let storing = barrier.storing();
            barrier.decrypted(1);
            assert!(poll!(&mut waiting).is_pending());
            barrier.stored(&storing);
            assert!(poll!(&mut waiting).is_ready(), "what came later does not matter");
            assert!(barrier.pass().now_or_never().is_none());
        };
        barrier.sending(write).await;
        assert_eq!(barrier.pass().now_or_never(), Some(()), "the send is over");
    }
}
