//! Groups: what members and admins do with them here, what is known of them in `known`, and what is
//! told of them in `notices`.

mod apply;
mod doubt;
mod flight;
mod known;
mod list;
mod news;
mod notices;
mod wire;

use std::convert::Infallible;

use async_trait::async_trait;
use wacore::iq::groups::ParticipantChangeResponse;
use wacore_binary::Jid as WireJid;
use whatsapp_rust::{
    Client, GroupCreateOptions, GroupDescription, GroupError, GroupParticipantOptions, GroupSubject,
    JoinGroupResult, MemberAddMode, MembershipApprovalMode, PreviousDescription,
};

pub use self::doubt::keep_doubts;
pub use self::known::Known;
use self::known::unreadable;
use self::notices::{Happening, What};
pub use self::notices::{Joining, notified};
use self::wire::About;
use super::address::{from_wire, shown, to_wire};
use super::connection::{Connection, Context};
use crate::channel::Error;
use crate::channel::groups::{
    Change, Group, Groups, JoinRequest, Joined, Member, MemberAction, MemberOutcome, NewGroup, Role,
};
use crate::domain::Jid;
use crate::media::File;

impl Context {
    /// What the library answers, and what its refusal means.
    async fn ask<T>(
        &self,
        client: &Client,
        about: About,
        asking: impl Future<Output = Result<T, GroupError>>,
    ) -> Result<T, Error> {
        let answer = self.answer(client, async { Ok::<_, Infallible>(asking.await) }).await?;
        answer.map_err(|error| wire::refusal(&error, about))
    }
}

impl Connection {
    /// A group with its members, from the record or from WhatsApp.
    pub(super) async fn group(&self, group: &Jid) -> Result<Group, Error> {
        self.context.group(self.client()?, group).await
    }

    async fn ask<T>(
        &self,
        about: About,
        asking: impl Future<Output = Result<T, GroupError>>,
    ) -> Result<T, Error> {
        self.context.ask(self.client()?, about, asking).await
    }

    /// Notes what we have done: WhatsApp tells of it too, but to other devices first.
    async fn done(&self, client: &Client, group: &Jid, what: What) {
        let author = client.pn().and_then(|jid| from_wire(&jid));
        let time = u64::try_from(self.context.seat.journal.now() / 1000).unwrap_or_default();
        let happening = Happening { group: group.clone(), author, time, id: None, what };
        self.context.happened(client, happening).await;
    }

