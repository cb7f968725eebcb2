//! Raw connections.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Server, connect_proxy, http, ok, socks_proxy};
use crate::net::dial::tcp;
use crate::net::{Egress, Error, Proxy, Stream, dial};

const WITHIN: Duration = Duration::from_secs(5);

fn through(protocol: &str, server: &Server, login: Option<(&str, &str)>) -> Proxy {
    let port = server.address.port().to_string();
    Proxy::parse(protocol, "127.0.0.1", &port, login.map(|l| l.0), login.map(|l| l.1)).unwrap()
}

async fn ask(stream: &mut Box<dyn Stream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn direct_sockets_have_nodelay() {
    let server = http(|_| ok("hello")).await;
    let socket = tcp("127.0.0.1", server.address.port(), &Egress::open()).await.unwrap();
    assert!(socket.nodelay().unwrap());
    let mut stream = dial("localhost", server.address.port(), None, &Egress::open(), WITHIN).await.unwrap();
    assert!(ask(&mut stream).await.ends_with("hello"));
}

#[tokio::test]
async fn the_guard_sees_the_address_that_is_connected_to() {
    let server = http(|_| ok("hello")).await;
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        let refused = dial(host, port, None, &Egress::public(), WITHIN).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{host}");
    }
    let proxy = through("http", &server, None);
    let refused = dial("example.com", 443, Some(&proxy), &Egress::public(), WITHIN).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn connect_leads_to_the_target() {
    let server = http(|_| ok("hello")).await;
    let login = Some(("ana", "pa:ss"));
    for login in [None, login] {
        let proxy = connect_proxy(login).await;
        let target = (server.address.ip().to_string(), server.address.port());
        let way = through("http", &proxy, login);
        let mut stream = dial(&target.0, target.1, Some(&way), &Egress::open(), WITHIN).await.unwrap();
        assert!(ask(&mut stream).await.ends_with("hello"));
        assert_eq!(proxy.seen(), [server.address.to_string()]);
    }
}

#[tokio::test]
async fn socks_leads_to_the_target_and_resolves_names() {
    let server = http(|_| ok("hello")).await;
    for login in [None, Some(("ana", "word"))] {
        let proxy = socks_proxy(login, server.address).await;
        let way = through("socks5", &proxy, login);
        for host in ["127.0.0.1", "nowhere.invalid"] {
            let dialled = dial(host, server.address.port(), Some(&way), &Egress::open(), WITHIN).await;
            assert!(ask(&mut dialled.unwrap()).await.ends_with("hello"));
        }
        let port = server.address.port();
        assert_eq!(proxy.seen(), [format!("127.0.0.1:{port}"), format!("nowhere.invalid:{port}")]);
    }
}

#[tokio::test]
async fn a_proxy_that_fails_is_not_gone_around() {
    let target = http(|_| ok("hello")).await;
    let (host, port) = ("127.0.0.1", target.address.port());
    let login = Some(("ana", "right"));
    let wrong = Some(("ana", "wrong"));
    let connect = connect_proxy(login).await;
    let socks = socks_proxy(login, target.address).await;
    let not_a_proxy = http(|_| ok("web")).await;
    for way in [
        through("http", &connect, None),
        through("http", &connect, wrong),
        through("socks5", &socks, None),
        through("socks5", &socks, wrong),
        through("http", &socks, None),
    ] {
        let failed = dial(host, port, Some(&way), &Egress::open(), WITHIN).await;
        assert!(matches!(failed, Err(Error::Proxy(_) | Error::Timeout)), "{way:?}");
    }
    let silent = through("socks5", &not_a_proxy, None);
    let failed = dial(host, port, Some(&silent), &Egress::open(), Duration::from_millis(200)).await;
    assert!(matches!(failed, Err(Error::Timeout)));
    let nobody = Proxy::parse("http", "127.0.0.1", "1", None, None).unwrap();
    let failed = dial(host, port, Some(&nobody), &Egress::open(), WITHIN).await;
    assert!(matches!(failed, Err(Error::Connect(_))));
    assert_eq!(target.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_host_cannot_smuggle_into_connect() {
    let proxy = connect_proxy(None).await;
    let way = through("http", &proxy, None);
    let refused = dial("a\r\nX: y", 80, Some(&way), &Egress::open(), WITHIN).await;
    assert!(matches!(refused, Err(Error::Url(_))));
}
