//! Where the bytes of a file come from.

use super::embedded::Decoder;
use super::{Error, File, Handle, name};
use crate::net::{self, Method, Request, Url, header::CONTENT_TYPE};

/// Longest address, in bytes: anything longer is base64.
const LONGEST_URL: usize = 8 << 10;

/// Where the bytes of a file come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// An address.
    Url(Url),
    /// Base64, with the mimetype that stood before it.
    Base64 {
        /// The mimetype of a `data:` URI.
        mimetype: Option<String>,
        /// The text; white space in it is ignored.
        text: String,
    },
    /// Base64 that was decoded while it came, with the mimetype that stood before it.
    Decoded {
        /// The mimetype of a `data:` URI.
        mimetype: Option<String>,
        /// The file, or what is wrong with the base64.
        file: Result<File, Error>,
    },
}

/// A file, and what is said of it where it was.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The file.
    pub file: File,
    /// A file name, as it was found: not to be trusted.
    pub name: Option<String>,
    /// A mimetype that somebody chose for it.
    pub mimetype: Option<String>,
    /// A mimetype that a server says, which is often a guess.
    pub guess: Option<String>,
}

impl Source {
    /// Reads what a caller wrote: an `http` or `https` URL, a `data:` URI or base64.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none of them.
    pub fn parse(text: String) -> Result<Self, Error> {
        let refused = Self::refused;
        let trimmed = text.trim();
        let starts = |prefix: &str| {
            trimmed.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if starts("http://") || starts("https://") {
            let url = if trimmed.len() > LONGEST_URL { None } else { Url::parse(trimmed).ok() };
            return url.map(Self::Url).ok_or_else(refused);
        }
        if starts("data:") {
            let (kind, data) = trimmed[5..].split_once(',').ok_or_else(refused)?;
            let kind = kind.strip_suffix(";base64").ok_or_else(refused)?;
            let mimetype = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
            return Ok(Self::Base64 { mimetype, text: data.to_owned() });
        }
        let of_base64 = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n')
        };
        if trimmed.is_empty() || !trimmed.as_bytes().iter().take(1024).all(of_base64) {
            return Err(refused());
        }
        Ok(Self::Base64 { mimetype: None, text })
    }

    pub(super) fn refused() -> Error {
        Error::invalid("must be a URL, base64 or a data: URI")
    }
}

impl Handle {
    /// Gets the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they cannot be had, [`Error::TooLarge`].
    pub async fn fetch(&self, source: Source) -> Result<Fetched, Error> {
        match source {
            Source::Url(url) => {
                let handle = self.clone();
                let getting = async move {
                    let within = handle.0.options.fetch_timeout;
                    let got = tokio::time::timeout(within, handle.get(url)).await;
                    got.map_err(|_| Error::invalid("did not arrive in time"))?
                };
                self.on_main(getting).await
            }
            Source::Base64 { mimetype, text } => {
                let sink = self.sink();
                let decode = move || {
                    let mut decoder = Decoder::new(sink);
                    decoder.push(text.as_bytes())?;
                    decoder.finish()
                };
                let file = self.work(decode).await?;
                Ok(Fetched { file, name: None, mimetype, guess: None })
            }
            Source::Decoded { mimetype, file } => {
                Ok(Fetched { file: file?, name: None, mimetype, guess: None })
            }
        }
    }

    async fn get(&self, url: Url) -> Result<Fetched, Error> {
        let name = name::of_url(&url);
        let limit = self.0.options.max_bytes;
        let opened = self.0.outside.open(Request::new(Method::GET, url)).await;
        let mut download = opened.map_err(unreachable)?;
        if !download.status.is_success() {
            return Err(Error::Invalid(format!("could not be fetched: {}", download.status)));
        }
        if download.length().is_some_and(|length| length > limit) {
            return Err(Error::TooLarge(limit));
        }
        let guess = download.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let guess = guess.map(ToOwned::to_owned);
        let mut incoming = self.incoming();
        while let Some(piece) = download.chunk().await.map_err(unreachable)? {
            incoming = incoming.push(&piece).await?;
        }
        Ok(Fetched { file: incoming.finish().await?, name, mimetype: None, guess })
    }
}

fn unreachable(error: net::Error) -> Error {
    match error {
        net::Error::TooLarge(limit) => Error::TooLarge(limit),
        error => Error::Invalid(format!("could not be fetched: {error}")),
    }
}
