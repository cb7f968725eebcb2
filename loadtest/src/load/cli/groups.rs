//! The arguments that all scenarios have.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::History;
use crate::load::api::Endpoint;
use crate::load::cluster::Own;
use crate::load::kinds::Mix;
use crate::load::objective::{Objective, duration, rate};
use crate::load::progress::Progress;
use crate::load::receive::{Feed, Receive};
use crate::load::scenario::Scenario;
use crate::load::setup::{NodesAt, Setup, SimulatorAt};
use crate::load::world::Options;

/// Most connections that send.
const MOST_CONNECTIONS: usize = 10_000;

/// What is loaded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Nodes and simulator")]
pub struct Target {
    /// A running node, such as http://10.0.0.7:8080; may be given more than once for a cluster. They must
    /// be linked to the simulator, which --simulator or --simulator-listen names
    #[arg(long = "url", value_name = "URL", requires = "api_key")]
    urls: Vec<Endpoint>,
    /// Global key of the running nodes
    #[arg(long, value_name = "KEY", env = "AUTHENTICATION_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Process of a running node on this machine, whose memory and processor time are measured; may be given
    /// more than once
    #[arg(long = "pid", value_name = "PID", requires = "urls")]
    pids: Vec<u32>,
    /// Binary of the node to start; the one beside this program when it is not named
    #[arg(long, value_name = "PATH", env = "WAGGLE_BIN", conflicts_with = "urls")]
    waggle: Option<PathBuf>,
    /// A variable of the started node's environment; may be given more than once
    #[arg(long = "node-env", value_name = "NAME=VALUE", value_parser = variable, conflicts_with = "urls")]
    node_env: Vec<(String, String)>,
    /// How many nodes to start; more than one are a cluster and need --database and --redis
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    #[arg(conflicts_with = "urls")]
    nodes: u16,
    /// A database server on which started nodes get a database of the run's own, such as
    /// postgres://USER:PASSWORD@127.0.0.1:5432/ or mysql://USER@127.0.0.1/; without it they use SQLite
    #[arg(long, value_name = "URL", conflicts_with = "urls")]
    database: Option<String>,
    /// A Redis in which started nodes get a key prefix of the run's own, such as redis://127.0.0.1:6379/
    #[arg(long, value_name = "URL", conflicts_with = "urls")]
    redis: Option<String>,
    /// A running simulator, such as http://10.0.0.8:4001; without it one is started in this process
    #[arg(long, value_name = "URL")]
    simulator: Option<Endpoint>,
    /// Address of the simulator in this process
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", conflicts_with = "simulator")]
    simulator_listen: SocketAddr,
    /// Address at which webhooks are received
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    webhook_listen: SocketAddr,
    /// Where nodes send webhooks, when it is another address than the one that is listened on
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// A RabbitMQ broker, such as amqp://guest:guest@127.0.0.1:5672, whose queues of the run's instances are
    /// consumed and verified; a started node is told to publish there
    #[arg(long, value_name = "URL")]
    rabbitmq: Option<String>,
    /// What is received and verified; when it is not said, both with --rabbitmq, else webhooks
    #[arg(long, value_enum, value_name = "FEED")]
    receive: Option<Receive>,
}

/// The instances.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Instances")]
pub struct Fleet {
    /// How many are created and paired
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 16)]
    instances: usize,
    /// Contacts that write with each; messages of one chat are under way one after another
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    chats: usize,
    /// What their names begin with
    #[arg(long, value_name = "TEXT", default_value = "load")]
    prefix: String,
    /// Pairings at once; 16 when it is not said, all of them in a pairing storm
    #[arg(long, value_name = "COUNT")]
    pairings_at_once: Option<usize>,
    /// Kinds of message that contacts write with their weights, such as text=70,image=10,location=10,contact=10;
    /// video and poll are others. Instances send texts
    #[arg(long, value_name = "KIND=WEIGHT,...", default_value = "text")]
    kinds: Mix,
    /// Connections that send
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    connections: usize,
    /// How long an answer is awaited; a send to a frozen node waits that long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    request_timeout: Duration,
    /// Give every send an idempotency key, and try again what failed; takeover, rolling, join and
    /// reconnect-storm always do
    #[arg(long)]
    idempotency_keys: bool,
    /// Share of the webhooks, from 0 to 1, that are refused on purpose
    #[arg(long, value_name = "SHARE", value_parser = rate, default_value = "0")]
    webhook_failures: f64,
    /// Chats and messages of each that a phone hands over when it is linked, such as 100x50; the instances
    /// then ask for the full history
    #[arg(long, value_name = "CHATSxMESSAGES", value_parser = history)]
    history: Option<History>,
    /// What has not arrived after this much silence is lost
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "15s")]
    silence: Duration,
    /// How long the memory of the nodes may take to settle before it is read; 0s does not wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    settle: Duration,
    /// Do not delete the instances; of a started node, keep the folder with data and log
    #[arg(long)]
    keep: bool,
}

/// What all scenarios have.
#[derive(Debug, Clone, Args)]
pub struct Common {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    fleet: Fleet,
    /// What must be reached, such as send-p99=50ms, throughput=200/s or rss-per-instance=600KiB; may be
    /// given more than once. `loadtest measures` lists the names
    #[arg(long = "objective", value_name = "NAME=LIMIT", help_heading = "Report")]
    objectives: Vec<Objective>,
    /// Write the report as JSON, for `loadtest compare`
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub json: Option<PathBuf>,
    /// Write the report as a page with plots
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub html: Option<PathBuf>,
    /// Time between two samples of rates, memory and processor time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "Report")]
    sample: Duration,
    /// Show no progress
    #[arg(long, short, help_heading = "Report")]
    pub quiet: bool,
}

