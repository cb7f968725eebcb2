//! Whether what plays is all there. Players and `ffprobe` make do with a part, and a contact would get one
//! that stops in the middle: formats that say how long they are, are held to it. One that does not say, as
//! what was recorded live, is taken as it is.

use super::{Error, File};

/// Boxes that are walked over. Each piece of a film that was recorded live has two.
const BOXES: usize = 100_000;
/// Bytes at the end in which the last page of an OGG begins; a page has at most 65 307.
const LAST_PAGE: u64 = 64 << 10;
/// Bytes that may be missing at the end of an MP3, and of a WAV or an AVI: writers do not agree on what they
/// count.
const SLACK: (u64, u64) = (4 << 10, 16);

/// Refuses a file that was cut off.
pub(super) fn check(file: &File, is: &str) -> Result<(), Error> {
    let end = match is {
        "video/mp4" | "video/quicktime" | "video/3gpp" | "video/x-m4v" | "audio/mp4" => boxes(file)?,
        "audio/wav" | "video/x-msvideo" => riff(file)?,
        "audio/ogg" | "video/ogg" => page(file)?,
        "audio/mpeg" => frames(file)?,
        "video/webm" | "video/x-matroska" => segment(file)?,
        _ => None,
    };
    match end {
        Some(end) if end > file.length() => Err(Error::invalid("is cut off: its end is missing")),
        _ => Ok(()),
    }
}

/// So many bytes from a place on, as far as they are there.
fn bytes<const N: usize>(file: &File, at: u64) -> Result<Option<[u8; N]>, Error> {
    Ok(file.part(at, N as u64)?.try_into().ok())
}

/// MP4 and its relatives (ISO/IEC 14496-12): where the last of the outer boxes ends.
fn boxes(file: &File) -> Result<Option<u64>, Error> {
    let mut at = 0_u64;
    for _ in 0..BOXES {
        let Some(head) = bytes::<8>(file, at)? else { return Ok(None) };
        let [a, b, c, d, ..] = head;
        let (size, least) = match u32::from_be_bytes([a, b, c, d]) {
            // It has the rest.
            0 => return Ok(None),
            1 => match bytes::<8>(file, at.saturating_add(8))? {
                Some(size) => (u64::from_be_bytes(size), 16),
                None => return Ok(Some(u64::MAX)),
            },
            size => (u64::from(size), 8),
        };
        let end = at.saturating_add(size);
        if size < least || end >= file.length() {
            return Ok(Some(end).filter(|_| size >= least));
        }
        at = end;
    }
    Ok(None)
}

/// WAV and AVI: a chunk of a stated length, which is none when the writer could not go back to note it.
fn riff(file: &File) -> Result<Option<u64>, Error> {
    let size = bytes::<4>(file, 4)?.map(u32::from_le_bytes);
    let size = size.filter(|size| (1..0x7fff_f000).contains(size));
    Ok(size.map(|size| (u64::from(size) + 8).saturating_sub(SLACK.1)))
}

/// OGG (RFC 3533): where the last page ends.
fn page(file: &File) -> Result<Option<u64>, Error> {
    let tail = file.tail(LAST_PAGE)?;
    let starts = |window: &[u8]| window == b"OggS\0";
    let Some(last) = tail.windows(5).rposition(starts) else { return Ok(None) };
    let rest = tail.get(last..).unwrap_or_default();
    let Some(segments) = rest.get(26) else { return Ok(Some(u64::MAX)) };
    let Some(table) = rest.get(27..27 + usize::from(*segments)) else { return Ok(Some(u64::MAX)) };
    let length = 27 + table.len() as u64 + table.iter().map(|segment| u64::from(*segment)).sum::<u64>();
    Ok(Some(file.length() - rest.len() as u64 + length))
}

/// MP3: where the last frame ends, when the first one tells how long all of them are (as LAME and others
/// write it).
fn frames(file: &File) -> Result<Option<u64>, Error> {
    let start = match bytes::<10>(file, 0)? {
        Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) => {
            let size = [a, b, c, d].iter().fold(0_u64, |size, byte| (size << 7) | u64::from(byte & 0x7f));
            size + if flags & 0x10 > 0 { 20 } else { 10 }
        }
        _ => 0,
    };
    let Some([0xff, version, _, mode]) = bytes::<4>(file, start)? else { return Ok(None) };
    let (first, mono) = (version & 0x18 == 0x18, mode & 0xc0 == 0xc0);
    let side = match (first, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let Some(told) = bytes::<16>(file, start + 4 + side)? else { return Ok(None) };
    let [name @ .., _, _, _, flags, a, b, c, d, e, f, g, h] = told;
    let length = match (&name, flags & 3) {
        (b"Xing" | b"Info", 3) => u32::from_be_bytes([e, f, g, h]),
        (b"Xing" | b"Info", 2) => u32::from_be_bytes([a, b, c, d]),
        _ => return Ok(None),
    };
    Ok(Some((start + u64::from(length)).saturating_sub(SLACK.0)))
}

