//! `create`.

use wacore_binary::{Node, NodeRef};

use super::wanted;
use crate::{
    group::{Actor, Refusal, create, settings::MODES},
    wire::nodes::{bytes, child_bytes, result, text},
    world::groups::Info,
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
    let (group, outcomes) = create::create(actor, info, &wanted(actor, action))?;
    let mut node = group.info().node(&group.id);
    // Those who could not be added are told of in the same list.
    if let Some(wacore_binary::NodeContent::Nodes(children)) = &mut node.content {
        children.extend(outcomes.iter().filter(|outcome| outcome.code != 200).map(|one| one.node()));
    }
    Ok(result(request).children([node]).build())
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
