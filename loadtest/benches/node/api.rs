//! A plain HTTP/1.1 client: one kept-alive connection that costs as little as possible.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer is awaited.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
pub struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream, buffer: Vec::with_capacity(4096) })
    }

    /// The bytes of a request; without a body when it is empty.
    pub fn request(&self, method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
        let (host, length) = (self.address, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\napikey: {key}\r\n");
        let content = match length {
            0 => "\r\n".to_owned(),
            _ => format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n"),
        };
        format!("{head}{content}{body}").into_bytes()
    }

    /// Sends a request and returns the status and the body of the answer.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        tokio::time::timeout(PATIENCE, self.exchange_at_leisure(request))
            .await
            .context("no answer in time")?
    }

    async fn exchange_at_leisure(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "connection closed before an answer");
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
        };
        let (status, length) = read_head(std::str::from_utf8(&self.buffer[..head])?)?;
        let end = head + 4 + length;
        while self.buffer.len() < end {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "connection closed within an answer");
        }
        Ok((status, &self.buffer[head + 4..end]))
    }

    /// Makes a call that must succeed, and returns the JSON of the answer.
    pub async fn call(&mut self, method: &str, path: &str, key: &str, body: &Value) -> anyhow::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = self.request(method, path, key, &body);
        let (status, answer) = self.exchange(&request).await?;
        if !(200..300).contains(&status) {
            bail!("{method} {path} answered {status}: {}", String::from_utf8_lossy(answer));
        }
        Ok(serde_json::from_slice(answer)?)
    }
}

/// Status and length of the body.
fn read_head(head: &str) -> anyhow::Result<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok((status, length.context("no content-length")?.1.trim().parse()?))
}
