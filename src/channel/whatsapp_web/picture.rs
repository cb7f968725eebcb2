//! Pictures of profiles and groups: from what a caller gives to the JPEG that WhatsApp takes.

use std::io::Cursor;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageReader, Limits};
use tokio::sync::Semaphore;

use crate::channel::Error;
use crate::net::{Client, Method, Request, Url};

/// Sides of the picture that phones show, in pixels.
const SIDE: u32 = 640;
/// Longest side of an image that is read, in pixels.
const LONGEST: u32 = 8192;
/// Most memory that an image may take when it is read, in bytes.
const MEMORY: u64 = 96 << 20;
const QUALITY: u8 = 80;
/// Images that are read at the same time on this node.
static READERS: Semaphore = Semaphore::const_new(2);

/// What is wrong with the image; the caller knows the field.
struct Wrong(String);

fn wrong(reason: impl Into<String>) -> Wrong {
    Wrong(reason.into())
}

/// The JPEG of an image in base64, in a data URI, or at an address. The client bounds time and size of
/// a download, and refuses addresses that tenants may not reach.
///
/// # Errors
/// [`Error::Invalid`] names the field.
pub async fn jpeg(client: &Client, field: &'static str, image: &str) -> Result<Vec<u8>, Error> {
    let drawn = async {
        let bytes = bytes(client, image.trim()).await?;
        let Ok(_turn) = READERS.acquire().await else { return Err(wrong("cannot be read")) };
        let drawn = tokio::task::spawn_blocking(move || drawn(bytes)).await;
        drawn.map_err(|_| wrong("cannot be read"))?
    };
    drawn.await.map_err(|Wrong(reason)| Error::Invalid { field, reason })
}

async fn bytes(client: &Client, image: &str) -> Result<Vec<u8>, Wrong> {
    if !(image.starts_with("http://") || image.starts_with("https://")) {
        return decoded(image);
    }
    let url = Url::parse(image).map_err(|_| wrong("is not an address"))?;
    let answer = client.send(Request::new(Method::GET, url)).await;
    let answer = answer.map_err(|error| wrong(format!("cannot be downloaded: {error}")))?;
    if !answer.status.is_success() {
        return Err(wrong(format!("cannot be downloaded: status {}", answer.status.as_u16())));
    }
    Ok(answer.body.into())
}

fn decoded(text: &str) -> Result<Vec<u8>, Wrong> {
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = match text.strip_prefix("data:").map(|rest| rest.split_once(";base64,")) {
        Some(Some((_, data))) => data,
        Some(None) => return Err(wrong("is not a data URI in base64")),
        None => text,
    };
    let bytes = GeneralPurpose::new(&STANDARD, padding).decode(text);
    bytes.map_err(|_| wrong("is neither base64, nor a data URI, nor an http(s) address"))
}

/// A square of the middle, no larger than phones show it.
fn drawn(bytes: Vec<u8>) -> Result<Vec<u8>, Wrong> {
    let unreadable = |error: image::ImageError| wrong(format!("cannot be read: {error}"));
    let mut reader = ImageReader::new(Cursor::new(bytes));
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let reader = reader.with_guessed_format().map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let image = reader.decode().map_err(unreadable)?;
    let side = image.width().min(image.height());
    let (left, top) = ((image.width() - side) / 2, (image.height() - side) / 2);
    let mut square = image.crop_imm(left, top, side, side);
    if side > SIDE {
        square = square.resize_exact(SIDE, SIDE, FilterType::Triangle);
    }
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    square.to_rgb8().write_with_encoder(encoder).map_err(unreadable)?;
    Ok(jpeg)
}
