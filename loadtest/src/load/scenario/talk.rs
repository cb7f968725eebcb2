//! `talk`: two instances text each other; the next text is sent when the webhook of the last has arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::Outcome;
use crate::load::api::Call;
use crate::load::client::Client;
use crate::load::recorder::Recorder;
use crate::load::stream::Stream;
use crate::load::world::World;
use crate::sequence::{Direction, Payload};

/// Longest wait for a webhook.
const PATIENCE: Duration = Duration::from_secs(10);
/// Texts before anything is timed, at most.
const WARM: u64 = 100;

/// Two instances write to each other.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Talk {
    /// How many texts
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    pub texts: u64,
}

impl Talk {
    /// Runs.
    ///
    /// # Errors
    /// When a text is not accepted, or its webhook does not come.
    pub async fn run(&self, world: &Arc<World>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let [one, two, ..] = world.streams() else { anyhow::bail!("a talk needs two instances") };
        let (talk, mut client) = (Recorder::default(), world.nodes.client(0));
        let bar = world.progress.bar("texts", self.texts);
        let warm = (self.texts / 10).min(WARM);
        for number in 0..self.texts + warm {
            if world.is_interrupted() {
                break;
            }
            let (from, to) = if number % 2 == 0 { (one, two) } else { (two, one) };
            let (answered, told) = write(world, &mut client, from, to).await?;
            if number >= warm {
                world.board.tenants.send.record(answered);
                talk.record(told);
                bar.inc(1);
            }
        }
        bar.finish();
        outcome.measures.latency("talk", talk.quantiles());
        Ok(())
    }
}

/// Sends one text; answers how long the call took, and how long it was until the webhook.
async fn write(
    world: &World,
    client: &mut Client,
    from: &Stream,
    to: &Stream,
) -> anyhow::Result<(Duration, Duration)> {
    let number = {
        let mut inbound = to.inbound();
        inbound.sent += 1;
        inbound.sent
    };
    let payload = Payload {
        run: world.run,
        direction: Direction::In,
        stream: to.number,
        number,
        sent: world.origin.elapsed(),
    };
    let body = json!({"number": to.instance.phone, "text": payload.to_string()}).to_string();
    let path = format!("/message/sendText/{}", from.instance.name);
    let began = Instant::now();
    client.call(Call::post(&path, &from.instance.token, &body)).await?;
    let answered = began.elapsed();
    world.board.accepted.add();
    loop {
        let news = world.news.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        if to.inbound().of(world.options.receive.first()).check.highest >= number {
            return Ok((answered, began.elapsed()));
        }
        ensure!(began.elapsed() < PATIENCE, "nobody told of text {number}{}", world.nodes.log_end());
        let _ = tokio::time::timeout(PATIENCE, news).await;
    }
}
