//! A Redis of a test's own, from the installed program: it may be emptied, stopped and started again.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start.
const START: Duration = Duration::from_secs(30);
/// Ends with the standard input, that is with the test process.
const SCRIPT: &str = "command -v redis-server >/dev/null || { echo missing; exit 1; }
    redis-server --bind 127.0.0.1 --port $PORT --save '' --appendonly no >/dev/null &
    server=$!; cat >/dev/null; kill $server; wait $server";

/// A server of a test's own; it may be killed and started again.
pub struct RedisServer {
    pub url: String,
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    pub async fn start() -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { url: format!("redis://127.0.0.1:{port}/"), port, process: None };
        server.start_again().await;
        server
    }

    /// Starts it on the same port, empty.
    pub async fn start_again(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).env("PORT", self.port.to_string());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = process.unwrap();
        let end = Instant::now() + START;
        while self.command("PING").await.is_err() {
            if process.try_wait().unwrap().is_some() {
                let mut said = String::new();
                process.stdout.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("no redis-server ({}): apt-get install redis-server", said.trim());
            }
            assert!(Instant::now() < end, "no Redis at {}", self.url);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    /// Runs a command without arguments.
    pub async fn command(&self, name: &str) -> Result<(), redis::RedisError> {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(name).query_async(&mut connection).await
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
