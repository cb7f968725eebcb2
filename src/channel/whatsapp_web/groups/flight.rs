//! Questions that are asked once, however many want to know the answer at the same time. Who waited for
//! a question that fails shares the failure: asked again and again, one that is not answered in time
//! would take each of them as long as all before.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, Shared, WeakShared};
use futures::{FutureExt as _, TryFutureExt as _};

use crate::channel::Error;

/// Questions that are remembered before those that are over are dropped.
const MOST: usize = 256;

type Question<T> = BoxFuture<'static, Result<T, Arc<Error>>>;

/// Questions under way, by what they are about. They are held by those who wait: one that nobody waits
/// for any more is given up.
pub struct Flights<K, T: Clone>(Mutex<HashMap<K, WeakShared<Question<T>>>>);

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Clone> Flights<K, T> {
    /// The answer to the question that is under way, or to one that is begun. Whoever begins one after
    /// another is over has to look first whether the answer is known by now.
    pub async fn join(
        &self,
        about: K,
        ask: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.enter(about, ask).await.map_err(|error| same(&error))
    }

    fn enter(
        &self,
        about: K,
        ask: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Shared<Question<T>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way =
            |flight: &WeakShared<Question<T>>| flight.upgrade().filter(|flight| flight.peek().is_none());
        if let Some(flight) = flights.get(&about).and_then(under_way) {
            return flight;
        }
        if flights.len() >= MOST {
            flights.retain(|_, flight| under_way(flight).is_some());
        }
        let flight = ask.map_err(Arc::new).boxed().shared();
        flights.extend(flight.downgrade().map(|weak| (about, weak)));
        flight
    }
}

/// An error as each of those has it who share it.
fn same(error: &Arc<Error>) -> Error {
    match &**error {
        Error::NotConnected => Error::NotConnected,
        Error::Unsupported(what) => Error::Unsupported(*what),
        Error::Invalid { field, reason } => Error::Invalid { field, reason: reason.clone() },
        Error::NotFound(what) => Error::NotFound(what.clone()),
        Error::NotAllowed(what) => Error::NotAllowed(what.clone()),
        Error::Refused(reason) => Error::Refused(reason.clone()),
        Error::TooMany(wait) => Error::TooMany(*wait),
        Error::Timeout => Error::Timeout,
        Error::Fenced => Error::Fenced,
        Error::Unavailable(_) => Error::Unavailable(Box::new(Arc::clone(error))),
        Error::Protocol(reason) => Error::Protocol(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn those_who_wait_share_one_answer_and_one_failure() {
        let (flights, asked) = (Flights::<&str, usize>::default(), Arc::new(AtomicUsize::new(0)));
        for (about, wanted) in [("fine", Some(7)), ("bad", None), ("bad", None), ("fine", Some(8))] {
            let before = asked.load(Ordering::SeqCst);
            let (answer, answers) = oneshot::channel::<Option<usize>>();
            let answers = answers.shared();
            let one = || {
                let (asked, answers) = (Arc::clone(&asked), answers.clone());
                flights.join(about, async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    answers.await.ok().flatten().ok_or(Error::Timeout)
                })
            };
            let all = join_all((0..5).map(|_| one()));
            tokio::pin!(all);
            assert!(futures::poll!(&mut all).is_pending());
            let _ = answer.send(wanted);
            for got in all.await {
                assert_eq!(got.as_ref().ok(), wanted.as_ref(), "{about}: {got:?}");
                assert!(got.is_ok() || matches!(got, Err(Error::Timeout)));
            }
            assert_eq!(asked.load(Ordering::SeqCst), before + 1, "{about}");
        }
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_question_to_the_others() {
        let flights = Flights::<u8, u8>::default();
        let (answer, answers) = oneshot::channel();
        let asking = async move { answers.await.map_err(|_| Error::Timeout) };
        let (mut first, second) = (Box::pin(flights.join(1, asking)), flights.join(1, async { Ok(9) }));
        tokio::pin!(second);
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending(), "it waits for the same");
        drop(first);
        let _ = answer.send(5);
        assert_eq!(second.await.unwrap(), 5);
        assert_eq!(flights.join(1, async { Ok(9) }).await.unwrap(), 9, "that one is over");
    }
}
