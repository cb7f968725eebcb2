//! A node of the test's own, and what talks to it.
#![allow(dead_code, reason = "not every test needs every way to ask")]

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use wa_sim::receiver::Receiver;
use wa_sim::{Compose, ContactInfo, NewContact, Simulator};
use waggle::net::{self, Egress, Method, Response, Url, header::HeaderValue};

/// The global key of every test node.
pub const KEY: &str = "global-key-of-the-tests";
/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The real binary as a child process, on a port and a folder of its own.
pub struct Node {
    child: Child,
    port: u16,
    scheme: &'static str,
    environment: Vec<(String, String)>,
    log: PathBuf,
    _folder: TempDir,
    client: net::Client,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!(
                "--- the node's log ends with\n{}",
                tail.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
    }
}

impl Node {
    pub async fn start(simulator: &Simulator) -> Self {
        Self::start_with(simulator, &[]).await
    }

    pub async fn start_with(simulator: &Simulator, more: &[(&str, &str)]) -> Self {
        net::install_crypto();
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let data = folder.path().join("data").display().to_string();
        let mut environment: Vec<(String, String)> = [
            ("AUTHENTICATION_API_KEY", KEY),
            ("SERVER_PORT", &port.to_string()),
            ("WAGGLE_DATA_DIR", &data),
            ("WAGGLE_WHATSAPP_URL", &simulator.chat_url()),
            ("WAGGLE_WHATSAPP_VERSION", "2.3000.1027934701"),
            ("WAGGLE_EGRESS_ALLOW", "*"),
            ("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", "1"),
            ("PROMETHEUS_METRICS", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let log = folder.path().join("log");
        let (scheme, trust) = match more.iter().find(|(name, _)| *name == "SSL_CONF_FULLCHAIN") {
            Some((_, path)) => ("https", net::Trust::Exactly(own_certificate(path))),
            None => ("http", net::Trust::PublicRoots),
        };
        let options = net::Options { egress: Egress::open(), trust, ..net::Options::default() };
        let client = net::Client::new(options).unwrap();
        let child = spawn(None, &environment, &log);
        let node = Self { child, port, scheme, environment, log, _folder: folder, client };
        node.ready().await;
        node
    }

    async fn ready(&self) {
        eventually("the node is ready", async || {
            let (status, _) = self.try_call(Method::GET, "/health/ready", None, None).await?;
            (status == 200).then_some(())
        })
        .await;
    }

    /// Another command of the binary, in the node's environment.
    pub fn run(&self, command: &str) -> Output {
        let environment = self.environment.iter().cloned();
        let mut child = Command::new(env!("CARGO_BIN_EXE_waggle"));
        child.env_clear().envs(environment).arg(command).output().unwrap()
    }

    /// The base of its URLs.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it takes of memory now, and what it took at most, in kB; the latter can be reset first.
    pub fn memory(&self, reset: bool) -> (u64, u64) {
        let folder = format!("/proc/{}", self.process());
        if reset {
            std::fs::write(format!("{folder}/clear_refs"), "5").unwrap();
        }
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; waits for the end and answers the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let child = &mut self.child;
        eventually("the node stops", async || child.try_wait().unwrap()).await.code()
    }

    /// Starts the binary again on the same folder and port.
    pub async fn start_again(&mut self) {
        self.child = spawn(None, &self.environment, &self.log);
        self.ready().await;
    }

    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Option<(u16, Value)> {
        let (status, text) = self.raw(method, path, key, body).await?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Status and text of the answer; `None` when there was none.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Option<(u16, String)> {
        let answer = self.ask(method, path, key, body).await?;
        Some((answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// The answer as it came, with its headers; `None` when there was none.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Option<Response> {
        let url = Url::parse(&format!("{}{path}", self.url())).unwrap();
        let mut request = net::Request::new(method, url);
        if let Some(key) = key {
            request.headers.insert("apikey", HeaderValue::from_str(key).unwrap());
        }
        request.headers.insert("content-type", HeaderValue::from_static("application/json"));
        request.body = net::Body::Bytes(body.unwrap_or_default().into());
        self.client.send(request).await.ok()
    }

    /// A call with the global key.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.try_call(method, path, Some(KEY), Some(body)).await.expect("the node answers")
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    pub async fn state(&self, name: &str) -> String {
        self.get(&format!("/instance/connectionState/{name}")).await["instance"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn is(&self, name: &str, state: &str) {
        eventually(&format!("{name} is {state}"), async || (self.state(name).await == state).then_some(()))
            .await;
    }

    /// Creates an instance, with a webhook when there is a receiver.
    pub async fn create(&self, name: &str, receiver: Option<&Receiver>) -> Value {
        let mut body = json!({"instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": true});
        if let Some(receiver) = receiver {
            body["webhook"] = json!({"url": receiver.url(name), "enabled": true});
        }
        self.post("/instance/create", body).await
    }

    /// Creates an instance and links it to a new account, whose number it answers.
    pub async fn pair(&self, name: &str, simulator: &Simulator, receiver: Option<&Receiver>) -> String {
        let created = self.create(name, receiver).await;
        let qr = created["qrcode"]["code"].as_str().expect("a QR").to_owned();
        let paired = simulator.handle().scan_qr(&qr, None).await.unwrap();
        self.is(name, "open").await;
        paired.phone
    }

    pub async fn send_text(&self, name: &str, number: &str, text: &str) -> Value {
        self.post(&format!("/message/sendText/{name}"), json!({"number": number, "text": text})).await
    }

    /// The records of findMessages, newest first.
    pub async fn messages(&self, name: &str, filter: Value) -> Vec<Value> {
        let found = self.post(&format!("/chat/findMessages/{name}"), filter).await;
        found["messages"]["records"].as_array().unwrap().clone()
    }
}

fn own_certificate(path: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// `waggle worker` in the environment and the data folder of a node.
pub struct Worker {
    child: Child,
    port: u16,
    environment: Vec<(String, String)>,
    log: PathBuf,
    client: net::Client,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the worker's log\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

impl Worker {
    /// Waits until it is ready.
    pub async fn start(node: &Node) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut environment = node.environment.clone();
        environment.retain(|(name, _)| name != "SERVER_PORT");
        environment.push(("SERVER_PORT".to_owned(), port.to_string()));
        let log = node.log.with_file_name(format!("worker-{port}"));
        let child = spawn(Some("worker"), &environment, &log);
        let worker = Self { child, port, environment, log, client: node.client.clone() };
        eventually("the worker is ready", async || worker.get("/health/ready").await).await;
        worker
    }

    /// The body of a page that answers 200.
    pub async fn get(&self, path: &str) -> Option<String> {
        let url = Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap();
        let answer = self.client.send(net::Request::new(Method::GET, url)).await.ok()?;
        (answer.status.as_u16() == 200).then(|| String::from_utf8_lossy(&answer.body).into_owned())
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.unwrap()
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the binary again on the same port.
    pub fn start_again(&mut self) {
        self.child = spawn(Some("worker"), &self.environment, &self.log);
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
    }

    /// [`Worker::terminate`] and [`Worker::end`].
    pub async fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.end().await
    }

    /// Waits for the end; answers the exit code.
    pub async fn end(&mut self) -> Option<i32> {
        let child = &mut self.child;
        eventually("the worker stops", async || child.try_wait().unwrap()).await.code()
    }
}

fn spawn(command: Option<&str>, environment: &[(String, String)], log: &PathBuf) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    let mut binary = Command::new(env!("CARGO_BIN_EXE_waggle"));
    let command = binary.args(command);
    command.env_clear().envs(environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

pub async fn simulator() -> Simulator {
    Simulator::start(wa_sim::Options::default()).await.unwrap()
}

pub fn contact(simulator: &Simulator, name: &str) -> ContactInfo {
    simulator
        .handle()
        .create_contact(NewContact { name: Some(name.to_owned()), ..NewContact::default() })
        .unwrap()
}

/// A message that a contact sends with a file; answers its id.
pub async fn sends(simulator: &Simulator, from: &ContactInfo, to: &str, kind: &str, bytes: &[u8]) -> String {
    let mimetype = match kind {
        "image" => "image/png",
        "video" => "video/mp4",
        _ => "text/html",
    };
    let file = json!({"data": BASE64_STANDARD.encode(bytes), "mimetype": mimetype, "name": "../a b.html"});
    let order = json!({"to": to, "kind": kind, "file": file});
    let order: Compose = serde_json::from_value(order).unwrap();
    simulator.handle().compose(&from.phone, order).await.unwrap().id
}

/// What an address answers, without following it.
pub async fn fetched(url: &str) -> Response {
    let options = net::Options { egress: Egress::open(), redirects: 0, ..net::Options::default() };
    let client = net::Client::new(options).unwrap();
    client.send(net::Request::new(Method::GET, Url::parse(url).unwrap())).await.unwrap()
}

/// A header of an answer; empty when it is not there.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// Waits for a webhook of an event that satisfies a condition, and answers its body.
pub async fn told(receiver: &Receiver, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
    let found = receiver
        .wait(PATIENCE, |all| {
            all.iter().find(|one| one.event() == event && matches(&one.body)).map(|one| one.body.clone())
        })
        .await;
    found.unwrap_or_else(|| {
        let seen: Vec<String> = receiver.deliveries().iter().map(|one| one.body.to_string()).collect();
        panic!("no such {event} among {seen:#?}")
    })
}

impl Node {
    /// A call with the global key, and its answer with the headers.
    pub async fn answer(&self, method: Method, path: &str, body: Value) -> Response {
        let body = body.to_string().into_bytes();
        self.ask(method, path, Some(KEY), Some(body)).await.expect("an answer")
    }

    /// A call with the global key and one more header.
    pub async fn with_header(
        &self,
        method: Method,
        path: &str,
        header: (&'static str, &str),
        body: Vec<u8>,
    ) -> (u16, Value) {
        let url = Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap();
        let mut request = net::Request::new(method, url);
        request.headers.insert("apikey", HeaderValue::from_static(KEY));
        request.headers.insert("content-type", HeaderValue::from_static("application/json"));
        request.headers.insert(header.0, HeaderValue::from_str(header.1).unwrap());
        request.body = net::Body::Bytes(body.into());
        let answer = self.client.send(request).await.unwrap();
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}
