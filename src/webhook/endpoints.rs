//! Where the events of an instance go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;

use crate::domain::InstanceId;

/// Endpoints that are remembered at most.
const CAPACITY: u64 = 50_000;

/// Where to deliver, and what of the instance a request tells.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// The configured URL.
    pub url: String,
    /// The tenant's headers; `jwt_key` is the key of a token.
    pub headers: BTreeMap<String, String>,
    /// Append the event's name to the URL's path.
    pub by_events: bool,
    /// Put files into the events of messages as base64.
    pub base64: bool,
    /// The instance's name.
    pub instance: String,
    /// The account's address when it is known.
    pub sender: Option<String>,
    /// The instance's token.
    pub token: Option<String>,
}

impl std::fmt::Debug for Endpoint {
    /// URL, headers and token are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// The directory cannot answer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the configuration of the webhook cannot be read now")]
pub struct Unavailable;

/// Knows the endpoints. Deleted instances keep theirs while rows of them wait.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The endpoint of an instance at a sink ([`super::OWN`] or [`super::GLOBAL`]); `None` when
    /// there is none any more, which makes its rows dead letters.
    ///
    /// # Errors
    /// [`Unavailable`]: asked again soon; no attempt is counted.
    async fn endpoint(
        &self,
        instance: InstanceId,
        sink: &'static str,
    ) -> Result<Option<Endpoint>, Unavailable>;

    /// A request about an instance was not taken. For those who count; must not block.
    fn failed(&self, _instance: InstanceId) {}
}

/// A bounded memory in front of a [`Directory`]. Cheap to clone; concurrent questions about one
/// endpoint are one.
#[derive(Clone)]
pub(super) struct Endpoints {
    directory: Arc<dyn Directory>,
    known: Cache<(InstanceId, &'static str), Option<Arc<Endpoint>>>,
}

impl Endpoints {
    pub(super) fn new(directory: Arc<dyn Directory>, ttl: Duration) -> Self {
        Self { directory, known: Cache::builder().max_capacity(CAPACITY).time_to_live(ttl).build() }
    }

    /// A request about an instance was not taken.
    pub(super) fn failed(&self, instance: InstanceId) {
        self.directory.failed(instance);
    }

    /// The endpoint, at most one lifetime of the memory old.
    pub(super) async fn get(
        &self,
        instance: InstanceId,
        sink: &'static str,
    ) -> Result<Option<Arc<Endpoint>>, Unavailable> {
        let load = async {
            let found = self.directory.endpoint(instance, sink).await?;
            Ok::<_, Unavailable>(found.map(Arc::new))
        };
        self.known.try_get_with((instance, sink), load).await.map_err(|error| *error)
    }

    /// Forgets what is known of an instance.
    pub(super) async fn forget(&self, instance: InstanceId) {
        for sink in [super::OWN, super::GLOBAL] {
            self.known.invalidate(&(instance, sink)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Directory for Counting {
        async fn endpoint(&self, _: InstanceId, _: &'static str) -> Result<Option<Endpoint>, Unavailable> {
            let asked = self.0.fetch_add(1, Ordering::SeqCst);
            if asked == 0 { Err(Unavailable) } else { Ok(Some(Endpoint::default())) }
        }
    }

    #[tokio::test]
    async fn answers_are_remembered_until_forgotten_and_failures_are_not() {
        let directory = Arc::new(Counting::default());
        let endpoints = Endpoints::new(Arc::<Counting>::clone(&directory), Duration::from_secs(60));
        let instance = InstanceId::random();
        assert_eq!(endpoints.get(instance, super::super::OWN).await, Err(Unavailable));
        for _ in 0..5 {
            assert!(endpoints.get(instance, super::super::OWN).await.unwrap().is_some());
        }
        assert_eq!(directory.0.load(Ordering::SeqCst), 2);
        endpoints.forget(instance).await;
        assert!(endpoints.get(instance, super::super::OWN).await.unwrap().is_some());
        assert_eq!(directory.0.load(Ordering::SeqCst), 3);
    }
}
