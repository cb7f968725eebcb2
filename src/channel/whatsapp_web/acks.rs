//! Who waits for WhatsApp's acknowledgement of which message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

/// What WhatsApp said: nothing more than yes, or its error number.
pub type Answer = Option<String>;

/// Waiters by message id. They are bounded by the sends under way.
#[derive(Default)]
pub struct Acks(Mutex<HashMap<String, oneshot::Sender<Answer>>>);

impl Acks {
    /// Waits for the answer to a message that is about to be sent.
    pub fn expect(&self, id: &str) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id.to_owned(), sender);
        receiver
    }

    /// Hands an answer to whoever waits for it; `false` when nobody does.
    pub fn answer(&self, id: &str, answer: Answer) -> bool {
        self.lock().remove(id).is_some_and(|waiter| waiter.send(answer).is_ok())
    }

    /// Nobody waits any more.
    pub fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
