//! How long devices were without a connection.

use super::Handle;
use crate::world::outages::Outages;

impl Handle {
    /// The outages of devices so far, without the first `after`.
    pub fn outages(&self, after: u64) -> Outages {
        self.world.outages.after(after)
    }
}
