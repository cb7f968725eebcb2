//! The HTTP client.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;

use super::support::{Server, connect_proxy, http, ok, redirect, socks_proxy};
use crate::net::header::{AUTHORIZATION, HeaderValue};
use crate::net::{Body, Client, Egress, Error, Lookup, Method, Options, Proxy, Request, Url};

fn get(url: &str) -> Request {
    Request::new(Method::GET, Url::parse(url).unwrap())
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

fn open() -> Options {
    Options { egress: Egress::open(), ..Options::default() }
}

/// Every name has this server's address.
fn everywhere(server: &Server) -> Lookup {
    let address = server.address;
    Arc::new(move |_| Box::pin(async move { Ok(vec![address]) }))
}

#[tokio::test]
async fn any_status_is_an_answer() {
    let server =
        http(|_| "HTTP/1.1 503 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".to_owned()).await;
    let answer = Client::new(open()).unwrap().send(get(&url(&server, "/a"))).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (503, &b"no"[..]));
    let seen = server.seen()[0].to_ascii_lowercase();
    assert!(seen.contains(concat!("user-agent: waggle/", env!("CARGO_PKG_VERSION"), "\r\n")), "{seen}");
}

#[tokio::test]
async fn literal_and_resolved_addresses_are_guarded() {
    let server = http(|_| ok("secret")).await;
    let port = server.address.port();
    let guarded = Client::new(Options { lookup: everywhere(&server), ..Options::default() }).unwrap();
    for host in
        ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:7f00:1]", "innocent.example"]
    {
        let refused = guarded.send(get(&format!("http://{host}:{port}/"))).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{host}: {refused:?}");
    }
    assert!(matches!(guarded.send(get("ftp://example.com/")).await, Err(Error::Url(_))));
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
    // Without a lookup of our own, too.
    let system = Client::new(Options::default()).unwrap();
    assert!(matches!(system.send(get(&format!("http://localhost:{port}/"))).await, Err(Error::Refused(_))));

    let allowed = Egress::allowing(["innocent.example"]).unwrap();
    let some =
        Client::new(Options { lookup: everywhere(&server), egress: allowed, ..Options::default() }).unwrap();
    let answer = some.send(get(&format!("http://innocent.example:{port}/"))).await.unwrap();
    assert_eq!(answer.body, "secret");
    let other = some.send(get(&format!("http://other.example:{port}/"))).await;
    assert!(matches!(other, Err(Error::Refused(_))));
}

#[tokio::test]
async fn redirects_are_guarded_and_bounded() {
    let inner = http(|_| ok("secret")).await;
    let target = url(&inner, "/");
    let outer = http(move |_| redirect(302, &target)).await;
    let port = outer.address.port();
    let egress = Egress::allowing(["outer.example"]).unwrap();
    let options = Options { lookup: everywhere(&outer), egress, ..Options::default() };
    let refused = Client::new(options).unwrap().send(get(&format!("http://outer.example:{port}/"))).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(inner.connections.load(Ordering::Relaxed), 0);

    let endless = http(|_| redirect(307, "/again")).await;
    let client = Client::new(Options { redirects: 3, ..open() }).unwrap();
    assert!(matches!(client.send(get(&url(&endless, "/"))).await, Err(Error::Redirects(3))));
    assert_eq!(endless.seen().len(), 4);
    let none = Client::new(Options { redirects: 0, ..open() }).unwrap();
    assert_eq!(none.send(get(&url(&endless, "/"))).await.unwrap().status.as_u16(), 307);
}

#[tokio::test]
async fn a_redirect_keeps_the_body_or_the_secret_only_where_it_may() {
    let other = http(|_| ok("other")).await;
    let to = url(&other, "/end");
    let server = http(move |request| match request.split(' ').nth(1) {
        Some("/away") => redirect(307, &to),
        Some("/see") => redirect(303, "/end"),
        Some("/same") => redirect(308, "/end"),
        _ => ok("end"),
    })
    .await;
    let client = Client::new(open()).unwrap();
    let post = |path: &str| {
        let mut request = get(&url(&server, path));
        request.method = Method::POST;
        request.headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
        request.body = Body::Bytes(Bytes::from_static(b"content"));
        request
    };
    client.send(post("/same")).await.unwrap();
    let last = server.seen().pop().unwrap();
    assert!(last.starts_with("POST /end") && last.ends_with("content") && last.contains("secret"), "{last}");
    client.send(post("/see")).await.unwrap();
    let last = server.seen().pop().unwrap();
    assert!(last.starts_with("GET /end") && !last.contains("content") && last.contains("secret"), "{last}");
    client.send(post("/away")).await.unwrap();
    let last = other.seen().pop().unwrap();
    assert!(last.starts_with("POST /end") && last.ends_with("content") && !last.contains("secret"), "{last}");
}

