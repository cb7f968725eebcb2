//! Queries of logged-in devices. An unknown query is answered with error 501 at once: silence would cost
//! the client its 75 s timeout (whatsapp-rust 0.7.0).

pub(crate) mod app_state;
pub(crate) mod catalogue;
pub(crate) mod groups;
pub(crate) mod mex;
pub(crate) mod newsletter;
pub(crate) mod pre_keys;
pub(crate) mod privacy;
pub(crate) mod profile;
pub(crate) mod settings;
pub(crate) mod usync;

use wacore_binary::NodeRef;

use crate::{
    relay::devices,
    session::device::Session,
    wire::nodes::{el, error, jid, result, text},
    world::{faults::queries::Query, stats::count},
};

/// Answers a query.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>) {
    let kind = text(request, "type").unwrap_or_default();
    if kind == "result" || kind == "error" {
        return;
    }
    let set = kind == "set";
    let namespace = text(request, "xmlns").unwrap_or_default();
    let tag: Option<&str> = request.children().and_then(|children| Some(children.first()?.tag.as_ref()));
    let phone = session.account.phone.as_str();
    let query = Query { phone, namespace: &namespace, tag: tag.unwrap_or_default(), changes: set };
    match session.world.faults.take_query(&query) {
        Some(0) => return,
        Some(code) => return session.reply(error(request, code, "refused")),
        None => {}
    }
    let answer = match &*namespace {
        "w:p" | "urn:xmpp:ping" | "urn:xmpp:whatsapp:dirty" => result(request).build(),
        "disappearing_mode" => privacy::disappearing(session, request),
        "w:mex" => mex::handle(session, request),
        "newsletter" => newsletter::handle(session, request),
        "w:biz" => profile::business(session, request),
        "w:biz:catalog" => catalogue::handle(session, request),
        "passive" => return passive(session, request),
        "encrypt" => pre_keys::handle(session, request, set),
        "usync" => usync::handle(session, request),
        "w:sync:app:state" => app_state::handle(session, request),
        "w:m" => settings::media_conn(session, request),
        "abt" => settings::props(session, request),
        "privacy" => privacy::handle(session, request, set),
        "blocklist" => privacy::blocklist(session, request, set),
        "w:profile:picture" if set && !groups::may_set_picture(session, request) => {
            error(request, 403, "forbidden")
        }
        "w:profile:picture" => profile::picture(session, request, set),
        "status" => profile::about(session, request),
        "w:g2" => groups::handle(session, request, set),
        "md" => return logout(session, request),
        other => {
            count(&session.world.stats.unknown_queries);
            tracing::debug!(xmlns = other, "unknown query");
            error(request, 501, "feature-not-implemented")
        }
    };
    session.reply(answer);
}

/// `passive active` starts the delivery of what waited.
fn passive(session: &Session, request: &NodeRef<'_>) {
    session.reply(result(request).build());
    if request.get_optional_child("active").is_some() {
        session.go_live();
    }
}

/// `remove-companion-device`: the client logs itself (or another device) out.
fn logout(session: &Session, request: &NodeRef<'_>) {
    let Some(target) = request.get_optional_child("remove-companion-device") else {
        return session.reply(error(request, 501, "feature-not-implemented"));
    };
    session.reply(result(request).children([el("remove-companion-device").build()]).build());
    let device = jid(target, "jid").map_or(session.device, |jid| jid.device);
    devices::remove(&session.world, &session.account, device);
}
