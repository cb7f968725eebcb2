//! HTTP against the simulator's port: for the admin routes, and as a client's media transport.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use whatsapp_rust::{
    anyhow::{self, Context as _},
    async_trait,
    http::{HttpClient, HttpRequest, HttpResponse},
};

/// One request on its own connection: status and body.
pub async fn request(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(host).await?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len(),
    );
    stream.write_all(head.as_bytes()).await?;
    // The server may answer and close before it has read everything; its answer counts.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let malformed = || io::Error::other("malformed answer");
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(malformed)?;
    let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    Ok((status.ok_or_else(malformed)?, answer[split + 4..].to_vec()))
}

/// One request with a body of a kind.
pub async fn exchange(
    addr: SocketAddr,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> io::Result<(u16, Vec<u8>)> {
    let headers = [("content-type".to_owned(), kind.to_owned())];
    request(&addr.to_string(), method, path, &headers, body).await
}

/// A client's HTTP. The library asks for `https` always; the simulator's port is plain.
pub struct Loopback;

#[async_trait]
impl HttpClient for Loopback {
    async fn execute(&self, sent: HttpRequest) -> anyhow::Result<HttpResponse> {
        let rest = sent.url.strip_prefix("https://").context("an https URL")?;
        let (host, path) = rest.split_once('/').context("a path")?;
        anyhow::ensure!(host.starts_with("127.0.0.1:"), "{host} is not the simulator");
        let headers: Vec<_> = sent.headers.into_iter().collect();
        let body = sent.body.unwrap_or_default();
        let (status_code, body) = request(host, &sent.method, &format!("/{path}"), &headers, &body).await?;
        Ok(HttpResponse { status_code, body })
    }
}