    /// Notes what was done with members, and answers what became of each.
    async fn settle(
        &self,
        client: &Client,
        group: &Jid,
        action: Option<MemberAction>,
        answers: Vec<ParticipantChangeResponse>,
    ) -> Vec<MemberOutcome> {
        let role = (action == Some(MemberAction::Promote)).then_some(Role::Admin);
        let done = answers.iter().filter(|one| one.is_ok());
        let done = done.filter_map(|one| wire::member(&one.jid, one.phone_number.as_ref(), None, role));
        let done: Vec<Member> = done.collect();
        if let Some(action) = action.filter(|_| !done.is_empty()) {
            self.done(client, group, What::Members(action, done)).await;
        }
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.extend(wire::outcome(client, answer).await);
        }
        outcomes
    }

    /// The group of a link that there is nothing to join by: the account is in it, or has asked to be.
    async fn joined_before(&self, code: &str) -> Result<Joined, Error> {
        let Group { id, join_approval_mode, .. } = self.by_invite(code).await?;
        match self.group(&id).await {
            Ok(_) => Ok(Joined { group: id, pending: false }),
            Err(Error::NotAllowed(_)) if join_approval_mode => Ok(Joined { group: id, pending: true }),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Groups for Connection {
    async fn create(&self, new: NewGroup) -> Result<Group, Error> {
        let client = self.client()?;
        let members = new.members.iter().map(to_wire).collect::<Result<Vec<_>, _>>()?;
        let mut options = GroupCreateOptions::new(new.subject)
            .with_participants(members.into_iter().map(GroupParticipantOptions::new).collect());
        let creating = async {
            options.description = new.description.map(described).transpose()?;
            client.groups().create_group(options).await
        };
        let created = self.ask(About::Group, creating).await?;
        let group = wire::group(client, created.metadata).await.ok_or_else(unreadable)?;
        self.done(client, &group.id, What::Appeared(Box::new(group.clone()))).await;
        Ok(group)
    }

    async fn find(&self, group: &Jid) -> Result<Group, Error> {
        self.group(group).await
    }

    async fn all(&self, with_members: bool) -> Result<Vec<Group>, Error> {
        self.context.all_groups(self.client()?, with_members).await
    }

    async fn picture(&self, group: &Jid) -> Result<Option<String>, Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        // The library says of a picture that is not there, or that we may not see, that there is none.
        match self.answer(client.contacts().get_profile_picture(&wire, false)).await {
            Ok(found) => {
                let url = found.map(|picture| picture.url);
                self.context.note_picture(group, url.as_ref(), Vec::new()).await?;
                Ok(url)
            }
            // Any other refusal says nothing about the picture.
            Err(error @ (Error::Protocol(_) | Error::Refused(_))) => {
                tracing::debug!(instance = %self.context.seat.name, %error, "a picture could not be looked up");
                Ok(self.context.on_record(group).await?.and_then(|(known, _)| known.picture_url))
            }
            Err(error) => Err(error),
        }
    }

    async fn set_picture(&self, group: &Jid, image: &File) -> Result<(), Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        self.group(group).await?;
        let jpeg = super::picture::jpeg(&self.context.files, "image", image).await?;
        self.ask(About::Group, client.groups().set_profile_picture(wire, jpeg)).await?;
        // The picture is set, whether or not its address can be looked up now.
        if let Err(error) = self.picture(group).await {
            tracing::debug!(instance = %self.context.seat.name, %error, "a new picture could not be looked up");
        }
        Ok(())
    }

    async fn change(&self, group: &Jid, change: Change) -> Result<(), Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        // Known before, the change is told once: not again when WhatsApp tells of it.
        self.group(group).await?;
        self.ask(About::Group, changed(client, wire, &change)).await?;
        self.done(client, group, What::Changed(change, None)).await;
        Ok(())
    }

    async fn change_members(
        &self,
        group: &Jid,
        action: MemberAction,
        members: &[Jid],
    ) -> Result<Vec<MemberOutcome>, Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        let known = self.group(group).await?;
        let who = members.iter().map(|jid| to_wire(&seen(&known, jid))).collect::<Result<Vec<_>, _>>()?;
        let groups = client.groups();
        let changing = async {
            match action {
                MemberAction::Add => groups.add_participants(wire, &who).await,
                MemberAction::Remove => groups.remove_participants(wire, &who).await,
                MemberAction::Promote => groups.promote_participants(wire, &who).await,
                MemberAction::Demote => groups.demote_participants(wire, &who).await,
            }
        };
        let answers = self.ask(About::Group, changing).await?;
        Ok(self.settle(client, group, Some(action), answers).await)
    }

    async fn invite_code(&self, group: &Jid, renew: bool) -> Result<String, Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        let link = self.ask(About::Group, client.groups().get_invite_link(wire, renew)).await?;
        let code = link.rsplit('/').next().unwrap_or(&link).to_owned();
        if renew {
            self.done(client, group, What::Link(code.clone())).await;
        }
        Ok(code)
    }

    async fn by_invite(&self, code: &str) -> Result<Group, Error> {
        let client = self.client()?;
        let metadata = self.ask(About::Invite, client.groups().get_invite_info(code)).await?;
        wire::group(client, metadata).await.ok_or_else(unreadable)
    }

    async fn join(&self, code: &str) -> Result<Joined, Error> {
        let client = self.client()?;
        let joining = async { Ok::<_, Infallible>(client.groups().join_with_invite_code(code).await) };
        let (wire, pending) = match self.answer(joining).await? {
            Ok(JoinGroupResult::Joined(group)) => (group, false),
            Ok(JoinGroupResult::PendingApproval(group)) => (group, true),
            Err(error) if wire::is_so_already(&error) => return self.joined_before(code).await,
            Err(error) => return Err(wire::refusal(&error, About::Invite)),
        };
        let group = from_wire(&wire).ok_or_else(unreadable)?;
        if !pending {
            let own = client.pn().or_else(|| client.lid()).ok_or(Error::NotConnected)?;
            let own = wire::member(&own, None, client.lid().as_ref(), None);
            self.done(client, &group, What::Members(MemberAction::Add, own.into_iter().collect())).await;
        }
        Ok(Joined { group, pending })
    }

    async fn leave(&self, group: &Jid) -> Result<(), Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        self.group(group).await?;
        self.ask(About::Group, client.groups().leave(wire)).await?;
        let own = client.pn().and_then(|own| wire::member(&own, None, client.lid().as_ref(), None));
        self.done(client, group, What::Members(MemberAction::Remove, own.into_iter().collect())).await;
        Ok(())
    }

    async fn join_requests(&self, group: &Jid) -> Result<Vec<JoinRequest>, Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        let asked = self.ask(About::Group, client.groups().get_membership_requests(wire)).await?;
        let mut requests = Vec::with_capacity(asked.len());
        for one in asked {
            if let Some(who) = shown(client, &one.jid, None).await {
                requests.push(JoinRequest { jid: who.jid, time: one.request_time });
            }
        }
        Ok(requests)
    }

    async fn decide(&self, group: &Jid, approve: bool, who: &[Jid]) -> Result<Vec<MemberOutcome>, Error> {
        let (client, wire) = (self.client()?, to_wire(group)?);
        let hidden = self.group(group).await?.addressing_mode == "lid";
        let mut asked = Vec::with_capacity(who.len());
        for jid in who {
            let plain = to_wire(jid)?;
            // Who is asked about has to be named as they asked.
            let lid = shown(client, &plain, None).await.and_then(|shown| shown.alt).filter(|_| hidden);
            asked.push(lid.as_ref().map_or(Ok(plain), to_wire)?);
        }
        let groups = client.groups();
        let deciding = async {
            if approve {
                groups.approve_membership_requests(wire, &asked).await
            } else {
                groups.reject_membership_requests(wire, &asked).await
            }
        };
        let answers = self.ask(About::Group, deciding).await?;
        Ok(self.settle(client, group, approve.then_some(MemberAction::Add), answers).await)
    }
}

