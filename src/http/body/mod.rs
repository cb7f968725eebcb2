//! Bodies as JSON, whatever the client calls them. A file in base64 is never held in memory: it goes to disk
//! as it comes, and the rest of a body is small.

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, dev, web};
use futures::StreamExt as _;
use serde_json::{Map, Value};

use self::cut::{Cutter, LONG};
use super::Error;
use super::extract::state;
use crate::media;

mod cut;

pub(super) use self::cut::CUT;

/// Largest body, apart from its file, in bytes.
pub(super) const PLAIN: usize = 2 << 20;
/// Bytes that are collected before they are worked on.
const PIECE: usize = 256 << 10;
/// Most values that a body may be made of, as [`is_heavy`] counts them.
const WEIGHT: usize = 1 << 17;
/// How deep lists and objects may be in each other; the parser has the same limit.
const DEEPEST: usize = 128;
/// Most fields of a form; Evolution API has the same limit.
const FIELDS: usize = 1000;

/// A file that stood in a field, or why it is none.
pub(super) type Embedded = Result<media::Source, media::Error>;

/// A body that was read.
pub(super) struct Body {
    /// What it says; [`CUT`] stands where a file stood.
    pub(super) value: Value,
    /// The file.
    pub(super) file: Option<Embedded>,
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self { value, file: None }
    }
}

/// The whole body as JSON: an empty one is `{}`, a form becomes an object of texts, and everything
/// else is read as JSON whatever the content type says. A file may stand in fields of the given names.
///
/// # Errors
/// [`Error::TooLarge`]: without its file, a body has at most [`PLAIN`] bytes. [`Error::Invalid`].
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut dev::Payload,
    files: &'static [&'static str],
) -> Result<Body, Error> {
    let state = state(request)?;
    let limit = if files.is_empty() { state.body_bytes.min(PLAIN) } else { state.body_bytes };
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limit as u64) {
        return Err(Error::TooLarge);
    }
    let mut pieces = Pieces { payload, left: limit };
    let mut bytes = Vec::new();
    let mut is_more = pieces.collect(&mut bytes, LONG).await?;
    if is_form(request) && !bytes.trim_ascii_start().starts_with(b"{") {
        pieces.left = pieces.left.min(PLAIN.saturating_sub(bytes.len()));
        pieces.collect(&mut bytes, usize::MAX).await?;
        return Ok(Value::Object(form(bytes.trim_ascii())?).into());
    }
    if !is_more && bytes.len() <= LONG {
        return parsed(&bytes).map(Body::from);
    }
    let mut cutter = Cutter::new(files, state.media.clone(), limit);
    loop {
        (cutter, bytes) = apart(move || {
            cutter.push(&bytes)?;
            bytes.clear();
            Ok((cutter, bytes))
        })
        .await?;
        if !is_more {
            return apart(move || cutter.finish()).await;
        }
        is_more = pieces.collect(&mut bytes, PIECE).await?;
    }
}

/// Does what would hold up the requests of others.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    web::block(work).await.map_err(|error| Error::internal(&error))?
}

/// A body on its way.
struct Pieces<'a> {
    payload: &'a mut dev::Payload,
    /// Bytes that may still come.
    left: usize,
}

impl Pieces<'_> {
    /// Collects until there is enough, or nothing more; whether there may be more.
    async fn collect(&mut self, bytes: &mut Vec<u8>, enough: usize) -> Result<bool, Error> {
        while bytes.len() < enough {
            let Some(piece) = self.payload.next().await else { return Ok(false) };
            let piece = piece.map_err(|error| match error {
                PayloadError::Overflow => Error::TooLarge,
                _ => Error::Invalid("The body could not be read".to_owned()),
            })?;
            self.left = self.left.checked_sub(piece.len()).ok_or(Error::TooLarge)?;
            bytes.extend_from_slice(&piece);
        }
        Ok(true)
    }
}

/// JSON that is small as a tree of values too; nothing is `{}`.
///
/// # Errors
/// As [`read`].
pub(super) fn parsed(json: &[u8]) -> Result<Value, Error> {
    if json.trim_ascii().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if is_heavy(json) {
        return Err(Error::TooLarge);
    }
    serde_json::from_slice(json).map_err(|error| not_json(&error))
}

fn not_json(error: &dyn std::fmt::Display) -> Error {
    Error::Invalid(format!("The body is not valid JSON: {error}"))
}

/// Whether JSON takes too much memory as a tree of values: an object takes as much as some 16 others, whatever
/// is in it. Without this, two megabytes of `{"":0},` would be two hundred.
fn is_heavy(json: &[u8]) -> bool {
    let (mut in_text, mut escaped, mut depth, mut weight) = (false, false, 0_usize, 0);
    for byte in json {
        match byte {
            b'\\' if in_text => escaped = !escaped,
            b'"' if !escaped => in_text = !in_text,
            _ if in_text => escaped = false,
            b'{' => (depth, weight) = (depth + 1, weight + 16),
            b'[' => (depth, weight) = (depth + 1, weight + 1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => weight += 1,
            _ => {}
        }
        if weight > WEIGHT || depth > DEEPEST {
            // What is too deep is refused by that name, where it gets too deep.
            return depth <= DEEPEST;
        }
    }
    false
}

fn is_form(request: &HttpRequest) -> bool {
    is(request, b"application/x-www-form-urlencoded")
}

/// Whether the client says that the body is of a type.
pub(super) fn is(request: &HttpRequest, wanted: &[u8]) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map_or(b"".as_slice(), |value| value.as_bytes());
    kind.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
}

/// `a=1&b[c]=2&d[]=3` as an object with one level of objects and lists.
fn form(text: &[u8]) -> Result<Map<String, Value>, Error> {
    let pairs = url::form_urlencoded::parse(text);
    if pairs.clone().nth(FIELDS).is_some() {
        return Err(Error::TooLarge);
    }
    Ok(object(pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))))
}

/// The fields of a form as an object with one level of objects and lists.
pub(super) fn object(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value);
        let inner = name.strip_suffix(']').and_then(|name| name.split_once('['));
        match inner {
            Some((outer, at)) if at.bytes().all(|b| b.is_ascii_digit()) => {
                let list = object.entry(outer).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(items) = list {
                    items.push(value);
                }
            }
            Some((outer, inner)) => {
                let entry = object.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(fields) = entry {
                    fields.insert(inner.to_owned(), value);
                }
            }
            None => {
                object.insert(name, value);
            }
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_form_is_an_object_with_one_level_below() {
        let form =
            super::form(b"instanceName=a+b&webhook[url]=http%3A%2F%2Fx&events[]=A&events[1]=B").unwrap();
        let wanted = json!({"instanceName": "a b", "webhook": {"url": "http://x"}, "events": ["A", "B"]});
        assert_eq!(serde_json::Value::Object(form), wanted);
    }
}
