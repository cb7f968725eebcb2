//! Changes of a profile: kept, and told to the account's devices and to those who watch it.

use std::sync::Arc;

use bytes::Bytes;
use wacore_binary::{Jid, Node, builder::NodeBuilder};

use super::deliver;
use crate::{
    clock::unix_seconds,
    wire::nodes::el,
    world::{
        World,
        account::{Account, Picture, path},
    },
};

/// Stores a picture and returns its id; nothing removes it.
pub(crate) fn store_picture(world: &World, jpeg: Option<&Bytes>) -> Option<String> {
    let jpeg = jpeg?;
    let id = rand::random::<u32>().to_string();
    world.media.put(path(&id), jpeg.clone());
    Some(id)
}

/// The child of a picture notification.
pub(crate) fn picture_change(target: &Jid, author: Jid, id: Option<&str>) -> Node {
    let change = NodeBuilder::new(if id.is_some() { "set" } else { "delete" })
        .attr("jid", target)
        .attr("author", author);
    match id {
        Some(id) => change.attr("id", id).build(),
        None => change.build(),
    }
}

/// Changes an account's picture and returns its id; nothing removes it.
pub(crate) fn set_picture(
    world: &World,
    account: &Account,
    jpeg: Option<Bytes>,
    tell: &[Arc<Account>],
) -> Option<String> {
    let id = store_picture(world, jpeg.as_ref());
    account.state().picture = id.clone().zip(jpeg).map(|(id, jpeg)| Picture { id, jpeg: jpeg.to_vec() });
    let change = picture_change(&account.pn(), account.pn(), id.as_deref());
    announce(world, account, "picture", &change, tell);
    id
}

/// Changes an account's about text.
pub(crate) fn set_about(world: &World, account: &Account, about: &str, tell: &[Arc<Account>]) {
    {
        let mut state = account.state();
        about.clone_into(&mut state.about);
        state.about_time = unix_seconds();
    }
    announce(world, account, "status", &el("set").string_content(about).build(), tell);
}

/// Notifies the account's own devices, those who subscribed to its presence, and `tell`.
pub(crate) fn announce(
    world: &World,
    account: &Account,
    kind: &'static str,
    change: &Node,
    tell: &[Arc<Account>],
) {
    let watchers: Vec<(String, u16)> = account.state().watchers.iter().cloned().collect();
    let notice = || {
        el("notification")
            .attr("from", account.pn())
            .attr("type", kind)
            .attr("id", world.next_id())
            .attr("t", unix_seconds())
            .children([change.clone()])
            .build()
    };
    deliver::to_account(world, account, None, &notice());
    for (phone, device) in watchers {
        let told = tell.iter().any(|other| other.phone == phone);
        if let Some(watcher) = world.directory.phone(&phone).filter(|_| !told && phone != account.phone) {
            deliver::to_device(world, &watcher, device, notice());
        }
    }
    for other in tell.iter().filter(|other| other.phone != account.phone) {
        deliver::to_account(world, other, None, &notice());
    }
    world.touch();
}
