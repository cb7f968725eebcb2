//! Owns what is done with chats, their messages and their contacts; must not know how they are
//! stored. To add an operation: one file, and its line in the table of routes.

mod change;
pub mod delete;
pub mod edit;
pub mod find_chats;
pub mod find_contacts;
pub mod find_messages;
pub mod find_status;
mod key;
pub mod numbers;
mod paging;
pub mod presence;
pub mod read;

pub use key::Key;

use super::Error;
use crate::db::Scope;
use crate::domain::Jid;

/// Every known form of an address: the phone number and the hidden identity of one user are one.
async fn forms(scope: &Scope, text: &str) -> Result<Vec<String>, Error> {
    let jid = Jid::parse(text).map_or_else(|_| text.to_owned(), |jid| jid.to_string());
    let mut forms = vec![jid];
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
