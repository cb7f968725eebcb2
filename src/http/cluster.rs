//! `/cluster/*`: what an operator sees of the cluster and does to it, and what nodes and the proxy
//! before them ask each other.

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{GlobalKey, Input, LocalInstance, PeerKey, Query, Valid};
use super::fields::Fields;
use super::{Error, State, path};
use crate::cluster::{Content, Hop, KNOWN_HEADER, Node, NodeState, Outgoing, Place};
use crate::domain::{InstanceId, NodeId};

/// Longest name of a node, and longest client name, in bytes: the width of the columns.
const LONGEST: usize = 100;
/// Says where a request for an instance should go.
const OWNER_HEADER: &str = "x-waggle-owner";

/// The nodes that are alive, of all client names.
pub async fn nodes(_: GlobalKey, state: web::Data<State>) -> Result<HttpResponse, Error> {
    let counts = state.database.instances().all_owner_counts().await?;
    let view = state.cluster.view();
    let shown = view.nodes.iter().map(|node| {
        let key = (node.me.client_name.clone(), node.me.id.0.clone());
        json!({
            "id": node.me.id,
            "clientName": node.me.client_name,
            "url": node.me.url,
            "weight": node.me.weight,
            "state": node.state,
            "lastSeenMs": u64::try_from(node.age.as_millis()).unwrap_or(u64::MAX),
            "instances": counts.get(&key).copied().unwrap_or_default(),
            "self": node.me == *state.cluster.me(),
        })
    });
    Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
}

/// Where the instances of a client name are and where they belong; this node's client name unless the
/// query names another.
pub async fn instances(_: GlobalKey, query: Query, state: web::Data<State>) -> Result<HttpResponse, Error> {
    let own = &state.cluster.me().client_name;
    let client_name = query.get("clientName").unwrap_or(own);
    let rows = state.database.instances().all_owners(client_name).await?;
    let view = state.cluster.view();
    let shown = rows.iter().map(|row| {
        let alive = row.owner.as_ref().is_some_and(|owner| view.node(client_name, owner).is_some());
        json!({
            "instanceId": row.id,
            "instanceName": row.name,
            "clientName": row.client_name,
            "owner": row.owner,
            "ownerAlive": alive,
            "home": state.cluster.home_of(row).map(|node| node.me.id),
            "pinned": row.pinned,
            "paired": row.paired,
            "fence": row.fence,
        })
    });
    Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
}

/// A node takes no further instances.
pub async fn cordon(
    _: GlobalKey,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    set_state(&request, &state, NodeState::Cordoned).await
}

/// A node gives all its instances away and takes none, until it is uncordoned or restarted.
pub async fn drain(
    _: GlobalKey,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    set_state(&request, &state, NodeState::Draining).await
}

/// A node takes instances again.
pub async fn uncordon(
    _: GlobalKey,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    set_state(&request, &state, NodeState::Active).await
}

/// Sets the state here, or passes the request on to the node that it names.
async fn set_state(request: &HttpRequest, state: &State, wanted: NodeState) -> Result<HttpResponse, Error> {
    let id = NodeId(path::decoded(request.match_info().get("node").unwrap_or_default()).into_owned());
    let me = state.cluster.me();
    if id != me.id {
        let view = state.cluster.view();
        let node = view.node(&me.client_name, &id).cloned();
        let node =
            node.ok_or_else(|| Error::NotFound(format!("No live node \"{id}\" of this client name")))?;
        return ask(request, state, &node).await;
    }
    state.cluster.set_state(wanted);
    Ok(HttpResponse::Ok().json(json!({"id": id, "state": wanted})))
}

async fn ask(request: &HttpRequest, state: &State, node: &Node) -> Result<HttpResponse, Error> {
    let peers = state.cluster.peers().ok_or(Error::Unavailable)?;
    let mut head = Outgoing::new("POST", request.path());
    for name in ["apikey", "authorization"] {
        if let Some(value) = request.headers().get(name) {
            head.header(name, value.as_bytes());
        }
    }
    let answer = peers.forward((node, Hop::Node), head, Content::Bytes(web::Bytes::new())).await;
    let answer = answer.map_err(|_| Error::Unavailable)?;
    let status =
        actix_web::http::StatusCode::from_u16(answer.status.as_u16()).map_err(|_| Error::Internal)?;
    let body = answer.bytes().await.map_err(|_| Error::Interrupted)?;
    Ok(HttpResponse::build(status).content_type("application/json").body(body))
}

/// Refuses what cannot be the name of a node or a client name, before the database does.
pub(super) fn checked(field: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!(
            "{field} must have 1 to {LONGEST} bytes and no control characters"
        )));
    }
    Ok(())
}

/// Where an operator wants an instance.
#[derive(ToSchema)]
pub struct Pin {
    /// The node, of the instance's client name; `null` or absent takes the pin away.
    node: Option<String>,
}

impl Input for Pin {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { node: fields.text("node").filter(|node| !node.is_empty()) })
    }
}

/// Pins an instance to a node; it moves there with the next round.
pub async fn pin(
    _: GlobalKey,
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Pin>,
) -> Result<HttpResponse, Error> {
    body.node.as_deref().map_or(Ok(()), |node| checked("node", node))?;
    let node = body.node.map(NodeId);
    state.database.instances().pin(instance.id(), node.as_ref()).await?;
    Ok(HttpResponse::Ok().json(json!({"instanceName": instance.name(), "pinned": node})))
}

/// Whose an instance shall be.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Move {
    /// The client name whose nodes load it from now on.
    client_name: String,
}

impl Input for Move {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self { client_name: fields.required_text("clientName")? })
    }
}

/// Moves an instance to another client name, live: its nodes take it at once when there are any.
pub async fn transfer(
    _: GlobalKey,
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<Move>,
) -> Result<HttpResponse, Error> {
    checked("clientName", &body.client_name)?;
    let (cluster, handle) = (state.cluster.clone(), crate::instance::Handle::clone(&instance));
    let client_name = body.client_name.clone();
    let work = async move { cluster.move_to_client(&handle, &client_name).await };
    state.finish(work).await?.map_err(|error| Error::of_cluster(&error))?;
    Ok(HttpResponse::Ok().json(json!({"instanceName": instance.name(), "clientName": body.client_name})))
}

/// Where a request for an instance should go: the owner's address, or this node's when nobody has it.
pub async fn locate(
    _: PeerKey,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    let name = path::decoded(request.match_info().get("name").unwrap_or_default());
    let located = state.cluster.lookup().by_name(&name).await?;
    let place = located.as_ref().map(|located| state.cluster.place(located));
    let url = match place {
        Some(Place::There(node)) => node.me.url,
        _ => state.cluster.me().url.clone(),
    };
    let mut response = HttpResponse::NoContent();
    response.insert_header((KNOWN_HEADER, if located.is_some() { "1" } else { "0" }));
    if let Ok(url) = HeaderValue::from_str(&url) {
        response.insert_header((OWNER_HEADER, url));
    }
    Ok(response.finish())
}

/// Instances that another node has just given up for this one.
#[derive(Deserialize)]
pub struct Offer {
    instances: Vec<InstanceId>,
}

/// Takes what was offered; answers before it is taken.
pub async fn offer(_: PeerKey, state: web::Data<State>, offer: web::Json<Offer>) -> HttpResponse {
    state.cluster.offered(offer.into_inner().instances).await;
    HttpResponse::Ok().json(json!({}))
}
