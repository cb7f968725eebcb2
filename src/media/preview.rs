//! Previews of links: a page's title, description and picture. Whatever goes wrong, there is no
//! preview, and the message is sent all the same.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageReader, Limits};
use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Handle;
use super::page::{self, Page};
use crate::net::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use crate::net::{Client, Error, Method, Proxy, Request, Url};

/// Time for page and picture together. The sender waits for it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Part of a page that is read, in bytes: what is wanted stands in its head.
const PAGE: usize = 512 << 10;
/// Largest picture, in bytes.
const PICTURE: usize = 1 << 20;
/// Largest side of a picture that is decoded, in pixels.
const SIDE: u32 = 8192;
/// Memory for decoding a picture, in bytes.
const MEMORY: u64 = 128 << 20;
/// Pages that are fetched at once, over the node and for one account. More wait, and go without a preview
/// when their time is over.
const AT_ONCE: (usize, usize) = (16, 2);
/// Largest side of a thumbnail, in pixels: what WhatsApp Web makes.
const THUMBNAIL: u32 = 192;
/// Quality of a thumbnail, of 100.
const QUALITY: u8 = 60;
/// How long a preview is good for; also the lack of one that a site has stated.
const FRESH: Duration = Duration::from_mins(10);
/// How long an account does not try again what it has not got in time.
const PASSING: Duration = Duration::from_mins(1);
/// Memory of the kept previews, in bytes.
const KEPT: u64 = 16 << 20;
/// Links that are not tried again.
const MISSED: u64 = 4096;

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The link as the text has it.
    pub url: String,
    /// The page's title.
    pub title: String,
    /// What the page says about itself.
    pub description: Option<String>,
    /// Its picture.
    pub thumbnail: Option<Thumbnail>,
}

/// A small picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// The picture as JPEG.
    pub jpeg: Bytes,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Makes previews, and keeps them for some minutes. Clones share what is kept.
#[derive(Clone)]
pub struct Previews {
    shared: Arc<Shared>,
    /// What the account asks with, and its way out: what one way leads to is not shown to others.
    account: u64,
    client: Client,
    proxy: Option<Proxy>,
    files: Handle,
    share: Arc<Semaphore>,
}

struct Shared {
    kept: Cache<(Option<Proxy>, String), Option<Arc<Preview>>>,
    /// What could not be had in time says nothing of the site: the others try for themselves.
    missed: Cache<(u64, String), Option<Arc<Preview>>>,
    at_once: Semaphore,
    accounts: AtomicU64,
}

/// Why there is nothing that could be kept; with what there is without it.
struct Missed(Option<Arc<Preview>>);

/// What was fetched.
struct Fetched {
    body: Bytes,
    /// Where it came from, after all redirects.
    url: Url,
    /// Whether it is in Latin-1.
    latin: bool,
}

impl Previews {
    /// Reads pages with this client: its guard decides where tenants may look. What costs processor time
    /// takes the turns of `files`.
    #[must_use]
    pub fn new(client: Client, files: Handle) -> Self {
        let weight = |(_, url): &(Option<Proxy>, String), preview: &Option<Arc<Preview>>| {
            let content = preview.as_ref().map_or(0, |preview| {
                let thumbnail = preview.thumbnail.as_ref().map_or(0, |thumbnail| thumbnail.jpeg.len());
                thumbnail + preview.title.len() + preview.description.as_ref().map_or(0, String::len)
            });
            u32::try_from(content + 2 * url.len() + 256).unwrap_or(u32::MAX)
        };
        let shared = Shared {
            kept: Cache::builder().max_capacity(KEPT).weigher(weight).time_to_live(FRESH).build(),
            missed: Cache::builder().max_capacity(MISSED).time_to_live(PASSING).build(),
            at_once: Semaphore::new(AT_ONCE.0),
            accounts: AtomicU64::new(1),
        };
        let share = Arc::new(Semaphore::new(AT_ONCE.1));
        Self { shared: Arc::new(shared), account: 0, client, proxy: None, files, share }
    }

    /// The same for one account, with its turns and its way out.
    ///
    /// # Errors
    /// As [`Client::with_proxy`].
    pub fn of_account(&self, files: Handle, proxy: Option<Proxy>) -> Result<Self, Error> {
        let client = match &proxy {
            None => self.client.clone(),
            proxy => self.client.with_proxy(proxy.clone())?,
        };
        let account = self.shared.accounts.fetch_add(1, Ordering::Relaxed);
        let share = Arc::new(Semaphore::new(AT_ONCE.1));
        Ok(Self { shared: Arc::clone(&self.shared), account, client, proxy, files, share })
    }

    /// The preview of the first link of a text; takes a few seconds at most.
    pub async fn of(&self, text: &str) -> Option<Arc<Preview>> {
        let link = first_link(text)?.to_owned();
        let url = Url::parse(&link).ok()?;
        let Shared { kept, missed, .. } = &*self.shared;
        let (key, own) = ((self.proxy.clone(), link.clone()), (self.account, link.clone()));
        if let Some(known) = kept.get(&key).await {
            return known;
        }
        if let Some(known) = missed.get(&own).await {
            return known;
        }
        let deadline = Instant::now() + PATIENCE;
        // Before the others may wait for it too: they are not behind the pile of this account.
        let _turn = timeout_at(deadline, self.share.acquire()).await.ok()?.ok()?;
        match kept.try_get_with(key, self.made(link, url, deadline)).await {
            Ok(preview) => preview,
            Err(passing) => {
                missed.insert(own, passing.0.clone()).await;
                passing.0.clone()
            }
        }
    }

