//! `GET /label/findLabels/{instance}` and `POST /label/handleLabel/{instance}`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::chat::{forms, found, recorded};
use super::extract::{Input, LocalInstance, Valid};
use super::fields::Fields;
use super::message::address;
use super::{Error, State};
use crate::db::Label;
use crate::domain::label::{self, Edited};
use crate::domain::{EventKind, InstanceId, Jid};
use crate::events::Write;

/// Longest id of a label, in bytes.
const LONGEST_ID: usize = 64;
/// Longest name of a label, in characters.
const LONGEST_NAME: usize = 100;
/// WhatsApp's colours are numbered from 0 to this.
const LAST_COLOR: u64 = 19;

/// What to do with a label.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct HandleLabel {
    /// The chat, to `add` a label to it or to `remove` it from it.
    #[schema(value_type = Option<String>)]
    number: Option<Jid>,
    /// The label; when one is created and this is absent, the next free number.
    label_id: Option<String>,
    /// `add`, `remove`, `create` or `delete`.
    #[schema(value_type = String)]
    action: Action,
    /// The name of the label that is created or changed.
    name: Option<String>,
    /// The number of its colour, 0 to 19.
    color: Option<i32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Add,
    Remove,
    Create,
    Delete,
}

impl Input for HandleLabel {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let action = match fields.text("action").as_deref() {
            Some("create") => Some(Action::Create),
            Some("delete") => Some(Action::Delete),
            Some("add") => Some(Action::Add),
            Some("remove") => Some(Action::Remove),
            _ => None,
        };
        let of_chat = !matches!(action, Some(Action::Create | Action::Delete));
        let number = if of_chat { address(fields, "number") } else { fields.text("number").and(None) };
        let label_id = match action {
            Some(Action::Create) if !fields.has("labelId") => None,
            _ => fields.filled_text("labelId"),
        };
        if label_id.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
            fields.wrong("labelId", &format!("does not meet maximum length of {LONGEST_ID}"));
        }
        if action.is_none() {
            match fields.required_text("action") {
                Some(_) => fields.wrong("action", "is not one of enum values: add,remove,create,delete"),
                None => return None,
            }
        }
        let name =
            if action == Some(Action::Create) { fields.filled_text("name") } else { fields.text("name") };
        if name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_NAME) {
            fields.wrong("name", &format!("does not meet maximum length of {LONGEST_NAME}"));
        }
        let color = fields.integer("color");
        if color.is_some_and(|color| color > LAST_COLOR) {
            fields.wrong("color", &format!("must be less than or equal to {LAST_COLOR}"));
        }
        let color = color.and_then(|color| i32::try_from(color).ok());
        Some(Self { number, label_id, action: action?, name, color })
    }
}

fn shown(label: &Label) -> Value {
    json!({
        "color": label.color.to_string(),
        "name": label.name,
        "id": label.label_id,
        "predefinedId": label.predefined_id,
    })
}

/// The labels of the account.
pub async fn find(instance: LocalInstance) -> Result<HttpResponse, Error> {
    let labels = instance.scope().labels().all().await?;
    Ok(HttpResponse::Ok().json(labels.iter().map(shown).collect::<Vec<_>>()))
}

/// Changes a label, or the labels of a chat.
pub async fn handle(
    instance: LocalInstance,
    state: web::Data<State>,
    Valid(body): Valid<HandleLabel>,
) -> Result<HttpResponse, Error> {
    match body.action {
        Action::Create => create(&instance, &state, body).await,
        Action::Delete => delete(&instance, &state, body).await,
        Action::Add | Action::Remove => put(&instance, &state, body).await,
    }
}

async fn put(instance: &LocalInstance, state: &State, body: HandleLabel) -> Result<HttpResponse, Error> {
    let (number, label_id) = (body.number.ok_or(Error::Internal)?, body.label_id.ok_or(Error::Internal)?);
    let labeled = body.action == Action::Add;
    let working = instance.work().await?;
    let chat = found(instance, state, &working, &number).await.map_err(absent)?;
    known(instance, &label_id).await?;
    let data = label::associated(instance.name(), &label_id, &chat, labeled);
    let events = instance.journal().event(EventKind::LabelsAssociation, &data);
    // The phone may have named the chat by its other form.
    let mut chats = vec![chat.to_string()];
    if !labeled {
        chats.extend(forms(&instance.scope(), chat.as_str()).await?);
        chats.sort_unstable();
        chats.dedup();
    }
    let write = |remote_jid| Write::LabelChat {
        label_id: label_id.clone(),
        remote_jid,
        labeled,
        events: events.clone(),
    };
    let writes = chats.into_iter().map(write).collect();
    let (id, of) = (label_id.clone(), chat.clone());
    let put = async move { working.labels()?.put(&id, &of, labeled).await };
    recorded((instance, state), put, writes).await?;
    let mut answer = json!({"numberJid": chat, "labelId": label_id});
    answer[if labeled { "add" } else { "remove" }] = json!(true);
    Ok(HttpResponse::Ok().json(answer))
}

