//! Where the objects are.

use std::path::Path as Folder;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, Result, RetryConfig};

use super::log::Log;
use crate::config::session::Bucket;

/// How long one request may take, a large state included.
const ANSWER: Duration = Duration::from_secs(15);
/// How long reads try again.
const PATIENCE: Duration = Duration::from_secs(10);

/// In a folder, which must exist. What is created is on the disk before it counts.
pub(super) fn folder(folder: &Folder) -> Result<Log> {
    let objects: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
    Ok(Log { reads: Arc::clone(&objects), creates: objects, prefix: Path::default() })
}

/// In a bucket.
pub(super) fn bucket(bucket: &Bucket) -> Result<Log> {
    let trying = |retries| -> Result<Arc<dyn ObjectStore>> {
        let retry = RetryConfig { max_retries: retries, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let client = ClientOptions::new().with_timeout(ANSWER);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(&bucket.access_key)
            .with_secret_access_key(bucket.secret_key.expose())
            .with_retry(retry)
            .with_client_options(client);
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        Ok(Arc::new(builder.build()?))
    };
    Ok(Log { reads: trying(5)?, creates: trying(0)?, prefix: Path::parse(&bucket.prefix)? })
}
