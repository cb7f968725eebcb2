//! As much of OGG as is needed without any other program: whether it holds Opus, and how long it is
//! (RFC 3533 and RFC 7845).

use super::{Error, File};

/// Bytes at the end in which the last page begins; a page has at most 65 307.
const LAST_PAGE: u64 = 64 << 10;
/// Samples of Opus per second, whatever it was made from.
const RATE: u64 = 48_000;

/// Whether the first page is the head of an Opus stream.
pub(super) fn is_opus(file: &File) -> Result<bool, Error> {
    let head = file.head(64)?;
    Ok(head.starts_with(b"OggS") && head.get(28..36) == Some(b"OpusHead".as_slice()))
}

/// How long it is, rounded: the position of the last page, without what players skip at the start.
pub(super) fn seconds(file: &File) -> Result<Option<u32>, Error> {
    if !is_opus(file)? {
        return Ok(None);
    }
    let tail = file.tail(LAST_PAGE)?;
    let last = tail.windows(4).rposition(|window| window == b"OggS");
    let position = last.and_then(|at| tail.get(at + 6..at + 14)).and_then(|bytes| bytes.try_into().ok());
    let samples = position.map(u64::from_le_bytes).filter(|samples| *samples != u64::MAX);
    let skipped =
        file.head(40)?.get(38..).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes);
    let samples = samples.map(|samples| samples.saturating_sub(u64::from(skipped)));
    Ok(samples.and_then(|samples| u32::try_from((samples.saturating_add(RATE / 2) / RATE).max(1)).ok()))
}
