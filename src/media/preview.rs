//! Previews of links: a page's title, description and picture. Whatever goes wrong, there is no
//! preview, and the message is sent all the same.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageReader, Limits};
use moka::future::Cache;
use scraper::{Html, Selector};
use tokio::sync::Semaphore;

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
/// Pages that are read at once. More wait, and go without a preview when their time is over.
const AT_ONCE: usize = 8;
/// Largest side of a thumbnail, in pixels: what WhatsApp Web makes.
const THUMBNAIL: u32 = 192;
/// Quality of a thumbnail, of 100.
const QUALITY: u8 = 60;
/// Longest title and description, in characters.
const LONGEST: (usize, usize) = (300, 1000);
/// How long a preview is good for; also the lack of one.
const FRESH: Duration = Duration::from_secs(600);
/// Memory of the kept previews, in bytes.
const KEPT: u64 = 16 << 20;

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
    client: Client,
    kept: Cache<String, Option<Arc<Preview>>>,
    at_once: Arc<Semaphore>,
}

impl Previews {
    /// Reads pages with this client: its guard decides where tenants may look.
    #[must_use]
    pub fn new(client: Client) -> Self {
        let weight = |url: &String, preview: &Option<Arc<Preview>>| {
            let content = preview.as_ref().map_or(0, |preview| {
                let thumbnail = preview.thumbnail.as_ref().map_or(0, |thumbnail| thumbnail.jpeg.len());
                thumbnail + preview.title.len() + preview.description.as_ref().map_or(0, String::len)
            });
            u32::try_from(content + 2 * url.len() + 256).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(KEPT).weigher(weight).time_to_live(FRESH).build();
        Self { client, kept, at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The same with another way out.
    ///
    /// # Errors
    /// As [`Client::with_proxy`].
    pub fn through(&self, proxy: Option<Proxy>) -> Result<Self, Error> {
        match proxy {
            None => Ok(self.clone()),
            proxy => Ok(Self { client: self.client.with_proxy(proxy)?, ..self.clone() }),
        }
    }

    /// The preview of the first link of a text; takes a few seconds at most.
    pub async fn of(&self, text: &str) -> Option<Arc<Preview>> {
        let link = first_link(text)?.to_owned();
        let url = Url::parse(&link).ok()?;
        self.kept.get_with(link.clone(), self.made(link, url)).await
    }

    async fn made(&self, link: String, url: Url) -> Option<Arc<Preview>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let page = async {
            let _turn = self.at_once.acquire().await.ok()?;
            let (page, from) = self.page(&url).await?;
            apart(move || read(&page, &from)).await.flatten()
        };
        let page = tokio::time::timeout_at(deadline, page).await.ok().flatten()?;
        let picture = async {
            let bytes = self.fetched(page.picture.clone()?, "image/", PICTURE, true).await?.0;
            let _turn = self.at_once.acquire().await.ok()?;
            apart(move || thumbnail(&bytes)).await.flatten()
        };
        let thumbnail = tokio::time::timeout_at(deadline, picture).await.ok().flatten();
        let Page { title, description, .. } = page;
        Some(Arc::new(Preview { url: link, title, description, thumbnail }))
    }

    async fn page(&self, url: &Url) -> Option<(String, Url)> {
        let (bytes, latin) = self.fetched(url.clone(), "text/html", PAGE, false).await?;
        let text = if latin {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        } else {
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Some((text, url.clone()))
    }

    /// The body and whether it is in Latin-1. What is longer is cut off, or refused when the whole
    /// is needed.
    async fn fetched(&self, url: Url, kind: &str, longest: usize, whole: bool) -> Option<(Bytes, bool)> {
        let mut request = Request::new(Method::GET, url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/html,image/*;q=0.9,*/*;q=0.1"));
        let mut download = self.client.open(request).await.ok()?;
        let stated = download.headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
        if !download.status.is_success() || !stated.starts_with(kind) {
            return None;
        }
        let mut body = BytesMut::new();
        while let Some(piece) = download.chunk().await.ok()? {
            body.extend_from_slice(&piece);
            if body.len() > longest {
                if whole {
                    return None;
                }
                body.truncate(longest);
                break;
            }
        }
        let latin = stated.contains("iso-8859-1") || stated.contains("windows-1252");
        Some((body.freeze(), latin))
    }
}

/// Work that takes its time, away from the threads that must not wait.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
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

/// What a page says about itself.
#[derive(Debug, PartialEq)]
struct Page {
    title: String,
    description: Option<String>,
    picture: Option<Url>,
}

fn read(page: &str, from: &Url) -> Option<Page> {
    let page = Html::parse_document(page);
    let meta = |names: &[&str]| names.iter().find_map(|name| stated(&page, name));
    let title = meta(&["og:title", "twitter:title"]).or_else(|| {
        let element = page.select(&Selector::parse("title").ok()?).next()?;
        Some(element.text().collect::<String>())
    });
    let title = tidy(&title?, LONGEST.0)?;
    let description = meta(&["og:description", "twitter:description", "description"]);
    let picture = meta(&["og:image:secure_url", "og:image", "twitter:image"]);
    Some(Page {
        title,
        description: description.and_then(|text| tidy(&text, LONGEST.1)),
        picture: picture.and_then(|address| from.join(address.trim()).ok()),
    })
}

/// The content of a `meta` element by its `property` or `name`.
fn stated(page: &Html, name: &str) -> Option<String> {
    let selector = Selector::parse(&format!("meta[property=\"{name}\"],meta[name=\"{name}\"]")).ok()?;
    let content = page.select(&selector).next()?.value().attr("content")?;
    Some(content.to_owned()).filter(|content| !content.trim().is_empty())
}

fn tidy(text: &str, longest: usize) -> Option<String> {
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(text.chars().take(longest).collect()).filter(|text: &String| !text.is_empty())
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
    fn a_page_says_what_it_is() {
        let from = Url::parse("https://example.com/a/b").unwrap();
        let page = read(
            "<html><head><title>plain</title><meta property='og:title' content=' A &amp;\n B '>\
             <meta name='description' content='about'><meta property='og:image' content='../c.png'>",
            &from,
        );
        let picture = Some(Url::parse("https://example.com/c.png").unwrap());
        let wanted = Page { title: "A & B".into(), description: Some("about".into()), picture };
        assert_eq!(page, Some(wanted));
        assert_eq!(read("<title>plain</title>", &from).unwrap().title, "plain");
        assert_eq!(read("<p>nothing", &from), None);
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
