//! Queries and changes of communities.

use serde_json::{Value, json};
use wacore_binary::{Jid, Node, NodeRef};

use crate::{
    group::{Actor, Refusal, community},
    session::device::Session,
    wire::nodes::{el, jid, result, text},
    world::groups::Group,
};

/// Answers a query or change of a community; nothing when `action` is none.
pub(super) fn answer(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    parent: &Group,
    set: bool,
) -> Option<Result<Node, Refusal>> {
    Some(match (action.tag.as_ref(), set) {
        ("links", true) => link(actor, request, action, parent),
        ("unlink", true) => {
            let outcome = each(action, |address| community::unlink(actor, parent, address));
            let node = el("unlink").attr("unlink_type", "sub_group").children(outcome).build();
            Ok(result(request).children([node]).build())
        }
        ("delete_parent", true) => community::delete(actor, parent).map(|()| result(request).build()),
        ("join_linked_group", true) => with(action, |address| community::join(actor, parent, address))
            .map(|group| linked(request, &group)),
        ("query_linked", false) => with(action, |address| community::linked_group(actor, parent, address))
            .map(|group| linked(request, &group)),
        ("linked_groups_participants", false) => Ok(participants(actor, request, parent)),
        _ => return None,
    })
}

fn with<T>(action: &NodeRef<'_>, act: impl FnOnce(&Jid) -> Result<T, Refusal>) -> Result<T, Refusal> {
    act(&jid(action, "jid").ok_or(Refusal::BadRequest)?)
}

/// One `group` per group that `action` names, with an error where `act` refused.
fn each(action: &NodeRef<'_>, act: impl Fn(&Jid) -> Result<(), Refusal>) -> Vec<Node> {
    let groups = action.get_children_by_tag("group").filter_map(|group| jid(group, "jid"));
    let outcomes = groups.map(|address| {
        let node = el("group").attr("jid", &address);
        match act(&address) {
            Ok(()) => node.build(),
            Err(refusal) => node.attr("error", refusal.code().0).build(),
        }
    });
    outcomes.collect()
}

fn link(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    parent: &Group,
) -> Result<Node, Refusal> {
    let link = action.get_optional_child("link").ok_or(Refusal::BadRequest)?;
    let kind = text(link, "link_type").unwrap_or_default().into_owned();
    let outcome = each(link, |address| community::link(actor, parent, address));
    let link = el("link").attr("link_type", kind).children(outcome).build();
    Ok(result(request).children([el("links").children([link]).build()]).build())
}

fn linked(request: &NodeRef<'_>, group: &Group) -> Node {
    let node = group.info().node(&group.id);
    result(request).children([el("linked_group").children([node]).build()]).build()
}

fn participants(actor: &Actor<'_>, request: &NodeRef<'_>, parent: &Group) -> Node {
    let mut lids: Vec<(String, String)> = community::linked(actor.world, parent)
        .iter()
        .flat_map(|group| group.info().members.clone())
        .map(|member| (member.lid, member.phone))
        .collect();
    lids.sort();
    lids.dedup();
    let children = lids.iter().map(|(lid, phone)| {
        el("participant")
            .attr("jid", Jid::lid(lid.as_str()))
            .attr("phone_number", Jid::pn(phone.as_str()))
            .build()
    });
    result(request).children([el("linked_groups_participants").children(children).build()]).build()
}

/// The groups of a community as the stored documents of `w:mex` answer them.
pub(crate) fn subgroups(session: &Session, id: &Jid) -> Option<Value> {
    let parent = session.world.groups.get(id.user.as_str())?.value().clone();
    if !parent.info().has(&session.account.phone) {
        return None;
    }
    let groups = community::linked(&session.world, &parent);
    let announcements = groups.iter().find(|group| group.info().community.announcements);
    let others = groups.iter().filter(|group| !group.info().community.announcements);
    let edges: Vec<Value> = others.map(|group| json!({ "node": shown(group) })).collect();
    Some(json!({
        "id": parent.jid().to_string(),
        "default_sub_group": announcements.map(|group| shown(group)),
        "sub_groups": { "edges": edges },
    }))
}

fn shown(group: &Group) -> Value {
    let info = group.info();
    json!({
        "id": group.jid().to_string(),
        "subject": {
            "value": info.subject,
            "creation_time": info.subject_time.to_string(),
            "creator": { "id": Jid::lid(info.subject_owner.as_str()).to_string() },
        },
        "participants_count": info.members.len(),
        "total_participants_count": info.members.len(),
        "creation_time": info.creation.to_string(),
        "properties": { "general_chat": info.community.general },
    })
}
