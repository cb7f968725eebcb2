//! `POST /chat/findContacts/{instance}`.

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::forms_of;
use crate::clock::rfc3339;
use crate::db::{Contact, ContactFilter};
use crate::domain::address::JidKind;
use crate::domain::{InstanceId, Jid};
use crate::http::Error;
use crate::http::extract::{Input, LocalInstance, Valid};
use crate::http::fields::Fields;

/// Which contacts.
#[derive(ToSchema)]
pub struct FindContacts {
    /// `{id, remoteJid, pushName}`.
    #[schema(rename = "where", value_type = Option<Object>)]
    filter: Filter,
}

#[derive(Default)]
struct Filter {
    id: Option<String>,
    remote_jid: Option<String>,
    push_name: Option<String>,
}

impl Input for FindContacts {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let Some(given) = fields.object("where") else { return Some(Self { filter: Filter::default() }) };
        let filled = |name: &str| if given.has(name) { given.filled_text(name) } else { None };
        let filter =
            Filter { id: filled("id"), remote_jid: filled("remoteJid"), push_name: filled("pushName") };
        Some(Self { filter })
    }
}

fn shown(contact: &Contact, instance: InstanceId) -> Value {
    let kind = Jid::parse(&contact.remote_jid).map_or(JidKind::Other, |jid| jid.kind());
    let is_group = kind == JidKind::Group;
    json!({
        "id": contact.id,
        "remoteJid": contact.remote_jid,
        "remoteJidAlt": contact.remote_jid_alt,
        "pushName": contact.push_name.as_ref().or(contact.saved_name.as_ref()),
        "profilePicUrl": contact.profile_pic_url,
        "createdAt": rfc3339(contact.created_at),
        "updatedAt": rfc3339(contact.updated_at),
        "instanceId": instance,
        "isGroup": is_group,
        "isSaved": contact.is_saved,
        "type": if is_group { "group" } else { "contact" },
    })
}

/// Contacts.
pub async fn handle(
    instance: LocalInstance,
    Valid(FindContacts { filter }): Valid<FindContacts>,
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
    let contacts = scope.contacts().find(&filter).await?;
    let contacts: Vec<Value> = contacts.iter().map(|contact| shown(contact, instance.id())).collect();
    Ok(HttpResponse::Ok().json(contacts))
}
