//! A client transport over tokio-websockets with TCP_NODELAY.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};
use whatsapp_rust::{
    anyhow, async_channel, async_trait,
    bytes::Bytes,
    transport::{DisconnectReason, Transport, TransportEvent, TransportFactory},
};

/// Connects to a fixed `ws://` URL.
pub struct Factory {
    /// URL of the chat socket.
    pub url: String,
}

struct Line(mpsc::Sender<Bytes>);

#[async_trait]
impl Transport for Line {
    async fn send(&self, data: Bytes) -> Result<(), anyhow::Error> {
        if data.is_empty() {
            return Ok(());
        }
        Ok(self.0.send(data).await?)
    }

    async fn disconnect(&self) {
        // An empty message asks the task to close.
        let _ = self.0.send(Bytes::new()).await;
    }
}

#[async_trait]
impl TransportFactory for Factory {
    async fn create_transport(
        &self,
    ) -> Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>), anyhow::Error> {
        let address = self.url.trim_start_matches("ws://").split('/').next().unwrap_or_default().to_owned();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) =
            ClientBuilder::new().uri(&self.url)?.connect_on(MaybeTlsStream::Plain(stream)).await?;
        let (sender, receiver) = mpsc::channel(1_024);
        let (events, inbox) = async_channel::bounded(1_024);
        events.send(TransportEvent::Connected).await?;
        spawn(run(socket, receiver, events));
        Ok((Arc::new(Line(sender)), inbox))
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no task tracker")]
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

async fn run(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mut outgoing: mpsc::Receiver<Bytes>,
    events: async_channel::Sender<TransportEvent>,
) {
    loop {
        tokio::select! {
            data = outgoing.recv() => match data {
                Some(data) if !data.is_empty() => {
                    if socket.send(Message::binary(data)).await.is_err() {
                        break;
                    }
                }
                _ => {
                    let _ = socket.close().await;
                    break;
                }
            },
            message = socket.next() => match message {
                Some(Ok(message)) if message.is_binary() => {
                    let data: Bytes = message.into_payload().into();
                    if events.send(TransportEvent::DataReceived(data)).await.is_err() {
                        break;
                    }
                }
                Some(Ok(message)) if !message.is_close() => {}
                _ => break,
            },
        }
    }
    let _ = events.send(TransportEvent::Disconnected(DisconnectReason::StreamEnded)).await;
}
