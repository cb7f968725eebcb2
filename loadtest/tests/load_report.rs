//! Objectives, reports and comparisons of the load generator.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

use std::time::{Duration, Instant};

use clap::{CommandFactory as _, Parser as _};
use tokio_util::sync::CancellationToken;
use wa_sim::Simulator;
use wa_sim::load::api::{Call, Endpoint};
use wa_sim::load::cli::Arguments;
use wa_sim::load::client::{Client, Servers};
use wa_sim::load::compare::compare;
use wa_sim::load::measure::{LATENCIES, Measures, OTHERS, Unit, known, shown};
use wa_sim::load::objective::{Invalid, Objective, Side, duration, rate};
use wa_sim::load::recorder::Recorder;
use wa_sim::load::report::{Context, Report, Step};
use wa_sim::load::sampler::{Sample, Samples, rss_slope};
use wa_sim::load::schedule::Plan;
use wa_sim::load::{Kind, Mix};

fn objective(text: &str) -> Objective {
    text.parse().expect(text)
}

fn report(values: &[(&str, f64)], objectives: &[&str]) -> Report {
    let mut measures = Measures::default();
    values.iter().for_each(|(name, value)| measures.add(name, *value));
    let context = Context { instances: 3, command: "loadtest <steady> & more".into(), ..Context::default() };
    let mut report = Report::new("steady", context);
    let objectives: Vec<Objective> = objectives.iter().map(|text| objective(text)).collect();
    report.judge(measures, &objectives);
    report
}

#[test]
fn every_measure_has_one_name() {
    let mut names: Vec<String> = OTHERS.iter().map(|other| other.0.to_owned()).collect();
    names.extend(LATENCIES.iter().map(|latency| format!("{}-p99", latency.0)));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| known(name).is_some()));
    assert_eq!(known("send-p98"), None);
}

#[test]
fn the_command_line_holds_together() {
    Arguments::command().debug_assert();
}

#[test]
fn a_history_is_chats_and_messages_of_each() {
    let storm = |history| Arguments::try_parse_from(["loadtest", "pairing-storm", "--history", history]);
    assert!(storm("100x50").is_ok());
    for wrong in ["100", "0x5", "5x0", "x", "many"] {
        let told = storm(wrong).expect_err(wrong).to_string();
        assert!(told.contains("such as 100x50"), "{told}");
    }
}

#[test]
fn a_mix_is_kinds_with_weights() {
    let mix = |text: &str| text.parse::<Mix>();
    assert_eq!(mix("text").expect("text"), Mix::default());
    let two = mix("image=1,text=3").expect("two kinds");
    assert_eq!(two.to_string(), "text=3,image=1");
    let turns: Vec<Kind> = two.turns().take(8).collect();
    assert_eq!(turns.iter().filter(|kind| **kind == Kind::Image).count(), 2);
    assert!(turns.windows(2).all(|pair| pair != [Kind::Image; 2]), "spread evenly: {turns:?}");
    for (wrong, told) in [("", "no kind"), ("smoke", "no kind"), ("text=many", "no weight"), ("text=0", "0")]
    {
        assert!(mix(wrong).expect_err(wrong).contains(told), "{wrong}");
    }
}

