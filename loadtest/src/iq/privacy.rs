//! Privacy settings, privacy tokens and the block list.

use wacore_binary::{Node, NodeRef};

use crate::{
    clock::unix_seconds,
    relay::deliver,
    session::device::Session,
    wire::nodes::{el, jid, leaf, result, text},
};

/// Categories and the value each has until it is set.
const DEFAULTS: [(&str, &str); 8] = [
    ("last", "all"),
    ("online", "all"),
    ("profile", "all"),
    ("status", "all"),
    ("readreceipts", "all"),
    ("groupadd", "all"),
    ("calladd", "all"),
    ("messages", "all"),
];

/// Answers the namespace `privacy`.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    if let Some(tokens) = request.get_optional_child("tokens") {
        forward_tokens(session, tokens);
        return result(request).build();
    }
    if set && let Some(privacy) = request.get_optional_child("privacy") {
        let mut state = session.account.state();
        for category in privacy.get_children_by_tag("category") {
            if let (Some(name), Some(value)) = (text(category, "name"), text(category, "value")) {
                state.privacy.insert(name.into_owned(), value.into_owned());
            }
        }
        drop(state);
        session.world.touch();
    }
    let state = session.account.state();
    let mut values: std::collections::BTreeMap<&str, &str> = DEFAULTS.into_iter().collect();
    values.extend(state.privacy.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let categories: Vec<Node> = values
        .into_iter()
        .map(|(name, value)| el("category").attr("name", name).attr("value", value).build())
        .collect();
    drop(state);
    result(request).children([el("privacy").children(categories).build()]).build()
}

/// Gives each contact the token that this account issued to it.
fn forward_tokens(session: &Session, tokens: &NodeRef<'_>) {
    for token in tokens.get_children_by_tag("token") {
        let Some(account) = jid(token, "jid").and_then(|jid| session.world.directory.find(&jid)) else {
            continue;
        };
        let kind = text(token, "type").unwrap_or_default().into_owned();
        let time = text(token, "t").map_or_else(|| unix_seconds().to_string(), |t| t.into_owned());
        let mut issued = leaf("token", rand::random::<[u8; 16]>());
        issued.attrs.insert("type", kind);
        issued.attrs.insert("t", time);
        let node = el("notification")
            .attr("from", session.account.pn())
            .attr("sender_lid", session.account.lid())
            .attr("type", "privacy_token")
            .attr("id", session.world.next_id())
            .attr("t", unix_seconds())
            .children([el("tokens").children([issued]).build()])
            .build();
        deliver::to_account(&session.world, &account, None, &node);
    }
}

/// Answers the namespace `blocklist`.
pub(crate) fn blocklist(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let mut state = session.account.state();
    if set {
        for item in request.get_children_by_tag("item") {
            let Some(address) = jid(item, "jid").map(|jid| jid.to_string()) else { continue };
            state.blocked.retain(|blocked| *blocked != address);
            if text(item, "action").as_deref() == Some("block") {
                state.blocked.push(address);
            }
        }
        session.world.touch();
    }
    let items: Vec<Node> = state.blocked.iter().map(|jid| el("item").attr("jid", jid).build()).collect();
    drop(state);
    result(request).children([el("list").attr("dhash", items.len()).children(items).build()]).build()
}
