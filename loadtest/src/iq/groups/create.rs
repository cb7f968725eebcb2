//! `create`.

use std::sync::Arc;

use wacore_binary::{Jid, Node, NodeRef};

use super::wanted;
use crate::{
    group::{Actor, Refusal, community, create, settings::MODES},
    wire::nodes::{bytes, child_bytes, jid, result, text},
    world::groups::{Group, Info, community::Community},
};

pub(super) fn create(
    actor: &Actor<'_>,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
) -> Result<Node, Refusal> {
    let child = |tag: &str| action.get_optional_child(tag);
    let mut info = Info {
        subject: text(action, "subject").unwrap_or_default().into_owned(),
        announce: child("announcement").is_some(),
        locked: child("locked").is_some(),
        approval: approval(action),
        ephemeral: child("ephemeral").and_then(expiration).filter(|seconds| *seconds > 0),
        ..Info::default()
    };
    if let Some(description) = child("description") {
        let body = String::from_utf8_lossy(&child_bytes(description, "body")).into_owned();
        info.description = Some((text(description, "id").unwrap_or_default().into_owned(), body));
    }
    for tag in MODES {
        if let Some(mode) = child(tag).and_then(bytes) {
            info.modes.insert(tag.to_owned(), String::from_utf8_lossy(&mode).into_owned());
        }
    }
    let parent = child("linked_parent").and_then(|parent| jid(parent, "jid"));
    let parent = parent.map(|parent| community_of(actor, &parent)).transpose()?;
    info.community = Community {
        parent: parent.is_none() && child("parent").is_some(),
        closed: child("parent")
            .is_some_and(|parent| parent.get_attr("default_membership_approval_mode").is_some()),
        open_creation: child("allow_non_admin_sub_group_creation").is_some(),
        of: parent.as_ref().map(|parent| parent.id.clone()),
        ..Community::default()
    };
    let founded = info.community.parent;
    let (group, outcomes) = create::create(actor, info, &wanted(actor, action))?;
    if founded {
        community::complete(actor, &group, child("create_general_chat").is_some())?;
    }
    if let Some(parent) = parent {
        let members = group.info().members.clone();
        community::adopt(actor, &parent, &members);
    }
    let mut node = group.info().node(&group.id);
    // Those who could not be added are told of in the same list.
    if let Some(wacore_binary::NodeContent::Nodes(children)) = &mut node.content {
        children.extend(outcomes.iter().filter(|outcome| outcome.code != 200).map(|one| one.node()));
    }
    Ok(result(request).children([node]).build())
}

/// The community that a new group is to belong to.
fn community_of(actor: &Actor<'_>, parent: &Jid) -> Result<Arc<Group>, Refusal> {
    let parent = actor.world.groups.get(parent.user.as_str()).map(|group| group.value().clone());
    let parent = parent.ok_or(Refusal::NotFound)?;
    community::may_create(actor, &parent)?;
    Ok(parent)
}

/// State of `membership_approval_mode`, in the node or among its children.
pub(super) fn approval(action: &NodeRef<'_>) -> bool {
    let mode = match action.tag.as_ref() {
        "membership_approval_mode" => Some(action),
        _ => action.get_optional_child("membership_approval_mode"),
    };
    let join = mode.and_then(|mode| mode.get_optional_child("group_join"));
    join.and_then(|join| text(join, "state")).is_some_and(|state| state == "on")
}

pub(super) fn expiration(node: &NodeRef<'_>) -> Option<u32> {
    text(node, "expiration")?.parse().ok()
}
