//! Profiles, block lists and restrictions of accounts.

use std::sync::Arc;

use serde::Deserialize;

use super::Handle;
use crate::{
    error::Result,
    pairing::qr::digits,
    phone::{
        send,
        settings::{self, Change},
    },
    relay::{blocklist, profile},
    wire::nodes::el,
    world::social::Business,
};

/// A change of a profile; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProfileChange {
    /// Push name. Others see it with the next message.
    pub name: Option<String>,
    /// About text.
    pub about: Option<String>,
    /// Picture (JPEG, base64 in JSON); an empty one removes it.
    #[serde(deserialize_with = "crate::phone::files::optional_base64")]
    pub picture: Option<Vec<u8>>,
    /// Makes the account a business, or changes its profile.
    pub business: Option<Business>,
    /// Phone numbers of the accounts that are told, besides those that subscribed to the presence.
    pub tell: Vec<String>,
}

impl Handle {
    /// Changes an account's profile on its phone.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when the account or one to tell does not exist.
    pub fn set_profile(&self, phone: &str, change: ProfileChange) -> Result<()> {
        let account = self.account(phone)?;
        let world = &self.world;
        let tell = change.tell.iter().map(|phone| send::target(world, &digits(phone)?));
        let tell: Vec<Arc<_>> = tell.collect::<Result<_>>()?;
        if let Some(name) = change.name {
            settings::apply(world, &account, &Change::PushName { name });
        }
        if let Some(about) = change.about {
            profile::set_about(world, &account, &about, &tell);
        }
        if let Some(picture) = change.picture {
            let picture = Some(picture).filter(|picture| !picture.is_empty());
            profile::set_picture(world, &account, picture.map(Into::into), &tell);
        }
        if let Some(business) = change.business {
            account.state().social.business = Some(business);
            profile::announce(world, &account, "business", &el("profile").build(), &tell);
        }
        Ok(())
    }

    /// Blocks or unblocks `other` on an account's phone.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when an account does not exist.
    pub fn block(&self, phone: &str, other: &str, blocked: bool) -> Result<()> {
        let (account, other) = (self.account(phone)?, self.account(other)?);
        blocklist::change(&self.world, &account, None, &other.lid(), blocked);
        Ok(())
    }

    /// Sets whether an account takes direct messages only with the privacy token that it gave to the sender;
    /// others get ack error 463. Its phone gives a token to whom it writes.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when there is no such account.
    pub fn set_restricted(&self, phone: &str, restricted: bool) -> Result<()> {
        self.account(phone)?.state().social.restricted = restricted;
        self.world.touch();
        Ok(())
    }
}
