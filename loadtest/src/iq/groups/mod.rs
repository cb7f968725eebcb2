//! Namespace `w:g2`: queries and changes of groups by devices. What they do is in `crate::group`.

mod change;
pub(crate) mod community;
mod create;
mod query;

use std::sync::Arc;

use wacore_binary::{Node, NodeRef, Server};

use crate::{
    group::{Actor, Refusal, join, join::Joined, members::Wanted},
    session::device::Session,
    wire::nodes::{el, error, jid, result, text},
    world::groups::Group,
};

/// Answers a group query or change.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let actor = actor(session);
    let answer = match request.children().and_then(|children| children.first()) {
        None => Err(Refusal::BadRequest),
        Some(action) => answer(&actor, request, action, set),
    };
    answer.unwrap_or_else(|refusal| {
        let (code, why) = refusal.code();
        error(request, code, why)
    })
}

/// Whether the device may change the picture of `target`, when that is a group.
pub(crate) fn may_set_picture(session: &Session, request: &NodeRef<'_>) -> bool {
    let Some(target) = jid(request, "target").filter(|target| target.server == Server::Group) else {
        return true;
    };
    let group = session.world.groups.get(target.user.as_str()).map(|group| group.value().clone());
    group.is_some_and(|group| group.info().may_edit(&session.account.phone))
}

fn actor(session: &Session) -> Actor<'_> {
    Actor { world: &session.world, account: &session.account, device: Some(session.device) }
}

fn answer(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    set: bool,
) -> Result<Node, Refusal> {
    let tag = action.tag.as_ref();
    let to = jid(request, "to").filter(|to| !to.user.is_empty());
    let Some(to) = to else {
        return match (tag, set) {
            ("create", true) => create::create(actor, request, action),
            ("participating", false) => Ok(query::participating(actor, request)),
            ("query", false) => Ok(query::batch(actor, request, action)),
            ("pictures", false) => Ok(query::pictures(actor, request, action)),
            ("leave", true) => Ok(change::leave(actor, request, action)),
            ("invite", _) => by_link(actor, request, action, set),
            _ => Err(Refusal::BadRequest),
        };
    };
    let group = actor.world.groups.get(to.user.as_str()).map(|group| group.value().clone());
    let group = group.ok_or(Refusal::NotFound)?;
    match (tag, set) {
        ("accept", true) => return accept(actor, request, action, &group),
        ("cancel_membership_requests", true) => return change::cancel(actor, request, action, &group),
        _ => {}
    }
    if !group.info().has(&actor.account.phone) {
        return Err(Refusal::Forbidden);
    }
    if let Some(answer) = community::answer(actor, request, action, &group, set) {
        return answer;
    }
    if set {
        return change::change(actor, request, action, &group);
    }
    match tag {
        "query" => Ok(result(request).children([group.info().node(&group.id)]).build()),
        "invite" => invite(actor, request, &group, false),
        "membership_approval_requests" => query::requests(actor, request, &group),
        _ => Err(Refusal::BadRequest),
    }
}

fn invite(actor: &Actor<'_>, request: &NodeRef<'_>, group: &Group, reset: bool) -> Result<Node, Refusal> {
    let code = join::link(actor, group, reset)?;
    Ok(result(request).children([el("invite").attr("code", code).build()]).build())
}

fn by_link(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    set: bool,
) -> Result<Node, Refusal> {
    let code = text(action, "code").ok_or(Refusal::BadRequest)?;
    if !set {
        let group = join::by_code(actor.world, &code)?;
        return Ok(result(request).children([group.info().node(&group.id)]).build());
    }
    let (group, joined) = join::by_link(actor, &code)?;
    let tag = match joined {
        Joined::Member => "group",
        Joined::Pending => "membership_approval_request",
    };
    Ok(result(request).children([el(tag).attr("jid", group.jid()).build()]).build())
}

fn accept(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Arc<Group>,
) -> Result<Node, Refusal> {
    join::by_invitation(actor, group, &text(action, "code").unwrap_or_default())?;
    Ok(result(request).children([el("group").attr("jid", group.jid()).build()]).build())
}

/// The participants that a request names.
fn wanted(actor: &Actor<'_>, action: &NodeRef<'_>) -> Vec<Wanted> {
    let named = action.get_children_by_tag("participant").filter_map(|node| {
        let address = jid(node, "jid")?;
        let directory = &actor.world.directory;
        let account = directory
            .find(&address)
            .or_else(|| jid(node, "phone_number").and_then(|phone| directory.find(&phone)));
        Some(Wanted { address, account })
    });
    named.collect()
}
