//! What the simulated WhatsApp saw of the accounts' connections since a moment: who was gone and for how
//! long, and who was connected twice.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::measure::Measures;
use super::scenario::Outcome;
use super::world::World;
use crate::Outages;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// A moment.
pub struct Since {
    began: Instant,
    /// The same moment on the simulator's clock.
    began_micros: u64,
    after: u64,
    replaced: u64,
}

/// What happened since then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// How long each account was gone, from the end of its connection to the end of the next login.
    pub gaps: Vec<Duration>,
    /// When each of them was back for good, since the moment.
    pub back: HashMap<String, Duration>,
    /// Accounts that are gone still.
    pub missing: usize,
    /// When the last connection ended, since the moment.
    pub last_end: Option<Duration>,
}

impl Since {
    /// From now on.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn now(world: &World) -> anyhow::Result<Self> {
        // Those so far are not asked for: only how many they are.
        let Outages { now_micros, next, .. } = world.phones.outages(u64::MAX).await?;
        let replaced = world.phones.replaced().await?;
        Ok(Self { began: Instant::now(), began_micros: now_micros, after: next, replaced })
    }

    /// How often an account was connected twice since then.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn replaced(&self, world: &World) -> anyhow::Result<u64> {
        Ok(world.phones.replaced().await?.saturating_sub(self.replaced))
    }

    /// What happened to these accounts.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn seen(&self, world: &World, accounts: &HashSet<String>) -> anyhow::Result<Seen> {
        let online = world.phones.online().await?;
        let outages = world.phones.outages(self.after).await?;
        let missing = accounts.difference(&online).count();
        Ok(self.of(&outages, accounts, missing))
    }

    fn of(&self, outages: &Outages, accounts: &HashSet<String>, missing: usize) -> Seen {
        let mut seen = Seen { missing, ..Seen::default() };
        for outage in outages.outages.iter().filter(|outage| accounts.contains(&outage.phone)) {
            let began = Duration::from_micros(outage.began_micros.saturating_sub(self.began_micros));
            let lasted = Duration::from_micros(outage.lasted_micros);
            seen.gaps.push(lasted);
            seen.last_end = seen.last_end.max(Some(began));
            seen.back.insert(outage.phone.clone(), began + lasted);
        }
        seen
    }

    /// Waits until all accounts are online, and no connection has ended for a while.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn until_calm(
        &self,
        world: &World,
        accounts: &HashSet<String>,
        calm: Duration,
        patience: Duration,
    ) -> anyhow::Result<Seen> {
        let (bar, deadline) =
            (world.progress.bar("reconnecting", accounts.len() as u64), Instant::now() + patience);
        // The moment itself may have been long ago.
        let waiting = self.began.elapsed();
        loop {
            let seen = self.seen(world, accounts).await?;
            bar.set_position((accounts.len() - seen.missing) as u64);
            let quiet = self.began.elapsed().saturating_sub(seen.last_end.unwrap_or_default().max(waiting));
            let done = seen.missing == 0 && quiet >= calm;
            if done || Instant::now() > deadline || world.is_interrupted() {
                bar.finish_and_clear();
                return Ok(seen);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Seen {
    /// Adds what was seen to the measures.
    pub fn measure(&self, world: &World, outcome: &mut Outcome) {
        self.gaps.iter().for_each(|gap| world.board.gap.record(*gap));
        let measures: &mut Measures = &mut outcome.measures;
        measures.add("moved", self.back.len() as f64);
        measures.add("not-reconnected", self.missing as f64);
        // While somebody is missing, the last one is not known.
        if let Some(last) = self.back.values().max().filter(|_| self.missing == 0) {
            measures.add("moved-after", last.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outage;

    #[test]
    fn gaps_are_those_of_the_runs_accounts_and_back_is_the_last_return() {
        let since = Since { began: Instant::now(), began_micros: 1_000, after: 0, replaced: 0 };
        let outage = |phone: &str, began_micros: u64, lasted_micros: u64| Outage {
            phone: phone.to_owned(),
            device: 1,
            began_micros,
            lasted_micros,
        };
        let all = vec![
            outage("a", 2_000, 500),
            outage("x", 3_000, 9),
            outage("a", 5_000, 700),
            outage("b", 900, 300),
        ];
        let outages = Outages { now_micros: 9_000, next: 4, outages: all };
        let accounts = ["a", "b", "c"].map(str::to_owned).into();
        let seen = since.of(&outages, &accounts, 1);
        assert_eq!(seen.gaps, [500, 700, 300].map(Duration::from_micros));
        assert_eq!(seen.back["a"], Duration::from_micros(4_700));
        assert_eq!((seen.back.len(), seen.missing), (2, 1));
        assert_eq!(seen.last_end, Some(Duration::from_micros(4_000)));
    }
}
