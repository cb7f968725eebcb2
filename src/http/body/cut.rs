//! Takes the file out of a JSON body while it comes. All that is looked at are the borders of texts; whether
//! it is JSON at all is found out from what is left.

use std::ops::Range;

use super::{Body, Embedded, PLAIN, not_json, parsed};
use crate::http::Error;
use crate::media::{self, Embedding};

/// Longest text in a field of a file that is left where it is, in bytes as written.
pub(super) const LONG: usize = 64 << 10;
/// What stands where a longer one stood, and how JSON has that. Texts of callers may not have its first
/// character.
pub(in crate::http) const CUT: &str = "\0file";
const CUT_AS_JSON: &[u8] = b"\\u0000file";
/// What the parser says of a character that has to be written in another way.
const CONTROL: &str = "control character (\\u0000-\\u001F) found while parsing a string";

/// Takes a JSON body in pieces of any size. It blocks on the disk.
pub(super) struct Cutter {
    fields: &'static [&'static str],
    media: media::Handle,
    limit: usize,
    kept: Vec<u8>,
    /// Where the text that began last is in `kept`, without its quotes.
    last: Range<usize>,
    stage: Stage,
    file: Option<Embedded>,
}

enum Stage {
    Outside,
    /// In a text that stays, so far.
    Text {
        escaped: bool,
        is_file: bool,
    },
    /// In a text that goes to a file.
    Cut(Box<Cut>),
}

impl Cutter {
    /// Fields of these names may have a file; without it, a body has at most [`PLAIN`] bytes, or `limit`.
    pub(super) fn new(fields: &'static [&'static str], media: media::Handle, limit: usize) -> Self {
        let limit = limit.min(PLAIN);
        Self { fields, media, limit, kept: Vec::new(), last: 0..0, stage: Stage::Outside, file: None }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and [`Error::Invalid`] for a text that JSON does not allow.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Error> {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = match &mut self.stage {
                Stage::Outside => self.outside(rest)?,
                Stage::Text { escaped, is_file } => {
                    let (escaped, is_file) = (*escaped, *is_file);
                    self.text(rest, escaped, is_file)?
                }
                Stage::Cut(cut) => {
                    let (taken, ends) = cut.push(rest)?;
                    if ends {
                        self.end()?;
                    }
                    taken
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.keep_within(self.limit, bytes)
    }

    fn keep_within(&mut self, limit: usize, bytes: &[u8]) -> Result<(), Error> {
        if self.kept.len() + bytes.len() > limit {
            return Err(Error::TooLarge);
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    fn outside(&mut self, rest: &[u8]) -> Result<usize, Error> {
        let quote = rest.iter().position(|byte| *byte == b'"');
        let (before, taken) = quote.map_or((rest.len(), rest.len()), |at| (at, at + 1));
        self.keep(rest.get(..before).unwrap_or_default())?;
        if quote.is_some() {
            let is_file = self.file.is_none() && self.is_in_field_of_file();
            self.keep(b"\"")?;
            self.last = self.kept.len()..self.kept.len();
            self.stage = Stage::Text { escaped: false, is_file };
        }
        Ok(taken)
    }

    /// Whether what begins now is the value of such a field: before it stand the name and a colon.
    fn is_in_field_of_file(&self) -> bool {
        let Some(before) = self.kept.trim_ascii_end().strip_suffix(b":") else { return false };
        let follows_text = before.trim_ascii_end().len() == self.last.end + 1;
        let name = self.kept.get(self.last.clone()).unwrap_or_default();
        follows_text && self.fields.iter().any(|field| field.as_bytes() == name)
    }

    fn text(&mut self, rest: &[u8], mut escaped: bool, is_file: bool) -> Result<usize, Error> {
        // By its length it is known that it is a file: until then it is not looked at further.
        let length = self.kept.len() - self.last.start;
        let room = if is_file { (LONG + 1).saturating_sub(length).max(1) } else { rest.len() };
        let mut ends = false;
        let end = rest.iter().take(room).position(|byte| {
            ends = !escaped && *byte == b'"';
            escaped = !escaped && *byte == b'\\';
            ends
        });
        let taken = end.map_or(rest.len().min(room), |at| at + 1);
        // What may become a file is not counted until it is known that it does not.
        let slack = if is_file && !ends { LONG + 1 } else { 0 };
        self.keep_within(self.limit + slack, rest.get(..taken).unwrap_or_default())?;
        self.stage = if ends {
            self.last.end = self.kept.len() - 1;
            Stage::Outside
        } else if is_file && self.kept.len() - self.last.start > LONG {
            let mut cut = Cut { escape: None, embedding: self.media.embedding() };
            cut.push(&self.kept.split_off(self.last.start))?;
            Stage::Cut(Box::new(cut))
        } else {
            Stage::Text { escaped, is_file }
        };
        Ok(taken)
    }

    fn end(&mut self) -> Result<(), Error> {
        if let Stage::Cut(cut) = std::mem::replace(&mut self.stage, Stage::Outside) {
            self.file = Some(cut.embedding.finish());
        }
        self.keep(CUT_AS_JSON)?;
        self.last.end = self.kept.len();
        self.keep(b"\"")
    }

    /// The body, once all of it came.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no JSON, [`Error::TooLarge`].
    pub(super) fn finish(self) -> Result<Body, Error> {
        Ok(Body { value: parsed(&self.kept)?, file: self.file })
    }
}

/// A text of JSON on its way into a file.
struct Cut {
    /// What came of an escaped character, without its backslash.
    escape: Option<Vec<u8>>,
    embedding: Embedding,
}

impl Cut {
    /// Takes the text as it is written; how much of the piece, and whether it ended.
    fn push(&mut self, piece: &[u8]) -> Result<(usize, bool), Error> {
        let mut at = 0;
        while let Some((first, run)) = piece.get(at..).and_then(|rest| Some((rest.first()?, rest))) {
            if let Some(escape) = &mut self.escape {
                escape.push(*first);
                at += 1;
                if let Some(meant) = meant(escape)? {
                    self.embedding.push(&[meant]);
                    self.escape = None;
                }
                continue;
            }
            let plain = run.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
            self.embedding.push(run.get(..plain.unwrap_or(run.len())).unwrap_or_default());
            at += plain.map_or(run.len(), |plain| plain + 1);
            match plain.and_then(|plain| run.get(plain)) {
                Some(b'"') => return Ok((at, true)),
                Some(b'\\') => self.escape = Some(Vec::new()),
                Some(_) => return Err(not_json(&CONTROL)),
                None => {}
            }
        }
        Ok((at, false))
    }
}

/// The character that is written as this behind a backslash; `None` while more has to come. What is not
/// ASCII is no part of base64: any byte that is none either does for it.
fn meant(escape: &[u8]) -> Result<Option<u8>, Error> {
    let wrong = || not_json(&"invalid escape");
    Ok(Some(match escape {
        [b'u', digits @ ..] if digits.len() < 4 => return Ok(None),
        [b'u', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit) => {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            let code = u8::from_str_radix(digits, 16).ok();
            code.filter(u8::is_ascii).unwrap_or(u8::MAX)
        }
        [b'n'] => b'\n',
        [b'r'] => b'\r',
        [b't'] => b'\t',
        [b'b' | b'f'] => b' ',
        [same @ (b'"' | b'\\' | b'/')] => *same,
        _ => return Err(wrong()),
    }))
}
