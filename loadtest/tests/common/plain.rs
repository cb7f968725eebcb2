//! HTTP without TLS to the simulator, for scripts and for the client's media.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use whatsapp_rust::{
    anyhow, async_trait,
    http::{HttpClient, HttpRequest, HttpResponse},
};

/// One request on its own connection: status and body.
pub async fn exchange(
    addr: SocketAddr,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(addr).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let split = split.ok_or_else(|| anyhow::anyhow!("no head"))?;
    let status = std::str::from_utf8(&answer[9..12])?.parse()?;
    Ok((status, answer[split + 4..].to_vec()))
}

/// The client's HTTP: its `https://HOST/...` goes to the simulator's port without TLS.
pub struct PlainHttp;

#[async_trait]
impl HttpClient for PlainHttp {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let rest = request.url.trim_start_matches("https://");
        let (host, path) = rest.split_once('/').ok_or_else(|| anyhow::anyhow!("no path"))?;
        let body = request.body.unwrap_or_default();
        let path = format!("/{path}");
        let kind = "application/octet-stream";
        let (status_code, body) = exchange(host.parse()?, &request.method, &path, kind, &body).await?;
        Ok(HttpResponse { status_code, body })
    }
}
