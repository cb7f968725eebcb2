//! Passes a request on to the node that has its instance. One hop: what another node passed on is
//! answered here or refused.
//!
//! Who calls is judged before anything is passed on, as far as it decides between the answers that a
//! stranger may get; the node that has the instance judges again.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage as _, HttpResponse, ResponseError as _};
use futures::{Stream, StreamExt as _};
use metrics::counter;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::extract::{Query, presented};
use super::routes::{Once, TABLE};
use super::s3::Link;
use super::{Error, State, path};
use crate::auth;
use crate::cluster::{
    self, Answer, HOP_HEADER, Hop, Node, Outgoing, Peers, Place, SECRET_HEADER, Undelivered,
};
use crate::media::{self, File};
use crate::telemetry::metrics::{FORWARDS, OUTCOME};

/// How long a request waits for an instance that is on its way from one node to another.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same on a node to which it was passed on already.
const AFTER_HOP: Duration = Duration::from_secs(3);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// Bodies up to this size are kept, so that they can be sent again.
const KEPT: usize = 1 << 20;
/// Pieces of a body on the way, and the bytes of one that comes from a file.
const PIECES: usize = 8;
const PIECE: usize = 256 << 10;

/// Says in a 503 that the instance is not on this node, and that nothing was done.
static MOVED: HeaderName = HeaderName::from_static("x-waggle-moved");
/// With it, a send is made once.
const KEY: &str = "idempotency-key";
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Links to files: whoever has one may have the file, whatever key comes along.
const LINK: &str = "/s3/file/{instance}";

/// Headers that concern one connection, or are set anew.
const OWN: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "expect",
    SECRET_HEADER,
    HOP_HEADER,
];

/// The answer of another node, or a refusal; `None` when this node is to answer.
pub(super) async fn elsewhere(
    state: &State,
    template: &str,
    id: &HeaderValue,
    request: &mut ServiceRequest,
) -> Option<HttpResponse> {
    let peers = state.cluster.peers()?;
    let came = came(peers, request.headers());
    let target = match template {
        "/instance/create" if came != Some(Hop::Node) => new_home(state, request).await,
        _ if template.ends_with("/{instance}") => has_it(state, template, request, came).await,
        _ => return None,
    };
    let (first, hop) = match target {
        Ok(Target::Here) => return None,
        Ok(Target::There(node)) => (node, Hop::Node),
        Ok(Target::Region(entry)) => (entry, Hop::Region),
        Err(error) => return Some(refused(&error, came)),
    };
    let passed = pass(state, peers, (template, id), (first, hop), request).await;
    passed.unwrap_or_else(|error| Some(refused(&error, None)))
}

enum Target {
    Here,
    There(Node),
    /// Another region's entry.
    Region(Node),
}

/// Which node passed a request on; nothing for a client's own, and for one that only says so.
fn came(peers: &Peers, headers: &HeaderMap) -> Option<Hop> {
    let secret = headers.get(SECRET_HEADER).map(HeaderValue::as_bytes);
    let hop = headers.get(HOP_HEADER)?.to_str().ok()?.parse().ok()?;
    secret.is_some_and(|secret| peers.is_peer(secret)).then_some(hop)
}

fn refused(error: &Error, came: Option<Hop>) -> HttpResponse {
    let mut response = error.error_response();
    if came == Some(Hop::Node) && matches!(error, Error::Unavailable) {
        response.headers_mut().insert(MOVED.clone(), HeaderValue::from_static("1"));
    }
    response
}

/// The instance's name in the path.
fn named(request: &ServiceRequest) -> String {
    let last = request.path().rsplit('/').next().unwrap_or_default();
    path::decoded(last).into_owned()
}

/// Who has what a request is about.
async fn has_it(
    state: &State,
    template: &str,
    request: &ServiceRequest,
    came: Option<Hop>,
) -> Result<Target, Error> {
    if template == LINK { keeper(state, request, came).await } else { owner(state, request, came).await }
}

