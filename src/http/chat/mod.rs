//! Owns what is done with chats, their messages and their contacts; must not know how they are
//! stored. To add an operation: one file, and its line in the table of routes.

pub mod base64;
pub mod block;
mod change;
pub mod delete;
pub mod edit;
pub mod find_chats;
pub mod find_contacts;
pub mod find_messages;
pub mod find_status;
pub mod history;
mod key;
pub mod numbers;
mod paging;
pub mod picture;
pub mod presence;
pub mod privacy;
pub mod profile;
pub mod read;
pub mod resolve;
pub mod search_messages;
pub mod state;

pub(super) use change::recorded;
pub use find_messages::record;
pub use key::Key;
pub use paging::page;

use serde_json::json;

use super::extract::LocalInstance;
use super::{Error, State};
use crate::channel::NumberCheck;
use crate::db::Scope;
use crate::domain::Jid;
use crate::domain::address::JidKind;
use crate::instance::Working;

/// Every known form of an address: the phone number and the hidden identity of one user are one.
pub(super) async fn forms(scope: &Scope, text: &str) -> Result<Vec<String>, Error> {
    let jid = Jid::parse(text).map_or_else(|_| text.to_owned(), |jid| jid.to_string());
    all_forms(scope, vec![jid]).await
}

/// Every known form of some addresses, each once.
async fn all_forms(scope: &Scope, mut forms: Vec<String>) -> Result<Vec<String>, Error> {
    for pair in scope.addresses().pairs_of(&forms).await? {
        for form in [pair.pn, pair.lid] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    Ok(forms)
}

/// As [`forms`], where nobody has to ask for one.
async fn forms_of(scope: &Scope, text: Option<&str>) -> Result<Vec<String>, Error> {
    match text {
        Some(text) => forms(scope, text).await,
        None => Ok(Vec::new()),
    }
}

/// What WhatsApp knows of a phone number; `None` for other addresses, which are what they are.
async fn check(
    (instance, state): (&LocalInstance, &State),
    working: &Working,
    jid: &Jid,
) -> Result<Option<NumberCheck>, Error> {
    let Some(numbers) = working.numbers().ok().filter(|_| jid.kind() == JidKind::Phone) else {
        return Ok(None);
    };
    let checks = state.known.check(instance.id(), numbers, std::slice::from_ref(jid)).await;
    Ok(checks.map_err(|error| instance.explain(error))?.into_iter().next())
}

/// Users, where numbers of countries that write them in two ways are in the form that exists. What
/// exists in neither stays as it is: WhatsApp has an answer for it.
pub(super) async fn resolved(
    (instance, state): (&LocalInstance, &State),
    working: &Working,
    users: Vec<Jid>,
) -> Result<Vec<Jid>, Error> {
    let unclear: Vec<Jid> = users.iter().filter(|jid| jid.other_number().is_some()).cloned().collect();
    let mut checks = Vec::new();
    if !unclear.is_empty() {
        let checked = state.known.check(instance.id(), working.numbers()?, &unclear).await;
        checks = checked.map_err(|error| instance.explain(error))?;
    }
    let mut resolved: Vec<Jid> = Vec::with_capacity(users.len());
    for user in users {
        let known = checks.iter().find(|check| check.asked == user && check.exists);
        let user = known.map_or(user, |check| check.jid.clone());
        if !resolved.contains(&user) {
            resolved.push(user);
        }
    }
    Ok(resolved)
}

/// The form of an address that exists.
pub(super) async fn found(
    instance: &LocalInstance,
    state: &State,
    working: &Working,
    jid: &Jid,
) -> Result<Jid, Error> {
    match check((instance, state), working, jid).await? {
        Some(check) if check.exists => Ok(check.jid),
        Some(_) => {
            Err(Error::NotOnWhatsApp(vec![json!({"jid": jid, "exists": false, "number": jid.user()})]))
        }
        None => Ok(jid.clone()),
    }
}
