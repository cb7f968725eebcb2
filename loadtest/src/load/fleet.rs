//! The instances of a run: created, linked to accounts, and deleted at the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::api::Call;
use super::client::Client;
use super::process::open_files_limit;
use super::stream::{Instance, Role, Stream};
use super::world::World;

/// How long one pairing may take when it is alone.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the state is asked for, when no event has told of it.
const LOOK: Duration = Duration::from_millis(500);
/// Chats of the noisy tenant, at least: each is a connection that floods.
const NOISY_CHATS: usize = 16;
/// Deletions at once.
const DELETIONS: usize = 16;

/// Pairs all instances of the run, and gives each its contacts.
///
/// # Errors
/// When an instance cannot be created or linked, or the run is interrupted.
pub async fn pair_all(world: &Arc<World>, noisy: usize) -> anyhow::Result<Vec<Arc<Instance>>> {
    let count = world.options.instances;
    let at_once = world.options.pairings_at_once.clamp(1, count.max(1));
    check_files(count)?;
    if let Some(history) = &world.options.history {
        world.phones.set_history(Some(history)).await?;
    }
    let bar = world.progress.bar("pairing", count as u64);
    let one = |number: usize| {
        let bar = bar.clone();
        async move {
            let paired = tokio::select! {
                paired = pair(world, number) => paired?,
                () = world.interrupt.cancelled() => bail!("interrupted while pairing"),
            };
            bar.inc(1);
            anyhow::Ok((number, paired))
        }
    };
    let paired: Vec<_> = stream::iter(0..count).map(one).buffer_unordered(at_once).try_collect().await?;
    bar.finish();
    let mut paired = paired;
    paired.sort_by_key(|(number, _)| *number);
    let instances: Vec<Arc<Instance>> = paired.into_iter().map(|(_, one)| Arc::new(one)).collect();
    let mut streams = Vec::with_capacity(count * world.options.chats);
    for (number, instance) in instances.iter().enumerate() {
        let role = if number < noisy { Role::Noisy } else { Role::Tenant };
        let least = if role == Role::Noisy { NOISY_CHATS } else { 1 };
        for _ in 0..world.options.chats.max(least) {
            let number = u32::try_from(streams.len())?;
            let contact = world.phones.contact().await?;
            streams.push(Arc::new(Stream::new(number, Arc::clone(instance), contact, role)));
        }
    }
    world.set_streams(streams);
    Ok(instances)
}

/// An instance is a socket of the node and one of the simulator; webhooks and calls come on top.
fn check_files(instances: usize) -> anyhow::Result<()> {
    let needed = 4 * instances as u64 + 256;
    match open_files_limit() {
        Some(limit) if limit < needed => {
            bail!(
                "{instances} instances need about {needed} open files, and {limit} are allowed: ulimit -n {needed}"
            )
        }
        _ => Ok(()),
    }
}

/// Creates an instance, links it to a new account and waits until it is open.
async fn pair(world: &World, number: usize) -> anyhow::Result<Instance> {
    let name = format!("{}{number}", world.prefix());
    let mut client = world.nodes.client(number);
    let started = Instant::now();
    let deadline = started + PATIENCE + Duration::from_millis(250) * u32::try_from(world.options.instances)?;
    let opened = world.when_open(&name);
    let mut body = json!({
        "instanceName": name,
        "integration": "WHATSAPP-BAILEYS",
        "qrcode": true,
        "syncFullHistory": world.options.history.is_some(),
    });
    if let Some(url) = &world.feeds.webhook_url {
        let events = ["MESSAGES_UPSERT", "CONNECTION_UPDATE"];
        body["webhook"] = json!({"enabled": true, "url": url, "events": events});
    }
    if let Some(rabbitmq) = &world.feeds.rabbitmq {
        rabbitmq.expect(&name).await?;
        body["rabbitmq"] = json!({"enabled": true, "events": rabbitmq.events()});
    }
    world.note_created(name.clone());
    let body = body.to_string();
    let created = client.call(Call::post("/instance/create", &world.nodes.key, &body)).await;
    let created = created.with_context(|| format!("{name} was not created{}", world.nodes.log_end()))?;
    let token = created["hash"].as_str().context("the node tells no token")?.to_owned();
    let mut shown = created["qrcode"].clone();
    let phone = loop {
        if let Some(code) = shown["code"].as_str() {
            world.board.qr.record(started.elapsed());
            match world.phones.scan(code).await {
                Ok(phone) => break phone,
                // It may be shown no longer, when the node was slow to answer.
                Err(error) if Instant::now() > deadline => return Err(error.context(format!("QR of {name}"))),
                Err(_) => tokio::time::sleep(LOOK / 10).await,
            }
        }
        ensure!(Instant::now() < deadline, "{name} shows no QR{}", world.nodes.log_end());
        shown = client.call(Call::get(&format!("/instance/connect/{name}"), &token)).await?;
    };
    let at = tokio::select! {
        at = async { opened.await.ok() } => at.unwrap_or_else(Instant::now),
        at = look_until_open(&mut client, &name, &token, deadline) => {
            at.with_context(|| format!("{name} was scanned and does not open{}", world.nodes.log_end()))?
        }
    };
    world.forget(&name);
    world.board.paired.add();
    world.board.pairing.record(at.saturating_duration_since(started));
    Ok(Instance { name, token, phone })
}

async fn look_until_open(
    client: &mut Client,
    name: &str,
    token: &str,
    deadline: Instant,
) -> anyhow::Result<Instant> {
    let path = format!("/instance/connectionState/{name}");
    loop {
        tokio::time::sleep(LOOK).await;
        let state: Value = client.call(Call::get(&path, token)).await?;
        if state["instance"]["state"] == "open" {
            return Ok(Instant::now());
        }
        ensure!(Instant::now() < deadline, "its state is {state}");
    }
}

/// Deletes what the run has created, unless it is to be kept; answers how many could not be.
pub async fn delete_all(world: &Arc<World>) -> usize {
    let names = world.take_created();
    if world.options.keep || names.is_empty() {
        return 0;
    }
    let bar = world.progress.bar("deleting", names.len() as u64);
    let one = |(number, name): (usize, String)| {
        let bar = bar.clone();
        async move {
            let path = format!("/instance/delete/{name}");
            let call = Call { method: "DELETE", ..Call::get(&path, &world.nodes.key) };
            let answer = world.nodes.client(number).exchange(call).await;
            bar.inc(1);
            // What was never created is gone too.
            !matches!(answer, Ok(answer) if answer.is_success() || answer.status == 404)
        }
    };
    let left = stream::iter(names.into_iter().enumerate()).map(one).buffer_unordered(DELETIONS);
    let left = left.filter(|left| std::future::ready(*left)).count().await;
    bar.finish();
    left
}
