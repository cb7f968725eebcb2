//! App-state collections: reading in pages or as a snapshot, and writing with conflict detection.

use buffa::Message as _;
use wacore::download::MediaType;
use wacore_binary::{Node, NodeRef, builder::NodeBuilder};
use waproto::whatsapp::ExternalBlobReference;

use crate::{
    phone::attach,
    relay::sync,
    session::device::Session,
    wire::nodes::{bytes, el, error, leaf, result, text},
    world::{appstate::Refused, collection::Page},
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
    let Some(patch) = collection.get_optional_child("patch").and_then(bytes) else {
        let fresh = text(collection, "return_snapshot").as_deref() == Some("true");
        let page = session.account.state().app_state.read(&name, base, fresh);
        return self::page(session, &name, page).build();
    };
    let written = session.account.state().app_state.append(&name, base, &patch);
    match written {
        Ok(version) => {
            session.world.touch();
            sync::notify(&session.world, &session.account, Some(session.device), &name, version);
            el("collection").attr("name", &name).attr("version", version).build()
        }
        Err(refused) => refusal(session, &name, base, &refused),
    }
}

/// A conflict carries the patches that the device did not know.
fn refusal(session: &Session, name: &str, base: u64, refused: &Refused) -> Node {
    let (code, message) = match refused {
        Refused::Conflict => (409, "conflict"),
        Refused::Invalid => (400, "bad-request"),
    };
    let why = el("error").attr("code", code).attr("text", message).build();
    let node = match refused {
        Refused::Conflict => {
            let page = session.account.state().app_state.read(name, base, false);
            self::page(session, name, page)
        }
        Refused::Invalid => el("collection").attr("name", name),
    };
    let mut node = node.attr("type", "error").build();
    match &mut node.content {
        Some(wacore_binary::NodeContent::Nodes(children)) => children.push(why),
        content => *content = Some(wacore_binary::NodeContent::Nodes(vec![why])),
    }
    node
}

fn page(session: &Session, name: &str, page: Page) -> NodeBuilder {
    let more = if page.more { "true" } else { "false" };
    let node =
        el("collection").attr("name", name).attr("version", page.version).attr("has_more_patches", more);
    let mut children = Vec::new();
    if let Some(snapshot) = page.snapshot {
        match attach::upload(&session.world, &snapshot, MediaType::AppState) {
            Ok(file) => {
                let reference = ExternalBlobReference {
                    media_key: file.media_key,
                    direct_path: file.direct_path,
                    file_size_bytes: file.file_length,
                    file_sha256: file.file_sha256,
                    file_enc_sha256: file.file_enc_sha256,
                    ..Default::default()
                };
                children.push(leaf("snapshot", reference.encode_to_vec()));
            }
            Err(error) => tracing::error!(%error, "cannot upload a snapshot"),
        }
    }
    if !page.patches.is_empty() {
        let patches = page.patches.into_iter().map(|patch| leaf("patch", patch));
        children.push(el("patches").children(patches).build());
    }
    if children.is_empty() { node } else { node.children(children) }
}
