//! Profile pictures and about texts.

use wacore_binary::{Jid, Node, NodeRef, Server, builder::NodeBuilder};

use crate::{
    clock::unix_seconds,
    relay::deliver,
    session::device::Session,
    wire::nodes::{bytes, el, error, jid, result, text},
    world::account::{Picture, path},
};

/// Answers the namespace `w:profile:picture`.
pub(crate) fn picture(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let target = jid(request, "target").unwrap_or_else(|| session.account.pn());
    if set { set_picture(session, request, &target) } else { get_picture(session, request, &target) }
}

fn key(target: &Jid) -> String {
    target.to_non_ad().to_string()
}

fn get_picture(session: &Session, request: &NodeRef<'_>, target: &Jid) -> Node {
    let id = if target.server == Server::Group {
        session.world.group_pictures.get(&key(target)).map(|id| id.value().clone())
    } else {
        let account = session.world.directory.find(target);
        account.and_then(|account| account.state().picture.as_ref().map(|picture| picture.id.clone()))
    };
    let Some(id) = id else { return error(request, 404, "item-not-found") };
    let kind = request.get_optional_child("picture").and_then(|picture| text(picture, "type"));
    let node = el("picture")
        .attr("id", &id)
        .attr("type", kind.as_deref().unwrap_or("image"))
        .attr("url", format!("https://{}{}", session.world.media_host, path(&id)))
        .attr("direct_path", path(&id))
        .build();
    result(request).children([node]).build()
}

fn set_picture(session: &Session, request: &NodeRef<'_>, target: &Jid) -> Node {
    let jpeg = request.get_optional_child("picture").and_then(bytes).filter(|jpeg| !jpeg.is_empty());
    let id = jpeg.as_ref().map(|_| rand::random::<u32>().to_string());
    if let (Some(id), Some(jpeg)) = (&id, &jpeg) {
        session.world.media.put(path(id), jpeg.clone().into());
    }
    let picture = id.clone().zip(jpeg).map(|(id, jpeg)| Picture { id, jpeg });
    if target.server == Server::Group {
        match &id {
            Some(id) => drop(session.world.group_pictures.insert(key(target), id.clone())),
            None => drop(session.world.group_pictures.remove(&key(target))),
        }
    } else {
        session.account.state().picture = picture;
    }
    session.world.touch();
    let change = NodeBuilder::new(if id.is_some() { "set" } else { "delete" })
        .attr("jid", target)
        .attr("author", session.account.pn());
    let change = match &id {
        Some(id) => change.attr("id", id).build(),
        None => change.build(),
    };
    notify(session, target, "picture", change);
    match id {
        Some(id) => result(request).children([el("picture").attr("id", id).build()]).build(),
        None => result(request).build(),
    }
}

/// Answers the namespace `status`: sets the about text.
pub(crate) fn about(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(about) = request.get_optional_child("status").and_then(bytes) else {
        return error(request, 400, "bad-request");
    };
    let about = String::from_utf8_lossy(&about).into_owned();
    {
        let mut state = session.account.state();
        state.about = about.clone();
        state.about_time = unix_seconds();
    }
    session.world.touch();
    let change = el("set").string_content(about).build();
    notify(session, &session.account.pn(), "status", change);
    result(request).build()
}

/// Notifies the account's own devices, or all devices of a group's members, the setter included.
fn notify(session: &Session, from: &Jid, kind: &str, change: Node) {
    let node = el("notification")
        .attr("from", from)
        .attr("type", kind)
        .attr("id", session.world.next_id())
        .attr("t", unix_seconds())
        .children([change])
        .build();
    let group = session.world.groups.get(from.user.as_str()).map(|group| group.value().clone());
    match group {
        Some(group) => {
            let members = group.info().members.clone();
            for account in members.iter().filter_map(|member| session.world.directory.phone(&member.phone)) {
                deliver::to_account(&session.world, &account, None, &node);
            }
        }
        None => deliver::to_account(&session.world, &session.account, None, &node),
    }
}
