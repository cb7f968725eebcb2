//! The socket to WhatsApp: websocket over TLS over TCP, perhaps through the instance's proxy.
//! The library's own transport has no proxy, and leaves Nagle's algorithm on.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tokio_websockets::{ClientBuilder, CloseCode, Limits, Message, WebSocketStream};
use whatsapp_rust::async_channel::{self, Receiver, Sender};
use whatsapp_rust::transport::{DisconnectReason, Transport, TransportEvent, TransportFactory};

use super::barrier::Barrier;
use crate::net::header::{HeaderValue, ORIGIN};
use crate::net::{self, Egress, Proxy, Url, tls};

/// Where WhatsApp Web's clients connect.
pub const WHATSAPP_URL: &str = "wss://web.whatsapp.com/ws/chat";
const WHATSAPP_ORIGIN: &str = "https://web.whatsapp.com";
/// A frame of the protocol has a 24-bit length; a websocket message carries whole frames.
const MAX_MESSAGE: usize = (1 << 24) + (1 << 16);
/// Received messages that wait for the client; past it the socket is not read.
const EVENTS: usize = 64;
/// How long the peer may take to close its side too, before the socket is dropped.
const CLOSE: Duration = Duration::from_secs(2);

/// Starts a task on the main runtime, watched by the node's lifecycle.
pub type Spawner = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// Connects one instance.
#[derive(Clone)]
pub struct Factory {
    url: Url,
    proxy: Option<Proxy>,
    egress: Egress,
    connect_timeout: Duration,
    spawn: Spawner,
    trouble: Trouble,
    sockets: Sockets,
    barrier: Arc<Barrier>,
}

/// Every socket of one connection, also one that the library opens or has given up while it is told to
/// disconnect.
#[derive(Clone, Default)]
pub struct Sockets {
    ending: CancellationToken,
    open: TaskTracker,
}

impl Sockets {
    /// Closes all of them, and lets no other be opened.
    pub fn end(&self) {
        self.ending.cancel();
    }

    /// Waits until none is open: the peer has ended its side too, or was given [`CLOSE`] for it.
    pub async fn closed(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

/// Why the last attempt to connect failed. The library tells it to its log only.
#[derive(Clone, Default)]
pub struct Trouble(Arc<std::sync::Mutex<Option<String>>>);

impl Trouble {
    /// The reason, if the last attempt failed.
    pub fn reason(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, reason: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}

impl Factory {
    /// Connects to `url` (`wss` or `ws`), which is the operator's choice and not checked.
    ///
    /// # Errors
    /// When `url` is no websocket URL.
    pub fn new(url: &str, spawn: Spawner) -> Result<Self> {
        let url = Url::parse(url).context("the URL of WhatsApp")?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none() {
            return Err(anyhow!("the URL of WhatsApp must begin with wss:// or ws://"));
        }
        Ok(Self {
            url,
            proxy: None,
            egress: Egress::open(),
            connect_timeout: Duration::from_secs(15),
            spawn,
            trouble: Trouble::default(),
            sockets: Sockets::default(),
            barrier: Arc::default(),
        })
    }

    /// Connects through a proxy and in no other way; `egress` says which addresses a proxy may
    /// have, since tenants choose it.
    #[must_use]
    pub fn through(mut self, proxy: Option<Proxy>, egress: Egress) -> Self {
        self.egress = if proxy.is_some() { egress } else { Egress::open() };
        self.proxy = proxy;
        self
    }

    /// Notes there why an attempt failed.
    #[must_use]
    pub fn telling(mut self, trouble: Trouble) -> Self {
        self.trouble = trouble;
        self
    }

    /// Counts its sockets there.
    #[must_use]
    pub fn among(mut self, sockets: Sockets) -> Self {
        self.sockets = sockets;
        self
    }

    /// Waits at `barrier` before every write.
    #[must_use]
    pub fn behind(mut self, barrier: Arc<Barrier>) -> Self {
        self.barrier = barrier;
        self
    }

    /// Time for the way to the socket, and again for TLS with the websocket's handshake.
    #[must_use]
    pub fn within(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    async fn open(&self) -> Result<WebSocketStream<Box<dyn net::Stream>>> {
        let host = self.url.host_str().context("a host")?;
        let secure = self.url.scheme() == "wss";
        let port = self.url.port().unwrap_or(if secure { 443 } else { 80 });
        let plain = net::dial(host, port, self.proxy.as_ref(), &self.egress, self.connect_timeout).await?;
        let handshake = async {
            let stream: Box<dyn net::Stream> = if secure {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Box::new(tls::connector()?.connect(ServerName::try_from(bare)?, plain).await?)
            } else {
                plain
            };
            let builder = ClientBuilder::new()
                .uri(self.url.as_str())?
                .add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_ORIGIN))?
                .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)));
            Ok(builder.connect_on(stream).await?.0)
        };
        tokio::time::timeout(self.connect_timeout, handshake).await.context("the websocket handshake")?
    }
}