/// The commands that the README shows: in its code blocks, and between backticks.
fn shown_commands() -> Vec<Vec<String>> {
    let readme = include_str!("../../README.md").replace("\\\n", " ");
    // What stands between single quotes is one word.
    let words = |text: &str| -> Vec<String> {
        let parts = text.split('\'').enumerate();
        let words = parts.flat_map(|(nth, part)| match nth % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        words.map(str::to_owned).collect()
    };
    let command = Arguments::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let blocks = readme.lines().filter_map(|line| line.strip_prefix("target/release/loadtest "));
    let spans = readme.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let spans =
        spans.filter(|span| span.contains(" -") && names.contains(&span.split(' ').next().unwrap_or("")));
    blocks.chain(spans).map(words).collect()
}

#[test]
fn the_commands_of_the_readme_exist() {
    let shown = shown_commands();
    assert!(shown.len() >= 4, "{shown:?}");
    for words in shown {
        let all = std::iter::once("loadtest".to_owned()).chain(words.iter().cloned());
        if let Err(error) = Arguments::try_parse_from(all) {
            panic!("{}: {error}", words.join(" "));
        }
    }
}

#[test]
fn limits_are_read_in_any_unit_that_fits() {
    let limit = |text: &str| (objective(text).limit, objective(text).side);
    assert_eq!(limit("send-p99=50ms"), (50.0, Side::AtMost));
    assert_eq!(limit("send-p99=0.5s"), (500.0, Side::AtMost));
    assert_eq!(limit("inbound-max = 900us"), (0.9, Side::AtMost));
    assert_eq!(limit("throughput=200/s"), (200.0, Side::AtLeast));
    assert_eq!(limit("throughput<=200"), (200.0, Side::AtMost));
    assert_eq!(limit("rss-per-instance=2MiB"), (2048.0, Side::AtMost));
    assert_eq!(limit("rss-ratio=150%"), (1.5, Side::AtMost));
    assert_eq!(limit("lost=0"), (0.0, Side::AtMost));
    assert_eq!(limit("sent>=20000"), (20_000.0, Side::AtLeast));
    let wrong = |text: &str| text.parse::<Objective>().expect_err(text);
    assert_eq!(wrong("send-p99"), Invalid::Form);
    assert_eq!(wrong("nonsense=1"), Invalid::Measure("nonsense".into()));
    assert_eq!(wrong("send-p99=3KiB"), Invalid::Limit("3KiB".into(), "ms"));
    assert_eq!(wrong("send-p99=soon"), Invalid::Limit("soon".into(), "ms"));
    assert_eq!(wrong("sent=5"), Invalid::Side("sent".into()));
    assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
    assert!(duration("5 parsecs").is_err() && duration("-1s").is_err() && duration("99999999h").is_err());
    assert_eq!((rate("200"), rate("0.5/s")), (Ok(200.0), Ok(0.5)));
    assert!(["NaN", "inf", "-1", "many"].iter().all(|text| rate(text).is_err()));
}

#[test]
fn a_run_succeeds_when_every_objective_is_met() {
    let values = [("lost", 0.0), ("send-p99", 12.0), ("throughput", 150.0)];
    let limits = ["lost=0", "send-p99=20ms", "throughput=100/s"];
    assert!(report(&values, &limits).succeeded());
    assert!(!report(&values, &["send-p99=10ms"]).succeeded());
    assert!(!report(&values, &["throughput=200/s"]).succeeded());
    assert!(!report(&values, &["reconnect-p99=1s"]).succeeded(), "what was not measured is not met");
    assert!(!report(&[("lost", 1.0)], &["lost=0"]).succeeded());
    assert!(!Report { interrupted: true, ..report(&values, &limits) }.succeeded());
    assert!(!Report { errors: vec!["trouble".into()], ..report(&values, &limits) }.succeeded());
}

#[test]
fn a_report_can_be_read_again_and_looked_at() {
    let mut report =
        report(&[("lost", 2.0), ("send-p99", 12.25), ("rss-fresh", 4000.0)], &["lost=0", "inbound-p99=5ms"]);
    let sample = |at: f64| Sample {
        at,
        sent: at * 2.0,
        cpu: Some(0.5),
        rss_kib: Some(4096.0 + at),
        instances: 3,
        cpu_per_instance: Some(166.0),
        rss_kib_per_instance: Some(at / 3.0),
        ..Sample::default()
    };
    report.samples = (0..20).map(|at| sample(f64::from(at))).collect();
    report.steps = vec![
        Step { rate: 100.0, reached: 99.0, send_p99: 9.0, held: true, ..Step::default() },
        Step { rate: 200.0, reached: 120.0, ..Step::default() },
    ];
    report.marks = vec![(2.0, "paired".into()), (3.5, "<kill>".into())];
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("report.json");
    report.write_json(&path).expect("written");
    assert_eq!(Report::read(&path).expect("read"), report);
    assert!(Report::read(&folder.path().join("none")).is_err());
    std::fs::write(&path, "{}").expect("written");
    assert!(Report::read(&path).is_err());

    let table = report.table();
    assert!(table.contains("lost <= 0") && table.contains("MISSED"), "{table}");
    assert!(table.contains("12.2 ms") && table.contains("not measured"), "{table}");
    let page = report.html().expect("page");
    let plots = page.matches("<svg").count();
    assert_eq!(plots, 7, "rates, processors, memory, both per instance, and the steps twice");
    assert!(page.contains("&lt;kill&gt; at 3.5 s") && page.contains("&lt;steady&gt; &amp; more"));
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org").count()
    );
}

