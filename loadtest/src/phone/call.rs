//! Steps of a call after it rang: a contact accepts, declines or ends it.

use serde::Deserialize;
use wacore_binary::Jid;

use super::send::own_address;
use crate::{
    clock::unix_seconds,
    relay::{blocklist, deliver},
    wire::nodes::el,
    world::{World, account::Account},
};

/// A step of a call. The caller ends it; the one who was called accepts or rejects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallStep {
    /// The phone rings.
    PreAccept,
    /// The call was taken.
    Accept,
    /// The call was declined.
    Reject,
    /// The call is over.
    Terminate,
}

impl CallStep {
    fn tag(self) -> &'static str {
        match self {
            Self::PreAccept => "preaccept",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Terminate => "terminate",
        }
    }
}

/// Sends a step of the call to all devices of `to`. `creator` is who called; `from` when nothing is known.
pub(crate) fn step(
    world: &World,
    from: &Account,
    to: &Account,
    call_id: &str,
    step: CallStep,
    reason: Option<&str>,
) {
    if blocklist::blocks(to, from) {
        return;
    }
    let own = own_address(from);
    let creator: Jid = from
        .agent()
        .offers
        .iter()
        .find(|(id, _)| id == call_id)
        .map_or_else(|| own.clone(), |(_, creator)| creator.clone());
    let mut action = el(step.tag()).attr("call-id", call_id).attr("call-creator", creator);
    if let Some(reason) = reason {
        action = action.attr("reason", reason);
    }
    if matches!(step, CallStep::Accept | CallStep::PreAccept) {
        action = action.children([el("audio").attr("enc", "opus").attr("rate", 16_000).build()]);
    }
    let stanza = el("call")
        .attr("from", own)
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .attr("notify", from.display_name())
        .children([action.build()])
        .build();
    deliver::to_account(world, to, None, &stanza);
}