    async fn made(&self, link: String, url: Url, deadline: Instant) -> Result<Option<Arc<Preview>>, Missed> {
        let page = timeout_at(deadline, self.page(url)).await;
        let Some(page) = page.map_err(|_| Missed(None))?? else { return Ok(None) };
        let Page { title, description, picture } = page;
        let thumbnail = match picture {
            Some(picture) => timeout_at(deadline, self.picture(picture)).await,
            None => Ok(Ok(None)),
        };
        let preview = |thumbnail| Some(Arc::new(Preview { url: link, title, description, thumbnail }));
        match thumbnail {
            Ok(Ok(thumbnail)) => Ok(preview(thumbnail)),
            Ok(Err(_)) | Err(_) => Err(Missed(preview(None))),
        }
    }

    async fn page(&self, url: Url) -> Result<Option<Page>, Missed> {
        let _turn = self.shared.at_once.acquire().await.map_err(|_| Missed(None))?;
        let fetched = self.fetched(url, "text/html", PAGE, false).await;
        let Some(Fetched { body, url, latin }) = fetched.map_err(|_| Missed(None))? else { return Ok(None) };
        let read = self.files.work(move || {
            let text = if latin {
                body.iter().map(|byte| char::from(*byte)).collect()
            } else {
                String::from_utf8_lossy(&body).into_owned()
            };
            Ok(page::read(&text, &url))
        });
        read.await.map_err(|_| Missed(None))
    }

    async fn picture(&self, url: Url) -> Result<Option<Thumbnail>, Missed> {
        let fetched = self.fetched(url, "image/", PICTURE, true).await.map_err(|_| Missed(None))?;
        let Some(Fetched { body, .. }) = fetched else { return Ok(None) };
        let made = self.files.heavy(MEMORY, move || Ok(thumbnail(&body)));
        made.await.map_err(|_| Missed(None))
    }

    /// The body, unless there is none of this kind. What is longer is cut off, or refused when the whole is
    /// needed.
    async fn fetched(
        &self,
        url: Url,
        kind: &str,
        longest: usize,
        whole: bool,
    ) -> Result<Option<Fetched>, Error> {
        let mut request = Request::new(Method::GET, url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/html,image/*;q=0.9,*/*;q=0.1"));
        let mut download = self.client.open(request).await?;
        let stated = download.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let stated = stated.unwrap_or_default().to_ascii_lowercase();
        if !download.status.is_success() || !stated.starts_with(kind) {
            return Ok(None);
        }
        let mut body = BytesMut::new();
        while let Some(piece) = download.chunk().await? {
            body.extend_from_slice(&piece);
            if body.len() > longest {
                if whole {
                    return Ok(None);
                }
                body.truncate(longest);
                break;
            }
        }
        let latin = stated.contains("iso-8859-1") || stated.contains("windows-1252");
        Ok(Some(Fetched { body: body.freeze(), url: download.url, latin }))
    }
}

/// The first link of a text, without the punctuation of the sentence around it.
fn first_link(text: &str) -> Option<&str> {
    let starts = |word: &str| {
        let scheme =
            |name: &str| word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        scheme("https://") || scheme("http://")
    };
    let opening = |c: char| matches!(c, '(' | '[' | '<' | '"' | '\'' | '*' | '_' | '~');
    let closing =
        |c: char| matches!(c, ')' | ']' | '>' | '"' | '\'' | '*' | '~' | '.' | ',' | ';' | ':' | '!' | '?');
    let mut words = text.split_whitespace().map(|word| word.trim_start_matches(opening));
    words.find(|word| starts(word)).map(|word| word.trim_end_matches(closing))
}

fn thumbnail(bytes: &[u8]) -> Option<Thumbnail> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let small = reader.decode().ok()?.thumbnail(THUMBNAIL, THUMBNAIL).to_rgb8();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&small).ok()?;
    Some(Thumbnail { jpeg: jpeg.into(), width: small.width(), height: small.height() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_link_is_found_in_a_sentence() {
        for (text, link) in [
            ("see https://example.com/a?b=c.", Some("https://example.com/a?b=c")),
            ("(HTTP://EXAMPLE.COM) https://other.example", Some("HTTP://EXAMPLE.COM")),
            ("*https://example.com*", Some("https://example.com")),
            ("example.com ftp://example.com", None),
            ("", None),
        ] {
            assert_eq!(first_link(text), link, "{text}");
        }
    }

    #[test]
    fn a_picture_becomes_small_and_a_huge_one_is_not_decoded() {
        let encoded = |width, height| {
            let mut png = Cursor::new(Vec::new());
            image::DynamicImage::new_luma8(width, height)
                .write_to(&mut png, image::ImageFormat::Png)
                .unwrap();
            png.into_inner()
        };
        let small = thumbnail(&encoded(400, 100)).unwrap();
        assert_eq!((small.width, small.height), (192, 48));
        assert!(small.jpeg.starts_with(&[0xff, 0xd8]));
        assert_eq!(thumbnail(&encoded(SIDE + 1, 1)), None);
        assert_eq!(thumbnail(b"no picture"), None);
    }
}
