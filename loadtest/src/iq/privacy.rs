//! Privacy settings, privacy tokens and the block list.

use std::collections::BTreeSet;

use sha1::{Digest as _, Sha1};
use wacore_binary::{Node, NodeRef};

use crate::{
    clock::unix_seconds,
    relay::{blocklist, tokens},
    session::device::Session,
    wire::nodes::{el, jid, result, text},
};

/// Categories and the value each has until it is set.
const DEFAULTS: [(&str, &str); 9] = [
    ("last", "all"),
    ("online", "all"),
    ("profile", "all"),
    ("status", "all"),
    ("readreceipts", "all"),
    ("groupadd", "all"),
    ("calladd", "all"),
    ("messages", "all"),
    ("defense", "off"),
];

/// Most categories kept; WhatsApp has about a dozen.
const MAX_CATEGORIES: usize = 64;

/// Answers the namespace `privacy`.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    if let Some(tokens) = request.get_optional_child("tokens") {
        forward_tokens(session, tokens);
        return result(request).build();
    }
    if set && let Some(privacy) = request.get_optional_child("privacy") {
        let categories = privacy.get_children_by_tag("category");
        let changed: Vec<Node> = categories.filter_map(|category| change(session, category)).collect();
        session.world.touch();
        return result(request).children([el("privacy").children(changed).build()]).build();
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

/// Changes a category, and the list of users that it is hidden from, and returns it as it is now.
fn change(session: &Session, category: &NodeRef<'_>) -> Option<Node> {
    let (name, value) = (text(category, "name")?.into_owned(), text(category, "value")?.into_owned());
    let mut node = el("category").attr("name", &name).attr("value", &value);
    let mut state = session.account.state();
    if state.privacy.len() >= MAX_CATEGORIES && !state.privacy.contains_key(&name) {
        return None;
    }
    state.privacy.insert(name.clone(), value);
    if text(category, "dhash").is_some() {
        let hidden = state.social.hidden_from.entry(name).or_default();
        for user in category.get_children_by_tag("user") {
            let Some(address) = jid(user, "jid") else { continue };
            if text(user, "action").as_deref() == Some("remove") {
                hidden.remove(address.user.as_str());
            } else {
                hidden.insert(address.user.to_string());
            }
        }
        node = node.attr("dhash", dhash(hidden));
    }
    Some(node.build())
}

/// Tells two lists of users apart.
fn dhash(users: &BTreeSet<String>) -> String {
    let mut hash = Sha1::new();
    for user in users {
        hash.update(user.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// Gives each contact the token that this account issued to it.
fn forward_tokens(session: &Session, tokens: &NodeRef<'_>) {
    for token in tokens.get_children_by_tag("token") {
        let Some(account) = jid(token, "jid").and_then(|jid| session.world.directory.find(&jid)) else {
            continue;
        };
        let kind = text(token, "type").unwrap_or_default().into_owned();
        let time = text(token, "t").map_or_else(|| unix_seconds().to_string(), |t| t.into_owned());
        tokens::issue(&session.world, &session.account, &account, &kind, &time);
    }
}

/// Answers the namespace `blocklist`.
pub(crate) fn blocklist(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let items = request.get_children_by_tag("item").filter(|_| set);
    for item in items {
        let Some(address) = jid(item, "jid") else { continue };
        let block = text(item, "action").as_deref() == Some("block");
        blocklist::change(&session.world, &session.account, Some(session.device), &address, block);
    }
    result(request).children([blocklist::list(&session.account)]).build()
}

/// Answers the namespace `disappearing_mode`: the default of new chats.
pub(crate) fn disappearing(session: &Session, request: &NodeRef<'_>) -> Node {
    let mode = request.get_optional_child("disappearing_mode");
    let seconds = mode.and_then(|mode| text(mode, "duration")?.parse().ok());
    if let Some(seconds) = seconds {
        session.account.state().social.disappearing = (seconds, unix_seconds());
        session.world.touch();
    }
    result(request).build()
}
