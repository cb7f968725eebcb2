//! `GET /group/findGroupInfos`, `fetchAllGroups` and `participants`.

use actix_web::HttpResponse;
use serde_json::{Value, json};

use super::{Nothing, OfGroup, shown};
use crate::db::Contact;
use crate::http::Error;
use crate::http::extract::{LocalInstance, Parameters};

const NO_CHOICE: &[&str] = &["The getParticipants needs to be informed in the query"];

/// What is known of a group, and its picture.
pub async fn one(
    instance: LocalInstance,
    OfGroup { group, .. }: OfGroup<Nothing>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let groups = working.groups()?;
    let explain = |error| instance.explain(error);
    let mut found = groups.find(&group).await.map_err(explain)?;
    found.picture_url = groups.picture(&group).await.map_err(explain)?;
    Ok(HttpResponse::Ok().json(shown(&found, true)))
}

/// Every group that the account is in.
pub async fn all(instance: LocalInstance, parameters: Parameters) -> Result<HttpResponse, Error> {
    let choice = parameters.get("getParticipants").ok_or(Error::Needed(NO_CHOICE))?;
    let with_members = match choice.to_ascii_lowercase().as_str() {
        "true" | "1" => true,
        "false" | "0" => false,
        _ => return Err(Error::Invalid("getParticipants must be true or false".to_owned())),
    };
    let working = instance.work().await?;
    let found = working.groups()?.all(with_members).await.map_err(|error| instance.explain(error))?;
    let shown: Vec<Value> = found.iter().map(|group| shown(group, with_members)).collect();
    Ok(HttpResponse::Ok().json(shown))
}

/// Who is in a group, with what is known of them.
pub async fn participants(
    instance: LocalInstance,
    OfGroup { group, .. }: OfGroup<Nothing>,
) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let found = working.groups()?.find(&group).await.map_err(|error| instance.explain(error))?;
    let jids: Vec<String> = found.participants.iter().map(|member| member.id.to_string()).collect();
    let contacts = instance.scope().contacts().by_jids(&jids).await?;
    let shown = found.participants.iter().map(|member| {
        let contact = contacts.iter().find(|contact| contact.remote_jid == member.id.as_str());
        described(json!(member), contact)
    });
    Ok(HttpResponse::Ok().json(json!({"participants": shown.collect::<Vec<_>>()})))
}

fn described(mut member: Value, contact: Option<&Contact>) -> Value {
    if let Some(contact) = contact {
        member["name"] = json!(contact.saved_name.as_ref().or(contact.push_name.as_ref()));
        member["imgUrl"] = json!(contact.profile_pic_url);
    }
    member
}
