//! A tour without a phone: a simulated WhatsApp and a node in one process, two accounts that write
//! to each other over the HTTP API, and the webhooks that tell about it.

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use wa_sim::Simulator;
use wa_sim::receiver::Receiver;

use crate::config::{Config, Environment};
use crate::lifecycle::Lifecycle;
use crate::net::{self, Egress, Method, Url};
use crate::{app, telemetry};

/// How long any single step may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the demo and prints each step as it happens; with `stay` it then waits for Ctrl-C.
///
/// # Errors
/// The first step that did not work.
pub async fn run(stay: bool) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let folder = std::env::temp_dir().join(format!("waggle-demo-{}", uuid::Uuid::new_v4()));
    let simulator = Simulator::start(wa_sim::Options::default()).await?;
    say(&format!("simulated WhatsApp   {}", simulator.chat_url()));
    let receiver = Receiver::start().await?;

    let key = "demo-key-of-this-run-only";
    let environment = Environment::from_iter([
        ("AUTHENTICATION_API_KEY", key),
        ("WAGGLE_DATA_DIR", &folder.display().to_string()),
        ("WAGGLE_WHATSAPP_URL", &simulator.chat_url()),
        ("WAGGLE_WHATSAPP_VERSION", "2.3000.1027934701"),
        ("WAGGLE_EGRESS_ALLOW", "*"),
        ("LOG_LEVEL", "ERROR"),
    ]);
    let (config, _) = Config::load(&environment)?;
    telemetry::init(&config.log)?;
    let mut lifecycle = Lifecycle::new(config.node.drain_timeout);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let node = app::start(config, listener, None, &mut lifecycle).await?;
    say(&format!("node                 http://{}   (SQLite in {})", node.address, folder.display()));
    say(&format!("webhook receiver     {}", receiver.url("/")));

    let tour = Tour { api: Api::new(node.address, key)?, simulator: &simulator, receiver: &receiver };
    let told = tour.walk().await;
    if told.is_ok() && stay {
        tour.hints(key);
        let outcome = lifecycle.wait().await;
        return finish(simulator, &folder, outcome.into()).await;
    }
    lifecycle.handle().shutdown();
    let outcome = lifecycle.wait().await;
    let code = finish(simulator, &folder, outcome.into()).await?;
    told?;
    say(&format!("done in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(code)
}

async fn finish(simulator: Simulator, folder: &std::path::Path, code: ExitCode) -> anyhow::Result<ExitCode> {
    simulator.shutdown().await?;
    // The folder is in the temporary directory: what cannot be removed is nobody's loss.
    let _ = std::fs::remove_dir_all(folder);
    Ok(code)
}

#[expect(clippy::print_stdout, reason = "the output of a command")]
fn say(text: &str) {
    println!("{text}");
}

/// The node's HTTP API.
struct Api {
    base: Url,
    key: net::header::HeaderValue,
    client: net::Client,
}

impl Api {
    fn new(address: std::net::SocketAddr, key: &str) -> anyhow::Result<Self> {
        let client = net::Client::new(net::Options { egress: Egress::open(), ..net::Options::default() })?;
        Ok(Self { base: Url::parse(&format!("http://{address}"))?, key: key.parse()?, client })
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = net::Request::new(method, self.base.join(path)?);
        request.headers.insert("apikey", self.key.clone());
        request.headers.insert("content-type", net::header::HeaderValue::from_static("application/json"));
        request.body = net::Body::Bytes(body.unwrap_or_else(|| json!({})).to_string().into());
        let answer = self.client.send(request).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status.is_success(), "{path} answered {}: {text}", answer.status);
        Ok(serde_json::from_str(&text)?)
    }
}

struct Tour<'a> {
    api: Api,
    simulator: &'a Simulator,
    receiver: &'a Receiver,
}

