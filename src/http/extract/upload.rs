//! A body with a file: JSON that says where it is, or a form that has it as its part `file`.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::{FromRequest, HttpRequest, dev};
use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Map, Value};

use super::{Input, Valid, state};
use crate::http::body::PLAIN;
use crate::http::{Error, State, body};
use crate::media::{self, Fetched};

/// The part of a form that is the file; its field in the body says that there is one.
pub const FILE: &str = "file";
/// Most parts of a form.
const PARTS: usize = 64;
/// Fields of a form that may be JSON.
const JSON: [&str; 4] = ["quoted", "mentioned", "options", "statusJidList"];

/// A body that was read without a complaint, and the file that came with it.
pub struct Upload<T>(pub T, pub Option<Fetched>);

impl<T: Input> FromRequest for Upload<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        async move {
            if !body::is(&request, b"multipart/form-data") {
                return Ok(Self(Valid::of(&body::read(&request, &mut payload, T::FILES).await?)?, None));
            }
            let (object, file) = form(state(&request)?, &request, payload).await?;
            Ok(Self(Valid::of(&Value::Object(object).into())?, file))
        }
        .boxed_local()
    }
}

/// The texts of a form as an object, and its file, which goes to disk as it comes.
async fn form(
    state: &State,
    request: &HttpRequest,
    payload: dev::Payload,
) -> Result<(Map<String, Value>, Option<Fetched>), Error> {
    let mut parts = Multipart::new(request.headers(), payload);
    let (mut texts, mut file, mut count, mut left) = (Vec::new(), None, 0_usize, PLAIN);
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|error| broken(&error))?;
        count += 1;
        if count > PARTS {
            return Err(Error::Invalid(format!("The form has more than {PARTS} parts")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        if name == FILE && file.is_some() {
            return Err(Error::Invalid(format!("The form has more than one part \"{FILE}\"")));
        }
        if name == FILE {
            file = Some(received(state, part).await?);
        } else {
            texts.push((name, text(&mut part, &mut left).await?));
        }
    }
    let mut object = body::object(texts.into_iter());
    for name in JSON {
        let text = object.get(name).and_then(Value::as_str);
        let text = text.filter(|text| text.trim_start().starts_with(['{', '[']));
        let parsed = text.map(|text| body::parsed(text.as_bytes()));
        if parsed == Some(Err(Error::TooLarge)) {
            return Err(Error::TooLarge);
        }
        if let Some(Ok(value @ (Value::Object(_) | Value::Array(_)))) = parsed {
            object.insert(name.to_owned(), value);
        }
    }
    object.remove(FILE);
    if file.is_some() {
        object.insert(FILE.to_owned(), Value::Bool(true));
    }
    Ok((object, file))
}

async fn received(state: &State, mut part: Field) -> Result<Fetched, Error> {
    let name = part.content_disposition().and_then(|shown| shown.get_filename()).map(ToOwned::to_owned);
    let guess = part.content_type().map(ToString::to_string);
    let refused = |error: media::Error| Error::of_media(&error, FILE);
    let mut incoming = state.media.incoming();
    while let Some(piece) = part.next().await {
        incoming = incoming.push(&piece.map_err(|error| broken(&error))?).await.map_err(refused)?;
    }
    Ok(Fetched { file: incoming.finish().await.map_err(refused)?, name, mimetype: None, guess })
}

/// A text of a form, all of which have so many bytes left.
async fn text(part: &mut Field, left: &mut usize) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        *left = left.checked_sub(piece.len()).ok_or(Error::TooLarge)?;
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| Error::Invalid("The form has a text that is not UTF-8".to_owned()))
}

fn broken(error: &MultipartError) -> Error {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => Error::TooLarge,
        _ => Error::Invalid(format!("The form could not be read: {error}")),
    }
}
