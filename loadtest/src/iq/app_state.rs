//! App-state collections: reading, and writing with conflict detection.

use wacore_binary::{Node, NodeRef};

use crate::{
    clock::unix_seconds,
    relay::deliver,
    session::device::Session,
    wire::nodes::{SERVER, bytes, el, error, leaf, result, text},
};

/// Answers a sync of one or more collections.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(sync) = request.get_optional_child("sync") else { return error(request, 400, "bad-request") };
    let collections: Vec<Node> = sync
        .get_children_by_tag("collection")
        .map(|collection| self::collection(session, collection))
        .collect();
    result(request).children([el("sync").children(collections).build()]).build()
}

fn collection(session: &Session, collection: &NodeRef<'_>) -> Node {
    let name = text(collection, "name").unwrap_or_default().into_owned();
    let base = text(collection, "version").and_then(|version| version.parse().ok()).unwrap_or(0);
    let node = el("collection").attr("name", &name);
    let Some(patch) = collection.get_optional_child("patch").and_then(bytes) else {
        return read(session, &name, base);
    };
    let written = session.account.state().app_state.append(&name, base, &patch);
    let Some(version) = written else {
        let conflict = el("error").attr("code", 409).attr("text", "conflict").build();
        return node.attr("type", "error").children([conflict]).build();
    };
    session.world.touch();
    notify(session, &name, version);
    node.attr("version", version).build()
}

fn read(session: &Session, name: &str, base: usize) -> Node {
    let state = session.account.state();
    let (patches, version) = state.app_state.since(name, base);
    let node = el("collection").attr("name", name).attr("version", version).attr("has_more_patches", "false");
    if patches.is_empty() {
        return node.build();
    }
    let patches = patches.iter().map(|patch| leaf("patch", patch.clone()));
    node.children([el("patches").children(patches).build()]).build()
}

/// Tells the account's other devices to fetch the collection.
fn notify(session: &Session, name: &str, version: usize) {
    let node = el("notification")
        .attr("from", SERVER)
        .attr("type", "server_sync")
        .attr("id", session.world.next_id())
        .attr("t", unix_seconds())
        .children([el("collection").attr("name", name).attr("version", version).build()])
        .build();
    deliver::to_account(&session.world, &session.account, Some(session.device), &node);
}
