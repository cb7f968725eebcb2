//! The record of stanzas of an account.

use super::Handle;
use crate::{error::Result, world::record::RecordedStanza};

/// Most stanzas that one record keeps.
const MAX_RECORD: usize = 100_000;

impl Handle {
    /// Keeps the last `limit` stanzas (at most 100 000) of an account's devices from now on, in both
    /// directions; zero switches off and forgets.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when there is no such account.
    pub fn record(&self, phone: &str, limit: usize) -> Result<()> {
        self.account(phone)?.record.switch(limit.min(MAX_RECORD));
        Ok(())
    }

    /// Recorded stanzas with a number above `after`, oldest first.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when there is no such account.
    pub fn recorded(&self, phone: &str, after: u64) -> Result<Vec<RecordedStanza>> {
        Ok(self.account(phone)?.record.after(after))
    }
}
