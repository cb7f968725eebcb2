//! A plain HTTP/1.1 client: one kept-alive connection that costs as little as possible.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::{Body, Bytes};
use axum::http::{Request, Uri, header};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::task;

/// How long an answer is awaited, when nothing else is said.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take.
const DIAL: Duration = Duration::from_secs(5);
/// Longest body of an answer that is read: a list of many thousand instances is long.
const MAX_ANSWER: usize = 256 << 20;

/// Where an HTTP server is: `http://HOST:PORT`, and a path that all its routes begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{text} is not a URL: {error}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("https is not spoken: give the node's own http address".to_owned()),
            _ => return Err(format!("{text} is not a URL such as http://127.0.0.1:8080")),
        }
        let host = uri.host().ok_or_else(|| format!("{text} has no host"))?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(80),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl From<std::net::SocketAddr> for Endpoint {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port(), path: String::new() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

impl Endpoint {
    /// Host and port, as URLs and the header `host` have them.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Method.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The `apikey`; empty for none.
    pub key: &'a str,
    /// `idempotency-key`; empty for none.
    pub idempotency_key: &'a str,
    /// JSON or text; empty for none.
    pub body: &'a str,
}

impl<'a> Call<'a> {
    /// A request without a body.
    pub fn get(path: &'a str, key: &'a str) -> Self {
        Self { method: "GET", path, key, idempotency_key: "", body: "" }
    }

    /// A request with a body.
    pub fn post(path: &'a str, key: &'a str, body: &'a str) -> Self {
        Self { method: "POST", path, key, idempotency_key: "", body }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Whether the node answered what an earlier request with the same idempotency key made.
    pub replayed: bool,
    /// Whether it says when to come back (`Retry-After`).
    pub retry_later: bool,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The JSON of a success.
    ///
    /// # Errors
    /// When the status is no success or the body is not JSON; the text has what was answered.
    pub fn json(&self) -> anyhow::Result<Value> {
        if !self.is_success() {
            bail!(self.trouble());
        }
        serde_json::from_slice(&self.body).context("the answer is not JSON")
    }

    /// Status and body, for an error.
    pub fn trouble(&self) -> String {
        format!("answered {}: {}", self.status, self.text())
    }

    /// The body as text, shortened.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(500).collect()
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    endpoint: Endpoint,
    sender: SendRequest<Body>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let dial = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
        let stream =
            tokio::time::timeout(DIAL, dial).await.with_context(|| format!("{endpoint} does not answer"))?;
        let stream = stream.with_context(|| format!("{endpoint} cannot be reached"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what went wrong is told there.
        task::start(async move { drop(connection.await) });
        Ok(Self { endpoint: endpoint.clone(), sender })
    }

    /// Whether the other side has closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// When the connection breaks or there is no answer in time; whether the request was carried out is
    /// unknown then.
    pub async fn exchange(&mut self, call: Call<'_>) -> anyhow::Result<Answer> {
        self.exchange_within(call, PATIENCE).await
    }

    /// As [`Connection::exchange`], with another patience.
    ///
    /// # Errors
    /// As [`Connection::exchange`].
    pub async fn exchange_within(&mut self, call: Call<'_>, patience: Duration) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.endpoint.path, call.path))
            .header(header::HOST, self.endpoint.authority());
        for (name, value) in [("apikey", call.key), ("idempotency-key", call.idempotency_key)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        if !call.body.is_empty() {
            let kind = if call.body.starts_with('{') { "application/json" } else { "text/plain" };
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(call.body.to_owned()))?;
        tokio::time::timeout(patience, self.send(request)).await.context("no answer in time")?
    }

    async fn send(&mut self, request: Request<Body>) -> anyhow::Result<Answer> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers());
        let replayed = headers.contains_key("idempotent-replayed");
        let retry_later = headers.contains_key(header::RETRY_AFTER);
        let body = axum::body::to_bytes(Body::new(response.into_body()), MAX_ANSWER).await?;
        Ok(Answer { status, replayed, retry_later, body })
    }

    /// Makes a call that must succeed, and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Connection::exchange`], and when the answer is no success.
    pub async fn call(&mut self, call: Call<'_>) -> anyhow::Result<Value> {
        let answer = self.exchange(call).await?;
        answer.json().with_context(|| format!("{} {}", call.method, call.path))
    }
}
