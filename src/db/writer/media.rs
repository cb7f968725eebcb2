//! Files of messages within a batch.

use sea_orm::Value;

use super::flush::{Flush, replace};
use super::state::State;
use crate::db::Error;

/// A file that is to be kept is due at once.
const MEDIA: [&str; 6] = ["id", "instance_id", "kind", "state", "due_at", "created_at"];

impl Flush<'_> {
    pub(super) async fn media(&self, state: &State) -> Result<(), Error> {
        let rows: Vec<Vec<Value>> = state
            .media
            .iter()
            .map(|(id, instance, kind)| {
                let numbers = [0_i32.into(), state.now.into(), state.now.into()];
                let mut row = vec![(*id).into(), instance.0.into(), kind.as_str().into()];
                row.extend(numbers);
                row
            })
            .collect();
        // It may be on record already: nobody knows whether a commit without an answer was made.
        self.insert("media", &MEDIA, replace(&["id"], &["kind"]), &rows).await
    }
}