/// Who has the file that a link is for: any node of the instance's client name, since they share a store.
async fn keeper(state: &State, request: &ServiceRequest, came: Option<Hop>) -> Result<Target, Error> {
    let (name, lookup) = (named(request), state.cluster.lookup());
    // What is no link is refused here, and nobody is asked for it.
    let Some(link) = Link::read(&Query::parse(request.query_string())) else { return Ok(Target::Here) };
    // Others may have another key. Whatever was not made with ours may be a stranger's invention.
    let is_ours = link.is_ours(state, &name);
    if !is_ours && lookup.is_made_up(&name) {
        return Ok(Target::Here);
    }
    let own = &state.cluster.me().client_name;
    match lookup.by_name(&name).await? {
        Some(located) if located.client_name != *own && came != Some(Hop::Node) => {
            settled(state, located).await
        }
        None if came.is_none() && is_ours => Ok(region(state, &name).await),
        None if came.is_none() => {
            let _turn = lookup.turn().ok_or(Error::Unavailable)?;
            let target = region(state, &name).await;
            if matches!(target, Target::Here) {
                lookup.note_made_up(&name).await;
            }
            Ok(target)
        }
        Some(_) | None => Ok(Target::Here),
    }
}

/// The region that has an instance that nobody here knows.
async fn region(state: &State, name: &str) -> Target {
    state.cluster.region_of(name).await.map_or(Target::Here, Target::Region)
}

/// Who has the instance that a request names. Callers that may not know are left to this node's own
/// refusal.
async fn owner(state: &State, request: &ServiceRequest, came: Option<Hop>) -> Result<Target, Error> {
    let name = named(request);
    let here = state.registry.by_name(&name).filter(|handle| !handle.is_leaving());
    let Some(key) = presented(request.headers()) else { return Ok(Target::Here) };
    let (hash, lookup) = (auth::hash(key), state.cluster.lookup());
    let is_global = state.keys.is_global(&hash);
    if here.is_some_and(|here| is_global || auth::same_hash(here.token_hash(), &hash)) {
        return Ok(Target::Here);
    }
    let located = if is_global {
        lookup.by_name(&name).await?
    } else {
        match lookup.by_token(&hash).await? {
            Some(own) if own.name.as_str() == name => Some(own),
            Some(_) => return Err(if state.is_evolution() { Error::Unauthorized } else { Error::Forbidden }),
            None => None,
        }
    };
    match located {
        Some(_) if came == Some(Hop::Node) => arrived(state, &name).await,
        Some(located) => settled(state, located).await,
        None if came.is_some() => Ok(Target::Here),
        None => Ok(region(state, &name).await),
    }
}

/// Waits until an instance that another node believes to be here is here; refuses at once when it is
/// elsewhere.
async fn arrived(state: &State, name: &str) -> Result<Target, Error> {
    let deadline = Instant::now() + AFTER_HOP;
    loop {
        let Some(now) = state.cluster.lookup().by_name_now(name).await? else { return Ok(Target::Here) };
        match state.cluster.place(&now) {
            Place::Here => return Ok(Target::Here),
            Place::Nowhere if Instant::now() < deadline => tokio::time::sleep(LOOK).await,
            Place::There(_) | Place::Nowhere => return Err(Error::Unavailable),
        }
    }
}

/// Waits until an instance is somewhere.
async fn settled(state: &State, mut located: Arc<cluster::Located>) -> Result<Target, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match state.cluster.place(&located) {
            Place::Here => return Ok(Target::Here),
            Place::There(node) => return Ok(Target::There(node)),
            Place::Nowhere => {}
        }
        if Instant::now() >= deadline {
            counter!(FORWARDS, OUTCOME => "nowhere").increment(1);
            return Err(Error::Unavailable);
        }
        tokio::time::sleep(LOOK).await;
        match state.cluster.lookup().by_name_now(located.name.as_str()).await? {
            Some(now) => located = now,
            // Deleted meanwhile.
            None => return Ok(Target::Here),
        }
    }
}

