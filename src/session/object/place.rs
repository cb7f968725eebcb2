//! Where the objects are.

use std::path::Path as Folder;
use std::sync::Arc;
use std::time::Duration;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, Result};

use super::log::Log;
use crate::config::objects::Bucket;
use crate::objects::{self, Patience};

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
        let patience = Patience { answer: ANSWER, retries, altogether: PATIENCE };
        Ok(Arc::new(objects::bucket(bucket, patience).build()?))
    };
    Ok(Log { reads: trying(5)?, creates: trying(0)?, prefix: Path::parse(&bucket.prefix)? })
}
