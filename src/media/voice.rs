//! Audio, and voice notes: Opus in OGG, with a picture of how loud it is.

use std::io::{BufReader, Read as _};

use super::mime::demuxer;
use super::video::{REPEATABLE, words};
use super::{Error, Facts, File, Handle, ogg};

/// What WhatsApp calls a voice note.
const OPUS: &str = "audio/ogg; codecs=opus";
/// Samples of a waveform.
const SAMPLES: usize = 64;
/// Sound that a waveform is made of: samples per second, of two bytes each.
const RATE: u64 = 4000;
/// The longest sound whose waveform is made, in seconds.
const LONGEST: u64 = 2 * 60 * 60;

impl Handle {
    /// A voice note of any audio. What is Opus already stays as it is.
    pub(super) async fn voice(
        &self,
        file: File,
        mimetype: String,
        is: &str,
        as_is: bool,
    ) -> Result<(File, String, Facts), Error> {
        if as_is || ogg::is_opus(&file)? {
            let mimetype = if ogg::is_opus(&file)? { OPUS.to_owned() } else { mimetype };
            let facts = self.audio_facts(&file, is, true).await?;
            return Ok((file, mimetype, facts));
        }
        let note = match &self.0.options.converter {
            Some(converter) => self.converted(converter, &file).await?,
            None => self.opus(&file, is).await?,
        };
        let facts = self.audio_facts(&note, "audio/ogg", true).await?;
        Ok((note, OPUS.to_owned(), facts))
    }

    async fn opus(&self, file: &File, is: &str) -> Result<File, Error> {
        let from = demuxer(is).ok_or_else(|| Error::Invalid(format!("cannot be converted from {is}")))?;
        let arguments = format!(
            "-f {from} -i /dev/stdin -map 0:a:0 -map_metadata -1 -ac 1 -ar 48000 -c:a libopus -b:a 48k \
             -application voip {REPEATABLE} -f ogg -y /dev/stdout"
        );
        let note = self.run("ffmpeg", file, words(&arguments), self.max_bytes()).await?;
        note.ok_or(Error::Unsupported(
            "cannot be converted to a voice note: neither ffmpeg nor a converter is installed",
        ))
    }

    /// How long audio is, and how loud where. Without `ffprobe` only what its own pages tell.
    pub(super) async fn audio_facts(&self, file: &File, is: &str, waveform: bool) -> Result<Facts, Error> {
        let Some(report) = self.probe(file, is).await? else {
            return Ok(Facts { seconds: ogg::seconds(file)?, ..Facts::default() });
        };
        if !report.has("audio") {
            return Err(Error::invalid("is not of the type audio: it has no sound"));
        }
        let waveform = if waveform { self.waveform(file, is).await? } else { None };
        Ok(Facts { seconds: report.seconds(), waveform, ..Facts::default() })
    }

    async fn waveform(&self, file: &File, is: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(from) = demuxer(is) else { return Ok(None) };
        let arguments = format!(
            "-f {from} -i /dev/stdin -t {LONGEST} -map 0:a:0 -ac 1 -ar {RATE} -f s16le -y /dev/stdout"
        );
        let limit = (LONGEST + 60) * RATE * 2;
        match self.run("ffmpeg", file, words(&arguments), limit).await? {
            Some(sound) => self.work(move || loudness(&sound).map(Some)).await,
            None => Ok(None),
        }
    }
}

/// The mean loudness of each part of a sound, of 0 to 100 where 100 is the loudest part.
fn loudness(sound: &File) -> Result<Vec<u8>, Error> {
    let samples = usize::try_from(sound.length() / 2).unwrap_or(usize::MAX).max(1);
    let mut sums = [(0_u64, 0_u64); SAMPLES];
    let mut reader = BufReader::new(sound.reader());
    let mut sample = [0_u8; 2];
    for at in 0..samples {
        if reader.read_exact(&mut sample).is_err() {
            break;
        }
        let part = &mut sums[(at * SAMPLES / samples).min(SAMPLES - 1)];
        part.0 += u64::from(i16::from_le_bytes(sample).unsigned_abs());
        part.1 += 1;
    }
    let means = sums.map(|(sum, count)| sum / count.max(1));
    let loudest = means.iter().copied().max().unwrap_or_default().max(1);
    Ok(means.iter().map(|mean| u8::try_from(mean * 100 / loudest).unwrap_or(100)).collect())
}
