//! `find-messages`: how fast stored messages are found and instances are listed when there are many of both,
//! on a PostgreSQL database of the run's own that is filled past the API.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use futures::future::try_join_all;
use sea_orm::{ConnectionTrait as _, Database};

use super::api::{Call, Connection, Endpoint};
use super::child::{Child, KEY};
use super::cluster::Own;
use super::objective::duration;
use super::recorder::Recorder;
use super::store::Store;

/// How long the node may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// Chats of each instance.
const CHATS: u64 = 200;
/// A chat socket that nobody needs: no instance is connected.
const NOWHERE: &str = "ws://127.0.0.1:9/ws/chat";

/// What is asked, by a name.
const QUESTIONS: [(&str, &str, &str); 5] = [
    ("a chat", "findMessages", r#"{"where":{"key":{"remoteJid":"557@s.whatsapp.net"}}}"#),
    ("everything", "findMessages", "{}"),
    ("page 20", "findMessages", r#"{"page":20}"#),
    ("a type", "findMessages", r#"{"where":{"messageType":"imageMessage"}}"#),
    ("words", "searchMessages", r#"{"query":"number 777"}"#),
];

/// Stored messages that are looked for.
#[derive(Debug, Clone, Args)]
pub struct FindMessages {
    /// How many messages are stored
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    rows: u64,
    /// How many instances have them, each as many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    instances: u64,
    /// How many instances there are when they are listed
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    listed: u64,
    /// Connections that ask
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    connections: usize,
    /// How long each question is asked
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    duration: Duration,
    /// A PostgreSQL server on which the run gets a database of its own, such as postgres://root@127.0.0.1/
    #[arg(long, value_name = "URL")]
    database: String,
    /// Binary of the node to start; the one beside this program when it is not named
    #[arg(long, value_name = "PATH", env = "WAGGLE_BIN")]
    waggle: Option<PathBuf>,
}

impl FindMessages {
    /// Fills a database, starts a node on it, asks, and prints how long the answers took.
    ///
    /// # Errors
    /// When the database cannot be made or filled, or the node does not answer.
    pub async fn run(&self) -> anyhow::Result<()> {
        ensure!(self.database.starts_with("postgres"), "--database takes a PostgreSQL server");
        let store = Store::new(rand::random(), Some(&self.database), None)?;
        let own = Own { binary: self.waggle.clone(), ..Own::default() };
        let mut nodes = own.prepare(0, &store.environment(), NOWHERE)?;
        store.create().await?;
        let outcome = match nodes.first_mut() {
            Some(node) => tokio::select! {
                outcome = self.measure(node, &store) => outcome,
                _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
            },
            None => Ok(()),
        };
        for node in &mut nodes {
            node.end(false);
        }
        store.remove().await?;
        outcome
    }

    async fn measure(&self, node: &mut Child, store: &Store) -> anyhow::Result<()> {
        node.start()?;
        let endpoint = Endpoint::from(node.address);
        let mut connection = ready(&endpoint).await.with_context(|| node.log_end())?;
        for number in 0..self.instances.max(self.listed) {
            let body = format!(r#"{{"instanceName":"find-{number}"}}"#);
            connection.exchange(Call::post("/instance/create", KEY, &body)).await?.json()?;
        }
        self.fill(store).await?;
        let head = ["", "answers", "p50 ms", "p99 ms", "max ms"].map(str::to_owned);
        line(&head)?;
        for (name, operation, body) in QUESTIONS {
            self.ask(&endpoint, operation, body, self.duration / 5).await?;
            row(name, &self.ask(&endpoint, operation, body, self.duration).await?)?;
        }
        // The node has closed the other one by now: it was idle for too long.
        row("fetchInstances", &list(&mut Connection::open(&endpoint).await?, self.duration).await?)
    }

    /// Stores the messages as the node would.
    async fn fill(&self, store: &Store) -> anyhow::Result<()> {
        let url = store.environment().into_iter().find(|(name, _)| name == "DATABASE_CONNECTION_URI");
        let (_, url) = url.context("there is no database")?;
        let (each, instances) = (self.rows / self.instances, self.instances);
        // What stands before each word of an instance's messages.
        let owners = format!(
            "SELECT id, 't' || SUBSTR(id::text, 1, 8) AS mark FROM instance \
             WHERE SUBSTR(name, 6)::int < {instances}"
        );
        let messages = format!(
            "INSERT INTO message (id, instance_id, key_id, remote_jid, from_me, participant, push_name, status, \
             updates, message_type, message, message_timestamp, source, deleted, created_at, search) \
             SELECT gen_random_uuid(), i.id, 'K' || n, '55' || n % {CHATS} || '@s.whatsapp.net', n % 3 = 0, '', \
             'Somebody', 3, '', CASE WHEN n % 10 = 0 THEN 'imageMessage' ELSE 'conversation' END, \
             '{{\"conversation\":\"message number ' || n || '\"}}', 1700000000 + n, 'android', FALSE, 0, \
             CONCAT_WS(i.mark, '', 'message ', 'number ', n) \
             FROM generate_series(1, {each}) AS n, ({owners}) AS i"
        );
        let counted = format!(
            "UPDATE instance SET message_count = {each} WHERE id IN (SELECT id FROM ({owners}) AS i)"
        );
        let database = Database::connect(url).await?;
        for statement in [messages.as_str(), &counted, "VACUUM ANALYZE message", "ANALYZE instance"] {
            database.execute_unprepared(statement).await.context("the database cannot be filled")?;
        }
        Ok(database.close().await?)
    }

    /// Every connection asks about one instance after another, each as soon as it has its answer.
    async fn ask(
        &self,
        endpoint: &Endpoint,
        operation: &str,
        body: &str,
        time: Duration,
    ) -> anyhow::Result<Recorder> {
        let (recorder, end) = (Recorder::default(), Instant::now() + time);
        let recorded = &recorder;
        let asking = (0..self.connections.max(1)).map(|_| async move {
            let mut connection = Connection::open(endpoint).await?;
            while Instant::now() < end {
                let instance = rand::random_range(0..self.instances);
                let path = format!("/chat/{operation}/find-{instance}");
                let sent = Instant::now();
                let answer = connection.exchange(Call::post(&path, KEY, body)).await?;
                recorded.record(sent.elapsed());
                ensure!(answer.is_success(), "{path} answered {} {}", answer.status, answer.text());
            }
            Ok(())
        });
        try_join_all(asking).await?;
        Ok(recorder)
    }
}

async fn ready(endpoint: &Endpoint) -> anyhow::Result<Connection> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut connection) = Connection::open(endpoint).await {
            let answer = connection.exchange(Call::get("/health/ready", "")).await;
            if answer.is_ok_and(|answer| answer.is_success()) {
                return Ok(connection);
            }
        }
        ensure!(Instant::now() < end, "the node is not ready within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn list(connection: &mut Connection, time: Duration) -> anyhow::Result<Recorder> {
    let (recorder, end) = (Recorder::default(), Instant::now() + time);
    while Instant::now() < end {
        let sent = Instant::now();
        let answer = connection.exchange(Call::get("/instance/fetchInstances", KEY)).await?;
        recorder.record(sent.elapsed());
        ensure!(answer.is_success(), "fetchInstances answered {}", answer.status);
    }
    Ok(recorder)
}

fn row(name: &str, recorder: &Recorder) -> anyhow::Result<()> {
    let found = recorder.quantiles();
    let times = [found.p50, found.p99, found.max].map(|time| format!("{time:.2}"));
    let [half, most, longest] = times;
    line(&[name.to_owned(), found.count.to_string(), half, most, longest])
}

fn line([name, answers, half, most, longest]: &[String; 5]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name:<16} {answers:>9} {half:>9} {most:>9} {longest:>9}")?;
    Ok(())
}
