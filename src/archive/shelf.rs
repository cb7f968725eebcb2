//! Handing out what is kept: it is there when the channel has it no more, and costs the channel nothing.

use std::sync::Arc;

use super::pause::Pause;
use crate::channel::{Files, Opened};
use crate::db::{Scope, Stored};
use crate::media::{Error, Store};

/// A file is kept, and the store does not give it now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store does not give the file now")]
pub struct Away;

/// Hands out the files of messages from the store; clones share what they know of it.
#[derive(Clone)]
pub struct Shelf {
    store: Store,
    files: Arc<dyn Files>,
    pause: Arc<Pause>,
}

impl Shelf {
    /// Takes the store, and who knows what a message says of its file.
    #[must_use]
    pub fn new(store: Store, files: Arc<dyn Files>) -> Self {
        Self { store, files, pause: Arc::new(Pause::new()) }
    }

    /// The file of an instance's message, by WhatsApp's id of it and its content, which is JSON text in the
    /// form of the API. `None` when it is not kept, has more than `limit` bytes, or is not known now: the
    /// channel may have it all the same.
    ///
    /// # Errors
    /// [`Away`]; then too.
    pub async fn open(
        &self,
        scope: &Scope,
        (id, content): (&str, &str),
        limit: u64,
    ) -> Result<Option<Opened>, Away> {
        let kept = scope.media().of_message(id).await;
        let kept = kept.inspect_err(|error| tracing::debug!(%error, "files that are kept are not known now"));
        let mut outcome = Ok(None);
        for stored in kept.unwrap_or_default().iter().filter(|stored| stored.bytes <= limit) {
            match self.take(stored, content, limit).await {
                Ok(None) => {}
                Ok(opened) => return Ok(opened),
                Err(away) => outcome = Err(away),
            }
        }
        outcome
    }

    async fn take(&self, stored: &Stored, content: &str, limit: u64) -> Result<Option<Opened>, Away> {
        if self.pause.is_on() {
            return Err(Away);
        }
        let file = match self.store.open(&stored.file_name, limit).await {
            Ok(Some(file)) => file,
            Ok(None) | Err(Error::TooLarge(_)) => return Ok(None),
            Err(error) => {
                tracing::warn!(%error, "the store did not give a file");
                if matches!(error, Error::Unavailable(_)) {
                    self.pause.begin();
                }
                return Err(Away);
            }
        };
        // Whoever asks may come with a content of their own: it must be that of this file.
        let recognised = self.files.recognise(content, file).await;
        Ok(recognised
            .inspect_err(|error| tracing::debug!(%error, "a file that is kept is not handed out"))
            .ok())
    }
}
