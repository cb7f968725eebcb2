//! Newsletters of contacts.

use serde::Serialize;

use super::Handle;
use crate::{
    error::{Error, Result},
    relay::newsletter,
    world::newsletters::Newsletter,
};

/// A newsletter.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewsletterInfo {
    /// JID.
    pub jid: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Code of its invitation link.
    pub invite: String,
    /// Phone number of who may post.
    pub owner: String,
    /// Phone numbers of the followers.
    pub followers: Vec<String>,
    /// Posts that are kept.
    pub posts: usize,
}

fn info(newsletter: &Newsletter) -> NewsletterInfo {
    NewsletterInfo {
        jid: newsletter.jid().to_string(),
        name: newsletter.name.clone(),
        description: newsletter.description.clone(),
        invite: newsletter.invite.clone(),
        owner: newsletter.owner.clone(),
        followers: newsletter.followers.iter().cloned().collect(),
        posts: newsletter.posts.len(),
    }
}

impl Handle {
    /// All newsletters.
    pub fn newsletters(&self) -> Vec<NewsletterInfo> {
        self.world.newsletters.lock().values().map(info).collect()
    }

    /// Creates a newsletter that belongs to a contact, which posts to it by sending to its JID.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account.
    pub fn create_newsletter(&self, contact: &str, name: &str, description: &str) -> Result<NewsletterInfo> {
        let owner = self.account(contact)?;
        let newsletter = Newsletter::new(&owner.phone, name, description);
        let created = info(&newsletter);
        self.world.newsletters.lock().insert(newsletter.id.clone(), newsletter);
        self.world.touch();
        Ok(created)
    }

    /// A contact follows a newsletter, or stops.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account or newsletter.
    pub fn follow_newsletter(&self, contact: &str, jid: &str, follow: bool) -> Result<()> {
        let phone = self.account(contact)?.phone.clone();
        let id = jid.split('@').next().unwrap_or_default();
        let done = self.world.newsletters.with(id, |newsletter| {
            if follow {
                newsletter.followers.insert(phone);
            } else {
                newsletter.followers.remove(&phone);
            }
        });
        self.world.touch();
        done.ok_or_else(|| Error::NotFound(format!("newsletter {jid}")))
    }

    /// A contact reacts to a post; an empty emoji takes the reaction back.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such account, newsletter or post.
    pub fn react_to_post(&self, contact: &str, jid: &str, server_id: u64, emoji: &str) -> Result<()> {
        let account = self.account(contact)?;
        let to = jid.parse().map_err(|_| Error::Invalid(format!("JID {jid}")))?;
        newsletter::react(&self.world, &account.phone, &to, server_id, emoji)
            .map(drop)
            .ok_or_else(|| Error::NotFound(format!("post {server_id} of {jid}")))
    }
}
