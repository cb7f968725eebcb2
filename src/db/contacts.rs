//! Contacts of one instance.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::entity::contact::{Column, Entity, Model};
use super::{Error, Page, Scope};

/// Queries over the contacts of one instance.
#[derive(Clone)]
pub struct Contacts {
    pub(super) scope: Scope,
}

/// A contact on record. Times are unix milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// Identity of the row, shown to clients.
    pub id: Uuid,
    /// The contact.
    pub remote_jid: String,
    /// Its other form.
    pub remote_jid_alt: Option<String>,
    /// The name that the contact chose.
    pub push_name: Option<String>,
    /// The name in the account's address book.
    pub saved_name: Option<String>,
    /// Address of the picture.
    pub profile_pic_url: Option<String>,
    /// Whether it is in the account's address book.
    pub is_saved: bool,
    /// Creation time.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}

/// Which contacts; what is `None` or empty is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContactFilter {
    /// The row.
    pub id: Option<Uuid>,
    /// Any of these contacts.
    pub remote_jids: Vec<String>,
    /// The whole name that the contact chose.
    pub push_name: Option<String>,
}

impl Contacts {
    /// The matching contacts in the order of their addresses.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, filter: &ContactFilter) -> Result<Vec<Contact>, Error> {
        let rows = self.matching(filter).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(Contact::from).collect())
    }

    /// A page of the matching contacts in the order of their addresses.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page(&self, filter: &ContactFilter, page: Page) -> Result<Vec<Contact>, Error> {
        let rows = self.matching(filter).offset(page.skip()).limit(page.size);
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(Contact::from).collect())
    }

    fn matching(&self, filter: &ContactFilter) -> Select<Entity> {
        let mut rows = self.rows();
        if let Some(id) = filter.id {
            rows = rows.filter(Column::Id.eq(id));
        }
        if !filter.remote_jids.is_empty() {
            rows = rows.filter(Column::RemoteJid.is_in(&filter.remote_jids));
        }
        if let Some(name) = &filter.push_name {
            rows = rows.filter(Column::PushName.eq(name));
        }
        rows.order_by_asc(Column::RemoteJid)
    }

    /// The contacts of some addresses, in no order; unknown ones are left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_jids(&self, remote_jids: &[String]) -> Result<Vec<Contact>, Error> {
        if remote_jids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows().filter(Column::RemoteJid.is_in(remote_jids));
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(Contact::from).collect())
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }
}

impl From<Model> for Contact {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            remote_jid: row.remote_jid,
            remote_jid_alt: row.remote_jid_alt,
            push_name: row.push_name,
            saved_name: row.saved_name,
            profile_pic_url: row.profile_pic_url,
            is_saved: row.is_saved,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
