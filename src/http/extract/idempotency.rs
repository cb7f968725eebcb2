//! The caller's own name of a request.

use std::future::{Ready, ready};

use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest, dev};

use crate::http::Error;

static HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The width of the database column.
const LONGEST: usize = 255;

/// `Idempotency-Key`, when there is one.
pub struct IdempotencyKey(pub Option<String>);

impl FromRequest for IdempotencyKey {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let Some(value) = request.headers().get(&HEADER) else { return ready(Ok(Self(None))) };
        let bytes = value.as_bytes();
        let valid = (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        ready(match std::str::from_utf8(bytes) {
            Ok(key) if valid => Ok(Self(Some(key.to_owned()))),
            _ => Err(Error::Invalid(format!(
                "Idempotency-Key must be 1 to {LONGEST} visible ASCII characters"
            ))),
        })
    }
}
