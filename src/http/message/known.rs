//! Numbers that were looked up lately: every send asks, and WhatsApp limits how often one may.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::channel::{Error, NumberCheck, Numbers};
use crate::domain::{InstanceId, Jid};

/// Answers that are kept, over all instances.
const KEPT: u64 = 100_000;
/// How long a number is known to exist unless it is configured.
const PRESENT: Duration = Duration::from_secs(6 * 60 * 60);
/// How long a number is known not to exist: somebody may just be signing up.
const ABSENT: Duration = Duration::from_secs(60);

/// Numbers of one question, each of which may stand for two.
const BATCH: usize = 100;

/// How long a number is known to exist.
struct Lifetime(Duration);

impl<K> Expiry<K, NumberCheck> for Lifetime {
    fn expire_after_create(&self, _: &K, check: &NumberCheck, _: Instant) -> Option<Duration> {
        Some(if check.exists { self.0 } else { self.0.min(ABSENT) })
    }
}

/// Answers about numbers, per instance and bounded.
#[derive(Clone)]
pub struct Known(Cache<(InstanceId, Jid), NumberCheck>);

impl Default for Known {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Known {
    /// No answers yet; a number is known to exist for `age`, or for some hours.
    #[must_use]
    pub fn new(age: Option<Duration>) -> Self {
        let lifetime = Lifetime(age.unwrap_or(PRESENT));
        Self(Cache::builder().max_capacity(KEPT).expire_after(lifetime).build())
    }

    /// Answers about addresses, in their order; WhatsApp is asked about those that are not known.
    ///
    /// # Errors
    /// As [`Numbers::check`].
    pub async fn check(
        &self,
        instance: InstanceId,
        numbers: &dyn Numbers,
        jids: &[Jid],
    ) -> Result<Vec<NumberCheck>, Error> {
        let mut answers: HashMap<Jid, NumberCheck> = HashMap::with_capacity(jids.len());
        let mut unknown: Vec<Jid> = Vec::new();
        for jid in jids {
            match self.0.get(&(instance, jid.clone())).await {
                Some(check) => drop(answers.insert(jid.clone(), check)),
                None if unknown.contains(jid) => {}
                None => unknown.push(jid.clone()),
            }
        }
        for some in unknown.chunks(BATCH) {
            for check in ask(numbers, some).await? {
                self.0.insert((instance, check.asked.clone()), check.clone()).await;
                answers.insert(check.asked.clone(), check);
            }
        }
        // What WhatsApp said nothing about does not exist.
        let silent = |jid: &Jid| NumberCheck {
            asked: jid.clone(),
            jid: jid.clone(),
            lid: None,
            exists: false,
            name: None,
        };
        Ok(jids.iter().map(|jid| answers.get(jid).cloned().unwrap_or_else(|| silent(jid))).collect())
    }
}

/// Asks about addresses and the other forms that their numbers may have; what exists is the answer.
async fn ask(numbers: &dyn Numbers, jids: &[Jid]) -> Result<Vec<NumberCheck>, Error> {
    let others = jids.iter().filter_map(Jid::other_number).filter(|other| !jids.contains(other));
    let all: Vec<Jid> = jids.iter().cloned().chain(others).collect();
    let checks = numbers.check(&all).await?;
    let found = |jid: &Jid| checks.iter().find(|check| check.asked == *jid);
    let best = |asked: &Jid| {
        let own = found(asked);
        let other = asked.other_number().and_then(|other| found(&other)).filter(|check| check.exists);
        let check = own.filter(|check| check.exists).or(other).or(own)?;
        Some(NumberCheck { asked: asked.clone(), ..check.clone() })
    };
    Ok(jids.iter().filter_map(best).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;

    struct Asked(AtomicUsize);

    #[async_trait]
    impl Numbers for Asked {
        async fn check(&self, jids: &[Jid]) -> Result<Vec<NumberCheck>, Error> {
            self.0.fetch_add(jids.len(), Ordering::SeqCst);
            let check = |jid: &Jid| NumberCheck {
                asked: jid.clone(),
                jid: jid.clone(),
                lid: None,
                exists: true,
                name: None,
            };
            Ok(jids.iter().map(check).collect())
        }

        async fn forms(&self, _: &Jid) -> Result<(Option<Jid>, Option<Jid>), Error> {
            Ok((None, None))
        }
    }

    #[tokio::test]
    async fn a_number_is_asked_for_once_per_instance() {
        let (known, numbers) = (Known::default(), Asked(AtomicUsize::new(0)));
        let (one, other) = (InstanceId::random(), InstanceId::random());
        let jid = Jid::phone("4915112345678");
        for _ in 0..3 {
            let answers = known.check(one, &numbers, &[jid.clone(), jid.clone()]).await.unwrap();
            assert!(answers.len() == 2 && answers.iter().all(|answer| answer.exists));
        }
        assert_eq!(numbers.0.load(Ordering::SeqCst), 1);
        known.check(other, &numbers, &[jid]).await.unwrap();
        assert_eq!(numbers.0.load(Ordering::SeqCst), 2, "one tenant learns nothing from another");
    }

    #[tokio::test]
    async fn a_number_is_known_for_as_long_as_is_configured() {
        let (numbers, jid) = (Asked(AtomicUsize::new(0)), Jid::phone("4915112345678"));
        let (instance, known) = (InstanceId::random(), Known::new(Some(Duration::ZERO)));
        for _ in 0..2 {
            known.check(instance, &numbers, std::slice::from_ref(&jid)).await.unwrap();
        }
        assert_eq!(numbers.0.load(Ordering::SeqCst), 2);
        let week = Lifetime(Duration::from_secs(7 * 86_400));
        let found =
            |exists| NumberCheck { asked: jid.clone(), jid: jid.clone(), lid: None, exists, name: None };
        let now = Instant::now();
        assert_eq!(week.expire_after_create(&(), &found(true), now), Some(week.0));
        assert_eq!(week.expire_after_create(&(), &found(false), now), Some(ABSENT));
    }
}
