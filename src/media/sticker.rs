//! Stickers: WebP of 512 by 512 pixels.

use std::io::BufReader;

use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::imageops::{FilterType, overlay};
use image::{AnimationDecoder as _, DynamicImage, Frame, Frames, ImageDecoder, ImageResult, RgbaImage};
use webp::{AnimEncoder, AnimFrame, Encoder, WebPConfig};

use super::image::{check_moving, limits, unreadable};
use super::{Error, Facts, File, Handle};

/// Both sides of a sticker, in pixels.
const SIDE: u32 = 512;
/// Largest sticker that stands still, in bytes, as WhatsApp has it.
const STILL: usize = 100 << 10;
/// Largest one that moves, in bytes.
const MOVING: usize = 500 << 10;
/// Most frames that are kept.
const FRAMES: usize = 48;
/// Most frames that are looked at.
const LOOKED_AT: usize = 1000;
/// How long one that moves may last, in milliseconds.
const LONGEST: u32 = 10_000;
/// Memory for one that moves, in bytes: the frames that are kept, the one that is decoded, and what is
/// encoded.
const MEMORY: u64 = 128 << 20;
/// Qualities that are tried until it is small enough, of 100.
const QUALITIES: [f32; 4] = [80.0, 50.0, 25.0, 5.0];

/// What is done with a file.
enum Way {
    /// Nothing, when it can be decoded; and whether it moves.
    Stays { moves: bool },
    /// Its frames become those of the sticker.
    Moves,
    /// It becomes one picture.
    Stands,
}

impl Handle {
    pub(super) async fn sticker(
        &self,
        file: File,
        is: &'static str,
        as_is: bool,
    ) -> Result<(File, String, Facts), Error> {
        if as_is && is != "image/webp" {
            return Err(Error::Invalid(format!("must be image/webp when it is not converted: it is {is}")));
        }
        let looked_at = file.clone();
        let (file, animated) = match self.work(move || way(&looked_at, is, as_is)).await? {
            Way::Stays { moves: true } => {
                let decoded = file.clone();
                self.heavy(MEMORY, move || frames(&decoded, is)?.take(LOOKED_AT).try_for_each(whole)).await?;
                (file, true)
            }
            Way::Stays { moves: false } => {
                self.picture(&file, |_| Ok(())).await?;
                (file, false)
            }
            Way::Moves => self.heavy(MEMORY, move || of_frames(kept(frames(&file, is)?)?)).await?,
            Way::Stands => {
                let made = self.picture(&file, |picture| Ok(still(&squared(&picture.made(fitted)))));
                (File::new(made.await?), false)
            }
        };
        let (width, height) = if as_is { (None, None) } else { (Some(SIDE), Some(SIDE)) };
        Ok((file, "image/webp".to_owned(), Facts { width, height, animated, ..Facts::default() }))
    }
}

fn way(file: &File, is: &str, as_is: bool) -> Result<Way, Error> {
    let reader = BufReader::new(file.reader());
    match is {
        "image/gif" => Ok(Way::Moves),
        "image/webp" => {
            let decoder = WebPDecoder::new(reader).map_err(|error| unreadable(&error))?;
            let moves = decoder.has_animation();
            let fits = if moves { MOVING } else { STILL };
            let is_sticker = decoder.dimensions() == (SIDE, SIDE) && file.length() <= fits as u64;
            Ok(match (as_is || is_sticker, moves) {
                (true, moves) => Way::Stays { moves },
                (false, true) => Way::Moves,
                (false, false) => Way::Stands,
            })
        }
        _ => Ok(Way::Stands),
    }
}

