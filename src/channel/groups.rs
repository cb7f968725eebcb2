//! Groups: what they are, who is in them, and what members and admins do with them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::domain::Jid;
use crate::media::File;

/// What is known of a group. As JSON it is what clients are shown, but for the members, which are
/// beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The group.
    pub id: Jid,
    /// `lid` where members see hidden identities of each other, else `pn`.
    pub addressing_mode: String,
    /// Its name.
    pub subject: String,
    /// Who named it.
    pub subject_owner: Option<Jid>,
    /// When it was named, in unix seconds.
    pub subject_time: Option<u64>,
    /// Address of its picture when it was asked for last.
    pub picture_url: Option<String>,
    /// How many members it has.
    pub size: usize,
    /// When it was created, in unix seconds.
    pub creation: Option<u64>,
    /// Who created it.
    pub owner: Option<Jid>,
    /// Its description.
    pub desc: Option<String>,
    /// WhatsApp's id of the description.
    pub desc_id: Option<String>,
    /// Who described it.
    pub desc_owner: Option<Jid>,
    /// When it was described, in unix seconds.
    pub desc_time: Option<u64>,
    /// The community that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub linked_parent: Option<Jid>,
    /// Only admins change subject, description and picture.
    pub restrict: bool,
    /// Only admins send.
    pub announce: bool,
    /// It is a community.
    pub is_community: bool,
    /// It is where the admins of a community announce.
    pub is_community_announce: bool,
    /// Admins decide who joins by link.
    pub join_approval_mode: bool,
    /// Every member adds others.
    pub member_add_mode: bool,
    /// Seconds until messages disappear.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ephemeral_duration: Option<u32>,
    /// Who is in it; empty where they were not asked for.
    #[serde(skip, default)]
    pub participants: Vec<Member>,
}

/// Somebody in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// By phone number where that is known.
    pub id: Jid,
    /// The hidden identity.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lid: Option<Jid>,
    /// What kind of admin; none for most.
    pub admin: Option<Role>,
}

/// What an admin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Manages the group.
    Admin,
    /// Created it, and cannot be removed.
    Superadmin,
}

/// A group to create.
#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    /// Its name, at most 100 characters.
    pub subject: String,
    /// Its description, at most 2048 characters.
    pub description: Option<String>,
    /// Who is in it beside us.
    pub members: Vec<Jid>,
}

/// A change of what a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another name, at most 100 characters.
    Subject(String),
    /// Another description, at most 2048 characters; none when it is empty.
    Description(String),
    /// Whether only admins send.
    Announce(bool),
    /// Whether only admins change subject, description and picture.
    Restrict(bool),
    /// Whether admins decide who joins by link.
    JoinApproval(bool),
    /// Whether every member adds others.
    MemberAdd(bool),
    /// Seconds until messages disappear; zero is never.
    Ephemeral(u32),
}

/// What is done with members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberAction {
    /// Takes them in.
    Add,
    /// Puts them out.
    Remove,
    /// Makes them admins.
    Promote,
    /// Makes them plain members again.
    Demote,
}

impl MemberAction {
    /// Its name in requests and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Promote => "promote",
            Self::Demote => "demote",
        }
    }
}

/// What became of one of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberOutcome {
    /// Who, by phone number where that is known.
    pub jid: Jid,
    /// 200 done; else WhatsApp's reason: 403 their privacy forbids it, 404 not on WhatsApp, 408 left
    /// lately, 409 is so already.
    pub code: u16,
    /// With 403: the code of a personal invitation, and until when it holds (unix seconds).
    pub invitation: Option<(String, u64)>,
}

/// Somebody who wants to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Who, by phone number where that is known.
    pub jid: Jid,
    /// Since when, in unix seconds.
    pub time: Option<u64>,
}

/// What a link led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The group.
    pub group: Jid,
    /// Whether its admins have to agree first.
    pub pending: bool,
}

/// Groups of the account. Every method fails with [`Error::NotConnected`] and [`Error::Timeout`],
/// with [`Error::NotFound`] for a group, a link or a member that does not exist, and with
/// [`Error::NotAllowed`] for what only members or admins may do.
#[async_trait]
pub trait Groups: Send + Sync {
    /// Creates a group. Those whose privacy forbids to be added are not in it.
    async fn create(&self, group: NewGroup) -> Result<Group, Error>;

    /// A group with its members.
    async fn find(&self, group: &Jid) -> Result<Group, Error>;

    /// The groups that the account is in, with or without their members.
    async fn all(&self, with_members: bool) -> Result<Vec<Group>, Error>;

    /// The address of the picture, if there is one that we may see.
    async fn picture(&self, group: &Jid) -> Result<Option<String>, Error>;

    /// Sets the picture.
    async fn set_picture(&self, group: &Jid, image: &File) -> Result<(), Error>;

    /// Changes what a group is.
    async fn change(&self, group: &Jid, change: Change) -> Result<(), Error>;

    /// Changes who is in it; one answer for each of them.
    async fn change_members(
        &self,
        group: &Jid,
        action: MemberAction,
        members: &[Jid],
    ) -> Result<Vec<MemberOutcome>, Error>;

    /// The code of the link by which one joins; a new one ends the old one.
    async fn invite_code(&self, group: &Jid, renew: bool) -> Result<String, Error>;

    /// The group of a code or link.
    async fn by_invite(&self, code: &str) -> Result<Group, Error>;

    /// Joins by a code or link.
    async fn join(&self, code: &str) -> Result<Joined, Error>;

    /// Leaves a group.
    async fn leave(&self, group: &Jid) -> Result<(), Error>;

    /// Who wants to join.
    async fn join_requests(&self, group: &Jid) -> Result<Vec<JoinRequest>, Error>;

    /// Lets some of them in, or turns them down.
    async fn decide(&self, group: &Jid, approve: bool, who: &[Jid]) -> Result<Vec<MemberOutcome>, Error>;
}
