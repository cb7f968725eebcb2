//! The program itself: its exit codes, and the processes that it compares nodes with.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use wa_sim::Simulator;
use wa_sim::load::api::{Call, Connection};
use wa_sim::load::measure::Measures;
use wa_sim::load::objective::Objective;
use wa_sim::load::report::{Context, Report};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).env_remove("WAGGLE_BIN").env_remove("AUTHENTICATION_API_KEY");
    command
}

fn ran(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(arguments).output().expect("loadtest runs");
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status.code(), text.concat())
}

#[test]
fn what_cannot_be_run_says_why() {
    let cases: &[(&[&str], &str)] = &[
        (&["steady", "--waggle", "/nowhere/waggle"], "/nowhere/waggle is no file"),
        (&["steady", "--url", "http://127.0.0.1:9"], "--api-key"),
        (&["steady", "--url", "http://127.0.0.1:9", "--api-key", "k"], "name it with --simulator"),
        (
            &["steady", "--url", "http://127.0.0.1:9", "--api-key", "k", "--simulator", "http://127.0.0.1:9"],
            "admin interface at http://127.0.0.1:9/admin does not work",
        ),
        (
            &[
                "steady",
                "--url",
                "http://127.0.0.1:9",
                "--api-key",
                "k",
                "--simulator-listen",
                "127.0.0.1:39127",
            ],
            "http://127.0.0.1:9 cannot be reached",
        ),
        (&["noisy-neighbour", "-n", "1"], "needs two instances"),
        (&["steady", "--receive", "rabbitmq"], "name the broker with --rabbitmq"),
        (&["takeover", "--nodes", "2"], "share a database and a Redis"),
        (&["join", "--database", "postgres://127.0.0.1:9/"], "share a database and a Redis"),
        (&["rolling", "--database", "oracle://127.0.0.1/"], "takes an address such as postgres://"),
        (&["steady", "--database", "postgres://root@127.0.0.1:9/"], "no database can be created"),
        (
            &[
                "rolling",
                "--url",
                "http://127.0.0.1:9",
                "--api-key",
                "k",
                "--simulator-listen",
                "127.0.0.1:39128",
            ],
            "needs nodes that the run starts",
        ),
        (&["outage", "--up", "true"], "--down <COMMAND>"),
        (&["takeover", "--freeze", "5s", "--graceful"], "cannot be used with"),
        (&["steady", "--kinds", "smoke"], "is no kind of message"),
        (&["steady", "--url", "https://node", "--api-key", "k"], "https is not spoken"),
        (&["steady", "--objective", "speed=1"], "there is no measure"),
        (&["steady", "--duration", "soon"], "expected a time"),
        (&["compare", "/nowhere/a.json", "/nowhere/b.json"], "/nowhere/a.json cannot be read"),
    ];
    for (arguments, wanted) in cases {
        let (code, text) = ran(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
    }
}

#[test]
fn comparing_sets_the_exit_code() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, throughput: f64| {
        let mut measures = Measures::default();
        measures.add("throughput", throughput);
        let mut report = Report::new("steady", Context::default());
        report.judge(measures, &[Objective::none("lost")]);
        let path = folder.path().join(name);
        report.write_json(&path).expect("written");
        path.display().to_string()
    };
    let (fast, slow) = (write("fast.json", 100.0), write("slow.json", 80.0));
    assert_eq!(ran(&["compare", &slow, &fast]).0, Some(0));
    let (code, text) = ran(&["compare", &fast, &slow]);
    assert_eq!(code, Some(1));
    assert!(text.contains("0.80") && text.contains("WORSE"), "{text}");
    assert_eq!(ran(&["compare", &fast, &slow, "--tolerance", "0.25"]).0, Some(0));
    let (code, text) = ran(&["measures"]);
    assert!(code == Some(0) && text.contains("rss-per-instance"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bare_handler_answers_like_a_node() {
    let mut child = command(&["bare-http"]).stdout(Stdio::piped()).spawn().expect("bare handler");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("output")).read_line(&mut line).expect("address");
    let endpoint = format!("http://{}", line.trim()).parse().expect("endpoint");
    let mut connection = Connection::open(&endpoint).await.expect("connection");
    let state = connection.call(Call::get("/instance/connectionState/acme", "key")).await.expect("state");
    assert_eq!(
        (&state["instance"]["instanceName"], &state["instance"]["state"]),
        (&"acme".into(), &"open".into())
    );
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bare_clients_pair_and_stay_until_nobody_needs_them() {
    let simulator = Simulator::start(wa_sim::Options::default()).await.expect("simulator");
    let arguments = ["bare-clients", "2", &simulator.chat_url()];
    let mut child =
        command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bare clients");
    let out = child.stdout.take().expect("output");
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map(|_| line)
    });
    let told: Value = serde_json::from_str(&line.await.expect("task").expect("line")).expect("json");
    assert!(told["clients"] == 2 && told["rate"].as_f64().is_some_and(|rate| rate > 0.0), "{told}");
    let stats = simulator.handle().stats();
    assert_eq!((stats.pairings, stats.connections), (2, 2));
    drop(child.stdin.take());
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("task").expect("ended");
    assert!(status.success());
    simulator.shutdown().await.expect("shutdown");
}
