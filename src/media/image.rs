//! Pictures. Their size is looked at before they are decoded: a small file may be a huge picture.

use std::io::{BufReader, Cursor};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, RgbImage};

use super::{Error, Facts, File, Handle};

/// Most pixels of a picture: 50 megapixels.
const PIXELS: u64 = 50_000_000;
/// Most pixels of a picture that moves.
const MOVING: u64 = 4_000_000;
/// Longest side of a picture, in pixels: one of a single line takes more to make it smaller than to decode.
const SIDE: u32 = 30_000;
/// Most memory that a decoder may take with what it gives, in bytes.
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
    if width.max(height) > SIDE {
        return Err(Error::Invalid(format!("has {width}x{height} pixels: a side has at most {SIDE}")));
    }
    Ok(())
}

/// Refuses a picture that moves by its dimensions.
pub(super) fn check_moving((width, height): (u32, u32)) -> Result<(), Error> {
    if u64::from(width) * u64::from(height) > MOVING {
        return Err(Error::Invalid(format!("has {width}x{height} pixels: at most {MOVING} may move")));
    }
    Ok(())
}

pub(super) fn unreadable(error: &image::ImageError) -> Error {
    Error::Invalid(format!("is not a whole picture: {error}"))
}

fn reader(file: &File) -> Result<ImageReader<BufReader<super::Reader>>, Error> {
    let mut reader = ImageReader::new(BufReader::new(file.reader())).with_guessed_format()?;
    reader.limits(limits());
    Ok(reader)
}

impl Handle {
    /// Decodes a picture, and does something with it at once. Its size is looked at before, and what it
    /// takes of memory is waited for.
    pub(super) async fn picture<T: Send + 'static>(
        &self,
        file: &File,
        then: impl FnOnce(&Picture) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (file, looked_at) = (file.clone(), file.clone());
        // A JPEG is in memory as soon as it is looked at.
        let memory = self.heavy(file.length(), move || weight(&looked_at)).await?;
        self.heavy(memory, move || then(&decode(&file)?)).await
    }
}

/// What decoding takes of memory, in bytes.
fn weight(file: &File) -> Result<u64, Error> {
    let reader = reader(file)?;
    // The others are read as a whole, or decoded beside where the picture goes: a progressive JPEG to
    // coefficients of two bytes.
    let in_place = reader.format() == Some(ImageFormat::Png);
    let decoder = reader.into_decoder().map_err(|error| unreadable(&error))?;
    check(decoder.dimensions())?;
    let bytes = decoder.total_bytes();
    if bytes > MEMORY {
        let (width, height) = decoder.dimensions();
        return Err(Error::Invalid(format!("has {width}x{height} pixels: decoded, they take {bytes} bytes")));
    }
    Ok(if in_place { bytes } else { bytes.saturating_mul(3).saturating_add(file.length()) })
}

/// A picture as it is stored, and how it is turned to be seen. What is made of it is turned instead: it is
/// smaller.
pub(super) struct Picture {
    stored: DynamicImage,
    orientation: Orientation,
}

impl Picture {
    /// Width and height as they are seen.
    fn dimensions(&self) -> (u32, u32) {
        let (width, height) = (self.stored.width(), self.stored.height());
        match self.orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (height, width),
            _ => (width, height),
        }
    }

    /// Something smaller that is made of it, the right way up.
    pub(super) fn made(&self, make: impl FnOnce(&DynamicImage) -> DynamicImage) -> DynamicImage {
        let mut made = make(&self.stored);
        made.apply_orientation(self.orientation);
        made
    }
}

fn decode(file: &File) -> Result<Picture, Error> {
    let mut decoder = reader(file)?.into_decoder().map_err(|error| unreadable(&error))?;
    let orientation = decoder.orientation().map_err(|error| unreadable(&error))?;
    // A decoder counts what it needs itself, not what it fills.
    let mut limits = limits();
    let reserved = limits.reserve(decoder.total_bytes()).and_then(|()| decoder.set_limits(limits));
    reserved.map_err(|error| unreadable(&error))?;
    let stored = DynamicImage::from_decoder(decoder).map_err(|error| unreadable(&error))?;
    Ok(Picture { stored, orientation })
}

impl Handle {
    /// What WhatsApp wants to know of a picture. It is decoded as a whole for that, so one that was cut
    /// off is refused.
    pub(super) async fn picture_facts(&self, file: &File, is: &str) -> Result<Facts, Error> {
        if is == "image/jpeg" {
            let jpeg = file.clone();
            if !self.work(move || has_end(&jpeg)).await? {
                return Err(Error::invalid("is not a whole picture: its end is missing"));
            }
        }
        self.picture(file, facts).await
    }
}

fn facts(picture: &Picture) -> Result<Facts, Error> {
    let (width, height) = picture.dimensions();
    let (width, height) = (Some(width), Some(height));
    Ok(Facts { width, height, thumbnail: Some(thumbnail(picture)?), ..Facts::default() })
}

/// Whether the marker of the end comes after that of the picture. Decoders make do without it.
fn has_end(file: &File) -> Result<bool, Error> {
    let tail = file.tail(END)?;
    let last = |marker: u8| tail.windows(2).rposition(|pair| pair == [0xff, marker]);
    Ok(last(0xd9).is_some_and(|end| last(0xda).is_none_or(|start| start < end)))
}

/// A small JPEG; what is transparent is white.
fn thumbnail(picture: &Picture) -> Result<Vec<u8>, Error> {
    let small = picture.made(|picture| {
        if picture.width() > THUMBNAIL || picture.height() > THUMBNAIL {
            picture.thumbnail(THUMBNAIL, THUMBNAIL)
        } else {
            picture.clone()
        }
    });
    let small = small.to_rgba8();
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

#[cfg(test)]
mod tests {
    use image::ImageEncoder as _;

    use super::*;

    #[test]
    fn a_photo_that_lies_on_its_side_is_told_as_it_is_seen() {
        // One entry of TIFF: the orientation, a quarter to the right.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let photo = RgbImage::from_fn(400, 200, |x, _| image::Rgb([if x < 200 { 255 } else { 0 }; 3]));
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 90);
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        photo.write_with_encoder(encoder).unwrap();
        let picture = decode(&File::new(jpeg)).unwrap();
        let facts = facts(&picture).unwrap();
        assert_eq!((facts.width, facts.height), (Some(200), Some(400)));
        let thumbnail = image::load_from_memory(&facts.thumbnail.unwrap()).unwrap().to_luma8();
        assert_eq!(thumbnail.dimensions(), (50, 100));
        assert!(thumbnail.get_pixel(25, 5).0[0] > 200 && thumbnail.get_pixel(25, 95).0[0] < 50);
    }

    #[test]
    fn a_picture_is_weighed_with_what_it_is_decoded_to() {
        let file = |width, height, format| {
            let mut bytes = Cursor::new(Vec::new());
            DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
            File::new(bytes.into_inner())
        };
        assert_eq!(weight(&file(100, 50, ImageFormat::Png)).unwrap(), 100 * 50 * 3);
        let jpeg = file(100, 50, ImageFormat::Jpeg);
        assert_eq!(weight(&jpeg).unwrap(), 100 * 50 * 9 + jpeg.length());
        let long = weight(&file(SIDE + 1, 1, ImageFormat::Png)).unwrap_err().to_string();
        assert!(long.contains("a side has at most 30000"), "{long}");
    }
}
