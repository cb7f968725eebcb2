//! A valid body.

use actix_web::{FromRequest, HttpRequest, dev};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::Error;
use crate::http::body::{self, Body};
use crate::http::fields::{Fields, Problems};

/// What a body can be read into.
pub trait Input: Sized + ToSchema + 'static {
    /// Names of fields that may have a file in base64, which may be large; [`Fields::source`] reads them.
    const FILES: &'static [&'static str] = &[];

    /// Reads the fields; what is missing or wrong is reported to them, all of it. `None` only
    /// after a report.
    fn read(fields: &Fields<'_>) -> Option<Self>;
}

/// A body that was read without a complaint.
pub struct Valid<T>(pub T);

impl<T: Input> Valid<T> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::Schema`] with everything that is missing or wrong.
    pub fn of(body: &Body) -> Result<T, Error> {
        let Value::Object(object) = &body.value else {
            return Err(Error::Schema(vec!["instance is not of a type(s) object".to_owned()]));
        };
        let problems = Problems::default();
        let read = T::read(&Fields::root(object, body.file.as_ref(), &problems));
        match (read, problems.into_inner()) {
            (Some(read), problems) if problems.is_empty() => Ok(read),
            (None, problems) if problems.is_empty() => {
                Err(Error::Invalid("The body is not valid".to_owned()))
            }
            (_, problems) => Err(Error::Schema(problems)),
        }
    }
}

impl<T: Input> FromRequest for Valid<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        async move { Self::of(&body::read(&request, &mut payload, T::FILES).await?).map(Self) }.boxed_local()
    }
}
