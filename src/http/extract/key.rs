//! Who calls.

use std::future::{Ready, ready};

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest, dev, web};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::auth::{self, Principal};
use crate::cluster::SECRET_HEADER;
use crate::http::{Error, State};

/// The header of the key; header names have no letter case.
static APIKEY: HeaderName = HeaderName::from_static("apikey");

/// The holder of the global key.
pub struct GlobalKey(());

/// Anybody with a key that somebody has.
pub struct AnyKey(pub Principal);

/// What the node shares with its handlers.
pub(in crate::http) fn state(request: &HttpRequest) -> Result<&State, Error> {
    request.app_data::<web::Data<State>>().map(|data| &***data).ok_or(Error::Internal)
}

/// The key that a request carries.
pub(in crate::http) fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get(&APIKEY) {
        return Some(key.as_bytes()).filter(|key| !key.is_empty());
    }
    let (scheme, key) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    Some(key.trim_ascii()).filter(|key| scheme.eq_ignore_ascii_case(b"bearer ") && !key.is_empty())
}

/// Who the key of a request belongs to; `None` for no key and for one that nobody has.
///
/// # Errors
/// [`Error::Unavailable`] for an unknown key while instances are being loaded: it may be the token
/// of one of them.
pub(super) fn caller(request: &HttpRequest, state: &State) -> Result<Option<Principal>, Error> {
    let Some(key) = presented(request.headers()) else { return Ok(None) };
    let hash = auth::hash(key);
    if state.keys.is_global(&hash) {
        return Ok(Some(Principal::Global));
    }
    match state.registry.by_token(&hash) {
        Some(handle) => Ok(Some(Principal::Instance(handle.id()))),
        None if state.registry.is_loaded() => Ok(None),
        None => Err(Error::Unavailable),
    }
}

impl FromRequest for GlobalKey {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let global = || match caller(request, state(request)?)? {
            Some(Principal::Global) => Ok(Self(())),
            // A token is as wrong as any other text here: the contract says 401.
            Some(Principal::Instance(_)) | None => Err(Error::Unauthorized),
        };
        ready(global())
    }
}

impl FromRequest for AnyKey {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        let known = async move {
            let state = state(&request)?;
            match caller(&request, state) {
                // It may be the token of an instance of another node.
                Ok(None) if !state.cluster.is_alone() => elsewhere(&request, state).await?,
                here => here?,
            }
            .map(Self)
            .ok_or(Error::Unauthorized)
        };
        known.boxed_local()
    }
}

async fn elsewhere(request: &HttpRequest, state: &State) -> Result<Option<Principal>, Error> {
    let Some(key) = presented(request.headers()) else { return Ok(None) };
    let found = state.cluster.lookup().by_token(&auth::hash(key)).await?;
    Ok(found.map(|found| Principal::Instance(found.id)))
}

/// Another node of the cluster, or the proxy before it.
pub struct PeerKey(());

impl FromRequest for PeerKey {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let peer = || {
            let peers = state(request)?.cluster.peers().ok_or(Error::Unauthorized)?;
            let secret = request.headers().get(SECRET_HEADER).ok_or(Error::Unauthorized)?;
            if peers.is_peer(secret.as_bytes()) { Ok(Self(())) } else { Err(Error::Unauthorized) }
        };
        ready(peer())
    }
}
