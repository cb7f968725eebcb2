//! Videos, and what `ffprobe` tells of anything that plays.

use std::io::BufReader;

use image::ImageDecoder as _;
use image::codecs::gif::GifDecoder;
use serde::Deserialize;

use super::image::{check_moving, unreadable};
use super::mime::demuxer;
use super::tool::PIXELS;
use super::{Error, Facts, File, Handle};

/// Largest report of `ffprobe`, in bytes.
const REPORT: u64 = 64 << 10;
/// Largest thumbnail, in bytes.
const THUMBNAIL: u64 = 64 << 10;
/// Makes what a program writes depend on nothing but what it reads: a request that is repeated is told from
/// another one by the bytes of its file.
pub(super) const REPEATABLE: &str = "-fflags +bitexact -flags +bitexact";
/// Longest side of a video that is made of a GIF, in pixels.
const SIDE: u32 = 1280;

/// What `ffprobe` reports.
#[derive(Default, Deserialize)]
pub(super) struct Report {
    #[serde(default)]
    format: Format,
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Default, Deserialize)]
struct Format {
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl Report {
    pub(super) fn seconds(&self) -> Option<u32> {
        let seconds: f64 = self.format.duration.as_deref()?.parse().ok()?;
        // The cast saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        (seconds >= 0.0).then_some(seconds.round().max(1.0) as u32)
    }

    pub(super) fn has(&self, what: &str) -> bool {
        self.streams.iter().any(|stream| stream.codec_type.as_deref() == Some(what))
    }

    /// Width and height as they are seen.
    fn dimensions(&self) -> Option<(u32, u32)> {
        let video = self.streams.iter().find(|stream| stream.codec_type.as_deref() == Some("video"))?;
        let mut turned = video.side_data_list.iter().filter_map(|data| data.rotation);
        let turned = turned.next_back().is_some_and(|degrees| degrees.abs() % 180.0 > 45.0);
        let (width, height) = (video.width?, video.height?);
        Some(if turned { (height, width) } else { (width, height) })
    }
}

impl Handle {
    /// What plays in a file; `None` without `ffprobe`, or for a format that it is not trusted with.
    pub(super) async fn probe(&self, file: &File, is: &str) -> Result<Option<Report>, Error> {
        let Some(from) = demuxer(is) else { return Ok(None) };
        let entries =
            "format=duration:stream=codec_type,width,height:stream_side_data=rotation:stream_disposition=";
        let arguments = ["-f", from, "-i", "/dev/stdin", "-show_entries", entries, "-of", "json"];
        let arguments = arguments.map(ToOwned::to_owned).into();
        let Some(report) = self.run("ffprobe", file, arguments, REPORT).await? else { return Ok(None) };
        let report = serde_json::from_slice(&report.bytes()?);
        report.map(Some).map_err(|error| Error::Failed(error.to_string()))
    }

    /// A video with what is shown of it. A GIF becomes a video, because phones show nothing else.
    pub(super) async fn video(
        &self,
        file: File,
        mimetype: String,
        is: &str,
    ) -> Result<(File, String, Facts), Error> {
        if is == "image/gif" {
            let file = self.moving(&file).await?;
            let facts = self.video_facts(&file, "video/mp4").await?;
            return Ok((file, "video/mp4".to_owned(), facts));
        }
        let facts = self.video_facts(&file, is).await?;
        Ok((file, mimetype, facts))
    }

    async fn video_facts(&self, file: &File, is: &str) -> Result<Facts, Error> {
        let Some(report) = self.probe(file, is).await? else { return Ok(Facts::default()) };
        let Some((width, height)) = report.dimensions() else {
            return Err(Error::invalid("is not of the type video: it has no picture"));
        };
        if u64::from(width) * u64::from(height) > PIXELS {
            return Err(Error::Invalid(format!("has {width}x{height} pixels: at most {PIXELS} may move")));
        }
        let thumbnail = self.frame(file, is).await?;
        Ok(Facts {
            width: Some(width),
            height: Some(height),
            seconds: report.seconds(),
            thumbnail,
            ..Facts::default()
        })
    }

    /// The first picture as a small JPEG.
    async fn frame(&self, file: &File, is: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(from) = demuxer(is) else { return Ok(None) };
        let arguments = format!(
            "-f {from} -i /dev/stdin -an -frames:v 1 -vf scale=100:100:force_original_aspect_ratio=decrease \
             -q:v 6 -f mjpeg -y /dev/stdout"
        );
        let frame = self.run("ffmpeg", file, words(&arguments), THUMBNAIL).await?;
        let frame = frame.map(|frame| frame.bytes()).transpose()?;
        Ok(frame.filter(|frame| !frame.is_empty()).map(|frame| frame.to_vec()))
    }

    async fn moving(&self, gif: &File) -> Result<File, Error> {
        let file = gif.clone();
        let (width, height) = self.work(move || fitted(&file)).await?;
        let arguments = format!(
            "-f gif -i /dev/stdin -an -vf scale={width}:{height} -c:v libx264 -threads 2 -preset veryfast \
             -pix_fmt yuv420p {REPEATABLE} -movflags +faststart -f mp4 -y /dev/stdout"
        );
        let video = self.run("ffmpeg", gif, words(&arguments), self.max_bytes()).await?;
        video.ok_or(Error::Unsupported("is a GIF, and cannot be converted: ffmpeg is not installed"))
    }
}

/// The size of the video that is made of a GIF: even, as its format needs it. The GIF's own is refused by
/// what stands at its beginning: each picture of some bytes may be huge.
fn fitted(gif: &File) -> Result<(u32, u32), Error> {
    let decoder = GifDecoder::new(BufReader::new(gif.reader())).map_err(|error| unreadable(&error))?;
    let (width, height) = decoder.dimensions();
    check_moving((width, height))?;
    let longest = width.max(height).max(1);
    let fitted = |side: u32| (side * SIDE.min(longest) / longest / 2 * 2).max(2);
    Ok((fitted(width), fitted(height)))
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}
