//! How an account stands to others: business profile, privacy tokens, restrictions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

/// Most accounts that one account gives privacy tokens to.
const MAX_TOKENS: usize = 10_000;

/// The profile of a business account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Business {
    /// Verified name.
    pub name: String,
    /// What the business does.
    pub description: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Web sites.
    pub websites: Vec<String>,
    /// Postal address.
    pub address: Option<String>,
    /// Names of its categories.
    pub categories: Vec<String>,
    /// What it sells.
    pub products: Vec<Product>,
    /// Collections of it.
    pub collections: Vec<Collection>,
}

/// A product of a business.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Product {
    /// WhatsApp's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// More about it.
    pub description: String,
    /// Price in thousandths of the currency's unit.
    pub price: u64,
    /// Three letters.
    pub currency: String,
    /// Address of its picture.
    pub image: Option<String>,
}

/// Products under one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Collection {
    /// WhatsApp's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Ids of its products.
    pub products: Vec<String>,
}

/// What an account is to others.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Social {
    pub(crate) business: Option<Business>,
    /// Takes direct messages only from those it gave a privacy token to (463 for the others).
    pub(crate) restricted: bool,
    /// Privacy tokens given, by the phone number of who got them.
    pub(crate) tokens: HashMap<String, Vec<u8>>,
    /// Secret from which the account's devices make tokens for those who gave them none.
    pub(crate) stranger_salt: Option<Vec<u8>>,
    /// Default disappearing time of new chats in seconds, and when it was set.
    pub(crate) disappearing: (u32, u64),
    /// Users from whom a privacy category is hidden, by category. Either of their addresses may be in it.
    pub(crate) hidden_from: BTreeMap<String, BTreeSet<String>>,
}

impl Social {
    /// Whether a privacy category is hidden from these addresses of a user.
    pub(crate) fn hides(&self, category: &str, users: [&str; 2]) -> bool {
        let hidden = self.hidden_from.get(category);
        hidden.is_some_and(|hidden| users.into_iter().any(|user| hidden.contains(user)))
    }

    /// The token for an account: the same one every time.
    pub(crate) fn token(&mut self, phone: &str) -> Vec<u8> {
        if self.tokens.len() >= MAX_TOKENS && !self.tokens.contains_key(phone) {
            self.tokens.clear();
        }
        let fresh = || rand::random::<[u8; 16]>().to_vec();
        self.tokens.entry(phone.to_owned()).or_insert_with(fresh).clone()
    }
}