#[tokio::test]
async fn sizes_and_times_are_bounded() {
    let server = http(|_| ok(&"x".repeat(1000))).await;
    let small = Client::new(Options { max_response: 999, ..open() }).unwrap();
    assert!(matches!(small.send(get(&url(&server, "/"))).await, Err(Error::TooLarge(999))));
    let exact = Client::new(Options { max_response: 1000, ..open() }).unwrap();
    assert_eq!(exact.send(get(&url(&server, "/"))).await.unwrap().body.len(), 1000);
    // What is streamed has a bound of its own.
    let streaming = Client::new(Options { max_response: 1, max_download: 999, ..open() }).unwrap();
    let download = streaming.open(get(&url(&server, "/"))).await.unwrap();
    assert_eq!(download.length(), Some(1000));
    assert!(matches!(download.bytes().await, Err(Error::TooLarge(999))));
    // Without a declared length.
    let streamed =
        http(|_| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(5000))).await;
    assert!(matches!(small.send(get(&url(&streamed, "/"))).await, Err(Error::TooLarge(_))));

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let quick = Client::new(Options { timeout: Duration::from_millis(100), ..open() }).unwrap();
    let address = silent.local_addr().unwrap();
    assert!(matches!(quick.send(get(&format!("http://{address}/"))).await, Err(Error::Timeout)));
    assert!(matches!(quick.send(get("http://127.0.0.1:1/")).await, Err(Error::Connect(_))));
}

#[tokio::test]
async fn streams_are_sent_with_their_length() {
    let server = http(|_| ok("done")).await;
    let pieces = futures::stream::iter(["ab", "cd"]).map(|piece| Ok(Bytes::from(piece))).boxed();
    let mut request = get(&url(&server, "/up"));
    request.method = Method::POST;
    request.body = Body::Stream { length: 4, pieces };
    assert_eq!(Client::new(open()).unwrap().send(request).await.unwrap().body, "done");
    let seen = server.seen().pop().unwrap().to_ascii_lowercase();
    assert!(
        seen.contains("content-length: 4\r\n") && !seen.contains("chunked") && seen.ends_with("abcd"),
        "{seen}"
    );
}

fn proxy(protocol: &str, server: &Server, login: Option<(&str, &str)>) -> Option<Proxy> {
    let port = server.address.port().to_string();
    let (name, word) = login.unzip();
    Some(Proxy::parse(protocol, "127.0.0.1", &port, name, word).unwrap())
}

#[tokio::test]
async fn a_proxy_is_the_only_way() {
    let server = http(|_| ok("direct")).await;
    let login = Some(("ana", "p@ss:wörd/%"));
    for login in [None, login] {
        let socks = socks_proxy(login, server.address).await;
        let client = Client::new(open()).unwrap().with_proxy(proxy("socks5", &socks, login)).unwrap();
        let answer = client.send(get("http://nowhere.invalid/")).await.unwrap();
        assert_eq!(answer.body, "direct");
        assert_eq!(socks.seen(), ["nowhere.invalid:80"]);

        let plain = connect_proxy(login).await;
        let client = Client::new(open()).unwrap().with_proxy(proxy("http", &plain, login)).unwrap();
        assert_eq!(client.send(get("http://nowhere.invalid/")).await.unwrap().body, "by the proxy");
    }
    let before = server.connections.load(Ordering::Relaxed);
    let nobody = Proxy::parse("socks5", "127.0.0.1", "1", None, None).unwrap();
    for nobody in [nobody, Proxy::parse("http", "127.0.0.1", "1", None, None).unwrap()] {
        let client = Client::new(open()).unwrap().with_proxy(Some(nobody)).unwrap();
        client.send(get(&url(&server, "/"))).await.unwrap_err();
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), before);
}

#[tokio::test]
async fn proxies_are_guarded_and_what_they_reach_too() {
    let server = http(|_| ok("direct")).await;
    let socks = socks_proxy(None, server.address).await;
    let way = proxy("socks5", &socks, None);
    assert!(matches!(
        Client::new(Options { proxy: way.clone(), ..Options::default() }),
        Err(Error::Refused(_))
    ));
    let mut named = way.clone().unwrap();
    named.host = "localhost".to_owned();
    let client = Client::new(Options { proxy: Some(named), ..Options::default() }).unwrap();
    assert!(matches!(client.send(get("http://93.184.216.34/")).await, Err(Error::Refused(_))));
    assert_eq!(socks.connections.load(Ordering::Relaxed), 0);

    let egress = Egress::allowing(["127.0.0.1"]).unwrap();
    let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec!["10.0.0.7:0".parse().unwrap()]) }));
    let client = Client::new(Options { proxy: way, egress, lookup, ..Options::default() }).unwrap();
    for target in ["http://inner.example/", "http://10.0.0.7/"] {
        assert!(matches!(client.send(get(target)).await, Err(Error::Refused(_))), "{target}");
    }
    assert!(socks.seen().is_empty());
}
