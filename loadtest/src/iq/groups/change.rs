//! Changes of a group by a member.

use wacore_binary::{Jid, Node, NodeRef};

use super::{
    create::{approval, expiration},
    invite, wanted,
};
use crate::{
    group::{
        Actor, Refusal, join,
        members::{self, MemberAction, Outcome},
        settings::{self, MODES, SWITCHES, Setting},
    },
    wire::nodes::{bytes, child_bytes, el, jid, result, text},
    world::groups::Group,
};

fn outcomes(tag: &'static str, outcomes: &[Outcome]) -> Node {
    el(tag).children(outcomes.iter().map(Outcome::node)).build()
}

pub(super) fn change(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Group,
) -> Result<Node, Refusal> {
    let tag = action.tag.as_ref();
    let member_action = match tag {
        "add" => Some(MemberAction::Add),
        "remove" => Some(MemberAction::Remove),
        "promote" => Some(MemberAction::Promote),
        "demote" => Some(MemberAction::Demote),
        _ => None,
    };
    if let Some(member_action) = member_action {
        let changed = members::change(actor, group, member_action, &wanted(actor, action))?;
        return Ok(result(request).children([outcomes(member_action.tag(), &changed)]).build());
    }
    match tag {
        "invite" => return invite(actor, request, group, true),
        "membership_requests_action" => return decide(actor, request, action, group),
        "revoke" => return revoke(actor, request, action, group),
        "ack" => {}
        "subject" => {
            let subject = bytes(action).unwrap_or_default();
            settings::subject(actor, group, &String::from_utf8_lossy(&subject))?;
        }
        "description" => describe(actor, action, group)?,
        _ => settings::set(actor, group, &setting(action).ok_or(Refusal::BadRequest)?)?,
    }
    Ok(result(request).build())
}

fn setting(action: &NodeRef<'_>) -> Option<Setting> {
    let tag = action.tag.as_ref();
    if let Some(mode) = MODES.into_iter().find(|mode| *mode == tag) {
        let value = String::from_utf8_lossy(&bytes(action)?).into_owned();
        return Some(Setting::Mode(mode, value));
    }
    if let Some(index) = SWITCHES.iter().position(|(set, clear)| *set == tag || *clear == tag) {
        return Some(Setting::Switch(index, SWITCHES.get(index)?.0 == tag));
    }
    Some(match tag {
        "announcement" => Setting::Announce(true),
        "not_announcement" => Setting::Announce(false),
        "locked" => Setting::Locked(true),
        "unlocked" => Setting::Locked(false),
        "ephemeral" => Setting::Ephemeral(expiration(action)?),
        "not_ephemeral" => Setting::Ephemeral(0),
        "membership_approval_mode" => Setting::Approval(approval(action)),
        _ => return None,
    })
}

fn describe(actor: &Actor<'_>, action: &NodeRef<'_>, group: &Group) -> Result<(), Refusal> {
    let id = text(action, "id").unwrap_or_default();
    let body = child_bytes(action, "body");
    let body = String::from_utf8_lossy(&body);
    let kept = Some(body.as_ref()).filter(|body| !body.is_empty() && text(action, "delete").is_none());
    settings::description(actor, group, &id, text(action, "prev").as_deref(), kept)
}

fn decide(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Group,
) -> Result<Node, Refusal> {
    let verdict = action.children().and_then(|children| children.first()).ok_or(Refusal::BadRequest)?;
    let tag = if verdict.tag.as_ref() == "approve" { "approve" } else { "reject" };
    let decided = join::decide(actor, group, tag == "approve", &wanted(actor, verdict))?;
    let answer = el("membership_requests_action").children([outcomes(tag, &decided)]).build();
    Ok(result(request).children([answer]).build())
}

/// Takes personal invitations back.
fn revoke(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Group,
) -> Result<Node, Refusal> {
    let wanted = wanted(actor, action);
    let mut info = group.info();
    if !info.admin(&actor.account.phone) {
        return Err(Refusal::Forbidden);
    }
    let answers = wanted.iter().map(|wanted| {
        let phone = wanted.account.as_ref().map(|account| account.phone.as_str());
        let before = info.invitations.len();
        info.invitations.retain(|_, invitation| Some(invitation.phone.as_str()) != phone);
        let code = if info.invitations.len() < before { 200 } else { 404 };
        Outcome::new(wanted, code)
    });
    let answers: Vec<Outcome> = answers.collect();
    Ok(result(request).children([outcomes("revoke", &answers)]).build())
}

pub(super) fn cancel(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Group,
) -> Result<Node, Refusal> {
    join::cancel(actor, group)?;
    let answers: Vec<Outcome> = wanted(actor, action).iter().map(|one| Outcome::new(one, 200)).collect();
    Ok(result(request).children([outcomes("cancel_membership_requests", &answers)]).build())
}

/// `leave` names its groups. Each is answered for itself.
pub(super) fn leave(actor: &Actor<'_>, request: &NodeRef<'_>, action: &NodeRef<'_>) -> Node {
    let ids = action.get_children_by_tag("group").filter_map(|group| jid(group, "id"));
    let left = ids.map(|id| {
        let group = actor.world.groups.get(id.user.as_str()).map(|group| group.value().clone());
        let outcome = group.ok_or(Refusal::NotFound).and_then(|group| members::leave(actor, &group));
        let node = el("group").attr("id", Jid::group(id.user.as_str()));
        match outcome {
            Ok(()) => node.build(),
            Err(refusal) => node.attr("error", refusal.code().0).build(),
        }
    });
    let left: Vec<Node> = left.collect();
    result(request).children([el("leave").children(left).build()]).build()
}
