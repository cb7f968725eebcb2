//! The transport against a websocket server on this machine.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_websockets::ServerBuilder;

use super::*;
use crate::net::tests::support::{connect_proxy, socks_proxy};

struct Server {
    address: SocketAddr,
    /// The origin of each connection.
    origins: Arc<Mutex<Vec<String>>>,
    /// One word for each connection that ended: how.
    ended: mpsc::UnboundedReceiver<String>,
}

/// Sends back what it gets; `close` and `drop` end the connection, a text is ignored.
async fn echo() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let origins = Arc::<Mutex<Vec<String>>>::default();
    let (tell, ended) = mpsc::unbounded_channel();
    let server = Server { address, origins: Arc::clone(&origins), ended };
    drop(Handle::current().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (origins, tell) = (Arc::clone(&origins), tell.clone());
            drop(Handle::current().spawn(async move {
                let (request, mut socket) = ServerBuilder::new().accept(stream).await.unwrap();
                let origin = request.headers().get("origin").map(|o| o.to_str().unwrap().to_owned());
                origins.lock().unwrap().push(origin.unwrap_or_default());
                let _ = tell.send(converse(&mut socket).await);
            }));
        }
    }));
    server
}

async fn converse(socket: &mut WebSocketStream<tokio::net::TcpStream>) -> String {
    loop {
        match socket.next().await {
            Some(Ok(message)) if message.is_close() => return "said goodbye".to_owned(),
            Some(Ok(message)) => match &message.as_payload()[..] {
                b"close" => {
                    let _ = socket.send(Message::close(Some(CloseCode::GOING_AWAY), "later")).await;
                    return "closed".to_owned();
                }
                b"drop" => return "dropped".to_owned(),
                _ => {
                    socket.send(Message::text("not for you")).await.unwrap();
                    socket.send(Message::ping("there?")).await.unwrap();
                    socket.send(message).await.unwrap();
                }
            },
            Some(Err(error)) => return error.to_string(),
            None => return "ended".to_owned(),
        }
    }
}

/// A spawner, and how many of its tasks live.
fn counted() -> (Spawner, Arc<AtomicUsize>) {
    let living = Arc::new(AtomicUsize::new(0));
    let (count, handle) = (Arc::clone(&living), Handle::current());
    let spawn: Spawner = Arc::new(move |task| {
        let count = Arc::clone(&count);
        count.fetch_add(1, Ordering::SeqCst);
        drop(handle.spawn(async move {
            task.await;
            count.fetch_sub(1, Ordering::SeqCst);
        }));
    });
    (spawn, living)
}

async fn none_lives(living: &AtomicUsize) {
    for _ in 0..200 {
        if living.load(Ordering::SeqCst) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a task is left");
}

async fn data(events: &Receiver<TransportEvent>) -> Bytes {
    loop {
        match events.recv().await.unwrap() {
            TransportEvent::Connected => {}
            TransportEvent::DataReceived(data) => return data,
            TransportEvent::Disconnected(reason) => panic!("{reason}"),
        }
    }
}

fn factory(server: &Server, spawn: Spawner) -> Factory {
    Factory::new(&format!("ws://{}/ws/chat", server.address), spawn).unwrap()
}

#[tokio::test]
async fn bytes_come_back_and_small_ones_at_once() {
    let server = echo().await;
    let (spawn, living) = counted();
    let (transport, events) = factory(&server, spawn).create_transport().await.unwrap();
    assert!(matches!(events.recv().await, Ok(TransportEvent::Connected)));
    let large = Bytes::from(vec![7; 1 << 20]);
    transport.send(large.clone()).await.unwrap();
    assert_eq!(data(&events).await, large);
    // Two small writes in a row wait for an acknowledgement when Nagle's algorithm is on.
    let began = std::time::Instant::now();
    for _ in 0..25 {
        transport.send(Bytes::from_static(b"one")).await.unwrap();
        transport.send(Bytes::from_static(b"two")).await.unwrap();
        assert_eq!((data(&events).await, data(&events).await), ("one".into(), "two".into()));
    }
    assert!(began.elapsed() < Duration::from_millis(700), "{:?}", began.elapsed());
    assert_eq!(*server.origins.lock().unwrap(), ["https://web.whatsapp.com"]);
    assert_eq!(living.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn dropping_or_disconnecting_says_goodbye_and_leaves_no_task() {
    let mut server = echo().await;
    let (spawn, living) = counted();
    let factory = factory(&server, spawn);
    let (transport, events) = factory.create_transport().await.unwrap();
    drop(transport);
    assert_eq!(server.ended.recv().await.unwrap(), "said goodbye");
    none_lives(&living).await;
    drop(events);

    let (transport, events) = factory.create_transport().await.unwrap();
    transport.disconnect().await;
    assert_eq!(server.ended.recv().await.unwrap(), "said goodbye");
    assert!(transport.send(Bytes::from_static(b"late")).await.is_err());
    transport.disconnect().await;
    none_lives(&living).await;
    drop(events);

    // A client that is gone without a word, too.
    let (transport, events) = factory.create_transport().await.unwrap();
    drop(events);
    transport.send(Bytes::from_static(b"x")).await.unwrap();
    none_lives(&living).await;
}

#[tokio::test]
async fn a_connection_is_closed_when_the_peer_has_seen_the_end_of_every_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (go_on, waiting) = tokio::sync::oneshot::channel::<()>();
    let peer = Handle::current().spawn(async move {
        let (_, mut socket) = ServerBuilder::new().accept(listener.accept().await.unwrap().0).await.unwrap();
        waiting.await.unwrap();
        converse(&mut socket).await
    });
    let (spawn, living) = counted();
    let sockets = Sockets::default();
    let factory = Factory::new(&format!("ws://{address}"), spawn).unwrap().among(sockets.clone());
    let (transport, events) = factory.create_transport().await.unwrap();
    // Given up by the library, which does not wait for it.
    drop((transport, events));
    sockets.end();
    let closed = sockets.closed();
    tokio::pin!(closed);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut closed).await.is_err());
    go_on.send(()).unwrap();
    closed.await;
    assert_eq!(peer.await.unwrap(), "said goodbye");
    assert!(factory.create_transport().await.is_err(), "no other is opened");
    none_lives(&living).await;
}