/// Numbers that are being given to new labels and are not on record yet.
static RESERVED: Mutex<Vec<(InstanceId, u64)>> = Mutex::new(Vec::new());

/// A number for a new label, which nobody else gets while this lives.
struct Reserved {
    instance: InstanceId,
    number: u64,
}

impl Reserved {
    async fn new(instance: &LocalInstance) -> Result<Self, Error> {
        loop {
            let reserved = Self::beside(instance.id(), &instance.scope().labels().all().await?);
            // Meanwhile another one may have been recorded under this number.
            let known = instance.scope().labels().all().await?;
            if !known.iter().any(|label| label.label_id == reserved.number.to_string()) {
                return Ok(reserved);
            }
        }
    }

    /// The next number after those of the labels and those that are reserved, or the first free one.
    fn beside(instance: InstanceId, labels: &[Label]) -> Self {
        let mut all = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: BTreeSet<u64> =
            labels.iter().filter_map(|label| label.label_id.parse().ok()).collect();
        taken.extend(all.iter().filter(|(of, _)| *of == instance).map(|(_, number)| number));
        let next = taken.last().map_or(Some(1), |last| last.checked_add(1));
        let number = next.or_else(|| (1..).find(|number| !taken.contains(number))).unwrap_or_default();
        all.push((instance, number));
        Self { instance, number }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut all = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|reserved| *reserved != (self.instance, self.number));
    }
}

async fn create(instance: &LocalInstance, state: &State, body: HandleLabel) -> Result<HttpResponse, Error> {
    let working = instance.work().await?;
    let (label_id, _reserved) = match body.label_id {
        Some(label_id) => (label_id, None),
        None => {
            let reserved = Reserved::new(instance).await?;
            (reserved.number.to_string(), Some(reserved))
        }
    };
    let labels = instance.scope().labels().all().await?;
    let old = labels.iter().find(|label| label.label_id == label_id);
    let name = body.name.ok_or(Error::Internal)?;
    let color = body.color.or(old.map(|old| old.color)).unwrap_or_default();
    let predefined_id = old.and_then(|old| old.predefined_id.clone());
    let label = Label { label_id, name, color, predefined_id, created_at: 0, updated_at: 0 };
    let events = told(instance, &label, false);
    let answer = shown(&label);
    let Label { label_id, name, color, predefined_id, .. } = label;
    let (id, named) = (label_id.clone(), name.clone());
    let edit = async move { working.labels()?.edit(&id, &named, color).await };
    let write = Write::Label { label_id, name, color, predefined_id, events };
    recorded((instance, state), edit, vec![write]).await?;
    Ok(HttpResponse::Ok().json(answer))
}

async fn delete(instance: &LocalInstance, state: &State, body: HandleLabel) -> Result<HttpResponse, Error> {
    let label_id = body.label_id.ok_or(Error::Internal)?;
    let working = instance.work().await?;
    let label = known(instance, &label_id).await?;
    let write = Write::LabelRemoved { label_id: label_id.clone(), events: told(instance, &label, true) };
    let id = label_id.clone();
    let delete = async move { working.labels()?.delete(&id).await };
    recorded((instance, state), delete, vec![write]).await?;
    Ok(HttpResponse::Ok().json(json!({"labelId": label_id, "delete": true})))
}

fn told(instance: &LocalInstance, label: &Label, deleted: bool) -> Vec<crate::events::Routed> {
    let Label { label_id: id, name, color, predefined_id, .. } = label;
    let edited = Edited { id, name, color: *color, predefined_id: predefined_id.as_deref(), deleted };
    instance.journal().event(EventKind::LabelsEdit, &edited.of(instance.name()))
}

/// The contract answers 404 here where it answers 400 to those who send.
fn absent(error: Error) -> Error {
    match error {
        Error::NotOnWhatsApp(_) => Error::NotFound("Number is not on WhatsApp".to_owned()),
        other => other,
    }
}

async fn known(instance: &LocalInstance, label_id: &str) -> Result<Label, Error> {
    let labels = instance.scope().labels().all().await?;
    let found = labels.into_iter().find(|label| label.label_id == label_id);
    found.ok_or_else(|| Error::NotFound(format!("There is no label {label_id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(id: &str) -> Label {
        let (label_id, name) = (id.to_owned(), String::new());
        Label { label_id, name, color: 0, predefined_id: None, created_at: 0, updated_at: 0 }
    }

    #[test]
    fn a_new_label_gets_a_number_that_nobody_has() {
        let (one, other) = (InstanceId::random(), InstanceId::random());
        let labels = [label("2"), label("7"), label("custom")];
        let first = Reserved::beside(one, &labels);
        let second = Reserved::beside(one, &labels);
        assert_eq!((first.number, second.number), (8, 9), "at the same time");
        assert_eq!(Reserved::beside(other, &labels).number, 8, "of another instance");
        drop((first, second));
        assert_eq!(Reserved::beside(one, &labels).number, 8, "it was given back");
        assert_eq!(Reserved::beside(one, &[]).number, 1);
        let last = [label("1"), label("18446744073709551615")];
        assert_eq!(Reserved::beside(one, &last).number, 2, "there is none after the last");
    }
}