/// Where an instance that is to be created belongs. The body is read for its name, and put back.
async fn new_home(state: &State, request: &mut ServiceRequest) -> Result<Target, Error> {
    let key = presented(request.headers());
    if !key.is_some_and(|key| state.keys.is_global(&auth::hash(key))) {
        return Ok(Target::Here);
    }
    let Begun { bytes: body, is_whole: true } = begun(&mut request.take_payload()).await? else {
        return Err(Error::TooLarge);
    };
    let text = |name: &str| -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&body).ok()?;
        Some(body.get(name)?.as_str()?.to_owned())
    };
    let (name, client_name) = (text("instanceName").unwrap_or_default(), text("clientName"));
    request.set_payload(Payload::from(body));
    let own = &state.cluster.me().client_name;
    let client_name = client_name.filter(|name| !name.is_empty()).unwrap_or_else(|| own.clone());
    match state.cluster.home(&client_name, &name) {
        Some(node) if node.me == *state.cluster.me() => Ok(Target::Here),
        Some(node) => Ok(Target::There(node)),
        None if client_name == *own => Ok(Target::Here),
        None => Err(Error::Unavailable),
    }
}

/// The beginning of a body.
struct Begun {
    bytes: Bytes,
    is_whole: bool,
}

/// Reads a body until it is too large to be kept.
async fn begun(payload: &mut Payload) -> Result<Begun, Error> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = payload.next().await {
        bytes.extend_from_slice(&piece.map_err(|_| unreadable())?);
        if bytes.len() > KEPT {
            return Ok(Begun { bytes: bytes.freeze(), is_whole: false });
        }
    }
    Ok(Begun { bytes: bytes.freeze(), is_whole: true })
}

fn unreadable() -> Error {
    Error::Invalid("The body could not be read".to_owned())
}

/// Puts a body whose length is not known yet into a file.
async fn spooled(state: &State, begun: Bytes, payload: &mut Payload) -> Result<File, Error> {
    let failed = |error: media::Error| match error {
        media::Error::TooLarge(_) => Error::TooLarge,
        error => Error::of_media(&error, "the body"),
    };
    let mut file = state.media.incoming_of(state.body_bytes as u64).push(&begun).await.map_err(failed)?;
    while let Some(piece) = payload.next().await {
        file = file.push(&piece.map_err(|_| unreadable())?).await.map_err(failed)?;
    }
    file.finish().await.map_err(failed)
}

/// Passes a request on until a node answers; `None` when it has become this node's to answer.
async fn pass(
    state: &State,
    peers: &Peers,
    (template, id): (&str, &HeaderValue),
    (mut node, mut hop): (Node, Hop),
    request: &mut ServiceRequest,
) -> Result<Option<HttpResponse>, Error> {
    let length =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = length.filter(|length| *length > KEPT as u64) {
        let (head, payload) = (head(request, id), request.take_payload());
        return pass_once(peers, (&node, hop), head, (length, payload)).await.map(Some);
    }
    let mut payload = request.take_payload();
    let Begun { bytes: body, is_whole } = begun(&mut payload).await?;
    if !is_whole {
        let file = spooled(state, body, &mut payload).await?;
        let pieces = state.media.pieces(&file, PIECE).boxed();
        return pass_once(peers, (&node, hop), head(request, id), (file.length(), pieces)).await.map(Some);
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sent =
            peers.forward((&node, hop), head(request, id), cluster::Content::Bytes(body.clone())).await;
        let again = match &sent {
            Ok(answer) => answer.status.as_u16() == 503 && answer.headers.contains_key(MOVED.as_str()),
            Err(Undelivered::Unseen(_)) => true,
            Err(Undelivered::Unknown(_)) => is_repeatable(template, request),
        };
        if !again || Instant::now() >= deadline {
            return answered(sent.map_err(|error| undelivered(&error))?).await.map(Some);
        }
        counter!(FORWARDS, OUTCOME => "again").increment(1);
        tokio::time::sleep(LOOK).await;
        if template == "/instance/create" {
            return Err(Error::Unavailable);
        }
        state.cluster.lookup().by_name_now(&named(request)).await?;
        match has_it(state, template, request, None).await? {
            Target::There(other) => (node, hop) = (other, Hop::Node),
            Target::Region(entry) => (node, hop) = (entry, Hop::Region),
            Target::Here => {
                request.set_payload(Payload::from(body));
                return Ok(None);
            }
        }
    }
}

