//! The load generator against a real node: what it tells is true.

use std::path::PathBuf;
use std::time::Duration;

use wa_sim::History;
use wa_sim::load::Options;
use wa_sim::load::cluster::Own;
use wa_sim::load::report::Report;
use wa_sim::load::run::run;
use wa_sim::load::scenario::burst::Burst;
use wa_sim::load::scenario::noisy_neighbour::NoisyNeighbour;
use wa_sim::load::scenario::outage::Outage;
use wa_sim::load::scenario::ramp::Ramp;
use wa_sim::load::scenario::reconnect_storm::ReconnectStorm;
use wa_sim::load::scenario::rolling::Rolling;
use wa_sim::load::scenario::steady::Steady;
use wa_sim::load::scenario::takeover::Takeover;
use wa_sim::load::scenario::talk::Talk;
use wa_sim::load::scenario::{Rates, Scenario, Time};
use wa_sim::load::setup::{NodesAt, Setup, SimulatorAt};

use crate::redis::server::RedisServer;
use crate::support::{KEY, Node, simulator};

/// A run that starts a node of its own.
fn setup(options: Options) -> Setup {
    let binary = Some(PathBuf::from(env!("CARGO_BIN_EXE_waggle")));
    let environment = vec![("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS".to_owned(), "1".to_owned())];
    let settle = Duration::ZERO;
    Setup::new(NodesAt::Own(Own { binary, environment, ..Own::default() }), Options { settle, ..options })
}

fn rates(rate: f64) -> Rates {
    Rates { rate_in: rate, rate_out: rate }
}

fn time(seconds: u64) -> Time {
    Time { duration: Duration::from_secs(seconds) }
}

