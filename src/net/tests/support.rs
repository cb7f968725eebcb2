//! Tiny servers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

/// A server and what came to it.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The requests, or for a proxy their targets.
    pub seen: Arc<Mutex<Vec<String>>>,
    /// Connections.
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    /// What came, so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    async fn start<F>(each: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicUsize::new(0)));
        let server = Self { address, seen: Arc::clone(&seen), connections: Arc::clone(&connections) };
        drop(Handle::current().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                drop(Handle::current().spawn(each(stream, Arc::clone(&seen))));
            }
        }));
        server
    }
}

/// Answers each request, given as head and body, with the text of `answer`; then closes.
pub async fn http(answer: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> Server {
    Server::start(move |mut stream, seen| {
        let answer = answer.clone();
        async move {
            let head = read_head(&mut stream).await?;
            let mut body = vec![0; length_of(&head)];
            stream.read_exact(&mut body).await.ok()?;
            let request = head + &String::from_utf8_lossy(&body);
            seen.lock().unwrap().push(request.clone());
            stream.write_all(answer(&request).as_bytes()).await.ok()?;
            stream.shutdown().await.ok()
        }
    })
    .await
}

/// An answer with a body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A redirect.
pub fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// An HTTP proxy that knows `CONNECT` only, and plain requests by their absolute URL.
pub async fn connect_proxy(login: Option<(&'static str, &'static str)>) -> Server {
    Server::start(move |mut stream, seen| async move {
        let head = read_head(&mut stream).await?;
        if let Some((name, word)) = login {
            let basic = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{word}"));
            if !head.to_ascii_lowercase().contains(&format!("basic {basic}").to_ascii_lowercase()) {
                stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.ok()?;
                return None;
            }
        }
        let target = head.split_ascii_whitespace().nth(1)?.to_owned();
        seen.lock().unwrap().push(target.clone());
        if !head.starts_with("CONNECT ") {
            stream.write_all(ok("by the proxy").as_bytes()).await.ok()?;
            return stream.shutdown().await.ok();
        }
        let mut onward = TcpStream::connect(&target).await.ok()?;
        stream.write_all(b"HTTP/1.1 200 Connection established\r\nX-Filler: y\r\n\r\n").await.ok()?;
        tokio::io::copy_bidirectional(&mut stream, &mut onward).await.ok().map(drop)
    })
    .await
}

/// A SOCKS5 proxy; names other than `localhost` lead to `elsewhere`.
pub async fn socks_proxy(login: Option<(&'static str, &'static str)>, elsewhere: SocketAddr) -> Server {
    Server::start(move |mut stream, seen| async move {
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).await.ok()?;
        let mut offered = vec![0; usize::from(greeting[1])];
        stream.read_exact(&mut offered).await.ok()?;
        let wanted = if login.is_some() { 2 } else { 0 };
        if !offered.contains(&wanted) {
            stream.write_all(&[5, 0xff]).await.ok()?;
            return None;
        }
        stream.write_all(&[5, wanted]).await.ok()?;
        if let Some((name, word)) = login {
            assert_eq!(stream.read_u8().await.ok()?, 1);
            let given = (read_text(&mut stream).await?, read_text(&mut stream).await?);
            let right = given == (name.to_owned(), word.to_owned());
            stream.write_all(&[1, u8::from(!right)]).await.ok()?;
            if !right {
                return None;
            }
        }
        let mut request = [0; 4];
        stream.read_exact(&mut request).await.ok()?;
        let host = match request[3] {
            1 => {
                let mut octets = [0; 4];
                stream.read_exact(&mut octets).await.ok()?;
                std::net::Ipv4Addr::from(octets).to_string()
            }
            _ => read_text(&mut stream).await?,
        };
        let port = stream.read_u16().await.ok()?;
        seen.lock().unwrap().push(format!("{host}:{port}"));
        let local = host.parse::<std::net::IpAddr>().is_ok();
        let to = if local { format!("{host}:{port}").parse().ok()? } else { elsewhere };
        let Ok(mut onward) = TcpStream::connect(to).await else {
            stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
            return None;
        };
        stream.write_all(&[5, 0, 0, 3, 2, b'o', b'k', 0, 1]).await.ok()?;
        tokio::io::copy_bidirectional(&mut stream, &mut onward).await.ok().map(drop)
    })
    .await
}

async fn read_text(stream: &mut TcpStream) -> Option<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await.ok()?)];
    stream.read_exact(&mut text).await.ok()?;
    String::from_utf8(text).ok()
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

fn length_of(head: &str) -> usize {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-length:"));
    line.and_then(|line| line.split(':').nth(1)?.trim().parse().ok()).unwrap_or(0)
}
