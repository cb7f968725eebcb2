//! Privacy tokens: an account gives one to whom it trusts, and a restricted account takes direct messages
//! only with the token that it gave.

use wacore::iq::tctoken::compute_cs_token;
use wacore_binary::{Jid, NodeRef};

use super::deliver;
use crate::{
    clock::unix_seconds,
    session::device::Session,
    wire::nodes::{child_bytes, el, leaf},
    world::{World, account::Account},
};

/// The ack error of a message without the token that its receiver wants.
const MISSING_TOKEN: u16 = 463;

/// Gives `to` the token of `from`.
pub(crate) fn issue(world: &World, from: &Account, to: &Account, kind: &str, time: &str) {
    let token = from.state().social.token(&to.phone);
    let mut issued = leaf("token", token);
    issued.attrs.insert("type", kind);
    issued.attrs.insert("t", time);
    let node = el("notification")
        .attr("from", from.pn())
        .attr("sender_lid", from.lid())
        .attr("type", "privacy_token")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el("tokens").children([issued]).build()])
        .build();
    deliver::to_account(world, to, None, &node);
    world.touch();
}

/// The phone of a restricted account trusts whom it writes to.
pub(crate) fn trust(world: &World, from: &Account, to: &Account) {
    let needed = {
        let state = from.state();
        state.social.restricted && !state.social.tokens.contains_key(&to.phone)
    };
    if needed {
        issue(world, from, to, "trusted_contact", &unix_seconds().to_string());
    }
}

/// The ack error of a direct message, if its receiver refuses it.
pub(crate) fn refusal(session: &Session, node: &NodeRef<'_>, to: &Jid) -> Option<u16> {
    let target = session.world.directory.find(to)?;
    if target.phone == session.account.phone {
        return None;
    }
    // Never two accounts' states at once.
    let salt = session.account.state().social.stranger_salt.clone();
    let made = salt.map(|salt| compute_cs_token(&salt, &target.lid().to_string()));
    let state = target.state();
    if !state.social.restricted || made.is_some_and(|made| made == child_bytes(node, "cstoken")) {
        return None;
    }
    let given = state.social.tokens.get(&session.account.phone);
    let shown = child_bytes(node, "tctoken");
    given.is_none_or(|given| *given != shown).then_some(MISSING_TOKEN)
}
