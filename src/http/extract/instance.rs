//! The instance that the path names.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::ops::Deref;
use std::time::Duration;

use actix_web::{FromRequest, HttpRequest, dev};

use super::key::{caller, state};
use crate::auth::{self, Denied};
use crate::http::{Error, path};
use crate::instance::{self, Handle, Working};

/// How long a request waits for the connection of an instance that was just taken over.
const RESUMPTION: Duration = Duration::from_secs(8);

/// A mark of resources whose every request is charged to the rate of its instance.
pub struct Charged;

/// An instance of this node that the caller may use. The path names it; nothing else does.
pub struct LocalInstance {
    handle: Handle,
}

impl LocalInstance {
    /// What became of work for this instance.
    pub fn explain(&self, error: impl Into<instance::Error>) -> Error {
        Error::of_instance(error.into(), self.handle.name().as_str())
    }

    /// Leave to work with the connection; one that moved here a moment ago is waited for.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Unavailable`].
    pub async fn work(&self) -> Result<Working, Error> {
        self.handle.enter_soon(RESUMPTION).await.map_err(|error| self.explain(error))
    }
}

impl Deref for LocalInstance {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

fn named(request: &HttpRequest) -> Result<LocalInstance, Error> {
    let state = state(request)?;
    let caller = caller(request, state)?;
    let name: Cow<'_, str> = path::decoded(request.match_info().get("instance").unwrap_or_default());
    let found = state.registry.by_name(&name);
    let allowed = auth::over_instance(caller, found.as_ref().map(Handle::id));
    match (allowed, found) {
        (Ok(_), Some(handle)) => {
            // After the key, so that strangers use up nothing of it.
            if request.app_data::<Charged>().is_some() {
                state.rates.charge(handle.id()).map_err(Error::TooMany)?;
            }
            Ok(LocalInstance { handle })
        }
        (Err(Denied::Absent), _) if !state.registry.is_loaded() => Err(Error::Unavailable),
        (Err(Denied::Forbidden), _) if state.is_evolution() => Err(Error::Unauthorized),
        (Err(denied), _) => Err(Error::denied(denied, &name)),
        (Ok(_), None) => Err(Error::Internal),
    }
}

impl FromRequest for LocalInstance {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(named(request))
    }
}
