//! User queries: device lists, existence, LIDs, about texts.

use wacore_binary::{Jid, Node, NodeRef, builder::NodeBuilder};

use crate::{
    clock::unix_seconds,
    iq::profile::hidden,
    pairing::adv,
    session::device::Session,
    wire::nodes::{bytes, el, error, jid, leaf, result, text},
    world::account::Account,
};

/// Answers a usync query.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(usync) = request.get_optional_child("usync") else { return error(request, 400, "bad-request") };
    let protocols: Vec<String> = usync
        .get_optional_child("query")
        .and_then(NodeRef::children)
        .unwrap_or_default()
        .iter()
        .map(|protocol| protocol.tag.to_string())
        .collect();
    let users: Vec<Node> = usync
        .get_optional_child("list")
        .map(|list| {
            list.get_children_by_tag("user")
                .filter_map(|user| self::user(session, user, &protocols))
                .collect()
        })
        .unwrap_or_default();
    let results = protocols.iter().map(|protocol| NodeBuilder::new_dynamic(protocol.clone()).build());
    let answer = el("usync")
        .attr("sid", text(usync, "sid").unwrap_or_default().as_ref())
        .attr("index", 0)
        .attr("last", "true")
        .attr("mode", text(usync, "mode").unwrap_or_default().as_ref())
        .attr("context", text(usync, "context").unwrap_or_default().as_ref())
        .children([el("result").children(results).build(), el("list").children(users).build()])
        .build();
    result(request).children([answer]).build()
}

/// The address asked for: the `jid` attribute or the number in `contact`.
fn address(user: &NodeRef<'_>) -> Option<Jid> {
    if let Some(jid) = jid(user, "jid") {
        return Some(jid.to_non_ad());
    }
    let number = user.get_optional_child("contact").and_then(bytes)?;
    let digits: String = String::from_utf8_lossy(&number).chars().filter(char::is_ascii_digit).collect();
    Some(Jid::pn(digits))
}

fn user(session: &Session, user: &NodeRef<'_>, protocols: &[String]) -> Option<Node> {
    let address = address(user)?;
    let account = session.world.directory.find(&address);
    let exists = match &account {
        Some(account) => session.world.directory.exists(&account.phone),
        None => session.world.directory.exists(&address.user),
    };
    let account = account.filter(|_| exists);
    let children: Vec<Node> =
        protocols.iter().filter_map(|protocol| answer(session, protocol, account.as_deref())).collect();
    let mut node = el("user").attr("jid", &address);
    if let (true, Some(account)) = (address.is_lid(), &account) {
        node = node.attr("pn_jid", account.pn());
    }
    Some(node.children(children).build())
}

fn answer(session: &Session, protocol: &str, account: Option<&Account>) -> Option<Node> {
    if protocol == "contact" {
        return Some(el("contact").attr("type", if account.is_some() { "in" } else { "out" }).build());
    }
    let account = account?;
    match protocol {
        "devices" => {
            crate::relay::devices::listed(account, &session.account.phone);
            devices(account)
        }
        "lid" => Some(el("lid").attr("val", account.lid()).build()),
        "status" if hidden(session, account, "status") => Some(el("status").attr("code", 401).build()),
        "status" => {
            let state = account.state();
            Some(el("status").attr("t", state.about_time).string_content(state.about.as_str()).build())
        }
        "picture" => {
            let id = account.state().picture.as_ref().map(|picture| picture.id.clone())?;
            Some(el("picture").attr("id", id).build())
        }
        "disappearing_mode" => {
            let (duration, time) = account.state().social.disappearing;
            Some(el("disappearing_mode").attr("duration", duration).attr("t", time).build())
        }
        "business" => {
            let name = account.state().social.business.as_ref().map(|business| business.name.clone())?;
            let name = el("verified_name").attr("name", name).build();
            Some(el("business").children([name]).build())
        }
        other => {
            tracing::debug!(protocol = other, from = session.device, "usync protocol without an answer");
            None
        }
    }
}

/// Key indexes of the companion devices.
pub(crate) fn key_indexes(account: &Account) -> Vec<u32> {
    account.state().devices.values().map(|device| device.key_index).collect()
}

/// The device list. With companions, the client insists on the signed list of key indexes.
fn devices(account: &Account) -> Option<Node> {
    let mut list = vec![el("device").attr("id", 0).build()];
    {
        let state = account.state();
        list.extend(
            state
                .devices
                .values()
                .map(|device| el("device").attr("id", device.id).attr("key-index", device.key_index).build()),
        );
    }
    let mut children = vec![el("device-list").children(list).build()];
    let indexes = key_indexes(account);
    if !indexes.is_empty() {
        let signed = adv::key_index_list(account, &indexes).ok()?;
        let mut node = leaf("key-index-list", signed);
        node.attrs.insert("ts", unix_seconds());
        children.push(node);
    }
    Some(el("devices").children(children).build())
}
