//! What a page says about itself. Only its tags are looked at, in one pass: a tree would be built of whatever
//! a stranger nests, and takes time that grows with the square of it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use crate::net::Url;

/// How long a page is read: a tag of many thousand attributes takes long, too.
const TIME: Duration = Duration::from_millis(250);
/// Bytes that are read at once.
const PIECE: usize = 4 << 10;
/// Longest title and description, in characters.
const LONGEST: (usize, usize) = (300, 1000);

/// Names of `meta` elements, the first that is there counts.
const TITLE: [&str; 2] = ["og:title", "twitter:title"];
const DESCRIPTION: [&str; 3] = ["og:description", "twitter:description", "description"];
const PICTURE: [&str; 3] = ["og:image:secure_url", "og:image", "twitter:image"];

/// What a page says about itself.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    /// Its title.
    pub(super) title: String,
    /// What it is about.
    pub(super) description: Option<String>,
    /// Where its picture is.
    pub(super) picture: Option<Url>,
}

/// Reads a page that came from an address; `None` when it has no title.
pub(super) fn read(page: &str, from: &Url) -> Option<Page> {
    let began = Instant::now();
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let (input, mut rest) = (BufferQueue::default(), page);
    while !rest.is_empty() && !tokenizer.sink.0.borrow().over && began.elapsed() < TIME {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = more;
        input.push_back(StrTendril::from_slice(piece));
        // Nothing here asks for a pause.
        let _ = tokenizer.feed(&input);
    }
    tokenizer.sink.0.into_inner().page(from)
}

#[derive(Default)]
struct Sink(RefCell<Found>);

/// What was found so far.
#[derive(Default)]
struct Found {
    title: String,
    in_title: bool,
    metas: Vec<(&'static str, String)>,
    /// The head is over, and had a title.
    over: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut found = self.0.borrow_mut();
        match token {
            _ if found.over => {}
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return found.begins(&tag),
            Token::TagToken(tag) => found.ends(&tag.name),
            Token::CharacterTokens(text) if found.in_title => found.title.push_str(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Found {
    fn begins(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        match &*tag.name {
            "title" => {
                self.in_title = self.title.is_empty();
                TokenSinkResult::RawData(RawKind::Rcdata)
            }
            "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
            "plaintext" => TokenSinkResult::Plaintext,
            name => {
                match name {
                    "meta" => self.meta(tag),
                    "body" => self.head_ends(),
                    _ => {}
                }
                TokenSinkResult::Continue
            }
        }
    }

    fn ends(&mut self, name: &str) {
        match name {
            "title" => self.in_title = false,
            "head" => self.head_ends(),
            _ => {}
        }
    }

    fn head_ends(&mut self) {
        self.over = !self.title.is_empty() || self.stated(&TITLE).is_some();
    }

    /// Notes an element by its `property` or `name`.
    fn meta(&mut self, tag: &Tag) {
        let attribute = |name: &str| {
            let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
            found.map(|attribute| &*attribute.value)
        };
        let Some(content) = attribute("content").filter(|content| !content.trim().is_empty()) else { return };
        let stated = [attribute("property"), attribute("name")];
        for known in TITLE.into_iter().chain(DESCRIPTION).chain(PICTURE) {
            if stated.contains(&Some(known)) && self.stated(&[known]).is_none() {
                self.metas.push((known, content.to_owned()));
            }
        }
    }

    fn stated(&self, names: &[&str]) -> Option<&str> {
        let of = |name: &&str| self.metas.iter().find(|(known, _)| known == name);
        names.iter().find_map(of).map(|(_, content)| content.as_str())
    }

    fn page(self, from: &Url) -> Option<Page> {
        let title = tidy(self.stated(&TITLE).unwrap_or(&self.title), LONGEST.0)?;
        let description = self.stated(&DESCRIPTION).and_then(|text| tidy(text, LONGEST.1));
        let picture = self.stated(&PICTURE).and_then(|address| from.join(address.trim()).ok());
        Some(Page { title, description, picture })
    }
}

fn tidy(text: &str, longest: usize) -> Option<String> {
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(text.chars().take(longest).collect()).filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> Url {
        Url::parse("https://example.com/a/b").unwrap()
    }

    #[test]
    fn a_page_says_what_it_is() {
        let page = read(
            "<html><head><title>plain</title><meta property='og:title' content=' A &amp;\n B '>\
             <meta name='description' content='about'><meta property='og:image' content='../c.png'>",
            &from(),
        );
        let picture = Some(Url::parse("https://example.com/c.png").unwrap());
        let wanted = Page { title: "A & B".into(), description: Some("about".into()), picture };
        assert_eq!(page, Some(wanted));
        assert_eq!(read("<title>pl&auml;in <b></title>", &from()).unwrap().title, "pläin <b>");
        assert_eq!(read("<p>nothing", &from()), None);
    }

    #[test]
    fn what_only_looks_like_a_tag_is_none() {
        let page = "<head><!-- <title>no</title> --><script>'<title>no</title>'</script>\
                    <style><title>no</title></style><title>yes</title></head><body><title>no</title>";
        assert_eq!(read(page, &from()).unwrap().title, "yes");
        let late = "<head></head><body><svg/><meta property=og:title content=late>";
        assert_eq!(read(late, &from()).unwrap().title, "late");
        let body = "<title>t</title></head><body><meta name=description content=no>";
        assert_eq!(read(body, &from()).unwrap().description, None);
    }

    #[test]
    fn a_page_that_is_made_to_take_long_does_not() {
        let names: String = (0..60_000).map(|n| format!(" a{n:x}")).collect();
        let pages = [
            "<div>".repeat(100_000),
            "<a><b>".repeat(80_000),
            format!("<p{names}>"),
            "<table><tr><td>".repeat(30_000),
            "<!--".repeat(120_000),
            "<script><!--<script>".repeat(25_000),
            "&notit;".repeat(70_000),
        ];
        for page in pages {
            let began = Instant::now();
            assert_eq!(read(&page, &from()), None);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(2), "{}: {took:?}", &page[..10]);
        }
    }
}
