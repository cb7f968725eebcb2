//! Namespace `w:g2`: groups. Membership changes are notified to all members, the removed included.

use std::sync::Arc;

use wacore_binary::{Jid, Node, NodeRef, builder::NodeBuilder};

use crate::{
    clock::unix_seconds,
    relay::deliver,
    session::device::Session,
    wire::nodes::{bytes, child_bytes, el, error, jid, result, text},
    world::groups::{Group, Info, Member},
};

/// Answers a group query or change.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let Some(action) = request.children().and_then(|children| children.first()) else {
        return error(request, 400, "bad-request");
    };
    match (action.tag.as_ref(), set) {
        ("create", true) => return create(session, request, action),
        ("participating", false) => return participating(session, request),
        ("leave", true) => return leave(session, request, action),
        ("invite", _) if text(action, "code").is_some() => return by_invite(session, request, action, set),
        _ => {}
    }
    let group = jid(request, "to")
        .and_then(|to| session.world.groups.get(to.user.as_str()).map(|g| g.value().clone()));
    let Some(group) = group else { return error(request, 404, "item-not-found") };
    if !group.info().has(&session.account.phone) {
        return error(request, 403, "forbidden");
    }
    match (action.tag.as_ref(), set) {
        ("query", false) => result(request).children([group.info().node(&group.id)]).build(),
        ("invite", _) => {
            if set {
                group.info().invite = invite_code();
            }
            let code = group.info().invite.clone();
            result(request).children([el("invite").attr("code", code).build()]).build()
        }
        ("add" | "remove" | "promote" | "demote", true) => change_members(session, request, action, &group),
        (_, true) => change_settings(session, request, action, &group),
        _ => error(request, 501, "feature-not-implemented"),
    }
}

fn invite_code() -> String {
    hex::encode(rand::random::<[u8; 11]>())
}

fn member(session: &Session, node: &NodeRef<'_>) -> Option<Member> {
    let account = jid(node, "jid")
        .and_then(|jid| session.world.directory.find(&jid))
        .or_else(|| jid(node, "phone_number").and_then(|jid| session.world.directory.find(&jid)))?;
    Some(Member { phone: account.phone.clone(), lid: account.lid.clone(), role: None })
}

fn create(session: &Session, request: &NodeRef<'_>, action: &NodeRef<'_>) -> Node {
    let own = &session.account;
    let now = unix_seconds();
    let mut info = Info {
        subject: text(action, "subject").unwrap_or_default().into_owned(),
        subject_time: now,
        subject_owner: own.lid.clone(),
        creation: now,
        creator: own.lid.clone(),
        invite: invite_code(),
        members: vec![Member {
            phone: own.phone.clone(),
            lid: own.lid.clone(),
            role: Some("superadmin".into()),
        }],
        ..Info::default()
    };
    for node in action.get_children_by_tag("participant") {
        if let Some(member) = member(session, node).filter(|member| !info.has(&member.phone)) {
            info.members.push(member);
        }
    }
    if let Some(description) = action.get_optional_child("description") {
        info.description = Some(describe(description));
    }
    info.ephemeral =
        action.get_optional_child("ephemeral").and_then(|node| text(node, "expiration")?.parse().ok());
    info.announce = action.get_optional_child("announcement").is_some();
    info.locked = action.get_optional_child("locked").is_some();
    let id = format!("120363{:012}", rand::random_range(0..1_000_000_000_000_u64));
    let node = info.node(&id);
    let group = Arc::new(Group::new(id.clone(), info));
    session.world.groups.insert(id, group.clone());
    session.world.touch();
    let created =
        el("create").attr("type", "new").attr("key", session.world.next_id()).children([node.clone()]);
    notify(session, &group, created.build(), &[]);
    result(request).children([node]).build()
}

fn describe(node: &NodeRef<'_>) -> (String, String) {
    let body = String::from_utf8_lossy(&child_bytes(node, "body")).into_owned();
    (text(node, "id").unwrap_or_default().into_owned(), body)
}

fn participating(session: &Session, request: &NodeRef<'_>) -> Node {
    let phone = &session.account.phone;
    let groups: Vec<Node> = session
        .world
        .groups
        .iter()
        .filter(|group| group.info().has(phone))
        .map(|group| group.info().node(&group.id))
        .collect();
    result(request).children([el("groups").children(groups).build()]).build()
}

fn leave(session: &Session, request: &NodeRef<'_>, action: &NodeRef<'_>) -> Node {
    let ids: Vec<String> = action
        .get_children_by_tag("group")
        .filter_map(|group| Some(jid(group, "id")?.user.to_string()))
        .collect();
    for id in &ids {
        let Some(group) = session.world.groups.get(id).map(|group| group.value().clone()) else { continue };
        let removed = participants("remove", &[session.account.lid()]);
        notify(session, &group, removed, &[]);
        group.info().members.retain(|member| member.phone != session.account.phone);
    }
    session.world.touch();
    let left = ids.iter().map(|id| el("group").attr("id", Jid::group(id.as_str())).build());
    result(request).children([el("leave").children(left).build()]).build()
}

