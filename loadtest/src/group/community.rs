//! Communities: groups that other groups belong to. Who is in one of those is in the community and in its
//! group for announcements.

use std::sync::Arc;

use wacore_binary::{Jid, Node};

use super::{Actor, Refusal, create, member, participants};
use crate::{
    wire::nodes::el,
    world::{
        World,
        groups::{Group, Info, Member, community::Community},
    },
};

/// Subject of the general chat.
const GENERAL: &str = "General";

/// The groups that belong to a community, in the order of their ids.
pub(crate) fn linked(world: &World, parent: &Group) -> Vec<Arc<Group>> {
    let belongs = |group: &Group| group.info().community.of.as_deref() == Some(parent.id.as_str());
    let groups = world.groups.iter().map(|group| group.value().clone());
    let mut groups: Vec<_> = groups.filter(|group| belongs(group)).collect();
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    groups
}

/// Gives a new community its group for announcements and, if wanted, its general chat.
pub(crate) fn complete(actor: &Actor<'_>, parent: &Group, general: bool) -> Result<(), Refusal> {
    let subject = parent.info().subject.clone();
    let part = |community: Community| Community { of: Some(parent.id.clone()), ..community };
    let announcements = Info {
        subject,
        announce: true,
        community: part(Community { announcements: true, ..Community::default() }),
        ..Info::default()
    };
    create::create(actor, announcements, &[])?;
    if general {
        let chat = Info {
            subject: GENERAL.to_owned(),
            community: part(Community { general: true, ..Community::default() }),
            ..Info::default()
        };
        create::create(actor, chat, &[])?;
    }
    Ok(())
}

/// Whether the actor may create a group in this community.
pub(crate) fn may_create(actor: &Actor<'_>, parent: &Group) -> Result<(), Refusal> {
    let info = parent.info();
    if !info.community.parent {
        return Err(Refusal::BadRequest);
    }
    let phone = &actor.account.phone;
    let allowed = info.admin(phone) || (info.community.open_creation && info.has(phone));
    if allowed { Ok(()) } else { Err(Refusal::Forbidden) }
}

/// Takes members of a group into the community and its group for announcements.
pub(crate) fn adopt(actor: &Actor<'_>, parent: &Group, members: &[Member]) {
    let announcements =
        linked(actor.world, parent).into_iter().find(|group| group.info().community.announcements);
    for group in std::iter::once(parent).chain(announcements.as_deref()) {
        let new: Vec<Member> = {
            let mut info = group.info();
            let new = members.iter().filter(|member| !info.has(&member.phone));
            let new: Vec<Member> = new.map(|member| Member { role: None, ..member.clone() }).collect();
            info.members.extend(new.iter().cloned());
            new
        };
        if !new.is_empty() {
            actor.notify(group, participants("add", new.iter()), &[]);
        }
    }
}

fn group_of(world: &World, address: &Jid) -> Result<Arc<Group>, Refusal> {
    world.groups.get(address.user.as_str()).map(|group| group.value().clone()).ok_or(Refusal::NotFound)
}

fn parent_of<'g>(actor: &Actor<'_>, parent: &'g Group) -> Result<&'g Group, Refusal> {
    let info = parent.info();
    if !info.community.parent {
        return Err(Refusal::BadRequest);
    }
    if info.admin(&actor.account.phone) { Ok(parent) } else { Err(Refusal::Forbidden) }
}

fn named(group: &Group) -> Node {
    el("group").attr("jid", group.jid()).attr("subject", &group.info().subject).build()
}

/// Makes a group a part of a community.
pub(crate) fn link(actor: &Actor<'_>, parent: &Group, address: &Jid) -> Result<(), Refusal> {
    parent_of(actor, parent)?;
    let group = group_of(actor.world, address)?;
    let members = {
        let mut info = group.info();
        if !info.admin(&actor.account.phone) {
            return Err(Refusal::Forbidden);
        }
        if info.community.parent || info.community.of.is_some() {
            return Err(Refusal::Conflict);
        }
        info.community.of = Some(parent.id.clone());
        info.members.clone()
    };
    adopt(actor, parent, &members);
    let change = el("link").attr("link_type", "sub_group").children([named(&group)]).build();
    actor.notify(parent, change, &[]);
    Ok(())
}

/// Makes a group independent of its community.
pub(crate) fn unlink(actor: &Actor<'_>, parent: &Group, address: &Jid) -> Result<(), Refusal> {
    parent_of(actor, parent)?;
    let group = group_of(actor.world, address)?;
    {
        let mut info = group.info();
        if info.community.of.as_deref() != Some(parent.id.as_str()) || info.community.announcements {
            return Err(Refusal::NotFound);
        }
        info.community = Community::default();
    }
    actor.notify(parent, unlinked(&group, "unlink_group"), &[]);
    Ok(())
}

fn unlinked(group: &Group, reason: &str) -> Node {
    el("unlink")
        .attr("unlink_type", "sub_group")
        .attr("unlink_reason", reason)
        .children([named(group)])
        .build()
}

/// Ends a community: its own groups go with it, the others stay and are independent.
pub(crate) fn delete(actor: &Actor<'_>, parent: &Group) -> Result<(), Refusal> {
    parent_of(actor, parent)?;
    for group in linked(actor.world, parent) {
        let own = {
            let info = group.info();
            info.community.announcements || info.community.general
        };
        group.info().community = Community::default();
        actor.notify(parent, unlinked(&group, "delete_parent_group"), &[]);
        if own {
            actor.world.groups.remove(&group.id);
        }
    }
    actor.notify(parent, el("delete").build(), &[]);
    actor.world.groups.remove(&parent.id);
    actor.world.touch();
    Ok(())
}

/// A group of a community that the actor is in.
pub(crate) fn linked_group(actor: &Actor<'_>, parent: &Group, address: &Jid) -> Result<Arc<Group>, Refusal> {
    if !parent.info().has(&actor.account.phone) {
        return Err(Refusal::Forbidden);
    }
    let group = group_of(actor.world, address)?;
    let belongs = group.info().community.of.as_deref() == Some(parent.id.as_str());
    if belongs { Ok(group) } else { Err(Refusal::NotFound) }
}

/// A member of a community joins one of its groups.
pub(crate) fn join(actor: &Actor<'_>, parent: &Group, address: &Jid) -> Result<Arc<Group>, Refusal> {
    let group = linked_group(actor, parent, address)?;
    let new = member(actor.account);
    if !group.info().has(&new.phone) {
        group.info().members.push(new.clone());
        actor.notify(&group, participants("add", std::iter::once(&new)), &[]);
    }
    Ok(group)
}