#[tokio::test]
async fn nothing_is_written_that_the_barrier_holds_back() {
    let server = echo().await;
    let (spawn, living) = counted();
    let barrier = Arc::<Barrier>::default();
    let factory = factory(&server, spawn).behind(Arc::clone(&barrier));
    let (transport, events) = factory.create_transport().await.unwrap();
    barrier.decrypted(1);
    transport.send(Bytes::from_static(b"an acknowledgement")).await.unwrap();
    assert_eq!(data(&events).await, "an acknowledgement");

    let held = barrier.sending(transport.send(Bytes::from_static(b"a message")));
    tokio::pin!(held);
    assert!(futures::poll!(&mut held).is_pending());
    assert!(events.is_empty());
    barrier.stored(&barrier.storing());
    held.await.unwrap();
    assert_eq!(data(&events).await, "a message");

    // A held write does not keep the connection from closing.
    barrier.decrypted(1);
    let held = barrier.sending(transport.send(Bytes::from_static(b"too late")));
    let (sent, ()) = tokio::join!(held, transport.disconnect());
    assert!(sent.is_err());
    none_lives(&living).await;
}

#[tokio::test]
async fn why_it_ended_is_told() {
    let server = echo().await;
    let (spawn, living) = counted();
    let factory = factory(&server, spawn);
    for word in ["close", "drop"] {
        let (transport, events) = factory.create_transport().await.unwrap();
        transport.send(Bytes::from(word)).await.unwrap();
        assert!(matches!(events.recv().await, Ok(TransportEvent::Connected)));
        let Ok(TransportEvent::Disconnected(reason)) = events.recv().await else { panic!("{word}") };
        match (word, reason) {
            ("close", DisconnectReason::ServerClose { code: Some(1001), reason }) => {
                assert_eq!(reason, "later")
            }
            ("drop", DisconnectReason::StreamEnded | DisconnectReason::ReadError(_)) => {}
            (_, reason) => panic!("{word}: {reason}"),
        }
    }
    none_lives(&living).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_server_back_and_can_still_close() {
    let server = echo().await;
    let (spawn, living) = counted();
    let (transport, events) = factory(&server, spawn).create_transport().await.unwrap();
    let piece = Bytes::from(vec![1; 256 << 10]);
    let flood = async {
        for _ in 0..400 {
            transport.send(piece.clone()).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    assert!(tokio::time::timeout(Duration::from_millis(1500), flood).await.is_err(), "100 MB fit nowhere");
    assert!(events.len() <= EVENTS);
    transport.disconnect().await;
    none_lives(&living).await;
}

#[tokio::test]
async fn proxies_are_honoured_and_never_gone_around() {
    let server = echo().await;
    let (spawn, _) = counted();
    let login = Some(("ana", "word"));
    let way = |protocol: &str, port: u16, word: &str| {
        Proxy::parse(protocol, "127.0.0.1", &port.to_string(), Some("ana"), Some(word)).ok()
    };
    let connect = connect_proxy(login).await;
    let socks = socks_proxy(login, server.address).await;
    for (protocol, proxy) in [("http", &connect), ("socks5", &socks)] {
        let port = proxy.address.port();
        let factory =
            factory(&server, Arc::clone(&spawn)).through(way(protocol, port, "word"), Egress::open());
        let (transport, events) = factory.create_transport().await.unwrap();
        transport.send(Bytes::from_static(b"hello")).await.unwrap();
        assert_eq!(data(&events).await, "hello");
        assert_eq!(proxy.seen(), [server.address.to_string()]);
    }
    let direct = server.origins.lock().unwrap().len();
    for (proxy, egress) in [
        (way("http", connect.address.port(), "wrong"), Egress::open()),
        (way("socks5", socks.address.port(), "wrong"), Egress::open()),
        (way("http", 1, "word"), Egress::open()),
        (way("socks5", socks.address.port(), "word"), Egress::public()),
    ] {
        let factory = factory(&server, Arc::clone(&spawn)).through(proxy, egress);
        assert!(factory.create_transport().await.is_err());
    }
    assert_eq!(server.origins.lock().unwrap().len(), direct);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (spawn, living) = counted();
    let url = format!("ws://{}", silent.local_addr().unwrap());
    let factory = Factory::new(&url, spawn).unwrap().within(Duration::from_millis(100));
    assert!(factory.create_transport().await.is_err());
    assert_eq!(living.load(Ordering::SeqCst), 0);
    let (spawn, _) = counted();
    assert!(Factory::new("https://web.whatsapp.com", Arc::clone(&spawn)).is_err());
    assert!(Factory::new(WHATSAPP_URL, spawn).is_ok());
}
