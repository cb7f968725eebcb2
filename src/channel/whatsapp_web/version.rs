//! The version of WhatsApp Web that every connection announces. The library would ask WhatsApp for
//! it once per account, and fail the connection when that fails; here it is asked for once per node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use whatsapp_rust::http::HttpClient;
use whatsapp_rust::version::fetch_latest_app_version;

/// Three numbers, for example `2.3000.1027934701`.
pub type Version = (u32, u32, u32);

/// Announced while WhatsApp cannot be asked: a version that it is known to have accepted.
const FALLBACK: Version = (2, 3000, 1_027_934_701);
/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the fallback is announced before WhatsApp is asked again.
const RETRY: Duration = Duration::from_secs(10 * 60);
/// How long WhatsApp may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    Answered(Version),
    Fallback,
}

struct Lifetime;

impl Expiry<(), Known> for Lifetime {
    fn expire_after_create(&self, (): &(), known: &Known, _: Instant) -> Option<Duration> {
        Some(if matches!(known, Known::Answered(_)) { FRESH } else { RETRY })
    }
}

/// Knows the version. Cheap to clone; many who ask at once are one question.
#[derive(Clone)]
pub struct Versions {
    fixed: Option<Version>,
    known: Cache<(), Known>,
}

impl Versions {
    /// Announces `fixed` when it is given, and never asks then.
    pub fn new(fixed: Option<Version>) -> Self {
        // A simulated WhatsApp has no version to ask for, and takes any.
        let fixed = fixed.or(cfg!(feature = "simulator").then_some(FALLBACK));
        Self { fixed, known: Cache::builder().max_capacity(1).expire_after(Lifetime).build() }
    }

    /// The version to announce; asks WhatsApp at most once a day.
    pub async fn current(&self, http: Arc<dyn HttpClient>) -> Version {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let ask = async {
            match tokio::time::timeout(PATIENCE, fetch_latest_app_version(&http)).await {
                Ok(Ok(version)) => Known::Answered(version),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "WhatsApp did not tell its version; a known one is announced");
                    Known::Fallback
                }
                Err(_) => {
                    tracing::warn!("WhatsApp did not tell its version in time; a known one is announced");
                    Known::Fallback
                }
            }
        };
        match self.known.get_with((), ask).await {
            Known::Answered(version) => version,
            Known::Fallback => FALLBACK,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use whatsapp_rust::http::{HttpRequest, HttpResponse};
    use whatsapp_rust::{anyhow, async_trait};

    use super::*;

    struct Page(Option<&'static str>, AtomicUsize);

    #[async_trait]
    impl HttpClient for Page {
        async fn execute(&self, _: HttpRequest) -> anyhow::Result<HttpResponse> {
            self.1.fetch_add(1, Ordering::SeqCst);
            let text = self.0.ok_or_else(|| anyhow::anyhow!("unreachable"))?;
            Ok(HttpResponse { status_code: 200, body: text.as_bytes().to_vec() })
        }
    }

    fn asking() -> Versions {
        Versions { fixed: None, ..Versions::new(None) }
    }

    #[tokio::test]
    async fn many_connections_are_one_question() {
        let page = Arc::new(Page(Some(r#"x "client_revision":1031234567, y"#), AtomicUsize::new(0)));
        let versions = asking();
        for _ in 0..10 {
            assert_eq!(
                versions.current(Arc::<Page>::clone(&page) as Arc<dyn HttpClient>).await,
                (2, 3000, 1_031_234_567)
            );
        }
        assert_eq!(page.1.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_unreachable_page_does_not_keep_anybody_from_connecting() {
        let page = Arc::new(Page(None, AtomicUsize::new(0)));
        let versions = asking();
        for _ in 0..3 {
            assert_eq!(versions.current(Arc::<Page>::clone(&page) as Arc<dyn HttpClient>).await, FALLBACK);
        }
        assert_eq!(page.1.load(Ordering::SeqCst), 1);
    }
}
