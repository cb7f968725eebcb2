//! A Redis of a test's own, from the installed program: it may be emptied, stopped and started again.
#![allow(dead_code, reason = "not every test needs everything")]

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start.
const START: Duration = Duration::from_secs(30);
/// Ends with the standard input, that is with the test process; without a farewell, as a crash.
const SCRIPT: &str = "command -v redis-server >/dev/null || { echo missing; exit 1; }
    redis-server \"$@\" >/dev/null & server=$!; cat >/dev/null; kill -9 $server; wait $server";

/// A running program; it ends when this is dropped.
pub struct Process(Child);

impl Process {
    /// Runs `redis-server` with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).args(arguments).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Fails when it has ended.
    pub fn check(&mut self) {
        if self.0.try_wait().unwrap().is_some() {
            let mut said = String::new();
            self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("no redis-server ({}): apt-get install redis-server", said.trim());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A server of a test's own; it may be killed and started again.
pub struct RedisServer {
    pub url: String,
    pub port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl RedisServer {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With more arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let port = free_port();
        let url = format!("redis://127.0.0.1:{port}/");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { url, port, arguments, process: None };
        server.start_again().await;
        server
    }

    /// Starts it on the same port, empty.
    pub async fn start_again(&mut self) {
        let port = self.port.to_string();
        let mut arguments = vec!["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let mut process = Process::start(&arguments);
        let end = Instant::now() + START;
        while self.command("PING").await.is_err() {
            process.check();
            assert!(Instant::now() < end, "no Redis at {}", self.url);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Runs a command without arguments.
    pub async fn command(&self, name: &str) -> Result<(), redis::RedisError> {
        self.ask::<redis::Value>(&redis::cmd(name)).await.map(drop)
    }

    /// Runs a command.
    pub async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, redis::RedisError> {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await?;
        command.query_async(&mut connection).await
    }
}
