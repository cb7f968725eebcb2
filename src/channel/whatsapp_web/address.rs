//! Addresses of the protocol library and of the API, and which of an account's two addresses is
//! shown: by phone number wherever that is known, with the other form beside it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use wacore_binary::{Jid as WireJid, Server};
use whatsapp_rust::Client;

use super::connection::Context;
use crate::channel::Error;
use crate::domain::address::JidKind;
use crate::domain::{EventKind, Jid};
use crate::events::Write;

/// Pairs that are remembered as recorded, so that not every message writes its pair again.
const KNOWN_PAIRS: usize = 1024;
/// Pairs of one transaction.
const BATCH: usize = 200;

/// An address of the library, without its device. What comes from one that we cannot show is left out.
pub fn from_wire(jid: &WireJid) -> Option<Jid> {
    let shown = Jid::parse(&jid.to_non_ad_string()).ok();
    if shown.is_none() && !jid.user.is_empty() {
        tracing::warn!(server = jid.server.as_str(), "an address of a form that is not known is left out");
    }
    shown
}

/// An address for the library.
///
/// # Errors
/// [`Error::Invalid`] for what the library has no notion of.
pub fn to_wire(jid: &Jid) -> Result<WireJid, Error> {
    jid.as_str()
        .parse()
        .map_err(|_| Error::Invalid { field: "number", reason: "is not an address".to_owned() })
}

/// Both forms of one user's or chat's address, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// By phone number where that is known.
    pub jid: Jid,
    /// The other form.
    pub alt: Option<Jid>,
}

/// Finds the two forms of an address from what the stanza says and what the library knows.
pub async fn shown(client: &Client, jid: &WireJid, stated: Option<&WireJid>) -> Option<Shown> {
    let plain = from_wire(jid)?;
    let other = match plain.kind() {
        JidKind::Phone => JidKind::Lid,
        JidKind::Lid => JidKind::Phone,
        _ => return Some(Shown { jid: plain, alt: None }),
    };
    let stated = stated.and_then(from_wire).filter(|alt| alt.kind() == other);
    let alt = match stated {
        Some(alt) => Some(alt),
        None => known(client, &plain).await,
    };
    Some(match (other, alt) {
        (JidKind::Phone, Some(phone)) => Shown { jid: phone, alt: Some(plain) },
        (_, alt) => Shown { jid: plain, alt },
    })
}

/// The two forms of the address of a user whose names on both servers are known.
pub fn pair(lid: &str, phone: &str) -> Option<Shown> {
    let (jid, alt) = (WireJid::new(phone, Server::Pn), WireJid::new(lid, Server::Lid));
    Some(Shown { jid: from_wire(&jid)?, alt: Some(from_wire(&alt)?) })
}

async fn known(client: &Client, jid: &Jid) -> Option<Jid> {
    let jid = to_wire(jid).ok()?;
    let entry = client.get_lid_pn_entry(&jid).await.ok().flatten()?;
    let other = if jid.is_lid() {
        WireJid::new(&*entry.phone_number, Server::Pn)
    } else {
        WireJid::new(&*entry.lid, Server::Lid)
    };
    from_wire(&other)
}

/// The pairs that were recorded lately, by the hidden identity.
#[derive(Default)]
pub struct Pairs(Mutex<HashMap<Jid, Jid>>);

impl Pairs {
    /// Whether a pair was not recorded lately.
    fn is_news(&self, pn: &Jid, lid: &Jid) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(lid) == Some(pn) {
            return false;
        }
        if known.len() >= KNOWN_PAIRS {
            known.clear();
        }
        known.insert(lid.clone(), pn.clone());
        true
    }

    /// A pair could not be recorded.
    fn forget(&self, lid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known, _| known.as_str() != lid);
    }
}

impl Context {
    /// The write that remembers a pair, unless it was made lately. What is on record under the hidden
    /// identity is found under the phone number from then on.
    pub fn learn(&self, shown: &Shown) -> Option<Write> {
        let (pn, lid) = (&shown.jid, shown.alt.as_ref()?);
        if !self.pairs.is_news(pn, lid) {
            return None;
        }
        let journal = &self.seat.journal;
        let mut on_chat = journal.event(EventKind::ChatsDelete, &json!([lid]));
        let known = json!([{"remoteJid": pn, "instanceId": self.seat.instance}]);
        on_chat.extend(journal.event(EventKind::ChatsUpsert, &known));
        Some(Write::Address { lid: lid.to_string(), pn: pn.to_string(), on_chat })
    }
}

impl Context {
    /// What these writes were to record is news again: they have failed.
    pub fn unlearn(&self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Address { lid, .. } => self.pairs.forget(lid),
                Write::Contact { remote_jid, push_name: Some(_), .. } => self.names.forget(remote_jid),
                _ => {}
            }
        }
    }
}

/// Remembers pairs that the library has learnt.
pub async fn learnt(context: &Context, pairs: &[Shown]) {
    for some in pairs.chunks(BATCH) {
        let writes: Vec<Write> = some.iter().filter_map(|pair| context.learn(pair)).collect();
        context.note(writes).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    #[test]
    fn every_server_of_the_library_has_an_address_of_ours() {
        for server in [
            Server::Pn,
            Server::Lid,
            Server::Group,
            Server::Broadcast,
            Server::Newsletter,
            Server::Hosted,
            Server::HostedLid,
            Server::Messenger,
            Server::Interop,
            Server::Bot,
            Server::Legacy,
            Server::Call,
        ] {
            let wire = WireJid::new("5511999999999", server);
            let shown = from_wire(&wire).unwrap_or_else(|| panic!("{wire}"));
            assert!(to_wire(&shown).is_ok(), "{shown}");
        }
        assert_eq!(from_wire(&WireJid::new("1", Server::Hosted)), Some(jid("1@s.whatsapp.net")));
        assert_eq!(from_wire(&WireJid::new("1", Server::HostedLid)), Some(jid("1@lid")));
    }

    #[test]
    fn a_pair_that_could_not_be_recorded_is_news_again() {
        let (pairs, pn, lid) = (Pairs::default(), jid("1@s.whatsapp.net"), jid("2@lid"));
        assert_eq!([pairs.is_news(&pn, &lid), pairs.is_news(&pn, &lid)], [true, false]);
        pairs.forget("3@lid");
        assert!(!pairs.is_news(&pn, &lid), "another one failed");
        pairs.forget(lid.as_str());
        assert!(pairs.is_news(&pn, &lid));
    }
}
