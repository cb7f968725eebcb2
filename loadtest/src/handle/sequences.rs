//! Which numbered texts reached the phones: the other end of a load run.

use super::Handle;
use crate::sequence::StreamCheck;

impl Handle {
    /// What all phones together received of the streams of a run, unordered.
    pub fn sequences(&self, run: u32) -> Vec<StreamCheck> {
        let accounts = self.world.directory.all();
        accounts.iter().flat_map(|account| account.agent().sequences.of(run, &account.phone)).collect()
    }
}
