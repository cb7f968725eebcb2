//! Bodies of requests and answers.

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use url::Url;

use super::Error;

/// The body of a request.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// In memory; can be sent again on a redirect.
    Bytes(Bytes),
    /// Streamed once, with its exact length: a `Content-Length` is sent, since WhatsApp's media
    /// hosts refuse chunked uploads.
    Stream {
        /// Length in bytes.
        length: u64,
        /// The pieces, in order.
        pieces: BoxStream<'static, std::io::Result<Bytes>>,
    },
}

/// An answer whose body has not been read.
pub struct Download {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Where it came from, after all redirects.
    pub url: Url,
    pub(super) inner: reqwest::Response,
    pub(super) left: u64,
    pub(super) limit: u64,
}

impl Download {
    /// The declared length, when there is one.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.inner.content_length()
    }

    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the limit, [`Error::Timeout`], [`Error::Exchange`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(piece) = self.inner.chunk().await.map_err(|e| Error::from_http(&e))? else {
            return Ok(None);
        };
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(Error::TooLarge(self.limit))?;
        Ok(Some(piece))
    }

    /// The rest of the body in memory.
    ///
    /// # Errors
    /// As [`Download::chunk`].
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        if self.length().is_some_and(|length| length > self.left) {
            return Err(Error::TooLarge(self.limit));
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}
