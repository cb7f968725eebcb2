//! Login of a paired device.

use std::sync::Arc;

use wacore_binary::Node;

use super::{Role, device::Session};
use crate::{
    clock::unix_seconds,
    wire::{channel::Opened, nodes::el},
    world::{World, faults::LoginFailure, outbox::Link, stats::count},
};

/// Identifies the device by its static key and answers `<success/>` or `<failure/>`.
pub(crate) fn login(world: &Arc<World>, opened: &Opened, link: &Link) -> Role {
    let phone = opened.payload.username.unwrap_or_default().to_string();
    let device = u16::try_from(opened.payload.device.unwrap_or_default()).unwrap_or_default();
    if let Some(fault) = world.faults.take(&phone) {
        return refuse(link, failure(&fault));
    }
    let account = world.directory.phone(&phone).filter(|account| {
        account.state().devices.get(&device).is_some_and(|known| known.keys.noise == opened.static_public)
    });
    let Some(account) = account else {
        return refuse(link, el("failure").attr("reason", 401).attr("location", "sim").build());
    };
    let session = Session::new(world.clone(), account, device, link.clone());
    session.take_over();
    let success = el("success")
        .attr("t", unix_seconds())
        .attr("props", 1)
        .attr("abprops", 1)
        .attr("location", "sim")
        .attr("lid", session.account.lid().with_device(device))
        .build();
    session.reply(success);
    count(&world.stats.logins);
    Role::Device(session)
}

fn failure(fault: &LoginFailure) -> Node {
    let mut node = el("failure").attr("reason", fault.reason).attr("location", "sim");
    if let Some(code) = fault.code {
        node = node.attr("code", code);
    }
    if let Some(expire) = fault.expire {
        node = node.attr("expire", expire);
    }
    node.build()
}

fn refuse(link: &Link, node: Node) -> Role {
    link.send(vec![Arc::new(node)], None);
    link.close.cancel();
    Role::Refused
}
