//! Calls of contacts.

use super::Handle;
use crate::{
    error::Result,
    phone::call::{self, CallStep},
};

impl Handle {
    /// Takes a step in a call between a contact and an account. `reason` says why a call was rejected
    /// (`busy`) or is over (`timeout`, `accepted_elsewhere`, `rejected_elsewhere`, ...).
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when an account does not exist.
    pub fn call_step(
        &self,
        contact: &str,
        to: &str,
        call_id: &str,
        step: CallStep,
        reason: Option<&str>,
    ) -> Result<()> {
        let (from, to) = (self.account(contact)?, self.account(to)?);
        call::step(&self.world, &from, &to, call_id, step, reason);
        Ok(())
    }
}
