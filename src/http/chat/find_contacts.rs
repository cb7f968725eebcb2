//! `POST /chat/findContacts/{instance}`.

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{forms_of, paging};
use crate::clock::rfc3339;
use crate::db::{Contact, ContactFilter, Page};
use crate::domain::address::JidKind;
use crate::domain::{InstanceId, Jid};
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

/// Contacts of a page when nobody says how many, and at most.
const MOST: u64 = 10_000;

/// Which contacts.
#[derive(ToSchema)]
pub struct FindContacts {
    /// `{id, remoteJid, pushName}`.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
    /// Counted from 1; `offset` or `limit` is the size of a page. Without them, the first 10000.
    #[schema(value_type = Option<u64>)]
    page: Page,
}

#[derive(Default)]
struct Filter {
    id: Option<String>,
    remote_jid: Option<String>,
    push_name: Option<String>,
}

impl Input for FindContacts {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let page = paging::page_of(fields, MOST, MOST);
        let Some(given) = fields.object("where") else {
            return Some(Self { filter: Filter::default(), page });
        };
        let filled = |name: &str| if given.has(name) { given.filled_text(name) } else { None };
        let filter =
            Filter { id: filled("id"), remote_jid: filled("remoteJid"), push_name: filled("pushName") };
        Some(Self { filter, page })
    }
}

fn shown(contact: &Contact, instance: InstanceId) -> Value {
    let kind = Jid::parse(&contact.remote_jid).map_or(JidKind::Other, |jid| jid.kind());
    let name = contact.push_name.as_ref().or(contact.saved_name.as_ref());
    // Who is only known from a group has neither a name nor a picture, as the contract has it.
    let is_saved = contact.is_saved || name.is_some() || contact.profile_pic_url.is_some();
    let shown_type = match kind {
        JidKind::Group => "group",
        _ if is_saved => "contact",
        _ => "group_member",
    };
    json!({
        "id": contact.id,
        "remoteJid": contact.remote_jid,
        "remoteJidAlt": contact.remote_jid_alt,
        "pushName": name,
        "profilePicUrl": contact.profile_pic_url,
        "createdAt": rfc3339(contact.created_at),
        "updatedAt": rfc3339(contact.updated_at),
        "instanceId": instance,
        "isGroup": kind == JidKind::Group,
        "isSaved": is_saved,
        "type": shown_type,
    })
}

/// Contacts in the order of their addresses.
pub async fn handle(
    instance: LocalInstance,
    Valid(FindContacts { filter, page }): Valid<FindContacts>,
) -> Result<HttpResponse, Error> {
    let scope = instance.scope();
    let id = match filter.id.map(|id| id.parse()) {
        // Ids are ours: a text of another form is one that does not exist.
        Some(Err(_)) => return Ok(HttpResponse::Ok().json(json!([]))),
        Some(Ok(id)) => Some(id),
        None => None,
    };
    let remote_jids = forms_of(&scope, filter.remote_jid.as_deref()).await?;
    let filter = ContactFilter { id, remote_jids, push_name: filter.push_name };
    let contacts = scope.contacts().page(&filter, page).await?;
    let contacts: Vec<Value> = contacts.iter().map(|contact| shown(contact, instance.id())).collect();
    Ok(HttpResponse::Ok().json(contacts))
}
