//! Contacts act in groups: the same operations and the same rights as those of clients.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wacore_binary::Jid;

use super::{Handle, contacts::Sent};
use crate::{
    error::{Error, Result},
    group::{
        Actor, Refusal, create,
        join::{self, Joined},
        members::{self, MemberAction, Outcome, Wanted},
        settings::{self, Setting},
    },
    pairing::qr::digits,
    phone::{broadcast, content},
    world::{
        account::Account,
        groups::{ADMIN_ADD, Group, Info},
    },
};

/// A group to create.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewGroup {
    /// Name, at most 100 characters.
    pub subject: String,
    /// Phone numbers of the other members.
    pub members: Vec<String>,
    /// Description.
    pub description: Option<String>,
}

/// A group.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupInfo {
    /// JID, such as `120363000000000001@g.us`.
    pub jid: String,
    /// Name.
    pub subject: String,
    /// Description.
    pub description: Option<String>,
    /// Only admins send.
    pub announce: bool,
    /// Only admins change subject, description, picture and message timer.
    pub locked: bool,
    /// Seconds until messages disappear.
    pub ephemeral: Option<u32>,
    /// Admins decide who joins by invite.
    pub approval: bool,
    /// Only admins add members.
    pub admin_add: bool,
    /// Code of the invite link.
    pub invite: String,
    /// Members, the creator first.
    pub members: Vec<GroupMember>,
    /// Phone numbers of those who ask to join.
    pub requests: Vec<String>,
}

/// A member of a group.
#[derive(Debug, Clone, Serialize)]
pub struct GroupMember {
    /// Phone number.
    pub phone: String,
    /// LID JID.
    pub lid: String,
    /// `admin`, `superadmin` or nothing.
    pub role: Option<String>,
}

/// Settings to change; those that are absent stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupSettings {
    /// Only admins send.
    pub announce: Option<bool>,
    /// Only admins change subject, description, picture and message timer.
    pub locked: Option<bool>,
    /// Seconds until messages disappear; zero switches off.
    pub ephemeral: Option<u32>,
    /// Admins decide who joins by invite.
    pub approval: Option<bool>,
    /// Only admins add members.
    pub admin_add: Option<bool>,
}

/// What became of one member of a change.
#[derive(Debug, Clone, Serialize)]
pub struct MemberOutcome {
    /// Phone number or JID as far as it is known.
    pub phone: String,
    /// 200 done, 401 blocked, 403 not allowed, 404 unknown, 409 is so already, 419 full.
    pub code: u16,
    /// Code of the personal invitation that the one can still use (403).
    pub invitation: Option<String>,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (code, why) = refusal.code();
        match refusal {
            Refusal::NotFound => Self::NotFound("group, invite or request".into()),
            _ => Self::Invalid(format!("{code} {why}")),
        }
    }
}

impl From<Outcome> for MemberOutcome {
    fn from(outcome: Outcome) -> Self {
        Self {
            phone: outcome.member.map_or_else(|| outcome.address.to_string(), |member| member.phone),
            code: outcome.code,
            invitation: outcome.invitation.map(|(code, _)| code),
        }
    }
}

fn info(group: &Group) -> GroupInfo {
    let jid = group.jid().to_string();
    let info = group.info();
    let members = info.members.iter().map(|member| GroupMember {
        phone: member.phone.clone(),
        lid: Jid::lid(member.lid.as_str()).to_string(),
        role: member.role.clone(),
    });
    GroupInfo {
        jid,
        subject: info.subject.clone(),
        description: info.description.as_ref().map(|(_, text)| text.clone()),
        announce: info.announce,
        locked: info.locked,
        ephemeral: info.ephemeral,
        approval: info.approval,
        admin_add: info.modes.get("member_add_mode").is_some_and(|mode| mode == ADMIN_ADD),
        invite: info.invite.clone(),
        members: members.collect(),
        requests: info.requests.iter().map(|request| request.phone.clone()).collect(),
    }
}

impl Handle {
    fn actor<'a>(&'a self, account: &'a Arc<Account>) -> Actor<'a> {
        Actor { world: &self.world, account, device: None }
    }

    fn find_group(&self, jid: &str) -> Result<Arc<Group>> {
        let id = jid.split('@').next().unwrap_or_default();
        let group = self.world.groups.get(id).map(|group| group.value().clone());
        group.ok_or_else(|| Error::NotFound(format!("group {jid}")))
    }

    fn wanted(&self, phones: &[String]) -> Result<Vec<Wanted>> {
        let wanted = phones.iter().map(|phone| {
            let phone = digits(phone)?;
            Ok(Wanted { address: Jid::pn(phone.as_str()), account: self.world.directory.phone(&phone) })
        });
        wanted.collect()
    }

    /// All groups, in no order.
    pub fn groups(&self) -> Vec<GroupInfo> {
        self.world.groups.iter().map(|group| info(&group)).collect()
    }

    /// One group by JID or id.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such group.
    pub fn group(&self, jid: &str) -> Result<GroupInfo> {
        Ok(info(&*self.find_group(jid)?))
    }

