//! Short forms for building and reading nodes.

use std::borrow::Cow;

use wacore_binary::{Jid, Node, NodeRef, builder::NodeBuilder};

/// The bare server address.
pub(crate) const SERVER: &str = "s.whatsapp.net";

/// Starts a node.
pub(crate) fn el(tag: &'static str) -> NodeBuilder {
    NodeBuilder::new(tag)
}

/// A node without attributes that holds `bytes`.
pub(crate) fn leaf(tag: &'static str, bytes: impl Into<Vec<u8>>) -> Node {
    NodeBuilder::new(tag).bytes(bytes).build()
}

/// The string value of an attribute.
pub(crate) fn text<'n>(node: &'n NodeRef<'_>, key: &str) -> Option<Cow<'n, str>> {
    node.get_attr(key).map(|value| value.as_str())
}

/// The JID value of an attribute.
pub(crate) fn jid(node: &NodeRef<'_>, key: &str) -> Option<Jid> {
    node.get_attr(key).and_then(|value| value.to_jid())
}

/// Bytes of the child `tag`, or an empty vector.
pub(crate) fn child_bytes(node: &NodeRef<'_>, tag: &str) -> Vec<u8> {
    node.get_optional_child(tag).and_then(bytes).unwrap_or_default()
}

/// Content as bytes, whether it was sent as bytes or as a string token.
pub(crate) fn bytes(node: &NodeRef<'_>) -> Option<Vec<u8>> {
    node.content_bytes()
        .map(<[u8]>::to_vec)
        .or_else(|| node.content_as_string().map(|text| text.as_bytes().to_vec()))
}

/// An empty or filled result to an IQ. Its `from` is the entity the request was sent to.
pub(crate) fn result(request: &NodeRef<'_>) -> NodeBuilder {
    answer(request).attr("type", "result")
}

/// An error result to an IQ.
pub(crate) fn error(request: &NodeRef<'_>, code: u16, message: &str) -> Node {
    answer(request)
        .attr("type", "error")
        .children([el("error").attr("code", code).attr("text", message).build()])
        .build()
}

fn answer(request: &NodeRef<'_>) -> NodeBuilder {
    let from = text(request, "to").unwrap_or(Cow::Borrowed(SERVER));
    let id = text(request, "id").unwrap_or_default();
    let from = match from.parse::<Jid>() {
        Ok(jid) if !jid.user.is_empty() => wacore_binary::NodeValue::from(jid),
        _ => wacore_binary::NodeValue::from(from.as_ref()),
    };
    el("iq").attr("from", from).attr("id", id.as_ref())
}