/// A member's address in the form in which the group knows it.
fn seen(group: &Group, jid: &Jid) -> Jid {
    let known = group.participants.iter().find(|member| member.id == *jid);
    let lid = known.and_then(|member| member.lid.clone()).filter(|_| group.addressing_mode == "lid");
    lid.unwrap_or_else(|| jid.clone())
}

/// Asks the library for a change.
async fn changed(client: &Client, group: WireJid, change: &Change) -> Result<(), GroupError> {
    let groups = client.groups();
    match change {
        Change::Subject(text) => {
            let subject =
                GroupSubject::new(text).map_err(|error| GroupError::InvalidRequest(error.to_string()))?;
            groups.set_subject(group, subject).await
        }
        Change::Description(text) => {
            let text = Some(text.clone()).filter(|text| !text.is_empty()).map(described).transpose()?;
            groups.set_description(group, text, PreviousDescription::Resolve).await
        }
        Change::Announce(on) => groups.set_announce(group, *on).await,
        Change::Restrict(on) => groups.set_locked(group, *on).await,
        Change::JoinApproval(on) => {
            let mode = if *on { MembershipApprovalMode::On } else { MembershipApprovalMode::Off };
            groups.set_membership_approval(group, mode).await
        }
        Change::MemberAdd(on) => {
            let mode = if *on { MemberAddMode::AllMemberAdd } else { MemberAddMode::AdminAdd };
            groups.set_member_add_mode(group, mode).await
        }
        Change::Ephemeral(seconds) => groups.set_ephemeral(group, *seconds).await,
    }
}

fn described(text: String) -> Result<GroupDescription, GroupError> {
    GroupDescription::new(text).map_err(|error| GroupError::InvalidRequest(error.to_string()))
}