    /// A contact creates a group. Members who do not exist or whose privacy forbids it are left out.
    ///
    /// # Errors
    ///
    /// When the contact does not exist, or a number or the subject is not valid.
    pub fn create_group(&self, contact: &str, group: NewGroup) -> Result<GroupInfo> {
        let account = self.account(contact)?;
        let description = group.description.map(|text| (self.world.next_id(), text));
        let new = Info { subject: group.subject, description, ..Info::default() };
        let (group, _) = create::create(&self.actor(&account), new, &self.wanted(&group.members)?)?;
        Ok(info(&group))
    }

    /// A contact adds, removes, promotes or demotes members.
    ///
    /// # Errors
    ///
    /// When the contact or group does not exist, or the contact may not do it.
    pub fn change_members(
        &self,
        contact: &str,
        group: &str,
        action: MemberAction,
        phones: &[String],
    ) -> Result<Vec<MemberOutcome>> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        let outcomes = members::change(&self.actor(&account), &group, action, &self.wanted(phones)?)?;
        Ok(outcomes.into_iter().map(MemberOutcome::from).collect())
    }

    /// A contact renames a group.
    ///
    /// # Errors
    ///
    /// As [`Handle::change_members`].
    pub fn set_group_subject(&self, contact: &str, group: &str, subject: &str) -> Result<()> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        Ok(settings::subject(&self.actor(&account), &group, subject)?)
    }

    /// A contact sets or deletes the description of a group.
    ///
    /// # Errors
    ///
    /// As [`Handle::change_members`].
    pub fn set_group_description(&self, contact: &str, group: &str, text: Option<&str>) -> Result<()> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        Ok(settings::description(&self.actor(&account), &group, &self.world.next_id(), None, text)?)
    }

    /// A contact changes settings of a group, one after the other.
    ///
    /// # Errors
    ///
    /// As [`Handle::change_members`]; earlier settings stay changed.
    pub fn set_group(&self, contact: &str, group: &str, change: &GroupSettings) -> Result<()> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        let mode = |on| if on { ADMIN_ADD } else { "all_member_add" };
        let settings = [
            change.announce.map(Setting::Announce),
            change.locked.map(Setting::Locked),
            change.ephemeral.map(Setting::Ephemeral),
            change.approval.map(Setting::Approval),
            change.admin_add.map(|on| Setting::Mode("member_add_mode", mode(on).to_owned())),
        ];
        for setting in settings.into_iter().flatten() {
            settings::set(&self.actor(&account), &group, &setting)?;
        }
        Ok(())
    }

    /// The code of a group's invite link, as a contact sees it; `reset` makes a new one.
    ///
    /// # Errors
    ///
    /// As [`Handle::change_members`].
    pub fn group_invite(&self, contact: &str, group: &str, reset: bool) -> Result<String> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        Ok(join::link(&self.actor(&account), &group, reset)?)
    }

    /// A contact joins by invite link. Answers the group's JID, and whether admins have yet to approve.
    ///
    /// # Errors
    ///
    /// When the contact or link does not exist, or the contact is a member already.
    pub fn join_group(&self, contact: &str, code: &str) -> Result<(String, bool)> {
        let account = self.account(contact)?;
        let (group, joined) = join::by_link(&self.actor(&account), code)?;
        Ok((group.jid().to_string(), joined == Joined::Pending))
    }

    /// A contact lets those who ask to join in, or turns them down.
    ///
    /// # Errors
    ///
    /// As [`Handle::change_members`].
    pub fn decide_requests(
        &self,
        contact: &str,
        group: &str,
        approve: bool,
        phones: &[String],
    ) -> Result<Vec<MemberOutcome>> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        let outcomes = join::decide(&self.actor(&account), &group, approve, &self.wanted(phones)?)?;
        Ok(outcomes.into_iter().map(MemberOutcome::from).collect())
    }

    /// A contact leaves a group.
    ///
    /// # Errors
    ///
    /// When the contact or group does not exist, or the contact is not a member.
    pub fn leave_group(&self, contact: &str, group: &str) -> Result<()> {
        let (account, group) = (self.account(contact)?, self.find_group(group)?);
        Ok(members::leave(&self.actor(&account), &group)?)
    }

    /// A contact posts a text status that the accounts `to` see.
    ///
    /// # Errors
    ///
    /// When the contact or one of the accounts does not exist, or encryption fails.
    pub fn post_status(&self, contact: &str, to: &[String], text: &str) -> Result<Sent> {
        let from = self.account(contact)?;
        let to: Vec<_> = to.iter().map(|phone| self.account(phone)).collect::<Result<_>>()?;
        let id = self.world.message_id();
        broadcast::status(&self.world, &from, &to, &id, &content::text(text, None, true))?;
        Ok(Sent { id })
    }

    /// Sets a privacy category of an account, such as `groupadd` to `none`.
    ///
    /// # Errors
    ///
    /// When the account does not exist.
    pub fn set_privacy(&self, phone: &str, category: &str, value: &str) -> Result<()> {
        self.account(phone)?.state().privacy.insert(category.to_owned(), value.to_owned());
        self.world.touch();
        Ok(())
    }
}
