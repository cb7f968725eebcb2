//! Labels of one instance. WhatsApp has no list of them: this is what its changes came to.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::entity::{label, label_chat};
use super::{Error, Scope};

/// Queries over the labels of one instance.
#[derive(Clone)]
pub struct Labels {
    pub(super) scope: Scope,
}

/// A label on record. Times are unix milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// WhatsApp's id of it.
    pub label_id: String,
    /// Its name.
    pub name: String,
    /// Number of its colour.
    pub color: i32,
    /// Which of WhatsApp's own labels it is.
    pub predefined_id: Option<String>,
    /// Creation time.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}

impl Labels {
    /// All labels in the order of their ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all(&self) -> Result<Vec<Label>, Error> {
        let rows = label::Entity::find().filter(self.scope.owns(label::Column::InstanceId));
        let rows = rows.order_by_asc(label::Column::LabelId).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(Label::from).collect())
    }

    /// The ids of the labels that a chat has, whose address has these forms.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn of_chat(&self, remote_jids: &[String]) -> Result<Vec<String>, Error> {
        let rows = label_chat::Entity::find()
            .filter(self.scope.owns(label_chat::Column::InstanceId))
            .filter(label_chat::Column::RemoteJid.is_in(remote_jids))
            .order_by_asc(label_chat::Column::LabelId);
        let rows = rows.all(self.scope.pools.read()).await?;
        let mut labels: Vec<String> = rows.into_iter().map(|row| row.label_id).collect();
        labels.dedup();
        Ok(labels)
    }
}

impl From<label::Model> for Label {
    fn from(row: label::Model) -> Self {
        Self {
            label_id: row.label_id,
            name: row.name,
            color: row.color,
            predefined_id: row.predefined_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
