//! Groups: metadata and members, addressed by LID.

use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use wacore_binary::{Jid, Node, builder::NodeBuilder};

use super::lock;
use crate::wire::nodes::{el, leaf};

/// A member.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) phone: String,
    pub(crate) lid: String,
    /// `admin`, `superadmin` or nothing.
    pub(crate) role: Option<String>,
}

/// What changes in a group.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Info {
    pub(crate) subject: String,
    pub(crate) subject_time: u64,
    /// LID number of who set the subject.
    pub(crate) subject_owner: String,
    pub(crate) creation: u64,
    pub(crate) creator: String,
    pub(crate) description: Option<(String, String)>,
    pub(crate) announce: bool,
    pub(crate) locked: bool,
    pub(crate) ephemeral: Option<u32>,
    pub(crate) invite: String,
    pub(crate) members: Vec<Member>,
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

impl Info {
    pub(crate) fn has(&self, phone: &str) -> bool {
        self.members.iter().any(|member| member.phone == phone)
    }

    /// The `group` node of queries and of the `create` notification.
    pub(crate) fn node(&self, id: &str) -> Node {
        let mut children: Vec<Node> = self
            .members
            .iter()
            .map(|member| {
                let node = el("participant")
                    .attr("jid", Jid::lid(member.lid.as_str()))
                    .attr("phone_number", Jid::pn(member.phone.as_str()));
                match &member.role {
                    Some(role) => node.attr("type", role).build(),
                    None => node.build(),
                }
            })
            .collect();
        if let Some((id, body)) = &self.description {
            let body = leaf("body", body.as_bytes());
            children.push(el("description").attr("id", id).children([body]).build());
        }
        children.extend(
            [(self.announce, "announcement"), (self.locked, "locked")]
                .into_iter()
                .filter(|(set, _)| *set)
                .map(|(_, tag)| el(tag).build()),
        );
        if let Some(seconds) = self.ephemeral {
            children.push(el("ephemeral").attr("expiration", seconds).build());
        }
        NodeBuilder::new("group")
            .attr("id", id)
            .attr("subject", &self.subject)
            .attr("creation", self.creation)
            .attr("creator", Jid::lid(self.creator.as_str()))
            .attr("s_t", self.subject_time)
            .attr("s_o", Jid::lid(self.subject_owner.as_str()))
            .attr("addressing_mode", "lid")
            .attr("size", self.members.len())
            .children(children)
            .build()
    }
}
