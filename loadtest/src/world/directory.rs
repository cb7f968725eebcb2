//! Which accounts exist and how addresses lead to them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use dashmap::{DashMap, Entry};
use wacore_binary::Jid;

use super::account::{Account, FIRST_DEVICE, State};
use crate::{error::Result, phone::signal::Signal};

/// First number given out by itself.
const FIRST_PHONE: u64 = 5_511_900_000_001;

/// All accounts.
pub(crate) struct Directory {
    by_phone: DashMap<String, Arc<Account>>,
    by_lid: DashMap<String, Arc<Account>>,
    by_name: DashMap<String, String>,
    /// Answers about existence that differ from "an account exists when it was created".
    existence: DashMap<String, bool>,
    next_phone: AtomicU64,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            by_phone: DashMap::new(),
            by_lid: DashMap::new(),
            by_name: DashMap::new(),
            existence: DashMap::new(),
            next_phone: AtomicU64::new(FIRST_PHONE),
        }
    }
}

impl Directory {
    /// The account with this phone number.
    pub(crate) fn phone(&self, phone: &str) -> Option<Arc<Account>> {
        self.by_phone.get(phone).map(|entry| entry.value().clone())
    }

    /// The account of a phone-number or LID address.
    pub(crate) fn find(&self, jid: &Jid) -> Option<Arc<Account>> {
        let map = if jid.is_lid() { &self.by_lid } else { &self.by_phone };
        map.get(jid.user.as_str()).map(|entry| entry.value().clone())
    }

    /// Whether a number is on WhatsApp.
    pub(crate) fn exists(&self, phone: &str) -> bool {
        match self.existence.get(phone) {
            Some(answer) => *answer,
            None => self.by_phone.contains_key(phone),
        }
    }

    /// Overrides [`Directory::exists`].
    pub(crate) fn set_exists(&self, phone: &str, exists: bool) {
        self.existence.insert(phone.to_owned(), exists);
    }

    /// Overrides of existence, for the state file.
    pub(crate) fn existence(&self) -> Vec<(String, bool)> {
        self.existence.iter().map(|entry| (entry.key().clone(), *entry.value())).collect()
    }

    /// A number that no account has.
    pub(crate) fn free_phone(&self) -> String {
        loop {
            let phone = self.next_phone.fetch_add(1, Ordering::Relaxed).to_string();
            if !self.by_phone.contains_key(&phone) {
                return phone;
            }
        }
    }

    /// The account with this number, created when there is none; and whether it was created.
    pub(crate) fn ensure(&self, phone: &str, name: &str) -> Result<(Arc<Account>, bool)> {
        if let Some(account) = self.phone(phone) {
            return Ok((account, false));
        }
        let state = State {
            name: name.to_owned(),
            next_device: FIRST_DEVICE,
            next_key_index: 1,
            last_seen: crate::clock::unix_seconds(),
            ..State::default()
        };
        let lid = rand::random_range(100_000_000_000_000_u64..1_000_000_000_000_000).to_string();
        let account =
            Arc::new(Account::new(phone.to_owned(), lid, rand::random(), Signal::generate()?, state));
        match self.by_phone.entry(phone.to_owned()) {
            Entry::Occupied(entry) => return Ok((entry.get().clone(), false)),
            Entry::Vacant(entry) => drop(entry.insert(account.clone())),
        }
        self.by_lid.insert(account.lid.clone(), account.clone());
        Ok((account, true))
    }

    /// Adds a stored account.
    pub(crate) fn restore(&self, account: Arc<Account>) {
        self.by_lid.insert(account.lid.clone(), account.clone());
        self.by_phone.insert(account.phone.clone(), account);
    }

    /// The account that registrations with this push name belong to, created when there is none.
    pub(crate) fn ensure_named(&self, name: &str) -> Result<Arc<Account>> {
        let phone = self.by_name.entry(name.to_owned()).or_insert_with(|| self.free_phone()).clone();
        Ok(self.ensure(&phone, name)?.0)
    }

    /// Push names bound to numbers, for the state file.
    pub(crate) fn names(&self) -> Vec<(String, String)> {
        self.by_name.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect()
    }

    /// Binds a push name to a number.
    pub(crate) fn bind_name(&self, name: String, phone: String) {
        self.by_name.insert(name, phone);
    }

    /// All accounts ordered by number.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        let mut accounts: Vec<_> = self.by_phone.iter().map(|entry| entry.value().clone()).collect();
        accounts.sort_by(|a, b| a.phone.cmp(&b.phone));
        accounts
    }
}
