//! Namespace `w:mex`: queries in JSON, told apart by the number of a stored document.

use serde_json::{Value, json};
use wacore::iq::mex_operations::{
    create_newsletter, fetch_all_newsletters_metadata, fetch_all_subgroups, fetch_newsletter,
    join_newsletter, leave_newsletter, query_subgroup_participant_count, update_newsletter,
    update_newsletter_user_setting,
};
use wacore_binary::{Jid, Node, NodeRef};

use crate::{
    iq::groups::community::subgroups,
    session::device::Session,
    wire::nodes::{bytes, error, leaf, result, text},
    world::{newsletters::Newsletter, stats::count},
};

/// Answers a query.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>) -> Node {
    let Some(query) = request.get_optional_child("query") else {
        return error(request, 400, "bad-request");
    };
    let document = text(query, "query_id").unwrap_or_default();
    let payload: Value =
        bytes(query).and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default();
    let answer = match answer(session, &document, &payload["variables"]) {
        Some(data) => json!({ "data": data }),
        None => {
            count(&session.world.stats.unknown_queries);
            tracing::debug!(%document, "unknown document");
            let extensions = json!({ "error_code": 400, "is_summary": true, "severity": "CRITICAL" });
            json!({ "data": null, "errors": [{ "message": "Bad Request", "extensions": extensions }] })
        }
    };
    result(request).children([leaf("result", answer.to_string().into_bytes())]).build()
}

fn answer(session: &Session, document: &str, variables: &Value) -> Option<Value> {
    let input = &variables["input"];
    let of = |field: &str| variables[field].as_str().and_then(|jid| jid.parse::<Jid>().ok());
    let data = match document {
        fetch_all_newsletters_metadata::DOC_ID => {
            json!({ "xwa2_newsletter_subscribed": subscribed(session) })
        }
        fetch_newsletter::DOC_ID => json!({ "xwa2_newsletter": find(session, input) }),
        create_newsletter::DOC_ID => json!({ "xwa2_newsletter_create": create(session, input) }),
        join_newsletter::DOC_ID => json!({ "xwa2_newsletter_join_v2": join(session, &of("newsletter_id")?) }),
        leave_newsletter::DOC_ID => {
            json!({ "xwa2_newsletter_leave_v2": leave(session, &of("newsletter_id")?) })
        }
        update_newsletter::DOC_ID => {
            let id = of("newsletter_id")?;
            json!({ "xwa2_newsletter_update": update(session, &id, &variables["updates"]) })
        }
        update_newsletter_user_setting::DOC_ID => {
            let id = &input["newsletter_id"];
            json!({ "xwa2_newsletter_update_user_setting": { "id": id } })
        }
        fetch_all_subgroups::DOC_ID => {
            json!({ "xwa2_group_query_by_id": subgroups(session, &of("group_id")?) })
        }
        query_subgroup_participant_count::DOC_ID => {
            let id: Jid = input["group_jid"].as_str()?.parse().ok()?;
            json!({ "xwa2_group_query_by_id": subgroups(session, &id) })
        }
        _ => return None,
    };
    Some(data)
}

fn subscribed(session: &Session) -> Vec<Value> {
    let phone = &session.account.phone;
    let newsletters = session.world.newsletters.lock();
    let mine = newsletters.values().filter(|newsletter| newsletter.role(phone) != "guest");
    mine.map(|newsletter| newsletter.metadata(phone)).collect()
}

fn find(session: &Session, input: &Value) -> Option<Value> {
    let key = input["key"].as_str()?;
    let id = key.split('@').next()?;
    let newsletters = session.world.newsletters.lock();
    let by_invite = input["type"] == "INVITE";
    let mut found = newsletters
        .values()
        .filter(|newsletter| if by_invite { newsletter.invite == key } else { newsletter.id == id });
    Some(found.next()?.metadata(&session.account.phone))
}

fn create(session: &Session, input: &Value) -> Value {
    let phone = &session.account.phone;
    let text = |field: &str| input[field].as_str().unwrap_or_default();
    let newsletter = Newsletter::new(phone, text("name"), text("description"));
    let metadata = newsletter.metadata(phone);
    session.world.newsletters.lock().insert(newsletter.id.clone(), newsletter);
    session.world.touch();
    metadata
}

fn join(session: &Session, id: &Jid) -> Option<Value> {
    let phone = &session.account.phone;
    session.world.touch();
    session.world.newsletters.with(&id.user, |newsletter| {
        if newsletter.owner != *phone {
            newsletter.followers.insert(phone.clone());
        }
        newsletter.metadata(phone)
    })
}

fn leave(session: &Session, id: &Jid) -> Option<Value> {
    session.world.touch();
    session.world.newsletters.with(&id.user, |newsletter| {
        newsletter.followers.remove(&session.account.phone);
        newsletter.live.retain(|(phone, _)| *phone != session.account.phone);
        json!({ "id": newsletter.jid().to_string() })
    })
}

/// Only the owner changes a newsletter.
fn update(session: &Session, id: &Jid, updates: &Value) -> Option<Value> {
    let phone = &session.account.phone;
    session.world.touch();
    session.world.newsletters.with(&id.user, |newsletter| {
        if newsletter.owner != *phone {
            return None;
        }
        if let Some(name) = updates["name"].as_str() {
            name.clone_into(&mut newsletter.name);
        }
        if let Some(description) = updates["description"].as_str() {
            description.clone_into(&mut newsletter.description);
        }
        Some(newsletter.metadata(phone))
    })?
}