#[async_trait]
impl TransportFactory for Factory {
    async fn create_transport(&self) -> Result<(Arc<dyn Transport>, Receiver<TransportEvent>)> {
        let opened = self.sockets.ending.run_until_cancelled(self.open()).await;
        let opened = opened.unwrap_or_else(|| Err(anyhow!("the connection is ending")));
        self.trouble.note(opened.as_ref().err().map(|error| format!("{error:#}")));
        let (sink, stream) = opened?.split();
        let (events, received) = async_channel::bounded(EVENTS);
        // The capacity is fresh, so this cannot fail.
        let _ = events.try_send(TransportEvent::Connected);
        let shared = Arc::new(Shared {
            sink: Mutex::new(Some(sink)),
            barrier: Arc::clone(&self.barrier),
            stop: self.sockets.ending.child_token(),
            stopped: CancellationToken::new(),
        });
        let guard = shared.stop.clone().drop_guard();
        let open = self.sockets.open.token();
        (self.spawn)(Box::pin(read(Arc::clone(&shared), stream, events, open)));
        Ok((Arc::new(Socket { shared, _guard: guard }), received))
    }
}

type Stream = WebSocketStream<Box<dyn net::Stream>>;

struct Shared {
    /// Taken when the connection is closed.
    sink: Mutex<Option<SplitSink<Stream, Message>>>,
    barrier: Arc<Barrier>,
    /// Asks the reading task to close.
    stop: CancellationToken,
    /// The socket is closed.
    stopped: CancellationToken,
}

/// The library's end; the connection closes when it is dropped.
struct Socket {
    shared: Arc<Shared>,
    _guard: DropGuard,
}

#[async_trait]
impl Transport for Socket {
    async fn send(&self, data: Bytes) -> Result<()> {
        let sending = async {
            self.shared.barrier.pass().await;
            let mut sink = self.shared.sink.lock().await;
            sink.as_mut().context("the connection is closed")?.send(Message::binary(data)).await?;
            Ok(())
        };
        tokio::select! {
            // A peer that reads nothing must not hold the sink against a close.
            biased;
            () = self.shared.stop.cancelled() => Err(anyhow!("the connection is closed")),
            sent = sending => sent,
        }
    }

    async fn disconnect(&self) {
        self.shared.stop.cancel();
        // An Err is a task that was dropped with its runtime, which closes too.
        let _ = tokio::time::timeout(CLOSE * 2, self.shared.stopped.cancelled()).await;
    }
}

/// Reads until the peer or this side ends the connection, then says goodbye.
async fn read(
    shared: Arc<Shared>,
    mut stream: SplitStream<Stream>,
    events: Sender<TransportEvent>,
    open: TaskTrackerToken,
) {
    let stopped = shared.stopped.clone().drop_guard();
    let reason = tokio::select! {
        biased;
        () = shared.stop.cancelled() => DisconnectReason::Unknown,
        reason = pump(&mut stream, &events) => reason,
    };
    shared.stop.cancel();
    // Closing reads until the peer has ended it too: by then WhatsApp knows, and another node may connect.
    // Best effort: the peer may be gone, or stuck.
    let goodbye = async {
        let Some(mut sink) = shared.sink.lock().await.take() else { return };
        let _ = sink.send(Message::close(Some(CloseCode::NORMAL_CLOSURE), "")).await;
        let _ = sink.close().await;
    };
    let _ = tokio::time::timeout(CLOSE, goodbye).await;
    drop(stream);
    drop((open, stopped));
    // A slow client gets the reason too; one that reads nothing sees the queue closed.
    let _ = tokio::time::timeout(CLOSE, events.send(TransportEvent::Disconnected(reason))).await;
}

async fn pump(stream: &mut SplitStream<Stream>, events: &Sender<TransportEvent>) -> DisconnectReason {
    loop {
        match stream.next().await {
            Some(Ok(message)) if message.is_binary() => {
                let data = Bytes::from(message.into_payload());
                if events.send(TransportEvent::DataReceived(data)).await.is_err() {
                    return DisconnectReason::Unknown;
                }
            }
            Some(Ok(message)) => {
                if let Some((code, reason)) = message.as_close() {
                    let code = Some(u16::from(code));
                    return DisconnectReason::ServerClose { code, reason: reason.to_owned() };
                }
                // Pings are answered below; text is not part of the protocol.
            }
            Some(Err(error)) => return DisconnectReason::ReadError(error.to_string()),
            None => return DisconnectReason::StreamEnded,
        }
    }
}

#[cfg(test)]
mod tests;
