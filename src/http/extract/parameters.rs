//! What a request says in its address or in its body.

use actix_web::{FromRequest, HttpRequest, dev};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::Value;

use super::{Input, Query, Valid};
use crate::http::Error;
use crate::http::body::{self, Body};

/// The parameters of a request, and its body.
pub struct Parameters {
    query: Query,
    body: Body,
}

impl Parameters {
    /// A parameter that is not empty: in the address, else as a text, a number or a flag in the body.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let in_body = || match self.body.value.get(name)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            other => Some(other.to_string()),
        };
        self.query.get(name).map(str::to_owned).or_else(in_body)
    }

    /// The body, read.
    ///
    /// # Errors
    /// As [`Valid::of`].
    pub fn body<T: Input>(&self) -> Result<T, Error> {
        Valid::of(&self.body)
    }

    /// Reads a request; a file may stand in fields of the given names, as [`Input::FILES`] has them.
    pub fn read(
        request: &HttpRequest,
        payload: &mut dev::Payload,
        files: &'static [&'static str],
    ) -> LocalBoxFuture<'static, Result<Self, Error>> {
        let (request, mut payload) = (request.clone(), payload.take());
        async move {
            let Ok(query) = Query::extract(&request).await;
            Ok(Self { query, body: body::read(&request, &mut payload, files).await? })
        }
        .boxed_local()
    }
}

impl FromRequest for Parameters {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        Self::read(request, payload, &[])
    }
}
