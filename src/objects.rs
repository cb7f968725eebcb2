//! Owns the connection to an object store, and what its errors mean; must not know what is kept there.

use std::error::Error as Cause;
use std::io::{self, ErrorKind};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::client::HttpError;
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

/// What a folder refuses for the sake of one file.
const REFUSED: [ErrorKind; 5] = [
    ErrorKind::PermissionDenied,
    ErrorKind::InvalidFilename,
    ErrorKind::InvalidInput,
    ErrorKind::IsADirectory,
    ErrorKind::FileTooLarge,
];
/// How `object_store` tells a status for which it has no variant. Its type for that is not public.
const STATUS: &str = "Server returned non-2xx status code: ";
/// Statuses 4xx that a busy server answers, whatever it was asked for.
const LATER: [&str; 2] = ["408", "429"];

/// Whether a store could not be reached or could not work, which says nothing of the object; otherwise it
/// refused what was asked of it.
#[must_use]
pub fn is_away(error: &object_store::Error) -> bool {
    use object_store::Error as Failed;
    // The others are refusals: a status such as 403, or a path that cannot be.
    if !matches!(error, Failed::Generic { .. } | Failed::JoinError { .. }) {
        return false;
    }
    let mut cause: Option<&(dyn Cause + 'static)> = Some(error);
    // Why a connection failed is no refusal, whatever the system calls it.
    while let Some(one) = cause.filter(|one| !one.is::<HttpError>()) {
        if refuses(one) {
            return false;
        }
        cause = one.source();
    }
    true
}

fn refuses(cause: &(dyn Cause + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return REFUSED.contains(&error.kind());
    }
    let text = cause.to_string();
    let status = text.strip_prefix(STATUS).filter(|status| status.starts_with('4'));
    status.is_some_and(|status| !LATER.iter().any(|later| status.starts_with(later)))
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Secret;

    /// A server that answers every request with a status and ends the connection.
    async fn answering(status: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = Vec::new();
                let is_head = |read: &[u8]| read.windows(4).any(|end| end == b"\r\n\r\n");
                while !is_head(&read) && stream.read_buf(&mut read).await.is_ok_and(|read| read > 0) {}
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                // Whether the client still reads it is its own affair.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                // What nobody has read would take the answer back.
                let _ = stream.read_to_end(&mut read).await;
            }
        });
        port
    }

    fn at(port: u16) -> impl ObjectStore {
        let place = Bucket {
            name: "files".into(),
            prefix: String::new(),
            access_key: "access".into(),
            secret_key: Secret::new("secret"),
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            region: "us-east-1".into(),
        };
        let second = Duration::from_secs(5);
        let patience = Patience { answer: second, retries: 0, altogether: second };
        bucket(&place, patience).with_disable_bulk_delete(true).build().unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bucket_that_refuses_is_not_away() {
        crate::net::install_crypto();
        for (status, away) in [
            ("400 Bad Request", false),
            ("401 Unauthorized", false),
            ("403 Forbidden", false),
            ("404 Not Found", false),
            ("413 Payload Too Large", false),
            ("408 Request Timeout", true),
            ("429 Too Many Requests", true),
            ("500 Internal Server Error", true),
            ("503 Service Unavailable", true),
        ] {
            let (store, path) = (at(answering(status).await), Path::from("a"));
            for refused in [
                store.put(&path, "a".into()).await.map(drop),
                store.delete(&path).await,
                store.head(&path).await.map(drop),
            ] {
                let error = refused.unwrap_err();
                assert_eq!(is_away(&error), away, "{status}: {error:?}");
            }
        }
        // Nobody listens there any more.
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert!(is_away(&at(port).put(&Path::from("a"), "a".into()).await.unwrap_err()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_that_refuses_one_file_is_not_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("taken")).unwrap();
        let store = LocalFileSystem::new_with_prefix(&root).unwrap();
        let put = async |name: &str| store.put(&Path::from(name), "a".into()).await.unwrap_err();
        assert!(!is_away(&put("taken").await));
        assert!(!is_away(&put(&"a".repeat(300)).await));
        std::fs::remove_dir_all(&root).unwrap();
        std::fs::write(&root, "in the way").unwrap();
        assert!(is_away(&put("other").await));
    }
}
