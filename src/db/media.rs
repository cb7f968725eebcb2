//! Files of messages that are kept: one row per file, which is there before the file is.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany};
use uuid::Uuid;

use super::entity::media::{Column, Entity, Model};
use super::{Error, Page, Scope};
use crate::domain::MediaKind;

/// Never.
const NEVER: i64 = i64::MAX;
/// Ids of one statement.
const CHUNK: usize = 256;

pub(super) const PENDING: i32 = 0;
pub(super) const STORED: i32 = 1;
pub(super) const FAILED: i32 = 2;
/// Its instance is deleted, and its file is to be removed.
pub(super) const LEAVING: i32 = 3;

/// What has become of a file that was to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaState {
    /// It is not in the store yet.
    Pending {
        /// Attempts that failed.
        attempts: i32,
    },
    /// It is in the store.
    Stored(Stored),
    /// It cannot be had, for this reason.
    Failed(String),
}

/// A file in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its name there.
    pub file_name: String,
    /// Its mimetype.
    pub mimetype: String,
    /// The name that it is downloaded under.
    pub download_as: Option<String>,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A file of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// The row of its message.
    pub id: Uuid,
    /// What it is.
    pub kind: MediaKind,
    /// What has become of it.
    pub state: MediaState,
    /// When something is to be done with it next, unix milliseconds.
    pub due_at: i64,
    /// When its message was recorded, unix milliseconds.
    pub created_at: i64,
}

/// Which files; what is `None` is not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MediaFilter {
    /// The row of the message.
    pub id: Option<Uuid>,
    /// What it is.
    pub kind: Option<MediaKind>,
}

/// The files of one instance.
#[derive(Clone)]
pub struct MediaFiles {
    pub(super) scope: Scope,
}

