//! A group as a node.

use wacore_binary::{Jid, Node, builder::NodeBuilder};

use super::{Info, Member};
use crate::wire::nodes::{el, leaf};

impl Member {
    fn node(&self) -> Node {
        let node = el("participant")
            .attr("jid", Jid::lid(self.lid.as_str()))
            .attr("phone_number", Jid::pn(self.phone.as_str()));
        match &self.role {
            Some(role) => node.attr("type", role).build(),
            None => node.build(),
        }
    }
}

impl Info {
    /// The `group` node of queries and of the `create` notification.
    pub(crate) fn node(&self, id: &str) -> Node {
        let mut children: Vec<Node> = self.members.iter().map(Member::node).collect();
        if let Some((id, body)) = &self.description {
            let mut description = el("description").attr("id", id).attr("t", self.description_time);
            if !self.description_owner.is_empty() {
                description = description.attr("participant", Jid::lid(self.description_owner.as_str()));
            }
            children.push(description.children([leaf("body", body.as_bytes())]).build());
        }
        let switches = [(self.announce, "announcement"), (self.locked, "locked")];
        children.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, tag)| el(tag).build()));
        if let Some(seconds) = self.ephemeral {
            children.push(el("ephemeral").attr("expiration", seconds).build());
        }
        if self.approval {
            let join = el("group_join").attr("state", "on").build();
            children.push(el("membership_approval_mode").children([join]).build());
        }
        let modes = self.modes.iter();
        children.extend(
            modes.map(|(tag, mode)| {
                NodeBuilder::new_dynamic(tag.clone()).string_content(mode.as_str()).build()
            }),
        );
        children.extend(self.switches.iter().map(|tag| NodeBuilder::new_dynamic(tag.clone()).build()));
        children.extend(self.community.nodes());
        el("group")
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
