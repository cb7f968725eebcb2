//! A small HTTP server that keeps what it is sent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How it fails, in percent.
#[derive(Clone, Copy)]
pub struct Mood {
    /// Answers 500.
    pub fail: u64,
    /// Closes the connection without an answer.
    pub hang_up: u64,
}

/// One request.
pub struct Delivery {
    pub id: String,
    pub header_id: Option<String>,
    pub chat: String,
    pub number: u64,
    /// Answered with 200.
    pub taken: bool,
}

pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    mood: Mood,
    refuse: AtomicBool,
    luck: AtomicU64,
    seen: Mutex<Vec<Delivery>>,
}

impl Receiver {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared { mood, refuse: false.into(), luck: 7.into(), seen: Mutex::default() };
        let shared = Arc::new(shared);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, _tasks: tasks }
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers 400 from now on, or as usual again.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refuse.store(refuse, Ordering::SeqCst);
    }

    pub fn seen(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.shared.seen.lock().unwrap()
    }

    pub async fn wait_for(&self, count: usize) {
        while self.seen().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut tasks = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).unwrap();
        tasks.spawn(serve(BufReader::new(socket), Arc::clone(&shared)));
        while tasks.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: BufReader<TcpStream>, shared: Arc<Shared>) {
    while let Some((header_id, body)) = read(&mut socket).await {
        // Numerical Recipes' linear congruential generator.
        let next = |luck: u64| {
            Some(luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
        };
        let luck = shared.luck.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap() >> 33;
        let (luck, Mood { fail, hang_up }) = (luck % 100, shared.mood);
        let refuse = shared.refuse.load(Ordering::SeqCst);
        let status = if refuse {
            Some("400 Bad Request")
        } else if luck < fail {
            Some("500 Internal Server Error")
        } else if luck < fail + hang_up {
            None
        } else {
            Some("200 OK")
        };
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        shared.seen.lock().unwrap().push(Delivery {
            id: body["id"].as_str().unwrap().to_owned(),
            header_id,
            chat: format!("{} {}", body["instance"], body["data"]["chat"]),
            number: body["data"]["number"].as_u64().unwrap(),
            taken: status == Some("200 OK"),
        });
        let Some(status) = status else { return };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The `webhook-id` and the body of the next request; `None` at the end of the connection.
async fn read(socket: &mut BufReader<TcpStream>) -> Option<(Option<String>, Vec<u8>)> {
    let (mut id, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "webhook-id" => id = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some((id, body))
}
