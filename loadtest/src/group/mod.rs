//! What can be done with groups, whoever does it: a device by a query, or a contact by the admin interface.
//! Rights are checked here. Changes are notified to all members, those included who are no longer.

pub(crate) mod community;
pub(crate) mod create;
pub(crate) mod join;
pub(crate) mod members;
pub(crate) mod settings;

use std::sync::Arc;

use wacore_binary::{Jid, Node};

use crate::{
    clock::unix_seconds,
    phone::{broadcast, receive},
    relay::deliver,
    wire::nodes::el,
    world::{
        World,
        account::Account,
        groups::{Group, Member},
    },
};

/// Who acts: an account, by one of its devices or (without a device) by its phone.
#[derive(Clone, Copy)]
pub(crate) struct Actor<'a> {
    pub(crate) world: &'a World,
    pub(crate) account: &'a Arc<Account>,
    pub(crate) device: Option<u16>,
}

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadRequest,
    Forbidden,
    NotFound,
    Conflict,
    Gone,
    Full,
}

impl Refusal {
    /// Code and text on the wire.
    pub(crate) fn code(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "bad-request"),
            Self::Forbidden => (403, "forbidden"),
            Self::NotFound => (404, "item-not-found"),
            Self::Conflict => (409, "conflict"),
            Self::Gone => (410, "gone"),
            Self::Full => (419, "resource-limit"),
        }
    }
}

impl Actor<'_> {
    /// The acting account as a member without a role.
    pub(crate) fn member(&self) -> Member {
        member(self.account)
    }

    fn phone(&self) -> &str {
        &self.account.phone
    }

    /// Notifies all devices of the members, and of `others` who were members before the change or are
    /// concerned by it, but the acting device. Contacts note it.
    pub(crate) fn notify(&self, group: &Group, change: Node, others: &[Member]) {
        let members = group.info().members.clone();
        self.notify_only(group, change, members.iter().chain(others));
    }

    /// Notifies the devices of these members.
    pub(crate) fn notify_only<'m>(
        &self,
        group: &Group,
        change: Node,
        members: impl Iterator<Item = &'m Member>,
    ) {
        let mut phones: Vec<&str> = members.map(|member| member.phone.as_str()).collect();
        phones.sort_unstable();
        phones.dedup();
        let kind = format!("group:{}", change.tag);
        let node = el("notification")
            .attr("from", group.jid())
            .attr("type", "w:gp2")
            .attr("id", self.world.next_id())
            .attr("participant", self.account.lid())
            .attr("participant_pn", self.account.pn())
            .attr("t", unix_seconds())
            .attr("notify", self.account.display_name())
            .attr("addressing_mode", "lid")
            .children([change])
            .build();
        for account in phones.iter().filter_map(|phone| self.world.directory.phone(phone)) {
            let own = Arc::ptr_eq(&account, self.account);
            let except = self.device.filter(|_| own);
            deliver::to_account(self.world, &account, except, &node);
            if account.active() && !own {
                receive::signal(self.world, &account, self.account, &kind, vec![group.jid().to_string()]);
            }
        }
        self.world.touch();
    }

    /// Members who left must not read on: every phone in the group makes a new sender key.
    pub(crate) fn renew_sender_keys(&self, group: &Group) {
        let members = group.info().members.clone();
        let accounts = members.iter().filter_map(|member| self.world.directory.phone(&member.phone));
        for account in accounts.filter(|account| account.active()) {
            broadcast::forget_sender_key(&account, &group.jid().to_string());
        }
    }
}

/// An account as a member without a role.
pub(crate) fn member(account: &Account) -> Member {
    Member { phone: account.phone.clone(), lid: account.lid.clone(), role: None }
}

/// A node with participants.
pub(crate) fn participants<'m>(tag: &'static str, members: impl Iterator<Item = &'m Member>) -> Node {
    let children = members.map(|member| {
        el("participant")
            .attr("jid", Jid::lid(member.lid.as_str()))
            .attr("phone_number", Jid::pn(member.phone.as_str()))
            .build()
    });
    el(tag).children(children).build()
}

/// A new code of an invite link or of a personal invitation.
pub(crate) fn invite_code() -> String {
    hex::encode(rand::random::<[u8; 11]>())
}
