//! Posts to newsletters: kept, and sent to the devices and phones of all who follow.

use std::sync::Arc;

use buffa::Message as _;
use wacore_binary::{Jid, Node, NodeRef, builder::NodeBuilder};
use waproto::whatsapp::Message;

use super::deliver;
use crate::{
    clock::unix_seconds,
    phone::receive,
    session::device::Session,
    wire::nodes::{bytes, el, leaf, text},
    world::{
        World,
        account::Account,
        newsletters::{Newsletter, Post},
    },
};

/// `edit` attribute of a changed post.
const EDIT: &str = "3";
/// `edit` attribute of a revoked post.
const REVOKE: &str = "8";

/// Handles a message to a newsletter and returns its ack.
pub(crate) fn handle(session: &Session, node: &NodeRef<'_>, to: &Jid) -> Node {
    let ack = el("ack")
        .attr("class", "message")
        .attr("id", text(node, "id").unwrap_or_default().as_ref())
        .attr("from", to)
        .attr("t", unix_seconds());
    match take(session, node, to) {
        Ok(server_id) => ack.attr("server_id", server_id).build(),
        Err(code) => ack.attr("error", code).build(),
    }
}

/// The number of the post, or the ack error: 404 unknown, 403 not the owner.
fn take(session: &Session, node: &NodeRef<'_>, to: &Jid) -> Result<u64, u16> {
    let phone = &session.account.phone;
    if let Some(reaction) = node.get_optional_child("reaction") {
        let server_id = text(node, "server_id").and_then(|id| id.parse().ok()).ok_or(404_u16)?;
        let code = text(reaction, "code").unwrap_or_default().into_owned();
        return react(&session.world, phone, to, server_id, &code).ok_or(404);
    }
    let plaintext = node.get_optional_child("plaintext");
    let post = Post {
        server_id: 0,
        id: text(node, "id").unwrap_or_default().into_owned(),
        author: phone.clone(),
        time: unix_seconds(),
        kind: text(node, "type").unwrap_or_default().into_owned(),
        media_type: plaintext.and_then(|plain| text(plain, "mediatype")).map(|kind| kind.into_owned()),
        plaintext: plaintext.and_then(bytes).unwrap_or_default(),
        reactions: Default::default(),
    };
    let edit = text(node, "edit").map(|edit| edit.into_owned());
    publish(&session.world, &session.account, Some(session.device), to, post, edit.as_deref())
}

/// Publishes a post of `author`, or changes or revokes one (`edit`), and returns its number.
pub(crate) fn publish(
    world: &World,
    author: &Account,
    device: Option<u16>,
    to: &Jid,
    mut post: Post,
    edit: Option<&str>,
) -> Result<u64, u16> {
    let done = world.newsletters.with(&to.user, |newsletter| {
        if newsletter.owner != author.phone {
            return Err(403_u16);
        }
        post.server_id = match edit {
            None | Some("") => newsletter.publish(post.clone()),
            Some(_) => change(newsletter, &post)?,
        };
        Ok((post.server_id, newsletter.audience()))
    });
    let (server_id, audience) = done.ok_or(404_u16)??;
    for account in audience.iter().filter_map(|phone| world.directory.phone(phone)) {
        let own = account.phone == author.phone;
        let stanza = stanza(to, &post, edit, own);
        deliver::to_account(world, &account, device.filter(|_| own), &stanza);
        if account.active() && !own && edit.is_none() {
            read(world, &account, author, to, &post);
        }
    }
    world.touch();
    Ok(server_id)
}

/// Replaces the content of a post.
fn change(newsletter: &mut Newsletter, post: &Post) -> Result<u64, u16> {
    let found = newsletter.posts.iter_mut().find(|other| other.id == post.id).ok_or(404_u16)?;
    found.plaintext.clone_from(&post.plaintext);
    found.kind.clone_from(&post.kind);
    Ok(found.server_id)
}

fn stanza(from: &Jid, post: &Post, edit: Option<&str>, own: bool) -> Node {
    let mut stanza = described("message", post, own).attr("from", from);
    if let Some(edit) = edit.filter(|edit| [EDIT, REVOKE].contains(edit)) {
        stanza = stanza.attr("edit", edit);
    }
    stanza.children([plaintext(post)]).build()
}

/// The attributes of a post in stanzas and in lists.
fn described(tag: &'static str, post: &Post, own: bool) -> NodeBuilder {
    let node = NodeBuilder::new(tag)
        .attr("id", &post.id)
        .attr("server_id", post.server_id)
        .attr("t", post.time)
        .attr("type", &post.kind);
    if own { node.attr("is_sender", "true") } else { node }
}

fn plaintext(post: &Post) -> Node {
    let mut node = leaf("plaintext", post.plaintext.clone());
    if let Some(media_type) = &post.media_type {
        node.attrs.insert("mediatype", media_type);
    }
    node
}

/// A post in an answer to a query.
pub(crate) fn listed(post: &Post, phone: &str) -> Node {
    let children = [plaintext(post), reactions(post)];
    described("message", post, post.author == phone).children(children).build()
}

fn reactions(post: &Post) -> Node {
    let counts = post.counts();
    let counts =
        counts.iter().map(|(code, count)| el("reaction").attr("code", *code).attr("count", *count).build());
    el("reactions").children(counts).build()
}

/// A contact's phone reads a post.
fn read(world: &World, account: &Arc<Account>, author: &Account, to: &Jid, post: &Post) {
    match Message::decode_from_slice(&post.plaintext) {
        Ok(message) => receive::published(world, account, author, &to.to_string(), &post.id, &message),
        Err(error) => tracing::warn!(%error, "a post cannot be decoded"),
    }
}

/// Sets or takes back a reaction and tells the devices that follow live.
pub(crate) fn react(world: &World, phone: &str, to: &Jid, server_id: u64, code: &str) -> Option<u64> {
    let (live, changed) = world.newsletters.with(&to.user, |newsletter| {
        let post = newsletter.posts.iter_mut().find(|post| post.server_id == server_id)?;
        if code.is_empty() {
            post.reactions.remove(phone);
        } else {
            post.reactions.insert(phone.to_owned(), code.to_owned());
        }
        let message = el("message").attr("server_id", server_id).attr("t", post.time);
        Some((newsletter.live.clone(), message.children([reactions(post)]).build()))
    })??;
    let messages = el("messages").attr("jid", to).attr("t", unix_seconds()).children([changed]).build();
    let updates = el("live_updates").children([messages]).build();
    for (phone, device) in live {
        let Some(account) = world.directory.phone(&phone) else { continue };
        let notice = el("notification")
            .attr("from", to)
            .attr("type", "newsletter")
            .attr("id", world.next_id())
            .attr("t", unix_seconds())
            .children([updates.clone()])
            .build();
        deliver::to_device(world, &account, device, notice);
    }
    world.touch();
    Some(server_id)
}