impl MediaFiles {
    /// A page of the files that are in the store, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], here and below.
    pub async fn stored(&self, filter: MediaFilter, page: Page) -> Result<Vec<Media>, Error> {
        let mut rows = self.rows().filter(Column::State.eq(STORED));
        if let Some(id) = filter.id {
            rows = rows.filter(Column::Id.eq(id));
        }
        if let Some(kind) = filter.kind {
            rows = rows.filter(Column::Kind.eq(kind.as_str()));
        }
        let skipped = page.number.saturating_sub(1).saturating_mul(page.size);
        let rows = rows.order_by_desc(Column::Id).limit(page.size).offset(skipped);
        let rows = rows.all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().filter_map(media).collect())
    }

    /// One file, whatever has become of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, id: Uuid) -> Result<Option<Media>, Error> {
        let row = self.rows().filter(Column::Id.eq(id)).one(self.scope.pools.read()).await?;
        Ok(row.and_then(media))
    }

    /// The files in the store of every message with WhatsApp's id (it is unique in one chat only).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn of_message(&self, key_id: &str) -> Result<Vec<Stored>, Error> {
        use super::entity::message;
        let messages = message::Entity::find().select_only().column(message::Column::Id);
        let messages = messages.filter(self.scope.owns(message::Column::InstanceId));
        let messages = messages.filter(message::Column::KeyId.eq(key_id)).into_tuple::<Uuid>();
        let ids = messages.all(self.scope.pools.read()).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows().filter(Column::Id.is_in(ids)).filter(Column::State.eq(STORED));
        let rows = rows.all(self.scope.pools.read()).await?;
        let stored = |row| match media(row)?.state {
            MediaState::Stored(stored) => Some(stored),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(stored).collect())
    }

    /// Which of some messages have a file that is kept or will be.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn among(&self, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
        let mut found = BTreeSet::new();
        for some in ids.chunks(CHUNK) {
            let rows = self.rows().filter(Column::Id.is_in(some.iter().copied()));
            let rows = rows.filter(Column::State.ne(FAILED)).select_only().column(Column::Id);
            found.extend(rows.into_tuple::<Uuid>().all(self.scope.pools.read()).await?);
        }
        Ok(found)
    }

    /// Files that are to be brought to the store by `now` (unix milliseconds), what is due longest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn due(&self, now: i64, limit: u64) -> Result<Vec<Media>, Error> {
        let rows = self.rows().filter(Column::State.eq(PENDING)).filter(Column::DueAt.lte(now));
        let rows = rows.order_by_asc(Column::DueAt);
        let rows = rows.order_by_asc(Column::Id).limit(limit).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().filter_map(media).collect())
    }

    /// Notes that a file is in the store, and from when on it is to be removed (unix milliseconds). Answers
    /// whether anybody still wants it: its instance may have been deleted meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn store(&self, id: Uuid, stored: &Stored, until: Option<i64>) -> Result<bool, Error> {
        let row = self
            .row(id)
            .col_expr(Column::State, Expr::value(STORED))
            // From here on those count that failed to remove it.
            .col_expr(Column::Attempts, Expr::value(0))
            .col_expr(Column::DueAt, Expr::value(until.unwrap_or(NEVER)))
            .col_expr(Column::Mimetype, Expr::value(stored.mimetype.clone()))
            .col_expr(Column::FileName, Expr::value(stored.file_name.clone()))
            .col_expr(Column::DownloadAs, Expr::value(stored.download_as.clone()))
            .col_expr(Column::Bytes, Expr::value(i64::try_from(stored.bytes).unwrap_or(i64::MAX)))
            .col_expr(Column::Problem, Expr::value(Option::<String>::None));
        Ok(row.exec(self.scope.pools.write()).await?.rows_affected > 0)
    }

    /// Notes that an attempt failed, and when the next one is due (unix milliseconds). Does nothing when the
    /// file is stored: the instance has moved on meanwhile, and its next owner had more luck.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn postpone(&self, id: Uuid, attempts: i32, due_at: i64, why: &str) -> Result<(), Error> {
        let row = self
            .pending(id)
            .col_expr(Column::Attempts, Expr::value(attempts))
            .col_expr(Column::DueAt, Expr::value(due_at))
            .col_expr(Column::Problem, Expr::value(why));
        row.exec(self.scope.pools.write()).await?;
        Ok(())
    }

    /// Notes that a file cannot be had, and from when on that is forgotten (unix milliseconds). Does nothing when
    /// the file is stored, as [`Self::postpone`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn fail(&self, id: Uuid, until: i64, why: &str) -> Result<(), Error> {
        let row = self
            .pending(id)
            .col_expr(Column::State, Expr::value(FAILED))
            .col_expr(Column::DueAt, Expr::value(until))
            .col_expr(Column::Problem, Expr::value(why));
        row.exec(self.scope.pools.write()).await?;
        Ok(())
    }

    /// Forgets a file that is not in the store any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget(&self, id: Uuid) -> Result<(), Error> {
        let rows = Entity::delete_many().filter(Column::InstanceId.eq(self.scope.id.0));
        rows.filter(Column::Id.eq(id)).exec(self.scope.pools.write()).await?;
        Ok(())
    }

    fn pending(&self, id: Uuid) -> UpdateMany<Entity> {
        self.row(id).filter(Column::State.eq(PENDING))
    }

    fn row(&self, id: Uuid) -> UpdateMany<Entity> {
        let rows = Entity::update_many().filter(self.scope.owns(Column::InstanceId));
        rows.filter(Column::Id.eq(id))
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }
}

fn media(row: Model) -> Option<Media> {
    let state = match row.state {
        STORED => MediaState::Stored(Stored {
            file_name: row.file_name?,
            mimetype: row.mimetype.unwrap_or_default(),
            download_as: row.download_as,
            bytes: row.bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
        }),
        FAILED => MediaState::Failed(row.problem.unwrap_or_default()),
        PENDING => MediaState::Pending { attempts: row.attempts },
        _ => return None,
    };
    let kind = MediaKind::from_name(&row.kind)?;
    Some(Media { id: row.id, kind, state, due_at: row.due_at, created_at: row.created_at })
}
