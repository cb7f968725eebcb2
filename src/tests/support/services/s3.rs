//! An S3 server of a test's own on loopback, with signed requests, over a folder.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// Its only bucket.
pub const BUCKET: &str = "files";
pub const ACCESS_KEY: &str = "access";
pub const SECRET_KEY: &str = "secret";

/// A server; it ends when this is dropped.
pub struct S3Server {
    pub endpoint: String,
    address: SocketAddr,
    task: JoinHandle<()>,
    folder: TempDir,
    refused: Refused,
}

/// What is refused: requests whose path has this in it.
type Refused = Arc<Mutex<Option<String>>>;

impl S3Server {
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = Refused::default();
        let task = serve(listener, &folder, &refused);
        Self { endpoint: format!("http://{address}"), address, task, folder, refused }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends it, and every connection; what it has stays.
    pub async fn stop(&mut self) {
        self.task.abort();
        // It was aborted.
        let _ = (&mut self.task).await;
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.task = serve(listener, &self.folder, &self.refused);
    }

    /// Answers 403 to whatever has this in its path from now on.
    pub fn refuse(&self, part: &str) {
        *self.refused.lock().unwrap() = Some(part.to_owned());
    }

    /// Refuses nothing any more.
    pub fn allow(&self) {
        *self.refused.lock().unwrap() = None;
    }

    /// The names of everything that it has.
    pub fn names(&self) -> Vec<String> {
        let root = self.folder.path().join(BUCKET);
        let mut names = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        names
    }
}

struct Access(Refused);

#[async_trait]
impl S3Access for Access {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> s3s::S3Result<()> {
        let refused = self.0.lock().unwrap().clone();
        let is_refused = refused.is_some_and(|part| request.uri().path().contains(&part));
        if is_refused || request.credentials().is_none() {
            return Err(s3s::s3_error!(AccessDenied));
        }
        Ok(())
    }
}

/// The connections end with the task.
fn serve(listener: TcpListener, folder: &TempDir, refused: &Refused) -> JoinHandle<()> {
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    service.set_access(Access(Arc::clone(refused)));
    let service = service.build();
    tokio::runtime::Handle::current().spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            connections.spawn(async move {
                let server = Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