/// Passes a request on whose body is not kept.
async fn pass_once<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    peers: &Peers,
    to: (&Node, Hop),
    head: Outgoing,
    (length, body): (u64, impl Stream<Item = Result<Bytes, E>> + Unpin),
) -> Result<HttpResponse, Error> {
    let (pieces, pump) = pieces(body);
    let forwarding = peers.forward(to, head, cluster::Content::Stream { length, pieces });
    tokio::pin!(forwarding);
    let answer = tokio::select! {
        answer = &mut forwarding => answer,
        () = pump => forwarding.await,
    };
    answered(answer.map_err(|error| undelivered(&error))?).await
}

/// Whether doing it twice is doing it once.
fn is_repeatable(template: &str, request: &ServiceRequest) -> bool {
    let once = TABLE.iter().find(|route| route.path == template).map(|route| route.once);
    match once {
        Some(Once::Reading) => request.method().is_safe(),
        Some(Once::Keyed) => request.method().is_safe() || request.headers().contains_key(KEY),
        Some(Once::Never) | None => false,
    }
}

fn undelivered(error: &Undelivered) -> Error {
    tracing::warn!(%error, "a request could not be passed on");
    match error {
        Undelivered::Unseen(_) => {
            counter!(FORWARDS, OUTCOME => "unreachable").increment(1);
            Error::Unavailable
        }
        Undelivered::Unknown(_) => {
            counter!(FORWARDS, OUTCOME => "broken").increment(1);
            Error::Interrupted
        }
    }
}

fn head(request: &ServiceRequest, id: &HeaderValue) -> Outgoing {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut head = Outgoing::new(request.method().as_str(), path);
    for (name, value) in request.headers() {
        if !OWN.contains(&name.as_str()) && *name != REQUEST_ID {
            head.header(name.as_str(), value.as_bytes());
        }
    }
    head.header(REQUEST_ID.as_str(), id.as_bytes());
    head
}

/// A body as a stream that may change threads, and the work that feeds it.
fn pieces<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> (mpsc::Receiver<std::io::Result<Bytes>>, impl Future<Output = ()>) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let pump = async move {
        while let Some(piece) = body.next().await {
            if sender.send(piece.map_err(std::io::Error::other)).await.is_err() {
                return;
            }
        }
    };
    (receiver, pump)
}

/// Another node's answer as our own.
async fn answered(answer: Answer) -> Result<HttpResponse, Error> {
    counter!(FORWARDS, OUTCOME => "answered").increment(1);
    let status = StatusCode::from_u16(answer.status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.headers {
        if !OWN.contains(&name.as_str()) {
            response.append_header((name.as_str(), value.as_bytes()));
        }
    }
    match answer.length() {
        Some(length) if length <= KEPT as u64 => {
            let whole = answer.bytes().await.map_err(|_| Error::Interrupted)?;
            Ok(response.body(whole))
        }
        _ => Ok(response.streaming(futures::stream::try_unfold(answer, |mut answer| async move {
            Ok::<_, std::io::Error>(
                answer.chunk().await.map_err(std::io::Error::other)?.map(|piece| (piece, answer)),
            )
        }))),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_what_is_done_once_is_repeated() {
        for (method, template, with_key, repeatable) in [
            ("POST", "/message/sendText/{instance}", true, true),
            ("POST", "/message/sendText/{instance}", false, false),
            ("POST", "/message/forward/{instance}", true, true),
            ("POST", "/group/create/{instance}", true, false),
            ("DELETE", "/message/delete/{instance}", true, false),
            ("POST", "/chat/findMessages/{instance}", true, false),
            ("GET", "/group/findGroupInfos/{instance}", false, true),
            ("HEAD", "/instance/connectionState/{instance}", false, true),
            ("GET", "/group/acceptInviteCode/{instance}", true, false),
            ("GET", "/unknown/{instance}", true, false),
        ] {
            let request = TestRequest::default().method(method.parse().unwrap());
            let request = if with_key { request.insert_header((KEY, "once")) } else { request };
            let answer = is_repeatable(template, &request.to_srv_request());
            assert_eq!(answer, repeatable, "{method} {template}, key: {with_key}");
        }
    }

    /// Every route under `/message/` that takes a key of the caller is marked so.
    #[test]
    fn every_send_is_made_once() {
        for route in TABLE.iter().filter(|route| route.path.starts_with("/message/")) {
            let keyed = !route.path.starts_with("/message/delete/");
            assert_eq!(route.once == Once::Keyed, keyed, "{}", route.path);
        }
    }
}
