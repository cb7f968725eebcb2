//! Talking to other nodes over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;

use super::Error;
use super::view::Node;
use crate::domain::InstanceId;
use crate::net::header::{HeaderMap, HeaderName, HeaderValue};
use crate::net::{self, Body, Egress, Method, Request, Url};

/// Carries what nodes prove to each other.
pub const SECRET_HEADER: &str = "x-waggle-cluster";
/// Marks a request that was passed on, with a [`Hop`].
pub const HOP_HEADER: &str = "x-waggle-hop";

/// How long a connection to another node may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long another node may think about a request: it may wait for WhatsApp, or convert media.
const ANSWER: Duration = Duration::from_secs(120);
/// How long an offer may take; who does not hear it finds the instances by itself.
const OFFER: Duration = Duration::from_secs(2);

/// The head of another node's answer, with its body to read.
pub use crate::net::Download as Answer;

/// How a request was passed on, which bounds how it may be passed on again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hop {
    /// From another region: to the node that has the instance, and to no further region.
    Region,
    /// To the node that has the instance: no further.
    Node,
}

impl Hop {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Node => "node",
        }
    }
}

impl std::str::FromStr for Hop {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Region, Self::Node].into_iter().find(|hop| hop.as_str() == text).ok_or(())
    }
}

/// The head of a request that is passed on.
pub struct Outgoing {
    method: String,
    path: String,
    headers: HeaderMap,
}

impl Outgoing {
    /// A method, and a path with its query.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: HeaderMap::new() }
    }

    /// Adds a header; one that HTTP does not allow is left out.
    pub fn header(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            self.headers.append(name, value);
        }
    }
}

/// The body of a request that is passed on.
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// As it comes, with its exact length.
    Stream {
        /// Length in bytes.
        length: u64,
        /// The pieces, in order.
        pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    },
}

/// Why another node did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// It has not seen the request.
    #[error("the node cannot be reached: {0}")]
    Unseen(String),
    /// It may have carried it out.
    #[error("the node stopped answering: {0}")]
    Unknown(String),
}

/// Talks to other nodes. Cheap to clone.
#[derive(Clone)]
pub struct Peers {
    client: net::Client,
    secret: Arc<str>,
    hash: [u8; 32],
}

impl Peers {
    /// Talks to nodes that know the same secret.
    ///
    /// # Errors
    /// When no client can be built.
    pub fn new(secret: &str) -> Result<Self, net::Error> {
        let options = net::Options {
            connect_timeout: CONNECT,
            timeout: ANSWER,
            read_timeout: ANSWER,
            max_download: u64::MAX,
            redirects: 0,
            // Nodes reach each other by private addresses, which come from the roll alone.
            egress: Egress::open(),
            ..net::Options::default()
        };
        let client = net::Client::new(options)?;
        Ok(Self { client, secret: secret.into(), hash: Sha256::digest(secret).into() })
    }

    /// Whether a caller knows the secret.
    #[must_use]
    pub fn is_peer(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.hash.ct_eq(&presented).into()
    }

    /// Passes a request on to a node.
    ///
    /// # Errors
    /// [`Undelivered`] says whether the node may have seen it.
    pub async fn forward(
        &self,
        (node, hop): (&Node, Hop),
        head: Outgoing,
        content: Content,
    ) -> Result<Answer, Undelivered> {
        let unseen = |error: String| Undelivered::Unseen(error);
        let url = Url::parse(&format!("{}{}", node.me.url, head.path))
            .map_err(|error| unseen(error.to_string()))?;
        let method = Method::from_bytes(head.method.as_bytes()).map_err(|error| unseen(error.to_string()))?;
        let body = match content {
            Content::Bytes(bytes) if bytes.is_empty() => Body::Empty,
            Content::Bytes(bytes) => Body::Bytes(bytes),
            Content::Stream { length, mut pieces } => {
                let pieces = futures::stream::poll_fn(move |context| pieces.poll_recv(context));
                Body::Stream { length, pieces: pieces.boxed() }
            }
        };
        let mut request = Request { method, url, headers: head.headers, body };
        self.sign(&mut request).map_err(|error| unseen(error.to_string()))?;
        request.headers.insert(HOP_HEADER, HeaderValue::from_static(hop.as_str()));
        self.client.open(request).await.map_err(|error| match error {
            net::Error::Connect(text) => Undelivered::Unseen(text),
            error => Undelivered::Unknown(error.to_string()),
        })
    }

    /// Tells a node that it may take instances now.
    pub(super) async fn offer(&self, node: &Node, instances: &[InstanceId]) -> Result<(), Error> {
        let url = format!("{}/cluster/offer", node.me.url);
        let url = Url::parse(&url).map_err(|error| Error::Peer(error.to_string()))?;
        let mut request = Request::new(Method::POST, url);
        let body = serde_json::json!({ "instances": instances });
        request.body = Body::Bytes(body.to_string().into());
        request.headers.insert("content-type", HeaderValue::from_static("application/json"));
        self.sign(&mut request).map_err(|error| Error::Peer(error.to_string()))?;
        let answer = tokio::time::timeout(OFFER, self.client.send(request)).await;
        match answer.map_err(|_| Error::Peer("no answer".to_owned()))? {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(Error::Peer(answer.status.to_string())),
            Err(error) => Err(Error::Peer(error.to_string())),
        }
    }

    /// Asks another region's entry whether it has an instance of this name.
    pub async fn knows(&self, base: &str, name: &str) -> bool {
        let Ok(mut url) = Url::parse(base) else { return false };
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["cluster", "locate", name]);
        }
        let mut request = Request::new(Method::GET, url);
        if self.sign(&mut request).is_err() {
            return false;
        }
        let answer = tokio::time::timeout(OFFER, self.client.send(request)).await;
        matches!(answer, Ok(Ok(answer)) if answer.headers.get(KNOWN_HEADER).is_some_and(|known| known == "1"))
    }

    fn sign(&self, request: &mut Request) -> Result<(), net::Error> {
        let mut value =
            HeaderValue::from_str(&self.secret).map_err(|error| net::Error::Url(error.to_string()))?;
        value.set_sensitive(true);
        request.headers.insert(SECRET_HEADER, value);
        Ok(())
    }
}

/// Says in an answer of `/cluster/locate` whether there is such an instance here.
pub const KNOWN_HEADER: &str = "x-waggle-known";
