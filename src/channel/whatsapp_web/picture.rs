//! Pictures of profiles and groups: from what a caller gives to the JPEG that WhatsApp takes.

use std::io::BufReader;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageReader, Limits};

use crate::channel::Error;
use crate::media::{self, File};

/// Sides of the picture that phones show, in pixels.
const SIDE: u32 = 640;
/// Longest side of an image that is read, in pixels.
const LONGEST: u32 = 8192;
/// Most memory that an image may take when it is read, in bytes.
const MEMORY: u64 = 96 << 20;
const QUALITY: u8 = 80;

/// The JPEG of an image.
///
/// # Errors
/// [`Error::Invalid`] names the field, [`Error::Unavailable`] when too much is under way.
pub async fn jpeg(files: &media::Handle, field: &'static str, image: &File) -> Result<Vec<u8>, Error> {
    let image = image.clone();
    files.work(move || drawn(&image)).await.map_err(|error| match error {
        media::Error::Busy | media::Error::Unavailable(_) => Error::Unavailable(Box::new(error)),
        media::Error::Failed(reason) => Error::Protocol(reason),
        error => Error::Invalid { field, reason: error.to_string() },
    })
}

/// A square of the middle, no larger than phones show it.
fn drawn(file: &File) -> Result<Vec<u8>, media::Error> {
    let unreadable = |error: image::ImageError| media::Error::Invalid(format!("cannot be read: {error}"));
    let mut reader = ImageReader::new(BufReader::new(file.reader()));
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let reader = reader.with_guessed_format()?;
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
