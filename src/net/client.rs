//! The one outbound HTTP client. Only this file builds one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Method, StatusCode};
use url::Url;

use super::resolve::{Guarded, check_all};
use super::{Body, Download, Egress, Error, Lookup, Proxy, Trust, system_lookup, tls};

/// The slowest upload that is waited for, in bytes per second.
pub const SLOWEST: u64 = 32 << 10;

/// How a [`Client`] behaves.
#[derive(Clone)]
pub struct Options {
    /// Time to connect, TLS and proxy included.
    pub connect_timeout: Duration,
    /// Time for a whole exchange of [`Client::send`], redirects and body included. For
    /// [`Client::open`], the time until the headers are there.
    pub timeout: Duration,
    /// Longest silence while a body is read.
    pub read_timeout: Duration,
    /// Largest body of an answer in memory, in bytes.
    pub max_response: u64,
    /// Largest body that [`Client::open`] lets through, in bytes.
    pub max_download: u64,
    /// Redirects to follow; with 0 the redirect itself is the answer.
    pub redirects: usize,
    /// Whose certificates are accepted.
    pub trust: Trust,
    /// Where requests may go.
    pub egress: Egress,
    /// The only way out, when set.
    pub proxy: Option<Proxy>,
    /// Names to addresses.
    pub lookup: Lookup,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(30),
            max_response: 16 << 20,
            // WhatsApp's own limit for a file.
            max_download: 2 << 30,
            redirects: 5,
            trust: Trust::PublicRoots,
            egress: Egress::public(),
            proxy: None,
            lookup: system_lookup(),
        }
    }
}

/// A request. `Content-Length` and `Host` are the client's business.
pub struct Request {
    /// Method.
    pub method: Method,
    /// An `http` or `https` URL.
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
}

impl Request {
    /// A request without headers or body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Body::Empty }
    }
}

/// An answer in memory.
#[derive(Debug)]
pub struct Response {
    /// Status, whatever it is.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// An HTTP client; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    options: Arc<Options>,
}

impl Client {
    /// Builds a client; [`Options::proxy`] is final, environment variables are not looked at.
    ///
    /// # Errors
    /// [`Error::InvalidProxy`], [`Error::Refused`] for a proxy whose address is not allowed.
    pub fn new(options: Options) -> Result<Self, Error> {
        let mut tls = tls::client_config(&options.trust).map_err(|e| Error::Connect(e.to_string()))?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let guarded = Guarded { lookup: Arc::clone(&options.lookup), egress: options.egress.clone() };
        #[expect(clippy::disallowed_methods, reason = "the room that the others are sent to")]
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(guarded))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.read_timeout)
            .tcp_nodelay(true)
            .user_agent(concat!("Waggle/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if let Some(proxy) = &options.proxy {
            // A literal address never meets the resolver.
            options.egress.check_host(&proxy.host)?;
            let proxy = reqwest::Proxy::all(proxy.url()?).map_err(|e| Error::from_http(&e))?;
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(|e| Error::from_http(&e))?;
        Ok(Self { http, options: Arc::new(options) })
    }

    /// A client that differs in its way out only; with connections of its own.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_proxy(&self, proxy: Option<Proxy>) -> Result<Self, Error> {
        Self::new(Options { proxy, ..(*self.options).clone() })
    }

    /// Sends and reads the whole answer. Any status is an answer. A streamed body has its time on
    /// top, at [`SLOWEST`].
    ///
    /// # Errors
    /// [`Error`]; the guard is asked for every hop.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let streamed = if let Body::Stream { length, .. } = request.body { length } else { 0 };
        let within = self.options.timeout + Duration::from_secs(streamed / SLOWEST);
        let exchange = async {
            let download = self.follow(request, self.options.max_response).await?;
            let (status, headers) = (download.status, download.headers.clone());
            Ok(Response { status, headers, body: download.bytes().await? })
        };
        tokio::time::timeout(within, exchange).await.map_err(|_| Error::Timeout)?
    }

    /// Sends and returns once the headers are there; the body is read by the caller, for as long
    /// as it flows.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn open(&self, request: Request) -> Result<Download, Error> {
        let opening = self.follow(request, self.options.max_download);
        tokio::time::timeout(self.options.timeout, opening).await.map_err(|_| Error::Timeout)?
    }

    async fn follow(&self, mut request: Request, limit: u64) -> Result<Download, Error> {
        for _ in 0..=self.options.redirects {
            let replay = match &request.body {
                Body::Empty => Some(Body::Empty),
                Body::Bytes(bytes) => Some(Body::Bytes(bytes.clone())),
                Body::Stream { .. } => None,
            };
            let (method, url, headers) =
                (request.method.clone(), request.url.clone(), request.headers.clone());
            let answer = self.hop(request).await?;
            match (next(&answer, &url), replay) {
                (Some(target), Some(body)) if self.options.redirects > 0 => {
                    request = redirected(answer.status(), method, headers, body, &url, target);
                }
                _ => {
                    let (status, headers) = (answer.status(), answer.headers().clone());
                    return Ok(Download { status, headers, url, inner: answer, left: limit, limit });
                }
            }
        }
        Err(Error::Redirects(self.options.redirects))
    }

    async fn hop(&self, request: Request) -> Result<reqwest::Response, Error> {
        self.check(&request.url).await?;
        let mut headers = request.headers;
        let body = match request.body {
            Body::Empty => None,
            Body::Bytes(bytes) => Some(reqwest::Body::from(bytes)),
            Body::Stream { length, pieces } => {
                headers.insert(CONTENT_LENGTH, length.into());
                Some(reqwest::Body::wrap_stream(pieces))
            }
        };
        let mut sending = self.http.request(request.method, request.url).headers(headers);
        if let Some(body) = body {
            sending = sending.body(body);
        }
        sending.send().await.map_err(|e| Error::from_http(&e))
    }

    /// What the resolver does not see: the scheme, literal addresses, and names that a proxy
    /// resolves. The latter are looked up here too; one that has no address here passes. So is the
    /// proxy's own name: the resolver refuses it as well, but not in words that reach the caller.
    async fn check(&self, url: &Url) -> Result<(), Error> {
        let host = match url.host_str() {
            Some(host) if matches!(url.scheme(), "http" | "https") => host,
            _ => return Err(Error::Url(url.scheme().to_owned())),
        };
        let Options { egress, proxy, lookup, .. } = &*self.options;
        egress.check_host(host)?;
        if let Some(proxy) = proxy
            && !egress.is_open()
        {
            for name in [Some(proxy.host.as_str()), url.domain()].into_iter().flatten() {
                let found = lookup(name.to_owned()).await.unwrap_or_default();
                check_all(egress, name, &found)?;
            }
        }
        Ok(())
    }
}

/// Where a redirect leads; `None` for answers that are none.
fn next(answer: &reqwest::Response, from: &Url) -> Option<Url> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()
}

/// The request of the next hop: 307 and 308 repeat it, the others make it a `GET` as browsers do;
/// secrets stay with the origin they were meant for.
fn redirected(
    status: StatusCode,
    method: Method,
    mut headers: HeaderMap,
    body: Body,
    from: &Url,
    to: Url,
) -> Request {
    if from.origin() != to.origin() {
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            headers.remove(name);
        }
    }
    let repeat = matches!(status.as_u16(), 307 | 308) || method == Method::GET || method == Method::HEAD;
    if repeat {
        return Request { method, url: to, headers, body };
    }
    headers.remove(CONTENT_TYPE);
    Request { method: Method::GET, url: to, headers, body: Body::Empty }
}
