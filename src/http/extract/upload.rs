//! A body with a file: JSON that says where it is, or a form that has it as its part `file`.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::{FromRequest, HttpRequest, dev};
use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Map, Value};

use super::key::state;
use super::{Input, Valid};
use crate::http::{Error, State, body};
use crate::media::{self, Fetched};

/// The part of a form that is the file; its field in the body says that there is one.
pub const FILE: &str = "file";
/// Most parts of a form.
const PARTS: usize = 64;
/// Largest text of a form, in bytes.
const TEXT: usize = 1 << 20;
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
                return Ok(Self(Valid::of(&body::value(&request, &mut payload).await?)?, None));
            }
            let (object, file) = form(state(&request)?, &request, payload).await?;
            Ok(Self(Valid::of(&Value::Object(object))?, file))
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
    let (mut texts, mut file, mut count) = (Vec::new(), None, 0_usize);
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
            texts.push((name, text(&mut part).await?));
        }
    }
    let mut object = body::object(texts.into_iter());
    for name in JSON {
        let parsed = object.get(name).and_then(Value::as_str).map(serde_json::from_str::<Value>);
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

async fn text(part: &mut Field) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| broken(&error))?);
        if bytes.len() > TEXT {
            return Err(Error::TooLarge);
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::Invalid("The form has a text that is not UTF-8".to_owned()))
}

fn broken(error: &MultipartError) -> Error {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => Error::TooLarge,
        _ => Error::Invalid(format!("The form could not be read: {error}")),
    }
}
