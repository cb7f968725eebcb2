//! Profile pictures, about texts and business profiles.

use bytes::Bytes;
use wacore_binary::{Jid, Node, NodeRef, Server};

use crate::{
    clock::unix_seconds,
    relay::{deliver, profile},
    session::device::Session,
    wire::nodes::{bytes, el, error, jid, leaf, result, text},
    world::account::{Account, path},
};

/// Answers the namespace `w:profile:picture`.
pub(crate) fn picture(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let target = jid(request, "target").unwrap_or_else(|| session.account.pn());
    if set { set_picture(session, request, &target) } else { get_picture(session, request, &target) }
}

fn key(target: &Jid) -> String {
    target.to_non_ad().to_string()
}

/// Whether an account hides what this privacy category covers from the one who asks.
pub(crate) fn hidden(session: &Session, account: &Account, category: &str) -> bool {
    if account.phone == session.account.phone {
        return false;
    }
    let state = account.state();
    let other = &session.account;
    let hidden = match state.privacy.get(category).map(String::as_str) {
        Some("none") => true,
        Some("contact_blacklist") => state.social.hides(category, [&other.phone, &other.lid]),
        _ => false,
    };
    hidden || state.blocks(other)
}

fn get_picture(session: &Session, request: &NodeRef<'_>, target: &Jid) -> Node {
    let id = if target.server == Server::Group {
        session.world.group_pictures.get(&key(target)).map(|id| id.value().clone())
    } else {
        let account = session.world.directory.find(target);
        if account.as_ref().is_some_and(|account| hidden(session, account, "profile")) {
            return error(request, 401, "not-authorized");
        }
        account.and_then(|account| account.state().picture.as_ref().map(|picture| picture.id.clone()))
    };
    let Some(id) = id else { return error(request, 404, "item-not-found") };
    let kind = request.get_optional_child("picture").and_then(|picture| text(picture, "type"));
    let node = el("picture")
        .attr("id", &id)
        .attr("type", kind.as_deref().unwrap_or("image"))
        .attr("url", format!("https://{}{}", session.world.media_host, path(&id)))
        .attr("direct_path", path(&id))
        .build();
    result(request).children([node]).build()
}

fn set_picture(session: &Session, request: &NodeRef<'_>, target: &Jid) -> Node {
    let jpeg = request.get_optional_child("picture").and_then(bytes).filter(|jpeg| !jpeg.is_empty());
    let jpeg = jpeg.map(Bytes::from);
    let id = if target.server == Server::Group {
        set_group_picture(session, target, jpeg.as_ref())
    } else {
        profile::set_picture(&session.world, &session.account, jpeg, &[])
    };
    match id {
        Some(id) => result(request).children([el("picture").attr("id", id).build()]).build(),
        None => result(request).build(),
    }
}

fn set_group_picture(session: &Session, target: &Jid, jpeg: Option<&Bytes>) -> Option<String> {
    let world = &session.world;
    let id = profile::store_picture(world, jpeg);
    match &id {
        Some(id) => drop(world.group_pictures.insert(key(target), id.clone())),
        None => drop(world.group_pictures.remove(&key(target))),
    }
    world.touch();
    let node = el("notification")
        .attr("from", target)
        .attr("type", "picture")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([profile::picture_change(target, session.account.pn(), id.as_deref())])
        .build();
    let group = world.groups.get(target.user.as_str()).map(|group| group.value().clone());
    let members = group.map(|group| group.info().members.clone()).unwrap_or_default();
    for account in members.iter().filter_map(|member| world.directory.phone(&member.phone)) {
        deliver::to_account(world, &account, None, &node);
    }
    id
}

/// Answers the namespace `status`: sets the about text.
pub(crate) fn about(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(about) = request.get_optional_child("status").and_then(bytes) else {
        return error(request, 400, "bad-request");
    };
    profile::set_about(&session.world, &session.account, &String::from_utf8_lossy(&about), &[]);
    result(request).build()
}

/// Answers the namespace `w:biz`: the profile of a business; an ordinary account has none.
pub(crate) fn business(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(query) = request.get_optional_child("business_profile") else {
        return error(request, 501, "feature-not-implemented");
    };
    let profiles: Vec<Node> = query
        .get_children_by_tag("profile")
        .filter_map(|profile| business_profile(session, &jid(profile, "jid")?))
        .collect();
    result(request).children([el("business_profile").attr("v", 244).children(profiles).build()]).build()
}

fn business_profile(session: &Session, address: &Jid) -> Option<Node> {
    let business = session.world.directory.find(address)?.state().social.business.clone()?;
    let text = |tag: &'static str, value: &str| leaf(tag, value.as_bytes());
    let mut children = vec![text("description", &business.description)];
    children.extend(business.email.iter().map(|email| text("email", email)));
    children.extend(business.websites.iter().map(|site| text("website", site)));
    children.extend(business.address.iter().map(|address| text("address", address)));
    if !business.categories.is_empty() {
        let categories = business
            .categories
            .iter()
            .enumerate()
            .map(|(id, name)| el("category").attr("id", id + 1).bytes(name.as_bytes()).build());
        children.push(el("categories").children(categories).build());
    }
    Some(el("profile").attr("jid", address).children(children).build())
}
