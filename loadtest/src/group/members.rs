//! Adding, removing, promoting and demoting members.

use std::sync::Arc;

use wacore_binary::{Jid, Node};

use super::{Actor, Refusal, invite_code, member, participants};
use crate::{
    clock::unix_seconds,
    wire::nodes::el,
    world::{
        account::Account,
        groups::{Group, Info, Invitation, MAX_MEMBERS, Member},
    },
};

/// How long a personal invitation holds, in seconds.
const INVITATION_SECONDS: u64 = 3 * 24 * 3_600;
/// Most personal invitations kept per group.
const MAX_INVITATIONS: usize = 1_000;

/// What is done with members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MemberAction {
    /// Makes them members.
    Add,
    /// Ends their membership.
    Remove,
    /// Makes them admins.
    Promote,
    /// Ends their being admins.
    Demote,
}

impl MemberAction {
    /// Tag of the query and of the notification.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Promote => "promote",
            Self::Demote => "demote",
        }
    }
}

/// Somebody whom a change is about.
pub(crate) struct Wanted {
    /// As the request named them.
    pub(crate) address: Jid,
    pub(crate) account: Option<Arc<Account>>,
}

/// What became of one of them.
pub(crate) struct Outcome {
    /// LID when the account is known, else as the request named them.
    pub(crate) address: Jid,
    pub(crate) member: Option<Member>,
    /// 200 done, 401 blocked, 403 not allowed (by privacy: with an invitation), 404 unknown, 409 is so already.
    pub(crate) code: u16,
    /// Code and expiration of the personal invitation.
    pub(crate) invitation: Option<(String, u64)>,
}

impl Outcome {
    pub(crate) fn new(wanted: &Wanted, code: u16) -> Self {
        let member = wanted.account.as_deref().map(member);
        let address = member.as_ref().map(|member| Jid::lid(member.lid.as_str()));
        Self { address: address.unwrap_or_else(|| wanted.address.clone()), member, code, invitation: None }
    }

    /// The `participant` node of an answer.
    pub(crate) fn node(&self) -> Node {
        let mut node = el("participant").attr("jid", &self.address).attr("type", self.code);
        if let Some(member) = &self.member {
            node = node.attr("phone_number", Jid::pn(member.phone.as_str()));
        }
        if self.code != 200 {
            node = node.attr("error", self.code);
        }
        if let Some((code, expiration)) = &self.invitation {
            let invitation = el("add_request").attr("code", code).attr("expiration", *expiration).build();
            node = node.children([invitation]);
        }
        node.build()
    }
}

/// Takes somebody in, if that is possible.
pub(crate) fn admit(actor: &Actor<'_>, info: &mut Info, wanted: &Wanted) -> Outcome {
    let exists = |account: &&Arc<Account>| actor.world.directory.exists(&account.phone);
    let Some(account) = wanted.account.as_ref().filter(exists) else { return Outcome::new(wanted, 404) };
    if info.has(&account.phone) {
        return Outcome::new(wanted, 409);
    }
    if info.members.len() >= MAX_MEMBERS {
        return Outcome::new(wanted, 419);
    }
    let (blocked, private) = {
        let state = account.state();
        let own = [actor.account.pn().to_string(), actor.account.lid().to_string()];
        // Nobody has an address book here, so "contacts" excludes everybody.
        let private = state.privacy.get("groupadd").is_some_and(|value| value != "all");
        (state.blocked.iter().any(|jid| own.contains(jid)), private)
    };
    if blocked {
        return Outcome::new(wanted, 401);
    }
    if private {
        let (code, expiration) = (invite_code(), unix_seconds() + INVITATION_SECONDS);
        if info.invitations.len() >= MAX_INVITATIONS {
            info.invitations.pop_first();
        }
        info.invitations.insert(code.clone(), Invitation { phone: account.phone.clone(), expiration });
        return Outcome { invitation: Some((code, expiration)), ..Outcome::new(wanted, 403) };
    }
    info.requests.retain(|request| request.phone != account.phone);
    info.members.push(member(account));
    Outcome::new(wanted, 200)
}

fn change_one(info: &mut Info, action: MemberAction, wanted: &Wanted) -> Outcome {
    let phone = wanted.account.as_ref().map(|account| account.phone.clone()).unwrap_or_default();
    let Some(member) = info.members.iter_mut().find(|member| member.phone == phone) else {
        return Outcome::new(wanted, 404);
    };
    let code = match action {
        MemberAction::Promote if member.admin() => 409,
        MemberAction::Demote if !member.admin() => 409,
        MemberAction::Remove | MemberAction::Demote if member.owner() => 403,
        MemberAction::Promote => {
            member.role = Some("admin".into());
            200
        }
        MemberAction::Demote => {
            member.role = None;
            200
        }
        MemberAction::Remove | MemberAction::Add => {
            info.members.retain(|member| member.phone != phone);
            200
        }
    };
    Outcome::new(wanted, code)
}

/// Changes members and answers what became of each.
pub(crate) fn change(
    actor: &Actor<'_>,
    group: &Group,
    action: MemberAction,
    wanted: &[Wanted],
) -> Result<Vec<Outcome>, Refusal> {
    let (outcomes, before) = {
        let mut info = group.info();
        let allowed = match action {
            MemberAction::Add => info.may_add(actor.phone()),
            _ => info.admin(actor.phone()),
        };
        if !allowed {
            return Err(Refusal::Forbidden);
        }
        let before = info.members.clone();
        let outcomes: Vec<Outcome> = wanted
            .iter()
            .map(|wanted| match action {
                MemberAction::Add => admit(actor, &mut info, wanted),
                _ => change_one(&mut info, action, wanted),
            })
            .collect();
        (outcomes, before)
    };
    let done = outcomes.iter().filter(|outcome| outcome.code == 200);
    let changed: Vec<&Member> = done.filter_map(|outcome| outcome.member.as_ref()).collect();
    if !changed.is_empty() {
        actor.notify(group, participants(action.tag(), changed.into_iter()), &before);
        if action == MemberAction::Remove {
            actor.renew_sender_keys(group);
        }
    }
    actor.world.touch();
    Ok(outcomes)
}

/// The actor leaves. When no admin is left, the oldest member becomes one.
pub(crate) fn leave(actor: &Actor<'_>, group: &Group) -> Result<(), Refusal> {
    let mut heir = None;
    let own = {
        let mut info = group.info();
        let own = info.member(actor.phone()).cloned().ok_or(Refusal::NotFound)?;
        info.members.retain(|member| member.phone != own.phone);
        if !info.members.iter().any(Member::admin)
            && let Some(oldest) = info.members.first_mut()
        {
            oldest.role = Some("admin".into());
            heir = Some(oldest.clone());
        }
        own
    };
    actor.notify(group, participants("remove", std::iter::once(&own)), std::slice::from_ref(&own));
    if let Some(heir) = heir {
        actor.notify(group, participants("promote", std::iter::once(&heir)), &[]);
    }
    actor.renew_sender_keys(group);
    Ok(())
}
