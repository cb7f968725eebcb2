//! What businesses offer.

use async_trait::async_trait;
use serde_json::Value;

use super::Error;
use crate::domain::Jid;

/// Which part of a catalogue.
#[derive(Clone, Debug)]
pub struct Part {
    /// Most products or collections.
    pub limit: u32,
    /// Where the part before ended.
    pub after: Option<String>,
}

/// Products of a business, in the API's form.
#[derive(Clone, Debug, Default)]
pub struct Products {
    /// The products.
    pub items: Vec<Value>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<String>,
}

/// What businesses offer.
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Whether an account is a business.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Timeout`].
    async fn is_business(&self, jid: &Jid) -> Result<bool, Error>;

    /// Products, in the order of the business.
    ///
    /// # Errors
    /// [`Error::Refused`] when WhatsApp does not tell; as [`Catalogue::is_business`].
    async fn products(&self, jid: &Jid, part: &Part) -> Result<Products, Error>;

    /// Collections with their first products.
    ///
    /// # Errors
    /// As [`Catalogue::products`].
    async fn collections(&self, jid: &Jid, limit: u32) -> Result<Vec<Value>, Error>;
}
