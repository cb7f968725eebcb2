//! Pictures. Their size is looked at before they are decoded: a small file may be a huge picture.

use std::io::{BufReader, Cursor};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, RgbImage};

use super::{Error, Facts, File};

/// Most pixels of a picture: 50 megapixels.
const PIXELS: u64 = 50_000_000;
/// Most memory that a decoder may take, in bytes.
const MEMORY: u64 = 256 << 20;
/// Longest side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 100;
/// Quality of a thumbnail, of 100.
const QUALITY: u8 = 60;
/// Bytes at the end of a JPEG in which its end is looked for.
const END: u64 = 64 << 10;

pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    limits
}

/// Refuses a picture by its dimensions.
pub(super) fn check((width, height): (u32, u32)) -> Result<(), Error> {
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(Error::Invalid(format!("has {width}x{height} pixels: at most {PIXELS} are allowed")));
    }
    Ok(())
}

pub(super) fn unreadable(error: &image::ImageError) -> Error {
    Error::Invalid(format!("is not a whole picture: {error}"))
}

/// Decodes a picture the right way up.
pub(super) fn decode(file: &File) -> Result<DynamicImage, Error> {
    let mut reader = ImageReader::new(BufReader::new(file.reader())).with_guessed_format()?;
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|error| unreadable(&error))?;
    check(decoder.dimensions())?;
    let orientation = decoder.orientation().map_err(|error| unreadable(&error))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| unreadable(&error))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// What WhatsApp wants to know of a picture. It is decoded as a whole for that, so one that was cut
/// off is refused.
pub(super) fn facts(file: &File, mimetype: &str) -> Result<Facts, Error> {
    if mimetype == "image/jpeg" && !has_end(file)? {
        return Err(Error::invalid("is not a whole picture: its end is missing"));
    }
    let picture = decode(file)?;
    Ok(Facts {
        width: Some(picture.width()),
        height: Some(picture.height()),
        thumbnail: Some(thumbnail(&picture)?),
        ..Facts::default()
    })
}

/// Whether the marker of the end comes after that of the picture. Decoders make do without it.
fn has_end(file: &File) -> Result<bool, Error> {
    let tail = file.tail(END)?;
    let last = |marker: u8| tail.windows(2).rposition(|pair| pair == [0xff, marker]);
    Ok(last(0xd9).is_some_and(|end| last(0xda).is_none_or(|start| start < end)))
}

/// A small JPEG; what is transparent is white.
pub(super) fn thumbnail(picture: &DynamicImage) -> Result<Vec<u8>, Error> {
    let small = if picture.width() > THUMBNAIL || picture.height() > THUMBNAIL {
        picture.thumbnail(THUMBNAIL, THUMBNAIL).to_rgba8()
    } else {
        picture.to_rgba8()
    };
    let flat = RgbImage::from_fn(small.width(), small.height(), |x, y| {
        let [red, green, blue, alpha] = small.get_pixel(x, y).0.map(u16::from);
        let over = |color: u16| u8::try_from((color * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX);
        image::Rgb([over(red), over(green), over(blue)])
    });
    let mut jpeg = Cursor::new(Vec::new());
    let written = flat.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, QUALITY));
    written.map_err(|error| Error::Failed(error.to_string()))?;
    Ok(jpeg.into_inner())
}
