//! The binary as it is released: it trusts nobody but WhatsApp.

#![cfg(not(feature = "simulator"))]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use wa_sim::Simulator;
use waggle::net::{self, Egress, Method, Url, header::HeaderValue};

const KEY: &str = "global-key-of-the-tests";
const PATIENCE: Duration = Duration::from_secs(30);

struct Node {
    child: Child,
    port: u16,
    client: net::Client,
    folder: TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    fn start(simulator: &Simulator) -> Self {
        net::install_crypto();
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_waggle"));
        command.env_clear().envs([
            ("AUTHENTICATION_API_KEY", KEY),
            ("SERVER_PORT", &port.to_string()),
            ("WAGGLE_DATA_DIR", &folder.path().join("data").display().to_string()),
            ("WAGGLE_WHATSAPP_URL", &simulator.chat_url()),
            ("WAGGLE_WHATSAPP_VERSION", "2.3000.1027934701"),
        ]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let client =
            net::Client::new(net::Options { egress: Egress::open(), ..net::Options::default() }).unwrap();
        Self { child: command.spawn().unwrap(), port, client, folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Option<(u16, Value)> {
        let url = Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap();
        let mut request = net::Request::new(method, url);
        request.headers.insert("apikey", HeaderValue::from_static(KEY));
        if !body.is_null() {
            request.body = net::Body::Bytes(body.to_string().into_bytes().into());
        }
        let answer = self.client.send(request).await.ok()?;
        Some((answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    async fn eventually(&self, what: &str, mut check: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !check(self).await {
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_node_refuses_a_server_that_is_not_whatsapp() {
    let simulator = Simulator::start(wa_sim::Options::default()).await.unwrap();
    let node = Node::start(&simulator);
    node.eventually("the node is ready", async |node| {
        node.call(Method::GET, "/health/ready", Value::Null).await.is_some_and(|(status, _)| status == 200)
    })
    .await;
    let body = json!({"instanceName": "acme", "qrcode": true});
    let (status, created) = node.call(Method::POST, "/instance/create", body).await.unwrap();
    assert_eq!(status, 201, "{created}");
    assert!(created["qrcode"]["code"].is_null() && created["qrcode"]["base64"].is_null(), "a QR: {created}");
    node.eventually("the log says why", async |node| node.log().contains("certificate verification failed"))
        .await;
    let (_, told) = node.call(Method::GET, "/instance/connectionState/acme", Value::Null).await.unwrap();
    let state = &told["instance"]["state"];
    assert!(state == "connecting" || state == "close", "{told}\n{}", node.log());
    assert!(simulator.handle().accounts().is_empty(), "nobody was linked");
}

/// Who turns on which features of the crate that checks certificates. (The tree from the top shows
/// only what manifests ask for, not what features forward.)
fn features(more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "features",
            "--package",
            "waggle",
            "--invert",
            "wacore-noise",
        ])
        .args(more);
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_released_build_checks_certificates() {
    const DANGER: &str = "danger-skip-cert-chain-verify";
    for arguments in [&["--no-default-features"][..], &[]] {
        let tree = features(arguments);
        assert!(tree.contains("whatsapp-rust"), "{tree}");
        assert!(!tree.contains(DANGER), "{arguments:?}:\n{tree}");
    }
    assert!(features(&["--features", "simulator"]).contains(DANGER), "the name is still the right one");
}
