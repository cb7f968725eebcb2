//! Who comes back after a connection was lost.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::recorder::Recorder;
use super::world::World;

/// How often the simulator is asked, for every 500 accounts.
const LOOK: Duration = Duration::from_millis(20);
/// After this time everybody who lost the connection was seen without one.
const NOTICE: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Back {
    /// Accounts that lost their connection.
    pub lost: usize,
    /// Those of them that did not come back.
    pub missing: usize,
    /// When the last one was back, since the beginning.
    pub last: Duration,
}

/// Watches accounts until those that lost their connection have logged in again, or the patience is over.
/// `all` says that every one lost it; otherwise those count that are seen without one. Each time since
/// `began` is recorded.
///
/// # Errors
/// When the simulator does not answer.
pub async fn until_back(
    world: &World,
    accounts: &HashSet<String>,
    began: Instant,
    all: bool,
    patience: Duration,
    record: &Recorder,
) -> anyhow::Result<Back> {
    let bar = world.progress.bar("reconnecting", accounts.len() as u64);
    let look = LOOK * u32::try_from(accounts.len() / 500 + 1)?;
    let mut lost: HashSet<&String> = if all { accounts.iter().collect() } else { HashSet::new() };
    let mut back = Back { lost: lost.len(), ..Back::default() };
    loop {
        let online = world.phones.online().await?;
        let at = began.elapsed();
        for account in accounts {
            if !online.contains(account) {
                if lost.insert(account) {
                    back.lost += 1;
                }
            } else if lost.remove(account) {
                record.record(at);
                back.last = at;
            }
        }
        bar.set_position((accounts.len() - lost.len()) as u64);
        let noticed = all || at > NOTICE || back.lost == accounts.len();
        if (lost.is_empty() && noticed) || at > patience || world.is_interrupted() {
            bar.finish_and_clear();
            back.missing = lost.len();
            return Ok(back);
        }
        tokio::time::sleep(look).await;
    }
}
