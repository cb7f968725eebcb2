//! A RabbitMQ of a test's own, from the installed program, with an `epmd` and a folder of its own: it
//! may be stopped and started again, and then has what was durable.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lapin::{Connection, ConnectionProperties};
use tempfile::TempDir;

/// How long it may take to start; a busy machine takes its time.
const START: Duration = Duration::from_secs(120);
/// The program itself: the one in the path changes the user.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Ends with the standard input, that is with the test process.
const SCRIPT: &str = "set -e
    epmd -port $ERL_EPMD_PORT -address 127.0.0.1 >/dev/null 2>&1 & epmd=$!
    rm -f $RABBITMQ_PID_FILE; $PROGRAM >$HOME/log 2>&1 & server=$!
    cat >/dev/null
    kill $(cat $RABBITMQ_PID_FILE) || kill $server || true
    wait $server || true; kill $epmd; wait $epmd || true";

/// A broker of a test's own.
pub struct RabbitServer {
    pub uri: String,
    ports: [u16; 3],
    folder: TempDir,
    process: Option<Child>,
}

impl RabbitServer {
    pub async fn start() -> Self {
        assert!(std::fs::exists(PROGRAM).unwrap(), "missing: apt-get install rabbitmq-server");
        let ports = free_ports();
        let uri = format!("amqp://guest:guest@127.0.0.1:{}", ports[0]);
        let mut server = Self { uri, ports, folder: TempDir::new().unwrap(), process: None };
        server.start_again().await;
        server
    }

    /// Starts it on the same port and folder.
    pub async fn start_again(&mut self) {
        let [port, distribution, epmd] = self.ports;
        let folder = self.folder.path().display();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).current_dir("/").env("PROGRAM", PROGRAM);
        command.env("HOME", self.folder.path()).env("ERL_EPMD_PORT", epmd.to_string());
        for (name, value) in [
            ("NODENAME", format!("waggle{port}@localhost")),
            ("NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
            ("NODE_PORT", port.to_string()),
            ("DIST_PORT", distribution.to_string()),
            ("MNESIA_BASE", format!("{folder}/data")),
            ("PID_FILE", format!("{folder}/pid")),
            ("LOGS", "-".to_owned()),
            ("CONF_ENV_FILE", "/dev/null".to_owned()),
            ("CONFIG_FILE", format!("{folder}/none")),
            ("ADVANCED_CONFIG_FILE", format!("{folder}/none")),
            ("ENABLED_PLUGINS_FILE", format!("{folder}/plugins")),
            // One scheduler: tests share the machine.
            ("SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none".to_owned()),
        ] {
            command.env(format!("RABBITMQ_{name}"), value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let end = Instant::now() + START;
        while self.connect().await.is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(process.try_wait().unwrap().is_none(), "the broker ended: {}", log());
            assert!(Instant::now() < end, "no broker at {}: {}", self.uri, log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.process = Some(process);
    }

    pub async fn connect(&self) -> lapin::Result<Connection> {
        Connection::connect(&format!("{}/%2f", self.uri), ConnectionProperties::default()).await
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }
}

impl Drop for RabbitServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
