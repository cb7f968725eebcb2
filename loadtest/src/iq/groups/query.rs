//! Queries about groups.

use wacore_binary::{Jid, Node, NodeRef};

use crate::{
    group::{Actor, Refusal, join},
    wire::nodes::{el, jid, result, text},
    world::{account::path, groups::Group},
};

/// Most groups answered at once.
const MAX_BATCH: usize = 10_000;

pub(super) fn participating(actor: &Actor<'_>, request: &NodeRef<'_>) -> Node {
    let phone = &actor.account.phone;
    let groups = actor.world.groups.iter().filter_map(|group| {
        let info = group.info();
        info.has(phone).then(|| info.node(&group.id))
    });
    let groups: Vec<Node> = groups.collect();
    result(request).children([el("groups").children(groups).build()]).build()
}

/// `query` with several groups.
pub(super) fn batch(actor: &Actor<'_>, request: &NodeRef<'_>, action: &NodeRef<'_>) -> Node {
    let ids = action.get_children_by_tag("group").filter_map(|group| jid(group, "jid")).take(MAX_BATCH);
    let groups = ids.map(|id| {
        let group = actor.world.groups.get(id.user.as_str()).map(|group| group.value().clone());
        let refused = |code: u16| el("group").attr("id", id.user.as_str()).attr("error", code).build();
        match group {
            None => refused(404),
            Some(group) => {
                let info = group.info();
                if info.has(&actor.account.phone) { info.node(&group.id) } else { refused(403) }
            }
        }
    });
    let groups: Vec<Node> = groups.collect();
    result(request).children([el("groups").children(groups).build()]).build()
}

/// Pictures of several groups; those without one are left out.
pub(super) fn pictures(actor: &Actor<'_>, request: &NodeRef<'_>, action: &NodeRef<'_>) -> Node {
    let world = actor.world;
    let asked = action.get_children_by_tag("picture").take(MAX_BATCH);
    let pictures = asked.filter_map(|picture| {
        let group: Jid = jid(picture, "jid")?;
        let id = world.group_pictures.get(&group.to_non_ad().to_string())?.clone();
        let node = el("picture")
            .attr("jid", group)
            .attr("id", &id)
            .attr("type", text(picture, "type").as_deref().unwrap_or("preview"))
            .attr("url", format!("https://{}{}", world.media_host, path(&id)))
            .attr("direct_path", path(&id));
        Some(node.build())
    });
    let pictures: Vec<Node> = pictures.collect();
    result(request).children([el("pictures").children(pictures).build()]).build()
}

pub(super) fn requests(actor: &Actor<'_>, request: &NodeRef<'_>, group: &Group) -> Result<Node, Refusal> {
    let requests = join::requests(actor, group)?;
    let children = requests.iter().map(|one| {
        el("membership_approval_request")
            .attr("jid", Jid::lid(one.lid.as_str()))
            .attr("phone_number", Jid::pn(one.phone.as_str()))
            .attr("request_method", "invite_link")
            .attr("request_time", one.time)
            .build()
    });
    let list = el("membership_approval_requests").children(children).build();
    Ok(result(request).children([list]).build())
}
