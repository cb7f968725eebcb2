//! Files that stand in a text: base64, which is decoded as it comes.

use std::io::Write as _;

use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};

use super::{Error, File, Sink, Source};

/// Base64 with and without padding, as clients write it.
const BASE64: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, BASE64);

/// Characters of base64 that are decoded at once; a multiple of four.
const PIECE: usize = 256 << 10;
/// Bytes of a text by which it is known what it is; what stands before the comma of a `data:` URI is shorter.
const HEAD: usize = 4 << 10;

/// Decodes base64 in pieces of any size. White space is ignored; either alphabet does, but not both.
pub(super) struct Decoder {
    sink: Sink,
    characters: Vec<u8>,
    bytes: Vec<u8>,
    url_safe: Option<bool>,
    /// There was padding: nothing may follow.
    padded: bool,
}

impl Decoder {
    pub(super) fn new(sink: Sink) -> Self {
        Self { sink, characters: Vec::new(), bytes: Vec::new(), url_safe: None, padded: false }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no base64, [`Error::TooLarge`]; nothing may be pushed after it.
    pub(super) fn push(&mut self, text: &[u8]) -> Result<(), Error> {
        let mut rest = text;
        while !rest.is_empty() {
            let (taken, left) = rest.split_at(rest.len().min(PIECE - self.characters.len()));
            for run in taken.split(u8::is_ascii_whitespace) {
                self.characters.extend_from_slice(run);
            }
            rest = left;
            if self.characters.len() == PIECE {
                self.decode()?;
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<(), Error> {
        let refused = || Error::invalid("is not valid base64");
        let Some(last) = self.characters.last() else { return Ok(()) };
        if std::mem::replace(&mut self.padded, *last == b'=') {
            return Err(refused());
        }
        let telling = self.characters.iter().find(|byte| matches!(byte, b'+' | b'/' | b'-' | b'_'));
        if let Some(telling) = telling {
            let url_safe = matches!(telling, b'-' | b'_');
            if *self.url_safe.get_or_insert(url_safe) != url_safe {
                return Err(refused());
            }
        }
        let engine = if self.url_safe == Some(true) { &URL_SAFE } else { &STANDARD };
        self.bytes.clear();
        engine.decode_vec(&self.characters, &mut self.bytes).map_err(|_| refused())?;
        self.sink.write_all(&self.bytes)?;
        self.characters.clear();
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// As [`Decoder::push`].
    pub(super) fn finish(mut self) -> Result<File, Error> {
        self.decode()?;
        Ok(self.sink.finish()?)
    }
}

/// Takes a long text that ought to be a file, in pieces: base64, or a `data:` URI of it. It blocks on the
/// disk.
pub struct Embedding {
    head: Vec<u8>,
    /// The mimetype, once it is known what the text is; or why it is nothing.
    begun: Option<Result<Option<String>, Error>>,
    decoder: Decoder,
    failed: Option<Error>,
}

impl Embedding {
    pub(super) fn new(sink: Sink) -> Self {
        Self { head: Vec::new(), begun: None, decoder: Decoder::new(sink), failed: None }
    }

    /// Takes the next piece. What is wrong is told at the end; until then the rest is only passed over.
    pub fn push(&mut self, text: &[u8]) {
        match &self.begun {
            Some(Ok(_)) => self.decode(text),
            Some(Err(_)) => {}
            None => {
                self.head.extend_from_slice(text);
                if self.head.len() >= HEAD {
                    self.begin();
                }
            }
        }
    }

    fn begin(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.begun = Some(match Source::parse(String::from_utf8_lossy(&head).into_owned()) {
            Ok(Source::Base64 { mimetype, text }) => {
                self.decode(text.as_bytes());
                Ok(mimetype)
            }
            // No address is that long.
            Ok(Source::Url(_) | Source::Decoded { .. }) => Err(Source::refused()),
            Err(error) => Err(error),
        });
    }

    fn decode(&mut self, text: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.decoder.push(text).err();
        }
    }

    /// The file as it was embedded.
    ///
    /// # Errors
    /// As [`Source::parse`]; what is wrong with the base64 itself is told where the file is fetched, as
    /// it is for other texts.
    pub fn finish(mut self) -> Result<Source, Error> {
        if self.begun.is_none() {
            self.begin();
        }
        let mimetype = self.begun.unwrap_or_else(|| Err(Source::refused()))?;
        let file = self.failed.map_or_else(|| self.decoder.finish(), Err);
        Ok(Source::Decoded { mimetype, file })
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn sink(limit: u64) -> Sink {
        Sink::new(&std::env::temp_dir(), limit)
    }

    fn decoded(text: &str, piece: usize) -> Result<Vec<u8>, String> {
        let mut decoder = Decoder::new(sink(4 << 20));
        let pushed = text.as_bytes().chunks(piece).try_for_each(|piece| decoder.push(piece));
        let file = pushed.and_then(|()| decoder.finish()).map_err(|error| error.to_string())?;
        Ok(file.bytes().unwrap().to_vec())
    }

    #[test]
    fn base64_is_decoded_in_pieces_of_any_size() {
        let bytes: Vec<u8> = (0..700_001_u32).map(|at| (at % 251) as u8).collect();
        let lines: Vec<String> = BASE64_STANDARD
            .encode(&bytes)
            .as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let texts =
            [BASE64_STANDARD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes), lines.join("\r\n")];
        for text in &texts {
            for piece in [1_000, 65_537, 10 << 20] {
                assert!(decoded(text, piece).unwrap() == bytes, "in pieces of {piece}");
            }
        }
        assert_eq!(decoded("", 1).unwrap(), b"");
        assert_eq!(decoded("YQ", 1).unwrap(), b"a");
        assert_eq!(decoded("Y Q\n==\t", 1).unwrap(), b"a");
    }

    #[test]
    fn what_is_no_base64_is_refused_wherever_it_is() {
        let long = "A".repeat(PIECE);
        let padded = format!("{}A=", "A".repeat(PIECE - 2));
        assert_eq!(decoded(&format!("{padded}\n"), 999).unwrap().len(), PIECE / 4 * 3 - 1);
        let wrong = [
            "abcde".to_owned(),
            "a".to_owned(),
            format!("{long}é"),
            format!("{long}\0\0\0\0"),
            format!("{padded}AAAA"),
            format!("+/{long}-_"),
        ];
        for text in wrong {
            assert_eq!(decoded(&text, 999), Err("is not valid base64".to_owned()), "{}", text.len());
        }
        let most = decoded(&"A".repeat(8 << 20), 1 << 20);
        assert_eq!(most, Err("is larger than 4194304 bytes".to_owned()));
    }

    fn embedded(text: &str) -> Result<(Option<String>, Result<u64, String>), String> {
        let mut embedding = Embedding::new(sink(1 << 20));
        text.as_bytes().chunks(1000).for_each(|piece| embedding.push(piece));
        match embedding.finish() {
            Ok(Source::Decoded { mimetype, file }) => {
                Ok((mimetype, file.map(|file| file.length()).map_err(|error| error.to_string())))
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_file_in_a_long_text_is_what_it_would_be_in_a_short_one() {
        let text = BASE64_STANDARD.encode(vec![7; 100_000]);
        assert_eq!(embedded(&text), Ok((None, Ok(100_000))));
        let png = Some("image/png".to_owned());
        assert_eq!(embedded(&format!(" data:image/png;base64,{text}")), Ok((png.clone(), Ok(100_000))));
        let broken = Err("is not valid base64".to_owned());
        assert_eq!(embedded(&format!("data:image/png;base64,{text}*")), Ok((png, broken)));
        let large = Err("is larger than 1048576 bytes".to_owned());
        assert_eq!(embedded(&"A".repeat(2 << 20)), Ok((None, large)));
        let refused = Err("must be a URL, base64 or a data: URI".to_owned());
        for wrong in ["http://a.example/", "* no base64 *", "data:image/png,", &"data:".repeat(2_000)] {
            assert_eq!(embedded(&format!("{wrong}{text}")), refused, "{wrong}");
        }
    }
}
