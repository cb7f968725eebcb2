//! What changes make of a group that is on record.

use super::notices::{Happening, What};
use crate::channel::groups::{Change, Group, Member, MemberAction, Role};

/// What a change makes of a group.
pub fn apply(group: &mut Group, what: &What, happening: &Happening) {
    match what {
        What::Changed(change, desc_id) => set(group, change, desc_id.as_deref(), happening),
        What::Members(action, members) => {
            for member in members {
                change_member(&mut group.participants, *action, member);
            }
            group.size = group.participants.len();
        }
        What::Link(_) | What::Appeared(_) | What::Deleted | What::Unclear => {}
    }
}

fn set(group: &mut Group, change: &Change, desc_id: Option<&str>, happening: &Happening) {
    let (author, time) = (happening.author.clone(), Some(happening.time));
    match change {
        Change::Subject(subject) if *subject != group.subject => {
            group.subject.clone_from(subject);
            (group.subject_owner, group.subject_time) = (author, time);
        }
        Change::Description(text) => {
            let text = Some(text.clone()).filter(|text| !text.is_empty());
            if text != group.desc {
                (group.desc, group.desc_owner, group.desc_time) = (text, author, time);
                group.desc_id = None;
            }
            group.desc_id = desc_id.map(str::to_owned).or(group.desc_id.take());
        }
        Change::Subject(_) => {}
        Change::Announce(on) => group.announce = *on,
        Change::Restrict(on) => group.restrict = *on,
        Change::JoinApproval(on) => group.join_approval_mode = *on,
        Change::MemberAdd(on) => group.member_add_mode = *on,
        Change::Ephemeral(seconds) => group.ephemeral_duration = Some(*seconds).filter(|s| *s > 0),
    }
}

fn change_member(members: &mut Vec<Member>, action: MemberAction, member: &Member) {
    let same = |other: &Member| other.id == member.id || (other.lid.is_some() && other.lid == member.lid);
    let known = members.iter().position(same);
    match (action, known) {
        (MemberAction::Add, None) => members.push(Member { admin: None, ..member.clone() }),
        (MemberAction::Remove, Some(at)) => drop(members.remove(at)),
        (MemberAction::Promote, Some(at)) => {
            if let Some(member) = members.get_mut(at) {
                member.admin.get_or_insert(Role::Admin);
            }
        }
        (MemberAction::Demote, Some(at)) => {
            if let Some(member) = members.get_mut(at) {
                member.admin = None;
            }
        }
        (MemberAction::Add, Some(_)) | (_, None) => {}
    }
}
