//! Owns the connection to an object store; must not know what is kept there.

use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, RetryConfig};

use crate::config::objects::Bucket;

/// How requests to a bucket are made.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long one request may take.
    pub answer: Duration,
    /// How often a request is made again that failed.
    pub retries: usize,
    /// How long that may go on.
    pub altogether: Duration,
}

/// A bucket, to be built.
#[must_use]
pub fn bucket(bucket: &Bucket, patience: Patience) -> AmazonS3Builder {
    let Patience { answer, retries, altogether } = patience;
    let retry = RetryConfig { max_retries: retries, retry_timeout: altogether, ..RetryConfig::default() };
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key)
        .with_secret_access_key(bucket.secret_key.expose())
        .with_retry(retry)
        .with_client_options(ClientOptions::new().with_timeout(answer));
    match &bucket.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://")),
        None => builder,
    }
}
