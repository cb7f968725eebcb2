//! The data of one instance.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::addresses::Addresses;
use super::chats::Chats;
use super::contacts::Contacts;
use super::dead_letters::DeadLetters;
use super::groups::Groups;
use super::history_spool::HistorySpool;
use super::labels::Labels;
use super::media::MediaFiles;
use super::messages::Messages;
use super::pools::Pools;
use super::session_records::SessionRecords;
use super::sinks::Sinks;
use crate::domain::InstanceId;

/// One instance's data. Every tenant table is reached through it, so that a query over several
/// tenants does not compile. Of a deleted instance nothing is found.
#[derive(Clone)]
pub struct Scope {
    pub(super) id: InstanceId,
    pub(super) pools: Pools,
}

impl Scope {
    /// Whose data.
    #[must_use]
    pub const fn id(&self) -> InstanceId {
        self.id
    }

    /// That a row is this instance's, and that the instance is not deleted: its rows outlive it for
    /// a while.
    pub(super) fn owns(&self, column: impl ColumnTrait) -> Condition {
        Condition::all().add(column.eq(self.id.0)).add(self.is_alive())
    }

    fn is_alive(&self) -> Expr {
        use super::entity::instance::{Column, Entity};
        let row = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.eq(self.id.0))
            .filter(Column::DeletedAt.is_null());
        Expr::exists(QueryTrait::into_query(row))
    }

    /// Its messages.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages { scope: self.clone() }
    }

    /// The files of its messages that are kept.
    #[must_use]
    pub fn media(&self) -> MediaFiles {
        MediaFiles { scope: self.clone() }
    }

    /// Its chats.
    #[must_use]
    pub fn chats(&self) -> Chats {
        Chats { scope: self.clone() }
    }

    /// Its contacts.
    #[must_use]
    pub fn contacts(&self) -> Contacts {
        Contacts { scope: self.clone() }
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> Labels {
        Labels { scope: self.clone() }
    }

    /// What is known of its groups; written through the writer.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups { scope: self.clone() }
    }

    /// Parts of its history that are not recorded yet; written through the writer.
    #[must_use]
    pub fn history_spool(&self) -> HistorySpool {
        HistorySpool { scope: self.clone() }
    }

    /// Where its events go.
    #[must_use]
    pub fn sinks(&self) -> Sinks {
        Sinks { scope: self.clone() }
    }

    /// Which hidden identity has which phone number.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses { scope: self.clone() }
    }

    /// Its protocol key material; written through the writer.
    #[must_use]
    pub fn session(&self) -> SessionRecords {
        SessionRecords { scope: self.clone() }
    }

    /// Events that could not be delivered.
    #[must_use]
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters { scope: self.clone() }
    }
}
