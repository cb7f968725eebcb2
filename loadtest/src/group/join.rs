//! Invite links, personal invitations and requests to join.

use std::sync::Arc;

use super::{
    Actor, Refusal, invite_code, member,
    members::{Outcome, Wanted},
    participants,
};
use crate::{
    clock::unix_seconds,
    wire::nodes::el,
    world::{
        World,
        groups::{Group, MAX_MEMBERS, Member, Request},
    },
};

/// Most requests kept per group.
const MAX_REQUESTS: usize = 1_000;

/// Most codes of former links kept per group.
const MAX_REVOKED: usize = 16;

/// What became of a wish to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The actor is a member.
    Member,
    /// The admins decide.
    Pending,
}

/// The code of the invite link; `reset` makes a new one. Admins only, unless all members may use the link.
pub(crate) fn link(actor: &Actor<'_>, group: &Group, reset: bool) -> Result<String, Refusal> {
    let code = {
        let mut info = group.info();
        let all = info.modes.get("member_link_mode").is_some_and(|mode| mode == "all_member_link");
        let allowed = info.admin(actor.phone()) || (all && !reset && info.has(actor.phone()));
        if !allowed {
            return Err(Refusal::Forbidden);
        }
        if reset {
            let old = std::mem::replace(&mut info.invite, invite_code());
            if info.revoked.len() >= MAX_REVOKED {
                info.revoked.pop_front();
            }
            info.revoked.push_back(old);
        }
        info.invite.clone()
    };
    if reset {
        actor.notify(group, el("revoke").build(), &[]);
    }
    Ok(code)
}

/// The group of an invite link.
pub(crate) fn by_code(world: &World, code: &str) -> Result<Arc<Group>, Refusal> {
    let mut revoked = false;
    for group in &world.groups {
        let info = group.info();
        if info.invite == code {
            return Ok(group.value().clone());
        }
        revoked |= info.revoked.iter().any(|old| old == code);
    }
    Err(if revoked { Refusal::Gone } else { Refusal::NotFound })
}

/// Joins by invite link; with approval on, asks for it.
pub(crate) fn by_link(actor: &Actor<'_>, code: &str) -> Result<(Arc<Group>, Joined), Refusal> {
    let group = by_code(actor.world, code)?;
    let own = actor.member();
    let admins: Vec<Member> = {
        let mut info = group.info();
        if info.has(&own.phone) {
            return Err(Refusal::Conflict);
        }
        if info.members.len() >= MAX_MEMBERS {
            return Err(Refusal::Full);
        }
        if !info.approval {
            info.members.push(own.clone());
            drop(info);
            actor.notify(&group, reasoned(&own), &[]);
            return Ok((group, Joined::Member));
        }
        if !info.requests.iter().any(|request| request.phone == own.phone) {
            if info.requests.len() >= MAX_REQUESTS {
                return Err(Refusal::Full);
            }
            let time = unix_seconds();
            info.requests.push(Request { phone: own.phone.clone(), lid: own.lid.clone(), time });
        }
        info.members.iter().filter(|member| member.admin()).cloned().collect()
    };
    let user = el("requested_user").attr("jid", actor.account.lid()).attr("phone_number", actor.account.pn());
    let change =
        el("created_membership_requests").attr("request_method", "invite_link").children([user.build()]);
    actor.notify_only(&group, change.build(), admins.iter());
    Ok((group, Joined::Pending))
}

fn reasoned(own: &Member) -> wacore_binary::Node {
    let mut change = participants("add", std::iter::once(own));
    change.attrs.insert("reason", "invite");
    change
}

/// Joins by a personal invitation.
pub(crate) fn by_invitation(actor: &Actor<'_>, group: &Group, code: &str) -> Result<(), Refusal> {
    let own = actor.member();
    {
        let mut info = group.info();
        let invitation = info.invitations.get(code).filter(|one| one.phone == own.phone);
        let invitation = invitation.ok_or(Refusal::NotFound)?;
        if invitation.expiration < unix_seconds() {
            return Err(Refusal::Gone);
        }
        if info.members.len() >= MAX_MEMBERS {
            return Err(Refusal::Full);
        }
        info.invitations.remove(code);
        if info.has(&own.phone) {
            return Err(Refusal::Conflict);
        }
        info.members.push(own.clone());
    }
    actor.notify(group, reasoned(&own), &[]);
    Ok(())
}

/// Those who ask to join. Admins only.
pub(crate) fn requests(actor: &Actor<'_>, group: &Group) -> Result<Vec<Request>, Refusal> {
    let info = group.info();
    if info.admin(actor.phone()) { Ok(info.requests.clone()) } else { Err(Refusal::Forbidden) }
}

/// Admins let requesters in or turn them down.
pub(crate) fn decide(
    actor: &Actor<'_>,
    group: &Group,
    approve: bool,
    wanted: &[Wanted],
) -> Result<Vec<Outcome>, Refusal> {
    let mut decided = Vec::new();
    let outcomes = {
        let mut info = group.info();
        if !info.admin(actor.phone()) {
            return Err(Refusal::Forbidden);
        }
        let mut outcomes = Vec::new();
        for wanted in wanted {
            let asked = wanted.account.as_ref().filter(|account| {
                let before = info.requests.len();
                info.requests.retain(|request| request.phone != account.phone);
                info.requests.len() < before
            });
            let Some(account) = asked else {
                outcomes.push(Outcome::new(wanted, 404));
                continue;
            };
            if approve && info.members.len() >= MAX_MEMBERS {
                outcomes.push(Outcome::new(wanted, 419));
                continue;
            }
            let one = member(account);
            if approve && !info.has(&one.phone) {
                info.members.push(one.clone());
            }
            decided.push(one);
            outcomes.push(Outcome::new(wanted, 200));
        }
        outcomes
    };
    if !decided.is_empty() {
        let tag = if approve { "add" } else { "revoked_membership_requests" };
        actor.notify(group, participants(tag, decided.iter()), &decided);
    }
    Ok(outcomes)
}

/// The actor takes a request back.
pub(crate) fn cancel(actor: &Actor<'_>, group: &Group) -> Result<(), Refusal> {
    let own = actor.member();
    let admins: Vec<Member> = {
        let mut info = group.info();
        let before = info.requests.len();
        info.requests.retain(|request| request.phone != own.phone);
        if info.requests.len() == before {
            return Err(Refusal::NotFound);
        }
        info.members.iter().filter(|member| member.admin()).cloned().collect()
    };
    let change = participants("revoked_membership_requests", std::iter::once(&own));
    actor.notify_only(group, change, admins.iter().chain(std::iter::once(&own)));
    Ok(())
}
