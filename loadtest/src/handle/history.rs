//! Histories that phones give to devices.

use super::Handle;
use crate::{
    error::Result,
    phone::{history, past::History},
    relay::deliver,
    world::lock,
};

impl Handle {
    /// Sets the history that devices get when they are linked from now on; `None` is none.
    pub fn set_history(&self, plan: Option<History>) {
        *lock(&self.world.history) = plan;
    }

    /// Gives all devices of an account a history now. It replaces what the phone had to give before.
    ///
    /// # Errors
    ///
    /// [`crate::Error::NotFound`] when there is no such account.
    pub fn send_history(&self, phone: &str, plan: History) -> Result<()> {
        let account = self.account(phone)?;
        history::start(&self.world, &account, deliver::device_ids(&account), plan);
        Ok(())
    }
}
