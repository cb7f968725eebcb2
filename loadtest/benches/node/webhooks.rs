//! The receiver of webhooks: reads the few fields that measures need, and notes when they came.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::serve::ListenerExt as _;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::task;

/// A received text, as a webhook told of it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The instance.
    pub instance: String,
    /// The text.
    pub text: String,
    /// When the request had arrived.
    pub at: Instant,
}

#[derive(Deserialize)]
struct Body {
    event: String,
    instance: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    conversation: Option<String>,
}

/// Listens on a free loopback port for as long as the process runs.
pub struct Webhooks {
    /// Where to send webhooks to.
    pub url: String,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl Webhooks {
    /// Starts listening.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (sender, arrivals) = mpsc::unbounded_channel();
        let router = Router::new().fallback(receive).with_state(sender);
        let listener = listener.tap_io(|socket| {
            // A socket without it is slow, and shows in the measures.
            let _ = socket.set_nodelay(true);
        });
        task::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, arrivals })
    }

    /// The next text whose beginning is as told; nothing when there is none within the patience.
    pub async fn next(&mut self, beginning: &str, patience: Duration) -> Option<Arrival> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let arrival = tokio::time::timeout_at(deadline, self.arrivals.recv()).await.ok()??;
            if arrival.text.starts_with(beginning) {
                return Some(arrival);
            }
        }
    }
}

async fn receive(State(sender): State<mpsc::UnboundedSender<Arrival>>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let Ok(Body { event, instance, data }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    if event == "messages.upsert"
        && let Some(text) = data.message.and_then(|message| message.conversation)
    {
        // Nobody listens between measures.
        let _ = sender.send(Arrival { instance, text, at });
    }
    StatusCode::OK
}