#[test]
fn comparing_tells_what_became_worse() {
    let first =
        report(&[("send-p99", 10.0), ("throughput", 100.0), ("lost", 0.0), ("sent", 5.0), ("cpu", 1.0)], &[]);
    let second = report(&[("send-p99", 10.9), ("throughput", 89.0), ("lost", 1.0), ("sent", 1.0)], &[]);
    let worse = |tolerance: f64| -> Vec<String> {
        let rows = compare(&first, &second, tolerance).rows;
        rows.into_iter().filter(|row| row.worse).map(|row| row.name).collect()
    };
    assert_eq!(worse(0.1), ["lost", "throughput"]);
    assert_eq!(worse(0.0), ["lost", "throughput", "send-p99"]);
    assert_eq!(worse(0.5), ["lost"], "what is lost has no tolerance");
    let longer = report(&[("send-max", 99.0)], &[]);
    assert!(compare(&report(&[("send-max", 1.0)], &[]), &longer, 0.1).holds(), "one slow message is chance");
    let other = Report { scenario: "burst".into(), ..second.clone() };
    assert_eq!(compare(&first, &other, 0.1).differences, ["scenario: steady and burst"]);
    let compared = compare(&first, &second, 0.1);
    assert_eq!((compared.gone.as_slice(), compared.holds()), (&["cpu".to_owned()][..], false));
    let ratio = |name: &str| compared.rows.iter().find(|row| row.name == name).and_then(|row| row.ratio);
    assert_eq!((ratio("send-p99"), ratio("lost")), (Some(1.09), None));
    assert!(compare(&first, &first, 0.0).holds());
    let mut text = Vec::new();
    compared.print(&mut text).expect("printed");
    assert!(String::from_utf8_lossy(&text).contains("WORSE"));
}

#[test]
fn latencies_have_quantiles_of_their_times() {
    let recorder = Recorder::default();
    for millis in 1..=1000 {
        recorder.record(Duration::from_millis(millis));
    }
    let whole = recorder.take_phase();
    let near = |value: f64, wanted: f64| (value - wanted).abs() / wanted < 0.002;
    assert!(near(whole.p50, 500.0) && near(whole.p99, 990.0) && near(whole.max, 1000.0), "{whole:?}");
    recorder.record(Duration::from_millis(7));
    assert_eq!((recorder.take_phase().count, recorder.quantiles().count), (1, 1001));
    recorder.record(Duration::from_secs(100_000));
    assert!(near(recorder.quantiles().max, 3_600_000.0), "longer than an hour is an hour");
    assert_eq!(shown(0.0, Unit::Count), "0");
    assert_eq!(shown(20_480.0, Unit::Kibibytes), "20 MiB");
}

#[test]
fn memory_that_grows_has_a_slope() {
    let growing = |each: f64| -> Vec<Sample> {
        let sample = |at: i32| Sample {
            at: f64::from(at),
            rss_kib: Some(1000.0 + f64::from(at) * each),
            ..Sample::default()
        };
        (0..100).map(sample).collect()
    };
    let slope = rss_slope(&growing(0.5), 10.0, 90.0).expect("slope");
    assert!((slope - 1800.0).abs() < 1e-6, "half a KiB a second: {slope}");
    assert!(rss_slope(&growing(0.0), 0.0, 99.0).expect("slope").abs() < 1e-6);
    assert_eq!(rss_slope(&growing(1.0), 0.0, 1.0), None);
}

