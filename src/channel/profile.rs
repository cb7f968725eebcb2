//! Profiles: of others to read, the account's own to change.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Error;
use crate::domain::Jid;
use crate::media::File;

/// What an account tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its text; `None` when it is hidden or empty.
    pub text: Option<String>,
    /// When it was set, in unix seconds.
    pub set_at: Option<i64>,
    /// Whether it is a business.
    pub is_business: bool,
    /// A business's verified name.
    pub name: Option<String>,
}

/// Profiles: of others to read, the account's own to change.
#[async_trait]
pub trait Profiles: Send + Sync {
    /// Address of a picture of a user or a group; `None` when there is none that we may see.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Timeout`].
    async fn picture(&self, of: &Jid) -> Result<Option<String>, Error>;

    /// What an account tells about itself.
    ///
    /// # Errors
    /// As [`Profiles::picture`].
    async fn about(&self, of: &Jid) -> Result<About, Error>;

    /// The profile of a business in the form of the API; `None` for an ordinary account.
    ///
    /// # Errors
    /// As [`Profiles::picture`].
    async fn business(&self, of: &Jid) -> Result<Option<Map<String, Value>>, Error>;

    /// Changes the account's own name.
    ///
    /// # Errors
    /// As [`Profiles::picture`].
    async fn set_name(&self, name: &str) -> Result<(), Error>;

    /// Changes what the account tells about itself.
    ///
    /// # Errors
    /// As [`Profiles::picture`].
    async fn set_about(&self, text: &str) -> Result<(), Error>;

    /// Changes the account's own picture.
    ///
    /// # Errors
    /// As [`Profiles::picture`]; [`Error::Invalid`] for what is no image.
    async fn set_picture(&self, image: &File) -> Result<(), Error>;

    /// Removes the account's own picture.
    ///
    /// # Errors
    /// As [`Profiles::picture`].
    async fn remove_picture(&self) -> Result<(), Error>;
}
