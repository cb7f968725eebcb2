//! A new group.

use std::sync::Arc;

use super::{
    Actor, Refusal, invite_code,
    members::{self, Outcome, Wanted},
};
use crate::{
    clock::unix_seconds,
    wire::nodes::el,
    world::groups::{Group, Info, Member},
};

/// Longest subject in characters.
pub(crate) const MAX_SUBJECT: usize = 100;

/// Creates a group. `info` brings subject and settings, the rest is filled in here. Members whose privacy
/// forbids it, or who do not exist, are left out: see the outcomes.
pub(crate) fn create(
    actor: &Actor<'_>,
    mut info: Info,
    wanted: &[Wanted],
) -> Result<(Arc<Group>, Vec<Outcome>), Refusal> {
    if info.subject.is_empty() || info.subject.chars().count() > MAX_SUBJECT {
        return Err(Refusal::BadRequest);
    }
    let now = unix_seconds();
    info.subject_time = now;
    info.subject_owner.clone_from(&actor.account.lid);
    info.creation = now;
    info.creator.clone_from(&actor.account.lid);
    info.invite = invite_code();
    if info.description.is_some() {
        info.description_owner.clone_from(&actor.account.lid);
        info.description_time = now;
    }
    info.members = vec![Member { role: Some("superadmin".into()), ..actor.member() }];
    let mut outcomes = Vec::new();
    for target in wanted {
        outcomes.push(members::admit(actor, &mut info, target));
    }
    let id = format!("120363{:012}", rand::random_range(0..1_000_000_000_000_u64));
    let node = info.node(&id);
    let group = Arc::new(Group::new(id.clone(), info));
    actor.world.groups.insert(id, group.clone());
    let created = el("create").attr("type", "new").attr("key", actor.world.next_id()).children([node]);
    actor.notify(&group, created.build(), &[]);
    Ok((group, outcomes))
}