#[test]
fn samples_stay_bounded() {
    let samples = Samples::default();
    let mut merged = 0;
    for at in 0..10_000 {
        merged += u32::from(samples.add(Sample {
            at: f64::from(at),
            sent: 10.0,
            send_p99: f64::from(at % 2),
            ..Sample::default()
        }));
    }
    let all = samples.all();
    assert!(all.len() < 3_600 && merged > 0);
    assert!(all.iter().all(|sample| (sample.sent - 10.0).abs() < 1e-9));
    assert!((all[0].send_p99 - 1.0).abs() < 1e-9, "the worst of both");
    assert!(all.windows(2).all(|pair| pair[0].at < pair[1].at));
}

#[test]
fn addresses_are_read() {
    let read = |text: &str| text.parse::<Endpoint>();
    assert_eq!(read("http://127.0.0.1:8080/").expect("endpoint").to_string(), "http://127.0.0.1:8080");
    assert_eq!(read("http://node/base").expect("endpoint").to_string(), "http://node:80/base");
    assert_eq!(read("http://[::1]:9").expect("endpoint").authority(), "[::1]:9");
    assert!(read("https://node").expect_err("https").contains("https is not spoken"));
    assert!(read("node:8080").is_err() && read("").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_goes_to_the_server_that_can_be_reached() {
    let simulator = Simulator::start(wa_sim::Options::default()).await.expect("simulator");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address");
    let servers: Servers = [gone, simulator.addr()].map(Endpoint::from).into_iter().collect();
    for nth in 0..4 {
        let mut client = Client::new(servers.clone(), nth);
        for _ in 0..2 {
            let stats = client.call(Call::get("/admin/stats", "")).await.expect("stats");
            assert_eq!(stats["connections"], 0);
        }
        assert!(client.call(Call::get("/admin/nothing", "")).await.is_err(), "an answer is an answer");
    }
    let mut lost = Client::new(std::iter::once(Endpoint::from(gone)).collect(), 0);
    let error = lost.exchange(Call::get("/", "")).await.expect_err("nobody listens");
    assert!(error.to_string().contains("cannot be reached"), "{error:#}");
    simulator.shutdown().await.expect("shutdown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_in_turn_to_the_servers_that_are_up() {
    let (one, two) =
        (Simulator::start(wa_sim::Options::default()), Simulator::start(wa_sim::Options::default()));
    let (one, two) = (one.await.expect("simulator"), two.await.expect("simulator"));
    // By its contact the second one is known.
    two.handle().create_contact(wa_sim::NewContact::default()).expect("contact");
    let servers: Servers = [one.addr(), two.addr()].map(Endpoint::from).into_iter().collect();
    let mut client = Client::new(servers.clone(), 0);
    let mut asked = Vec::new();
    for turn in 0..10 {
        if turn == 4 {
            servers.set_up(1, false);
        }
        if turn == 7 {
            servers.set_up(1, true);
        }
        let contacts = client.call(Call::get("/admin/contacts", "")).await.expect("contacts");
        asked.push(contacts.as_array().map_or(0, Vec::len));
    }
    assert_eq!(asked, [0, 1, 0, 1, 0, 0, 0, 1, 0, 1]);
    one.shutdown().await.expect("shutdown");
    two.shutdown().await.expect("shutdown");
}

#[tokio::test]
async fn senders_share_a_plan_exactly() {
    let stop = CancellationToken::new();
    let plan = Plan::steady(700.0, Duration::from_millis(30));
    let mut sent = 0;
    for sender in 0..4 {
        let mut schedule = plan.share(sender, 4, Instant::now());
        while schedule.next(&stop).await.is_some() {
            sent += 1;
        }
    }
    assert_eq!(sent, 21);
    stop.cancel();
    assert_eq!(plan.share(0, 1, Instant::now()).next(&stop).await, None, "stopped");
    assert!(Plan::burst(0).is_empty() && Plan::steady(0.0, Duration::from_secs(9)).is_empty());
    assert!(
        !Plan::flood(Duration::from_secs(1)).is_empty() && Plan::limited(f64::NAN, Duration::ZERO).is_empty()
    );
    let mut rare = Plan::limited(1e-300, Duration::from_secs(1)).share(0, 1, Instant::now());
    let stop = CancellationToken::new();
    assert!(rare.next(&stop).await.is_some(), "the first is due at once");
    stop.cancel();
    assert_eq!(rare.next(&stop).await, None);
}