fn is(report: &Report, name: &str, value: f64) {
    assert_eq!(report.get(name), Some(value), "{name}\n{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steady_load_arrives_once_and_in_order() {
    let options = Options { instances: 4, webhook_failures: 0.05, ..Options::default() };
    let mut setup = setup(options);
    setup.objectives = vec!["received>=124".parse().unwrap(), "send-max=30s".parse().unwrap()];
    let scenario = Scenario::Steady(Steady { rates: rates(40.0), time: time(3) });
    let report = run(setup, &scenario).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    let address = report.context.nodes[0].trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(address).is_err(), "the node has ended with the run");
    // One text each way warms every stream.
    is(&report, "sent", 124.0);
    is(&report, "received", 124.0);
    is(&report, "duplicates", 0.0);
    assert!(report.get("send-p99").unwrap() > 0.0 && report.get("inbound-p50").unwrap() > 0.0);
    assert!(report.get("rss-fresh").unwrap() > 1024.0 && report.get("pairing-p50").unwrap() > 0.0);
    assert!(report.samples.iter().any(|sample| sample.sent > 0.0 && sample.rss_kib.is_some()));
    assert!(report.html().unwrap().contains("every objective was met"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_message_is_told_and_counted() {
    let kinds = "text=4,image=2,video=1,location=1,contact=1,poll=1".parse().unwrap();
    let setup = setup(Options { instances: 2, kinds, ..Options::default() });
    let scenario = Scenario::Burst(Burst { messages_in: 100, messages_out: 0 });
    let report = run(setup, &scenario).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    is(&report, "received", 102.0);
    // Each of the two writers has fifty turns; the texts that warm the streams are two more.
    for (kind, count) in [
        ("text", 42.0),
        ("image", 20.0),
        ("video", 10.0),
        ("location", 10.0),
        ("contact", 10.0),
        ("poll", 10.0),
    ] {
        is(&report, &format!("received-{kind}"), count);
    }
    assert!(report.html().unwrap().contains("contacts wrote text=4,image=2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_arrive_is_called_lost() {
    let silence = Duration::from_millis(500);
    let mut setup = setup(Options { instances: 2, silence, ..Options::default() });
    // Nobody listens on the port of discarded bytes: no webhook arrives.
    setup.webhook_url = Some("http://127.0.0.1:9/".to_owned());
    let scenario = Scenario::Steady(Steady { rates: rates(10.0), time: time(1) });
    let report = run(setup, &scenario).await.unwrap();
    assert!(!report.succeeded());
    is(&report, "lost", 12.0);
    is(&report, "received", 0.0);
    is(&report, "sent", 12.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_comes_back_and_nothing_is_lost() {
    let setup = setup(Options { instances: 3, idempotent: true, ..Options::default() });
    let takeover = Takeover {
        rates: rates(30.0),
        time: time(6),
        kill_after: Some(Duration::from_secs(2)),
        kill_pid: None,
        graceful: false,
        freeze: None,
        restart: false,
        down: Duration::ZERO,
    };
    let report = run(setup, &Scenario::Takeover(takeover)).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    is(&report, "not-reconnected", 0.0);
    is(&report, "received", 183.0);
    assert_eq!(report.get("sent").unwrap() + report.get("unknown").unwrap(), 183.0, "{}", report.table());
    assert!(report.get("reconnect-max").unwrap() > 0.0 && report.get("unavailable").unwrap() > 0.0);
    is(&report, "replaced", 0.0);
    is(&report, "moved", 3.0);
    assert!(report.get("gap-p50").unwrap() > 0.0, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_goes_on_where_it_was() {
    let setup = setup(Options { instances: 2, idempotent: true, ..Options::default() });
    let takeover = Takeover {
        rates: rates(20.0),
        time: time(4),
        kill_after: Some(Duration::from_secs(1)),
        kill_pid: None,
        graceful: false,
        freeze: Some(Duration::from_secs(1)),
        restart: false,
        down: Duration::ZERO,
    };
    let report = run(setup, &Scenario::Takeover(takeover)).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    for (name, value) in [("replaced", 0.0), ("replaced-frozen", 0.0), ("moved", 0.0), ("received", 82.0)] {
        is(&report, name, value);
    }
    assert!(report.get("unavailable").unwrap() > 0.9, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_one_node_is_felt_and_loses_nothing() {
    // Some sample is to fall into the time before the restart, after which memory begins anew.
    let sample = Duration::from_millis(50);
    let setup = setup(Options { instances: 2, idempotent: true, sample, ..Options::default() });
    let rolling = Rolling { rates: rates(20.0), down: Duration::ZERO, calm: Duration::from_millis(500) };
    let report = run(setup, &Scenario::Rolling(rolling)).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    is(&report, "moved", 2.0);
    for name in ["gap-max", "rolled-after", "stopped-after", "ready-after", "server-errors"] {
        assert!(report.get(name).is_some(), "{name} is not in\n{}", report.table());
    }
    let instances = report.samples.iter().filter(|sample| sample.instances == 2);
    assert!(instances.clone().any(|sample| sample.cpu_per_instance.is_some_and(|cpu| cpu > 0.0)));
    assert!(instances.clone().any(|sample| sample.rss_kib_per_instance.is_some_and(|kib| kib > 0.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_redis_is_noticed_by_nobody() {
    let redis = RedisServer::start().await;
    let mut setup = setup(Options { instances: 2, ..Options::default() });
    let NodesAt::Own(own) = &mut setup.nodes else { panic!("it starts one") };
    own.redis = Some(redis.url.clone());
    let ask = |words: &str| format!("test \"$(redis-cli -p {} client {words})\" = OK", redis.port);
    let outage = Outage {
        rates: rates(20.0),
        down: ask("pause 100000"),
        up: ask("unpause"),
        before: Duration::from_secs(1),
        away: Duration::from_secs(3),
        after: Duration::from_secs(1),
    };
    let report = run(setup.clone(), &Scenario::Outage(outage.clone())).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    is(&report, "dropped", 0.0);
    assert!(report.get("received").unwrap() > 60.0 && report.get("rss-peak").unwrap() > 1024.0);
    assert!(report.get("caught-up-after").is_some(), "{}", report.table());

    let away = Duration::ZERO;
    let broken = Outage { down: "exit 3".to_owned(), away, after: away, ..outage };
    let report = run(setup, &Scenario::Outage(broken)).await.unwrap();
    assert!(report.errors.iter().any(|error| error.contains("exit status: 3")), "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_tells_what_it_has() {
    let setup = setup(Options { instances: 2, ..Options::default() });
    let interrupt = setup.interrupt.clone();
    let scenario = Scenario::Steady(Steady { rates: rates(20.0), time: time(600) });
    let running = run(setup, &scenario);
    tokio::pin!(running);
    let report = tokio::select! {
        report = &mut running => report,
        // The moment is what is tested: any is as good as another.
        () = tokio::time::sleep(Duration::from_secs(5)) => {
            interrupt.cancel();
            running.await
        }
    };
    let report = report.unwrap();
    assert!(report.interrupted && !report.succeeded());
    assert!(report.seconds < 60.0, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn running_nodes_and_a_running_simulator_are_loaded_and_left_as_they_were() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let nodes = NodesAt::Running {
        endpoints: vec![node.url().parse().unwrap()],
        key: KEY.to_owned(),
        pids: Vec::new(),
    };
    let options = Options { instances: 3, idempotent: true, settle: Duration::ZERO, ..Options::default() };
    let at = |nodes: NodesAt| Setup {
        simulator: SimulatorAt::There(format!("http://{}", simulator.addr()).parse().unwrap()),
        ..Setup::new(nodes, options.clone())
    };
    let scenario = Scenario::ReconnectStorm(ReconnectStorm { rates: rates(20.0), times: 1 });
    let report = run(at(nodes.clone()), &scenario).await.unwrap();
    assert!(report.succeeded(), "{}", report.table());
    is(&report, "not-reconnected", 0.0);
    assert!(report.get("reconnect-max").unwrap() > 0.0 && report.get("rss-fresh").is_none());
    assert_eq!(
        node.get("/instance/fetchInstances").await,
        serde_json::json!([]),
        "its instances are deleted"
    );

    let NodesAt::Running { endpoints, pids, .. } = nodes else { panic!("they run") };
    let wrong = NodesAt::Running { endpoints, pids, key: "another-key-altogether".to_owned() };
    let refused = run(at(wrong), &scenario).await.unwrap_err().to_string();
    assert!(refused.contains("refuses the key"), "{refused}");
    let takeover = Takeover {
        rates: rates(1.0),
        time: time(1),
        kill_after: None,
        kill_pid: None,
        graceful: true,
        freeze: None,
        restart: false,
        down: Duration::ZERO,
    };
    let nobody = NodesAt::Running { endpoints: Vec::new(), key: String::new(), pids: Vec::new() };
    let refused = run(at(nobody), &Scenario::Takeover(takeover)).await.unwrap_err().to_string();
    assert!(refused.contains("nothing to kill"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_tells_what_it_is_about() {
    let scenarios: [(Scenario, &[&str]); 5] = [
        (
            Scenario::Ramp(Ramp {
                from: 20.0,
                step: 20.0,
                to: 40.0,
                every: Duration::from_secs(1),
                share_in: 0.5,
            }),
            &["ramp-rate", "throughput"],
        ),
        (
            Scenario::Burst(Burst { messages_in: 60, messages_out: 60 }),
            &["sent-rate", "received-rate", "cpu-per-message"],
        ),
        (
            Scenario::NoisyNeighbour(NoisyNeighbour { rates: rates(20.0), time: time(2) }),
            &["noise-send", "noise-inbound", "noisy-send-p99", "calm-send-p99", "send-p99"],
        ),
        (Scenario::Talk(Talk { texts: 20 }), &["talk-p50", "send-p50"]),
        (Scenario::PairingStorm, &["pairing-p99", "pairing-rate", "rss-per-instance"]),
    ];
    for (scenario, measures) in scenarios {
        let history = History { chats: 20, bootstrap: 10, recent: 10, ..History::default() };
        let history = matches!(scenario, Scenario::PairingStorm).then_some(history);
        let options = Options { instances: 3, history, ..Options::default() };
        let report = run(setup(options), &scenario).await.unwrap();
        assert!(report.succeeded(), "{}", report.table());
        for name in measures {
            assert!(report.get(name).is_some(), "{name} is not in\n{}", report.table());
        }
        let page = report.html().unwrap();
        assert!(page.contains(scenario.name()));
    }
}
