//! The protocol library's HTTP: versions, media up and down, application state blobs.

use std::io::{self, Read};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures::StreamExt as _;
use tokio::runtime::Handle;
use wacore::net::{HttpClient, HttpRequest, HttpResponse, StreamingHttpResponse};

use crate::net::header::{HeaderMap, HeaderName, HeaderValue};
use crate::net::{Body, Client, Download, Method, Request, Url};

/// Pieces of an upload that wait for the socket.
const PIECES: usize = 4;
/// Size of such a piece in bytes.
const PIECE: usize = 64 << 10;

/// The library's client over [`Client`]. Build one per instance: the proxy is the client's.
#[derive(Clone)]
pub struct WhatsAppHttp {
    client: Client,
    main: Handle,
}

impl WhatsAppHttp {
    /// Takes the client (its guard and its proxy) and the main runtime: a connection is driven by
    /// the runtime that opened it, and must not die with an HTTP worker.
    #[must_use]
    pub fn new(client: Client, main: Handle) -> Self {
        Self { client, main }
    }

    /// For [`whatsapp_rust`]'s builders.
    #[must_use]
    pub fn shared(self) -> Arc<dyn HttpClient> {
        Arc::new(self)
    }
}

#[async_trait]
impl HttpClient for WhatsAppHttp {
    async fn execute(&self, request: HttpRequest) -> Result<HttpResponse> {
        let request = convert(request)?;
        let client = self.client.clone();
        let answer = self.main.spawn(async move { client.send(request).await }).await??;
        Ok(HttpResponse { status_code: answer.status.as_u16(), body: answer.body.into() })
    }

    fn supports_streaming(&self) -> bool {
        true
    }

    fn execute_streaming(&self, request: HttpRequest) -> Result<StreamingHttpResponse> {
        let request = convert(request)?;
        let download = self.main.block_on(self.client.open(request))?;
        let status_code = download.status.as_u16();
        let body = Reader { download, main: self.main.clone(), piece: Bytes::new() };
        Ok(StreamingHttpResponse { status_code, body: Box::new(body) })
    }

    fn supports_upload_streaming(&self) -> bool {
        true
    }

    fn execute_upload(
        &self,
        request: HttpRequest,
        mut body: Box<dyn Read + Send>,
        content_length: u64,
    ) -> Result<HttpResponse> {
        let mut request = convert(request)?;
        let (give, take) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(PIECES);
        let pieces =
            futures::stream::unfold(take, |mut take| async { Some((take.recv().await?, take)) }).boxed();
        request.body = Body::Stream { length: content_length, pieces };
        let client = self.client.clone();
        let sending = self.main.spawn(async move { client.send(request).await });

        // This is a blocking thread: it reads while the main runtime sends.
        let mut left = content_length;
        while left > 0 {
            let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
            let read = body.read_exact(&mut piece).map(|()| Bytes::from(piece));
            left = read.as_ref().map_or(0, |piece| left - piece.len() as u64);
            // The receiver is gone when the host answered early, for example to refuse the token.
            if give.blocking_send(read).is_err() {
                break;
            }
        }
        drop(give);
        let answer = self.main.block_on(sending)??;
        Ok(HttpResponse { status_code: answer.status.as_u16(), body: answer.body.into() })
    }
}

/// Reads a download from a blocking thread.
struct Reader {
    download: Download,
    main: Handle,
    piece: Bytes,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.main.block_on(self.download.chunk()).map_err(io::Error::other)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let taken = out.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut out[..taken]);
        Ok(taken)
    }
}

fn convert(request: HttpRequest) -> Result<Request> {
    let url = reachable(Url::parse(&request.url).context("the URL of a WhatsApp request")?);
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        headers.insert(HeaderName::try_from(name.as_str())?, HeaderValue::try_from(value.as_str())?);
    }
    let method = Method::from_bytes(request.method.as_bytes())?;
    Ok(Request { method, url, headers, body: request.body.map_or(Body::Empty, Body::Bytes) })
}

/// The library asks for media over https always; the simulated server on this machine has no
/// certificate.
#[cfg(feature = "simulator")]
fn reachable(mut url: Url) -> Url {
    if url.scheme() == "https" && matches!(url.host_str(), Some("127.0.0.1" | "localhost")) {
        // Changing between these two schemes cannot fail, and a port is kept.
        let port = url.port().or(Some(443));
        let _ = url.set_scheme("http").and_then(|()| url.set_port(port));
    }
    url
}

#[cfg(not(feature = "simulator"))]
fn reachable(url: Url) -> Url {
    url
}

#[cfg(test)]
mod tests;
