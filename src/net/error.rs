//! Why a request had no answer.

use super::Refused;
use super::proxy::InvalidProxy;

/// Why an exchange did not happen. An answer of any status is not an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The guard does not allow the address.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The URL is not an `http` or `https` one, or cannot be read.
    #[error("not an http(s) URL: {0}")]
    Url(String),
    /// No answer within the time allowed.
    #[error("timed out")]
    Timeout,
    /// The answer is larger than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// More redirects than allowed.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// No connection: the name does not resolve, nobody listens, or TLS failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The proxy refused or does not speak its protocol.
    #[error("the proxy failed: {0}")]
    Proxy(String),
    /// The proxy settings cannot be used.
    #[error(transparent)]
    InvalidProxy(#[from] InvalidProxy),
    /// The exchange broke after the connection was made.
    #[error("the exchange failed: {0}")]
    Exchange(String),
}

impl Error {
    /// Finds the cause that the caller can act on in an error of the HTTP library.
    pub(super) fn from_http(error: &reqwest::Error) -> Self {
        // Without the URL: it may carry a secret in its query.
        let mut text = String::new();
        let mut layer: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(cause) = layer {
            if let Some(refused) = cause.downcast_ref::<Refused>() {
                return Self::Refused(refused.clone());
            }
            text = cause.to_string();
            layer = cause.source();
        }
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connect(text)
        } else {
            Self::Exchange(text)
        }
    }
}
