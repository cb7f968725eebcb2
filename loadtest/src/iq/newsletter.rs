//! Namespace `newsletter`: posts of a newsletter and live updates.

use wacore_binary::{Node, NodeRef};

use crate::{
    clock::unix_seconds,
    relay::newsletter::listed,
    session::device::Session,
    wire::nodes::{el, error, jid, result, text},
};

/// Seconds for which live updates are sent.
const LIVE_SECONDS: u32 = 300;
/// Most posts in one answer.
const MAX_POSTS: usize = 300;

/// Answers a query to a newsletter.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(to) = jid(request, "to") else { return error(request, 400, "bad-request") };
    let phone = &session.account.phone;
    if request.get_optional_child("live_updates").is_some() {
        let device = (phone.clone(), session.device);
        return match session.world.newsletters.with(&to.user, |newsletter| newsletter.live.insert(device)) {
            Some(_) => {
                result(request).children([el("live_updates").attr("duration", LIVE_SECONDS).build()]).build()
            }
            None => error(request, 404, "item-not-found"),
        };
    }
    let Some(query) = request.get_optional_child("messages") else {
        return error(request, 501, "feature-not-implemented");
    };
    let count = text(query, "count").and_then(|count| count.parse().ok()).unwrap_or(MAX_POSTS).min(MAX_POSTS);
    let before = text(query, "before").and_then(|before| before.parse().ok()).unwrap_or(u64::MAX);
    let posts = session.world.newsletters.with(&to.user, |newsletter| {
        let older = newsletter.posts.iter().rev().filter(|post| post.server_id < before);
        let mut posts: Vec<Node> = older.take(count).map(|post| listed(post, phone)).collect();
        posts.reverse();
        posts
    });
    let Some(posts) = posts else { return error(request, 404, "item-not-found") };
    let messages = el("messages").attr("jid", to).attr("t", unix_seconds()).children(posts).build();
    result(request).children([messages]).build()
}
