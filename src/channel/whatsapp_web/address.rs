//! Addresses of the protocol library and of the API, and which of an account's two addresses is
//! shown: by phone number wherever that is known, with the other form beside it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use wacore_binary::{Jid as WireJid, Server};
use whatsapp_rust::Client;

use crate::channel::Error;
use crate::domain::Jid;
use crate::events::Write;

/// Pairs that are remembered as recorded, so that not every message writes its pair again.
const KNOWN_PAIRS: usize = 1024;

/// An address of the library, without its device.
pub fn from_wire(jid: &WireJid) -> Option<Jid> {
    Jid::parse(&jid.to_non_ad_string()).ok()
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

impl Shown {
    /// The pair to remember, if both forms are known.
    pub fn pair(&self) -> Option<Write> {
        let alt = self.alt.as_ref()?;
        Some(Write::Address { lid: alt.to_string(), pn: self.jid.to_string() })
    }
}

/// Finds the two forms of an address from what the stanza says and what the library knows.
pub async fn shown(client: &Client, jid: &WireJid, stated: Option<&WireJid>) -> Option<Shown> {
    let plain = from_wire(jid)?;
    if !(jid.is_pn() || jid.is_lid()) {
        return Some(Shown { jid: plain, alt: None });
    }
    let stated = stated.filter(|alt| alt.is_pn() != jid.is_pn()).and_then(from_wire);
    let alt = match stated {
        Some(alt) => Some(alt),
        None => known(client, jid).await,
    };
    Some(match (jid.is_lid(), alt) {
        (true, Some(phone)) => Shown { jid: phone, alt: Some(plain) },
        (_, alt) => Shown { jid: plain, alt },
    })
}

async fn known(client: &Client, jid: &WireJid) -> Option<Jid> {
    let entry = client.get_lid_pn_entry(jid).await.ok().flatten()?;
    let other = if jid.is_lid() {
        WireJid::new(&*entry.phone_number, Server::Pn)
    } else {
        WireJid::new(&*entry.lid, Server::Lid)
    };
    from_wire(&other)
}

/// The pairs that were recorded lately.
#[derive(Default)]
pub struct Pairs(Mutex<HashSet<Jid>>);

impl Pairs {
    /// The write that remembers a pair, unless it was made lately.
    pub fn learn(&self, shown: &Shown) -> Option<Write> {
        let alt = shown.alt.as_ref()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(alt) {
            return None;
        }
        if known.len() >= KNOWN_PAIRS {
            known.clear();
        }
        known.insert(alt.clone());
        shown.pair()
    }
}
