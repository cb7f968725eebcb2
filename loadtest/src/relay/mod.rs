//! Stanzas between devices: messages, receipts, presence, chat states, calls, notifications.

pub(crate) mod blocklist;
pub(crate) mod call;
pub(crate) mod deliver;
pub(crate) mod devices;
pub(crate) mod group_message;
pub(crate) mod message;
pub(crate) mod newsletter;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod receipt;
pub(crate) mod sync;
pub(crate) mod tokens;

use std::sync::Arc;

use crate::{wire::nodes::el, world::outbox::Link};

/// Tells a connection why it ends (`replaced`, `device_removed`) and closes it.
pub(crate) fn conflict(link: &Link, kind: &str) {
    let conflict = el("conflict").attr("type", kind).build();
    let mut node = el("stream:error").children([conflict]);
    if kind == "device_removed" {
        node = node.attr("code", "401");
    }
    link.send(vec![Arc::new(node.build())], None);
    link.close.cancel();
}
