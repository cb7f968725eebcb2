//! Server properties and the media connection.

use wacore_binary::{Node, NodeRef};

use crate::{
    session::device::Session,
    wire::nodes::{el, result},
    world::lock,
};

/// Lifetime of the media credentials in seconds.
const MEDIA_TTL: u32 = 21_600;

/// Answers `media_conn` with this server's own host and port.
pub(crate) fn media_conn(session: &Session, request: &NodeRef<'_>) -> Node {
    let host = el("host")
        .attr("hostname", &session.world.media_host)
        .attr("type", "primary")
        .children([el("upload").build(), el("download").build()])
        .build();
    let connection = el("media_conn")
        .attr("auth", session.world.media.auth())
        .attr("ttl", MEDIA_TTL)
        .attr("auth_ttl", MEDIA_TTL)
        .attr("max_buckets", 12)
        .attr("max_manual_retry", 3)
        .children([host])
        .build();
    result(request).children([connection]).build()
}

/// Answers the request for server properties.
pub(crate) fn props(session: &Session, request: &NodeRef<'_>) -> Node {
    let known = lock(&session.world.props).clone();
    let children = known
        .iter()
        .map(|(code, value)| el("prop").attr("config_code", *code).attr("config_value", value).build());
    let props = el("props")
        .attr("protocol", 1)
        .attr("ab_key", "sim")
        .attr("hash", "sim")
        .attr("refresh", 86_400)
        .attr("refresh_id", 1)
        .children(children)
        .build();
    result(request).children([props]).build()
}
