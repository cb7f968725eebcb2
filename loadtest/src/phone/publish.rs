//! A phone posts to a newsletter.

use buffa::Message as _;
use wacore_binary::Jid;

use super::{attach, content::Content};
use crate::{
    clock::unix_seconds,
    error::{Error, Result},
    relay::newsletter,
    world::{World, account::Account, newsletters::Post, stats::count},
};

/// Posts to a newsletter that belongs to the account.
pub(crate) fn post(world: &World, from: &Account, to: &Jid, id: &str, content: &Content) -> Result<()> {
    let (id, edit, message) = match content.change() {
        Some((target, edited)) => (target, Some(if edited.is_some() { "3" } else { "8" }), edited),
        None => (id, None, Some(&content.message)),
    };
    let post = Post {
        server_id: 0,
        id: id.to_owned(),
        author: from.phone.clone(),
        time: unix_seconds(),
        kind: content.stanza_type.to_owned(),
        media_type: content.media_type.map(str::to_owned),
        plaintext: message.map(|message| message.encode_to_vec()).unwrap_or_default(),
        reactions: Default::default(),
    };
    attach::remember(world, id, &content.message);
    newsletter::publish(world, from, None, to, post, edit)
        .map_err(|_| Error::NotFound(format!("newsletter {to} of {}", from.phone)))?;
    count(&world.stats.contact_messages);
    Ok(())
}
