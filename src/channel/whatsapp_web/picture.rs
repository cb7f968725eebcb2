//! Profile pictures as WhatsApp wants them: a square JPEG.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageReader, Limits};

use crate::channel::Error;
use crate::net::{Client, Method, Request, Url};

/// Longest side of the picture, in pixels.
const SIDE: u32 = 640;
/// Largest side of an image that is decoded, in pixels.
const LARGEST_SIDE: u32 = 10_000;
/// Most memory that decoding may take, in bytes.
const DECODED: u64 = 256 << 20;
/// Of JPEG.
const QUALITY: u8 = 85;

fn wrong(reason: &str) -> Error {
    Error::Invalid { field: "picture", reason: reason.to_owned() }
}

/// The middle of an image that is given as a URL, a data URI or base64.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be fetched or is no image.
pub async fn square(client: &Client, image: &str) -> Result<Vec<u8>, Error> {
    let bytes = bytes(client, image.trim()).await?;
    let decoding = tokio::task::spawn_blocking(move || jpeg(&bytes));
    decoding.await.map_err(|error| Error::Protocol(error.to_string()))?
}

async fn bytes(client: &Client, image: &str) -> Result<Bytes, Error> {
    if image.starts_with("http://") || image.starts_with("https://") {
        let url = Url::parse(image).map_err(|_| wrong("is not a URL"))?;
        let answer = client.send(Request::new(Method::GET, url)).await;
        let answer = answer.map_err(|error| wrong(&format!("cannot be fetched: {error}")))?;
        if !answer.status.is_success() {
            return Err(wrong(&format!("cannot be fetched: status {}", answer.status.as_u16())));
        }
        return Ok(answer.body);
    }
    let base64 = match image.strip_prefix("data:") {
        Some(data) => data.split_once(',').map_or("", |(_, base64)| base64),
        None => image,
    };
    let decoded = STANDARD.decode(base64).map_err(|_| wrong("is neither a URL nor base64"))?;
    Ok(decoded.into())
}

fn jpeg(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let no_image = |_| wrong("is not an image");
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| wrong("is not an image"))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(DECODED);
    reader.limits(limits);
    let image = reader.decode().map_err(no_image)?;
    let side = image.width().min(image.height());
    let (left, top) = ((image.width() - side) / 2, (image.height() - side) / 2);
    let image = image.crop_imm(left, top, side, side);
    let image = if side > SIDE { image.resize_exact(SIDE, SIDE, FilterType::Triangle) } else { image };
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    image.to_rgb8().write_with_encoder(encoder).map_err(no_image)?;
    Ok(jpeg)
}