impl Tour<'_> {
    async fn walk(&self) -> anyhow::Result<()> {
        let (alice, bob) = (self.pair("alice").await?, self.pair("bob").await?);
        self.write(("alice", &alice), ("bob", &bob), "hello Bob, this is Alice").await?;
        self.write(("bob", &bob), ("alice", &alice), "hello Alice, nice to read you").await?;
        let update = |d: &wa_sim::receiver::Delivery| {
            d.event() == "messages.update" && d.body["data"]["status"] == "DELIVERY_ACK"
        };
        let told = |all: &[wa_sim::receiver::Delivery]| {
            (all.iter().filter(|d| update(d)).count() >= 2).then_some(())
        };
        self.receiver.wait(PATIENCE, told).await.context("no webhook told of the delivery receipts")?;
        say("\ndelivery receipts    both messages were delivered, as messages.update told");
        let found = self.api.call(Method::POST, "/chat/findMessages/alice", None).await?;
        say(&format!("stored for alice     {} messages", found["messages"]["total"]));
        say(&format!("webhooks received    {}", self.receiver.count()));
        Ok(())
    }

    /// Creates an instance and links it by its QR; answers the account's phone number.
    async fn pair(&self, name: &str) -> anyhow::Result<String> {
        let webhook = json!({"url": self.receiver.url(name), "enabled": true});
        let body = json!({"instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": true, "alwaysOnline": true, "webhook": webhook});
        let created = self.api.call(Method::POST, "/instance/create", Some(body)).await?;
        let qr = created["qrcode"]["code"].as_str().context("no QR in the answer")?;
        say(&format!("\n{name:<20} created; QR {}...", &qr[..24.min(qr.len())]));
        let paired = self.simulator.handle().scan_qr(qr, None).await?;
        let path = format!("/instance/connectionState/{name}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.api.call(Method::GET, &path, None).await?;
            if state["instance"]["state"] == "open" {
                break;
            }
            ensure!(Instant::now() < deadline, "{name} did not open: {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        say(&format!("{name:<20} paired as +{} and open", paired.phone));
        Ok(paired.phone)
    }

    /// Sends over the API, and waits until the other side's webhook has it.
    async fn write(&self, from: (&str, &str), to: (&str, &str), text: &str) -> anyhow::Result<()> {
        let sent = Instant::now();
        let body = json!({"number": to.1, "text": text});
        let answer =
            self.api.call(Method::POST, &format!("/message/sendText/{}", from.0), Some(body)).await?;
        let id = answer["key"]["id"].as_str().context("no key in the answer")?.to_owned();
        say(&format!("\n{:<20} sent {text:?} as {id}", from.0));
        let upsert = |all: &[wa_sim::receiver::Delivery]| {
            let found = all
                .iter()
                .find(|d| d.event() == "messages.upsert" && d.body["data"]["key"]["id"] == id.as_str());
            found.map(|d| d.body["data"]["message"]["conversation"].clone())
        };
        let told = self.receiver.wait(PATIENCE, upsert).await.context("no webhook told of the message")?;
        ensure!(told == text, "the webhook told of {told}");
        say(&format!(
            "{:<20} webhook messages.upsert with {told} after {:.0} ms",
            to.0,
            sent.elapsed().as_secs_f64() * 1000.0
        ));
        Ok(())
    }

    fn hints(&self, key: &str) {
        let base = self.api.base.as_str().trim_end_matches('/');
        say(&format!(
            "\nThe node stays up; Ctrl-C ends it. Try:\n\n\
             curl -s {base}/instance/fetchInstances -H 'apikey: {key}'\n\
             curl -s {base}/message/sendText/alice -H 'apikey: {key}' -H 'content-type: application/json' -d '{{\"number\": \"5511999990000\", \"text\": \"hi\"}}'\n\
             curl -s -X POST {base}/chat/findMessages/alice -H 'apikey: {key}'\n\
             curl -s {}   # what the simulated WhatsApp can be asked to do\n",
            self.simulator.admin_url()
        ));
    }
}
