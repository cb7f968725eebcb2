//! The seam to the HTTP client.

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use crate::net::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use crate::net::{self, Body, Method};

/// One POST.
#[derive(Clone)]
pub struct Request {
    /// Where to; checked by the implementation against the egress guard, at every redirect too.
    pub url: Url,
    /// Names in lower case, valid as names and values, none twice.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer; its body is not looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The text of `Retry-After`.
    pub retry_after: Option<String>,
}

/// Why there was no answer. The texts are shown to the tenant and carry no secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PostError {
    /// The egress guard or the form of the URL forbids it: trying again will not help.
    #[error("refused: {0}")]
    Refused(String),
    /// No answer in time.
    #[error("timed out")]
    Timeout,
    /// No connection, or one that broke.
    #[error("{0}")]
    Failed(String),
}

/// Sends webhooks. Dropping the future cancels the request.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Sends a request and waits for the status.
    ///
    /// # Errors
    /// [`PostError`]; an answer of any status is none.
    async fn post(&self, request: Request) -> Result<Response, PostError>;
}

#[async_trait]
impl Post for net::Client {
    async fn post(&self, request: Request) -> Result<Response, PostError> {
        let headers = headers(&request.headers)?;
        let request =
            net::Request { method: Method::POST, url: request.url, headers, body: Body::Bytes(request.body) };
        // The head is enough: a receiver that never ends its body has taken the event all the same.
        let mut answer = self.open(request).await.map_err(PostError::from)?;
        let retry_after =
            answer.headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()).map(str::to_owned);
        let status = answer.status.as_u16();
        // A short body is read, so that the connection can be used again.
        if answer.length().is_some_and(|length| length <= SHORT) {
            while let Ok(Some(_)) = answer.chunk().await {}
        }
        Ok(Response { status, retry_after })
    }
}

/// The longest body that is read, in bytes.
const SHORT: u64 = 16 << 10;

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, PostError> {
    let unusable = |name: &str| PostError::Refused(format!("the header {name} cannot be sent"));
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()));
        let (Ok(parsed), Ok(value)) = parsed else { return Err(unusable(name)) };
        headers.insert(parsed, value);
    }
    Ok(headers)
}

impl From<net::Error> for PostError {
    fn from(error: net::Error) -> Self {
        match error {
            net::Error::Refused(_) | net::Error::Url(_) | net::Error::InvalidProxy(_) => {
                Self::Refused(error.to_string())
            }
            net::Error::Timeout => Self::Timeout,
            net::Error::TooLarge(_)
            | net::Error::Redirects(_)
            | net::Error::Connect(_)
            | net::Error::Proxy(_)
            | net::Error::Exchange(_) => Self::Failed(error.to_string()),
        }
    }
}
