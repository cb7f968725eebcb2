//! An S3 server of a test's own on loopback, with signed requests, over a folder.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Its only bucket.
pub const BUCKET: &str = "sessions";
pub const ACCESS_KEY: &str = "access";
pub const SECRET_KEY: &str = "secret";

/// A server; it ends when this is dropped.
pub struct S3Server {
    pub endpoint: String,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl S3Server {
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let runtime = tokio::runtime::Handle::current();
        let task = runtime.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Builder::new(TokioExecutor::new());
                let service = service.clone();
                drop(runtime.spawn(async move {
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                }));
            }
        });
        Self { endpoint, task, _folder: folder }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
