//! `baseline`: bare whatsapp-rust clients and then instances of the node, so that what the node adds is a
//! ratio within one run.

pub mod bare_clients;
pub mod transport;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::recorder::Recorder;
use super::scenario::Outcome;
use super::watch;
use super::world::World;

/// How long it may take until everybody is back.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bare clients, then instances: memory, pairing and reconnection of both.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Baseline {}

impl Baseline {
    /// Measures as many bare clients as there will be instances.
    ///
    /// # Errors
    /// When they cannot be paired.
    pub async fn bare(self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let count = world.options.instances;
        world.progress.note(&format!("pairing {count} bare clients"));
        let before = world.phones.online().await?;
        let (clients, told) = bare_clients::start(count, &world.phones.chat_url()).await?;
        let online = world.phones.online().await?;
        let accounts: HashSet<String> = online.difference(&before).cloned().collect();
        let reconnect = Recorder::default();
        let began = Instant::now();
        world.phones.drop_all().await?;
        watch::until_back(world, &accounts, began, true, PATIENCE, &reconnect).await?;
        drop(clients);
        let measures = &mut outcome.measures;
        measures.add("rss-per-bare-client", told.each_kib());
        measures.add("bare-pairing-rate", told.rate);
        measures.latency("bare-pairing", told.pairing());
        measures.latency("bare-reconnect", reconnect.quantiles());
        Ok(())
    }

    /// Measures the instances beside them.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn nodes(self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let accounts: HashSet<String> =
            world.streams().iter().map(|stream| stream.instance.phone.clone()).collect();
        let began = Instant::now();
        world.phones.drop_all().await?;
        let record = &world.board.reconnect;
        let back = watch::until_back(world, &accounts, began, true, PATIENCE, record).await?;
        let measures = &mut outcome.measures;
        measures.add("not-reconnected", back.missing as f64);
        measures.latency("pairing", world.board.pairing.quantiles());
        measures.latency("reconnect", world.board.reconnect.quantiles());
        measures.ratio("rss-ratio", "rss-per-instance", "rss-per-bare-client");
        measures.ratio("pairing-ratio", "pairing-p50", "bare-pairing-p50");
        measures.ratio("reconnect-ratio", "reconnect-max", "bare-reconnect-max");
        Ok(())
    }
}