fn by_invite(session: &Session, request: &NodeRef<'_>, action: &NodeRef<'_>, join: bool) -> Node {
    let code = text(action, "code").unwrap_or_default().into_owned();
    let found = session.world.groups.iter().find(|group| group.info().invite == code);
    let Some(group) = found.map(|group| group.value().clone()) else {
        return error(request, 404, "item-not-found");
    };
    if !join {
        return result(request).children([group.info().node(&group.id)]).build();
    }
    let own = &session.account;
    if !group.info().has(&own.phone) {
        group.info().members.push(Member { phone: own.phone.clone(), lid: own.lid.clone(), role: None });
        notify(session, &group, participants("add", &[own.lid()]), &[]);
        session.world.touch();
    }
    result(request).children([el("group").attr("jid", group.jid()).build()]).build()
}

fn participants(tag: &'static str, jids: &[Jid]) -> Node {
    el(tag).children(jids.iter().map(|jid| el("participant").attr("jid", jid).build())).build()
}

fn change_members(
    session: &Session,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Arc<Group>,
) -> Node {
    let tag: &'static str = match action.tag.as_ref() {
        "add" => "add",
        "remove" => "remove",
        "promote" => "promote",
        _ => "demote",
    };
    let mut outcome = Vec::new();
    let mut changed = Vec::new();
    let before = group.info().members.clone();
    for node in action.get_children_by_tag("participant") {
        let Some(address) = jid(node, "jid") else { continue };
        let answer = el("participant").attr("jid", &address);
        let Some(member) = member(session, node) else {
            outcome.push(answer.attr("type", "404").attr("error", "404").build());
            continue;
        };
        changed.push(Jid::lid(member.lid.as_str()));
        apply(&mut group.info(), tag, member);
        outcome.push(answer.attr("type", "200").build());
    }
    notify(session, group, participants(tag, &changed), &before);
    session.world.touch();
    result(request).children([el(tag).children(outcome).build()]).build()
}

fn apply(info: &mut Info, tag: &str, member: Member) {
    match tag {
        "add" if !info.has(&member.phone) => info.members.push(member),
        "remove" => info.members.retain(|other| other.phone != member.phone),
        "promote" | "demote" => {
            if let Some(other) = info.members.iter_mut().find(|other| other.phone == member.phone) {
                other.role = (tag == "promote").then(|| "admin".to_owned());
            }
        }
        _ => {}
    }
}

fn change_settings(
    session: &Session,
    request: &NodeRef<'_>,
    action: &NodeRef<'_>,
    group: &Arc<Group>,
) -> Node {
    let tag = action.tag.to_string();
    let mut notice = NodeBuilder::new_dynamic(tag.clone());
    {
        let mut info = group.info();
        match tag.as_str() {
            "subject" => {
                info.subject = String::from_utf8_lossy(&bytes(action).unwrap_or_default()).into_owned();
                info.subject_time = unix_seconds();
                info.subject_owner = session.account.lid.clone();
                notice = notice
                    .attr("subject", &info.subject)
                    .attr("s_t", info.subject_time)
                    .attr("s_o", session.account.lid());
            }
            "description" => info.description = Some(describe(action)).filter(|(_, body)| !body.is_empty()),
            "announcement" | "not_announcement" => info.announce = tag == "announcement",
            "locked" | "unlocked" => info.locked = tag == "locked",
            "ephemeral" => info.ephemeral = text(action, "expiration").and_then(|value| value.parse().ok()),
            "not_ephemeral" => info.ephemeral = None,
            _ => {}
        }
    }
    let notice = if tag == "subject" { notice.build() } else { action.to_owned() };
    notify(session, group, notice, &[]);
    session.world.touch();
    result(request).build()
}

/// Notifies all devices of the members, and of `before` (members before the change), but the acting device.
fn notify(session: &Session, group: &Group, change: Node, before: &[Member]) {
    let mut phones: Vec<String> =
        group.info().members.iter().chain(before).map(|member| member.phone.clone()).collect();
    phones.sort();
    phones.dedup();
    let node = el("notification")
        .attr("from", group.jid())
        .attr("type", "w:gp2")
        .attr("id", session.world.next_id())
        .attr("participant", session.account.lid())
        .attr("participant_pn", session.account.pn())
        .attr("t", unix_seconds())
        .attr("notify", session.account.display_name())
        .attr("addressing_mode", "lid")
        .children([change])
        .build();
    for account in phones.iter().filter_map(|phone| session.world.directory.phone(phone)) {
        let except = Arc::ptr_eq(&account, &session.account).then_some(session.device);
        deliver::to_account(&session.world, &account, except, &node);
    }
}
