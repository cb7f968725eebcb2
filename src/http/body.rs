//! Bodies as JSON, whatever the client calls them.

use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest as _, HttpRequest, dev, web};
use serde_json::{Map, Value};

use super::Error;

/// The whole body as JSON: an empty one is `{}`, a form becomes an object of texts, and everything
/// else is read as JSON whatever the content type says.
pub(super) async fn value(request: &HttpRequest, payload: &mut dev::Payload) -> Result<Value, Error> {
    let bytes = web::Bytes::from_request(request, payload).await.map_err(|error| {
        match error.as_error::<PayloadError>() {
            Some(PayloadError::Overflow) => Error::TooLarge,
            _ if error.as_response_error().status_code().as_u16() == 413 => Error::TooLarge,
            _ => Error::Invalid("The body could not be read".to_owned()),
        }
    })?;
    let trimmed = bytes.trim_ascii();
    if trimmed.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if is_form(request) && !trimmed.starts_with(b"{") {
        return Ok(Value::Object(form(trimmed)));
    }
    serde_json::from_slice(trimmed)
        .map_err(|error| Error::Invalid(format!("The body is not valid JSON: {error}")))
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
fn form(text: &[u8]) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(text);
    object(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
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
        let form = super::form(b"instanceName=a+b&webhook[url]=http%3A%2F%2Fx&events[]=A&events[1]=B");
        let wanted = json!({"instanceName": "a b", "webhook": {"url": "http://x"}, "events": ["A", "B"]});
        assert_eq!(serde_json::Value::Object(form), wanted);
    }
}
