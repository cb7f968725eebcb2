//! Groups: metadata, members and who may do what. Members are addressed by LID.

pub(crate) mod community;
mod node;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};
use wacore_binary::Jid;

use self::community::Community;
use super::lock;

/// Most members of a group.
pub(crate) const MAX_MEMBERS: usize = 1_024;
/// `member_add_mode` that lets only admins add.
pub(crate) const ADMIN_ADD: &str = "admin_add";

/// A member.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) phone: String,
    pub(crate) lid: String,
    /// `admin`, `superadmin` or nothing.
    pub(crate) role: Option<String>,
}

/// Somebody who asked to join.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) phone: String,
    pub(crate) lid: String,
    /// Seconds since the Unix epoch.
    pub(crate) time: u64,
}

/// A personal invitation, given when somebody's privacy forbids to add them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Invitation {
    pub(crate) phone: String,
    /// Seconds since the Unix epoch.
    pub(crate) expiration: u64,
}

/// What changes in a group.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Info {
    pub(crate) subject: String,
    pub(crate) subject_time: u64,
    /// LID number of who set the subject.
    pub(crate) subject_owner: String,
    pub(crate) creation: u64,
    pub(crate) creator: String,
    /// Id and text.
    pub(crate) description: Option<(String, String)>,
    /// LID number of who set the description.
    pub(crate) description_owner: String,
    pub(crate) description_time: u64,
    /// Only admins send.
    pub(crate) announce: bool,
    /// Only admins change subject, description, picture and message timer.
    pub(crate) locked: bool,
    /// Seconds until messages disappear.
    pub(crate) ephemeral: Option<u32>,
    /// Admins decide who joins by invite.
    pub(crate) approval: bool,
    /// `member_add_mode`, `member_link_mode`, ... by tag.
    pub(crate) modes: BTreeMap<String, String>,
    /// Other switches that are on, by the tag that sets them.
    pub(crate) switches: BTreeSet<String>,
    /// Its place in a community.
    pub(crate) community: Community,
    pub(crate) invite: String,
    /// Codes of former invite links.
    pub(crate) revoked: VecDeque<String>,
    pub(crate) members: Vec<Member>,
    pub(crate) requests: Vec<Request>,
    /// Personal invitations by code.
    pub(crate) invitations: BTreeMap<String, Invitation>,
}

/// One group.
pub(crate) struct Group {
    pub(crate) id: String,
    info: Mutex<Info>,
}

impl Group {
    pub(crate) fn new(id: String, info: Info) -> Self {
        Self { id, info: Mutex::new(info) }
    }

    pub(crate) fn info(&self) -> MutexGuard<'_, Info> {
        lock(&self.info)
    }

    pub(crate) fn jid(&self) -> Jid {
        Jid::group(self.id.as_str())
    }
}

impl Member {
    pub(crate) fn admin(&self) -> bool {
        self.role.is_some()
    }

    /// The creator, whom nobody removes or demotes.
    pub(crate) fn owner(&self) -> bool {
        self.role.as_deref() == Some("superadmin")
    }
}

impl Info {
    pub(crate) fn member(&self, phone: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.phone == phone)
    }

    pub(crate) fn has(&self, phone: &str) -> bool {
        self.member(phone).is_some()
    }

    pub(crate) fn admin(&self, phone: &str) -> bool {
        self.member(phone).is_some_and(Member::admin)
    }

    /// Whether a member may change subject, description, picture and message timer.
    pub(crate) fn may_edit(&self, phone: &str) -> bool {
        if self.locked { self.admin(phone) } else { self.has(phone) }
    }

    /// Whether a member may send messages.
    pub(crate) fn may_send(&self, phone: &str) -> bool {
        if self.announce { self.admin(phone) } else { self.has(phone) }
    }

    /// Whether a member may add others.
    pub(crate) fn may_add(&self, phone: &str) -> bool {
        let admins_only = self.modes.get("member_add_mode").is_some_and(|mode| mode == ADMIN_ADD);
        if admins_only { self.admin(phone) } else { self.has(phone) }
    }
}