impl Common {
    /// Puts a run together.
    ///
    /// # Errors
    /// When arguments do not go together.
    pub fn into_setup(
        self,
        scenario: &Scenario,
        interrupt: CancellationToken,
        progress: Progress,
    ) -> anyhow::Result<Setup> {
        let Self { target, fleet, objectives, sample, .. } = self;
        let nodes = match (target.urls, target.api_key) {
            (urls, _) if urls.is_empty() => NodesAt::Own(Own {
                binary: target.waggle,
                environment: target.node_env,
                nodes: target.nodes.into(),
                database: target.database,
                redis: target.redis,
            }),
            (urls, key) => {
                ensure!(
                    target.simulator.is_some() || target.simulator_listen.port() != 0,
                    "the nodes at --url are linked to a simulator: name it with --simulator, or give the \
                     address where they expect it with --simulator-listen"
                );
                NodesAt::Running { endpoints: urls, key: key.unwrap_or_default(), pids: target.pids }
            }
        };
        let named = if target.rabbitmq.is_some() { Receive::Both } else { Receive::Webhook };
        let receive = target.receive.unwrap_or(named);
        ensure!(
            target.rabbitmq.is_some() || !receive.has(Feed::Rabbitmq),
            "RabbitMQ is to be received: name the broker with --rabbitmq"
        );
        let storm = matches!(scenario, Scenario::PairingStorm);
        let trying = scenario.moves_instances() || matches!(scenario, Scenario::ReconnectStorm(_));
        let instances = match scenario {
            Scenario::Talk(_) => 2,
            Scenario::HttpLimit(_) => 1,
            _ => fleet.instances.max(1),
        };
        let options = Options {
            instances,
            chats: fleet.chats.max(1),
            prefix: fleet.prefix,
            pairings_at_once: fleet.pairings_at_once.unwrap_or(if storm { instances } else { 16 }),
            connections: fleet.connections.clamp(1, MOST_CONNECTIONS),
            silence: fleet.silence,
            settle: fleet.settle,
            sample: sample.max(Duration::from_millis(10)),
            kinds: fleet.kinds,
            receive,
            request_timeout: fleet.request_timeout,
            webhook_failures: fleet.webhook_failures,
            idempotent: fleet.idempotency_keys || trying,
            history: fleet.history,
            keep: fleet.keep,
        };
        Ok(Setup {
            simulator: match target.simulator {
                Some(endpoint) => SimulatorAt::There(endpoint),
                None => SimulatorAt::Here(target.simulator_listen),
            },
            nodes,
            webhook_listen: target.webhook_listen,
            webhook_url: target.webhook_url,
            rabbitmq: target.rabbitmq,
            options,
            objectives,
            command: command_line(),
            interrupt,
            progress,
        })
    }
}

/// Messages of a chat that come with the first part of a history.
const BOOTSTRAP: u32 = 10;

fn history(text: &str) -> Result<History, String> {
    let numbers =
        text.split_once('x').and_then(|(chats, each)| Some((chats.parse().ok()?, each.parse().ok()?)));
    let Some((chats @ 1.., messages @ 1..)) = numbers else {
        return Err("expected chats and messages of each, such as 100x50".to_owned());
    };
    let bootstrap = BOOTSTRAP.min(messages);
    Ok(History { chats, bootstrap, recent: messages - bootstrap, ..History::default() })
}

/// The command line, without what is secret in it.
fn command_line() -> String {
    let mut shown = vec!["loadtest".to_owned()];
    let mut secret = false;
    for argument in std::env::args().skip(1) {
        shown.push(if secret { "...".to_owned() } else { redacted(&argument) });
        secret = argument == "--api-key";
    }
    shown.join(" ")
}

/// An argument without keys, and without the password of a URL.
fn redacted(argument: &str) -> String {
    let (option, rest) =
        argument.strip_prefix("--node-env=").map_or(("", argument), |rest| ("--node-env=", rest));
    if let Some((name, _)) = rest.split_once('=')
        && ["KEY", "SECRET", "PASSWORD"].iter().any(|word| name.to_ascii_uppercase().contains(word))
    {
        return format!("{option}{name}=...");
    }
    let password = |argument: &str| {
        let (before, after) = argument.split_once("://")?;
        let (user, host) = after.split_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{before}://{user}:...@{host}"))
    };
    password(argument).unwrap_or_else(|| argument.to_owned())
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_report_shows_no_secret() {
        for (argument, shown) in [
            ("--rabbitmq=amqp://guest:pw@host:5672", "--rabbitmq=amqp://guest:...@host:5672"),
            ("redis://host/1", "redis://host/1"),
            ("--api-key=k", "--api-key=..."),
            ("--node-env=WAGGLE_CLUSTER_SECRET=s=", "--node-env=WAGGLE_CLUSTER_SECRET=..."),
            ("URI=postgres://root:pw@host/?a=b", "URI=postgres://root:...@host/?a=b"),
            ("send-p99=50ms", "send-p99=50ms"),
        ] {
            assert_eq!(redacted(argument), shown);
        }
    }
}
