//! What makes a group a community, or a part of one.

use serde::{Deserialize, Serialize};
use wacore_binary::{Jid, Node};

use crate::wire::nodes::el;

/// A group's place in a community.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Community {
    /// The group is a community.
    pub(crate) parent: bool,
    /// Who wants to join a community has to ask.
    pub(crate) closed: bool,
    /// Members of the community may create groups in it.
    pub(crate) open_creation: bool,
    /// Id of the community that the group belongs to.
    pub(crate) of: Option<String>,
    /// The group for announcements, which all members of the community are in.
    pub(crate) announcements: bool,
    /// The general chat.
    pub(crate) general: bool,
}

impl Community {
    /// The children of a `group` node.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        if self.parent {
            let parent = el("parent");
            nodes.push(if self.closed {
                parent.attr("default_membership_approval_mode", "request_required").build()
            } else {
                parent.build()
            });
        }
        if let Some(parent) = &self.of {
            nodes.push(el("linked_parent").attr("jid", Jid::group(parent.as_str())).build());
        }
        let flags = [
            (self.open_creation, "allow_non_admin_sub_group_creation"),
            (self.announcements, "default_sub_group"),
            (self.general, "general_chat"),
        ];
        nodes.extend(flags.into_iter().filter(|(on, _)| *on).map(|(_, tag)| el(tag).build()));
        nodes
    }
}