/// The frames of a GIF or a WebP, whose size is looked at before.
fn frames(file: &File, is: &str) -> Result<Frames<'static>, Error> {
    let reader = BufReader::new(file.reader());
    if is == "image/gif" {
        let mut decoder = GifDecoder::new(reader).map_err(|error| unreadable(&error))?;
        bounded(&mut decoder)?;
        return Ok(decoder.into_frames());
    }
    let mut decoder = WebPDecoder::new(reader).map_err(|error| unreadable(&error))?;
    bounded(&mut decoder)?;
    Ok(decoder.into_frames())
}

fn bounded(decoder: &mut impl ImageDecoder) -> Result<(), Error> {
    check_moving(decoder.dimensions())?;
    decoder.set_limits(limits()).map_err(|error| unreadable(&error))
}

fn whole(frame: ImageResult<Frame>) -> Result<(), Error> {
    frame.map(drop).map_err(|error| unreadable(&error))
}

/// The sticker, and whether it moves.
fn of_frames(frames: Vec<(u32, RgbaImage)>) -> Result<(File, bool), Error> {
    if frames.len() > 1 {
        return Ok((File::new(moving(&frames)?), true));
    }
    let first = frames.into_iter().next().ok_or_else(|| Error::invalid("has no picture"))?;
    Ok((File::new(still(&first.1)), false))
}

/// The frames with their times in milliseconds. When they are too many, every second one goes.
fn kept(frames: Frames<'_>) -> Result<Vec<(u32, RgbaImage)>, Error> {
    let mut kept: Vec<(u32, RgbaImage)> = Vec::new();
    let (mut now, mut every) = (0_u32, 1_usize);
    for (at, frame) in frames.take(LOOKED_AT).enumerate() {
        let frame = frame.map_err(|error| unreadable(&error))?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        if at % every == 0 {
            kept.push((now, squared(&fitted(&DynamicImage::ImageRgba8(frame.into_buffer())))));
        }
        // Browsers show what claims to be faster than this at ten frames a second.
        let delay = numerator / denominator.max(1);
        now = now.saturating_add(if delay < 20 { 100 } else { delay });
        if now >= LONGEST {
            break;
        }
        if kept.len() == FRAMES {
            let mut at = 0;
            kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            every *= 2;
        }
    }
    Ok(kept)
}

/// As large as the square lets it be.
fn fitted(picture: &DynamicImage) -> DynamicImage {
    picture.resize(SIDE, SIDE, FilterType::Triangle)
}

/// In the middle of the square, with nothing around it.
fn squared(fitted: &DynamicImage) -> RgbaImage {
    let mut square = RgbaImage::new(SIDE, SIDE);
    let middle = |side: u32| i64::from((SIDE - side.min(SIDE)) / 2);
    overlay(&mut square, &fitted.to_rgba8(), middle(fitted.width()), middle(fitted.height()));
    square
}

fn still(picture: &RgbaImage) -> Vec<u8> {
    let encoder = Encoder::from_rgba(picture, SIDE, SIDE);
    smallest(STILL, |quality| Ok::<_, Error>(encoder.encode(quality).to_vec())).unwrap_or_default()
}

fn moving(frames: &[(u32, RgbaImage)]) -> Result<Vec<u8>, Error> {
    smallest(MOVING, |quality| {
        let failed = || Error::Failed("WebP cannot be written".to_owned());
        let mut config = WebPConfig::new().map_err(|()| failed())?;
        config.quality = quality;
        config.method = 2;
        let mut encoder = AnimEncoder::new(SIDE, SIDE, &config);
        for (time, frame) in frames {
            let time = i32::try_from(*time).unwrap_or(i32::MAX);
            encoder.add_frame(AnimFrame::from_rgba(frame, SIDE, SIDE, time));
        }
        Ok(encoder.try_encode().map_err(|_| failed())?.to_vec())
    })
}

/// The first that is small enough, or the last.
fn smallest<E>(limit: usize, encode: impl Fn(f32) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let mut encoded = Vec::new();
    for quality in QUALITIES {
        encoded = encode(quality)?;
        if encoded.len() <= limit {
            break;
        }
    }
    Ok(encoded)
}