/// WebM and Matroska (RFC 8794): where the segment ends, unless its length is unknown.
fn segment(file: &File) -> Result<Option<u64>, Error> {
    let Some(header) = length(file, 4)? else { return Ok(None) };
    let at = header.0.saturating_add(header.1);
    if bytes::<4>(file, at)? != Some([0x18, 0x53, 0x80, 0x67]) {
        return Ok(None);
    }
    Ok(length(file, at + 4)?.map(|(from, length)| from.saturating_add(length)))
}

/// A length of variable size: where it ends, and what it is; none when it is unknown.
fn length(file: &File, at: u64) -> Result<Option<(u64, u64)>, Error> {
    let Some([first]) = bytes::<1>(file, at)? else { return Ok(None) };
    let more = u64::from(first.leading_zeros());
    let rest = file.part(at + 1, more)?;
    if more > 7 || rest.len() as u64 != more {
        return Ok(None);
    }
    let known = u64::from(first) & (0x7f >> more);
    let length = rest.iter().fold(known, |length, byte| (length << 8) | u64::from(*byte));
    let unknown = length == (1 << (7 * (more + 1))) - 1;
    Ok((!unknown).then_some((at + 1 + more, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refused without its last part, and not with it.
    fn is_held_to_its_length(is: &str, whole: &[u8], cut: usize) {
        check(&File::new(whole.to_vec()), is).unwrap();
        let cut = File::new(whole[..whole.len() - cut].to_vec());
        assert!(check(&cut, is).unwrap_err().to_string().contains("cut off"), "{is}");
    }

    #[test]
    fn formats_that_say_how_long_they_are_are_held_to_it() {
        let mp4 = [b"\0\0\0\x10ftypisom\0\0\0\0".as_slice(), b"\0\0\0\x0cmdatABCD"].concat();
        is_held_to_its_length("video/mp4", &mp4, 1);
        is_held_to_its_length("video/mp4", &mp4, 4);
        let large = [b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14ABCD".as_slice(), b"\0\0\0\x08free"].concat();
        is_held_to_its_length("video/quicktime", &large, 9);
        is_held_to_its_length("video/quicktime", &large, 20);
        let wav = [b"RIFF\x64\0\0\0WAVEfmt ".as_slice(), &[0; 92]].concat();
        is_held_to_its_length("audio/wav", &wav, 50);
        let page = |body: &[u8]| {
            let mut page = b"OggS\0\x02".to_vec();
            page.extend([0; 20]);
            page.extend([1, u8::try_from(body.len()).unwrap()]);
            page.extend(body);
            page
        };
        let ogg = [page(b"first"), page(b"the last one")].concat();
        for cut in [1, 12, 13] {
            is_held_to_its_length("audio/ogg", &ogg, cut);
        }
        let mut mp3 = b"ID3\x04\0\0\0\0\0\x03abc\xff\xfb\x90\xc0".to_vec();
        mp3.extend([0; 17]);
        mp3.extend(b"Info\0\0\0\x03\0\0\0\x09\0\0\x40\0");
        mp3.resize(13 + 0x4000, 0);
        is_held_to_its_length("audio/mpeg", &mp3, 0x2000);
        let webm = [b"\x1a\x45\xdf\xa3\x81x".as_slice(), b"\x18\x53\x80\x67\x40\x05abcde"].concat();
        is_held_to_its_length("video/webm", &webm, 1);
    }

    #[test]
    fn what_does_not_say_how_long_it_is_is_taken_as_it_is() {
        for (is, bytes) in [
            ("video/mp4", b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat".as_slice()),
            ("video/mp4", b"\0\0\0\x08free\0\0\0"),
            ("audio/wav", b"RIFF\xff\xff\xff\xffWAVE"),
            ("audio/wav", b"RIFF"),
            ("audio/mpeg", b"\xff\xfb\x90\xc0"),
            ("audio/mpeg", b""),
            ("audio/ogg", b"nothing"),
            ("video/webm", b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xffabc"),
            ("video/webm", b"\x1a\x45\xdf\xa3\0"),
            ("audio/amr", b"#!AMR"),
        ] {
            assert!(check(&File::new(bytes.to_vec()), is).is_ok(), "{is} {bytes:?}");
        }
    }
}
