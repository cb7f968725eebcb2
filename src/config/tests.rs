//! Rules of the whole configuration.

use std::time::Duration;

use proptest::prelude::*;
use tracing::level_filters::LevelFilter;

use super::database::{Provider, Synchronous};
use super::objects::Objects;
use super::reader::Reader;
use super::*;

/// An environment that every build accepts: one with feature `simulator` has no default for the address.
fn environment(pairs: &[(&str, &str)]) -> Environment {
    let mut environment = Environment::default().with("WAGGLE_WHATSAPP_URL", "ws://127.0.0.1:1/ws/chat");
    for (name, value) in pairs {
        environment.set(name, value);
    }
    environment
}

fn load(pairs: &[(&str, &str)]) -> Config {
    Config::load(&environment(pairs)).unwrap().0
}

fn warnings(pairs: &[(&str, &str)]) -> Vec<Warning> {
    Config::load(&environment(pairs)).unwrap().1
}

/// The variables that errors are about.
fn wrong(pairs: &[(&str, &str)]) -> Vec<&'static str> {
    Config::load(&environment(pairs)).unwrap_err().0.iter().map(Error::variable).collect()
}

#[test]
fn an_empty_environment_is_the_embedded_gateway() {
    let (config, warnings) = Config::load(&environment(&[])).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.server.port, 8080);
    assert_eq!(config.database.provider, Provider::Sqlite);
    assert_eq!(config.database.client_name, "evolution");
    assert_eq!(config.database.sqlite_synchronous, Synchronous::Full);
    assert_eq!(config.auth.global_key, None);
    assert!(config.database.keep_history && config.database.number_age.is_none());
    assert_eq!(config.instances.qrcode_color, [0x19, 0x87, 0x54]);
    assert_eq!(config.instances.delete_after, None);
    assert_eq!(config.instances.reconnect_per_second, Some(50));
    assert_eq!(config.instances.prekeys, 50);
    assert_eq!(config.log.level, LevelFilter::INFO);
    assert_eq!(config.log.protocol_level, LevelFilter::ERROR);
    assert_eq!(config.webhook.retry.max_attempts, 10);
    assert_eq!(config.webhook.retry.fatal_statuses.len(), 5);
    assert!(config.webhook.global.is_none());
    assert_eq!(config.limits.rate, None);
    assert_eq!(config.websocket.trusted_addresses.len(), 2);
    assert_eq!(config.cluster.heartbeat, Duration::from_secs(1));
    assert!(config.chatwoot.bot_contact);
    assert_eq!(config.proxy, None);
}

#[cfg(not(feature = "simulator"))]
#[test]
fn the_default_address_is_whatsapps() {
    let (config, _) = Config::load(&Environment::default()).unwrap();
    assert_eq!(config.whatsapp.url, "wss://web.whatsapp.com/ws/chat");
}

#[cfg(feature = "simulator")]
#[test]
fn a_simulator_build_has_no_default_address() {
    let errors = Config::load(&Environment::default()).unwrap_err();
    assert_eq!(errors.0[0].variable(), "WAGGLE_WHATSAPP_URL");
}

#[test]
fn the_sections_read_every_variable_of_the_table_and_no_other() {
    let environment = environment(&[]);
    let mut reader = Reader::new(&environment);
    Config::read(&mut reader);
    let listed: std::collections::BTreeSet<_> = table::all().map(|variable| variable.name).collect();
    assert_eq!(reader.read, listed);
    assert_eq!(table::all().count(), listed.len(), "a variable is listed twice");
}

#[test]
fn all_errors_are_reported_at_once() {
    let wrong = wrong(&[("SERVER_PORT", "http"), ("CORS_CREDENTIALS", "maybe"), ("QRCODE_COLOR", "green")]);
    assert_eq!(wrong, ["SERVER_PORT", "CORS_CREDENTIALS", "QRCODE_COLOR"]);
}

#[test]
fn an_error_names_variable_and_value_but_no_secret() {
    let errors = Config::load(&environment(&[("SERVER_PORT", "70000"), ("WAGGLE_SESSION_KEY", "hunter2")]));
    let text = errors.unwrap_err().to_string();
    assert!(text.contains("SERVER_PORT=70000: expected a number from 0 to 65535"), "{text}");
    assert!(text.contains("WAGGLE_SESSION_KEY=[hidden]"), "{text}");
}

#[test]
fn empty_values_count_as_unset() {
    assert_eq!(load(&[("SERVER_PORT", " "), ("PROXY_HOST", "")]).server.port, 8080);
}

#[test]
fn zero_is_a_value() {
    let config = load(&[
        ("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", "0"),
        ("WEBHOOK_RETRY_MAX_ATTEMPTS", "0"),
        ("WAGGLE_RECONNECT_PER_SECOND", "0"),
        ("WAGGLE_COMMIT_LINGER_MS", "0"),
        ("QRCODE_LIMIT", "0"),
        ("SERVER_PORT", "0"),
    ]);
    assert_eq!(config.webhook.retry.initial_delay, Duration::ZERO);
    assert_eq!(config.webhook.retry.max_attempts, 1);
    assert_eq!(config.instances.reconnect_per_second, None);
    assert_eq!(config.database.commit_linger, Duration::ZERO);
    assert_eq!((config.instances.qrcode_limit, config.server.port), (0, 0));
}

#[test]
fn weak_global_keys_are_refused() {
    for key in ["BQYHJGJHJ", "429683C4C977415CAAFCCE10F7D57E11", "429683c4c977415caafcce10f7d57e11", "short"]
    {
        assert_eq!(wrong(&[("AUTHENTICATION_API_KEY", key)]), ["AUTHENTICATION_API_KEY"]);
        let allowed = [("AUTHENTICATION_API_KEY", key), ("WAGGLE_ALLOW_WEAK_KEY", "true")];
        assert!(matches!(warnings(&allowed)[..], [Warning::Risky { .. }]));
    }
    assert!(load(&[("AUTHENTICATION_API_KEY", "a key of 16 chars")]).auth.global_key.is_some());
}

const KEY: (&str, &str) = ("AUTHENTICATION_API_KEY", "a key long enough");

#[test]
fn only_the_embedded_database_makes_its_own_key() {
    let uri = ("DATABASE_CONNECTION_URI", "postgresql://u:p@db/x");
    assert_eq!(wrong(&[uri]), ["AUTHENTICATION_API_KEY"]);
    let config = load(&[uri, KEY]);
    assert_eq!(config.database.provider, Provider::PostgreSql);
    assert!(config.database.keep_history, "unlike Evolution API, which keeps nothing there by default");
}

#[test]
fn provider_and_address_must_agree() {
    let provider = |value| ("DATABASE_PROVIDER", value);
    let uri = |value| ("DATABASE_CONNECTION_URI", value);
    assert_eq!(wrong(&[KEY, provider("postgresql")]), ["DATABASE_CONNECTION_URI"]);
    assert_eq!(wrong(&[KEY, provider("mysql"), uri("postgres://db/x")]), ["DATABASE_CONNECTION_URI"]);
    assert_eq!(wrong(&[KEY, uri("mongodb://db/x")]), ["DATABASE_CONNECTION_URI"]);
    assert_eq!(wrong(&[KEY, provider("oracle")]), ["DATABASE_PROVIDER"]);
    assert_eq!(load(&[KEY, uri("mysql://db/x")]).database.provider, Provider::MySql);
    assert_eq!(load(&[uri("sqlite://data/x.db")]).database.provider, Provider::Sqlite);
    let bouncer = [KEY, provider("psql_bouncer"), ("DATABASE_BOUNCER_CONNECTION_URI", "postgres://b/x")];
    let database = load(&bouncer).database;
    assert_eq!(database.provider, Provider::PostgreSqlBouncer);
    assert!(database.bouncer_uri.is_some());
}

#[test]
fn an_enabled_feature_needs_its_settings() {
    for (switch, needs) in [
        ("CACHE_REDIS_ENABLED", "CACHE_REDIS_URI"),
        ("WEBHOOK_GLOBAL_ENABLED", "WEBHOOK_GLOBAL_URL"),
        ("WEBHOOK_EVENTS_ERRORS", "WEBHOOK_EVENTS_ERRORS_WEBHOOK"),
        ("RABBITMQ_ENABLED", "RABBITMQ_URI"),
        ("NATS_ENABLED", "NATS_URI"),
        ("SQS_ENABLED", "SQS_ACCOUNT_ID"),
        ("KAFKA_SASL_ENABLED", "KAFKA_SASL_USERNAME"),
        ("S3_ENABLED", "S3_ACCESS_KEY"),
    ] {
        assert!(wrong(&[(switch, "true")]).contains(&needs), "{switch}");
    }
    assert_eq!(wrong(&[("SERVER_TYPE", "https")]), ["SSL_CONF_PRIVKEY", "SSL_CONF_FULLCHAIN"]);
    assert_eq!(wrong(&[("WAGGLE_SESSION_STORE", "redis")]), ["WAGGLE_SESSION_STORE"]);
    assert_eq!(wrong(&[("WAGGLE_HEARTBEAT_SECONDS", "9")]), ["WAGGLE_HEARTBEAT_SECONDS"]);
}

#[test]
fn sessions_live_in_redis_when_there_is_one() {
    let redis = [("CACHE_REDIS_ENABLED", "true"), ("CACHE_REDIS_URI", "redis://cache/6")];
    assert_eq!(load(&redis).session.store, session::Store::Redis);
    assert_eq!(load(&[]).session.store, session::Store::Sql);
}

#[test]
fn event_switches_name_events_in_either_spelling() {
    let config = load(&[
        ("WEBHOOK_GLOBAL_ENABLED", "true"),
        ("WEBHOOK_GLOBAL_URL", "https://hook.example/x"),
        ("WEBHOOK_EVENTS_GROUP_UPDATE", "true"),
        ("WEBHOOK_EVENTS_TYPEBOT_CHANGE_STATUS", "yes"),
        ("RABBITMQ_EVENTS_GROUPS_UPDATE", "1"),
        ("SQS_GLOBAL_CALL", "true"),
    ]);
    let global = config.webhook.global.unwrap();
    assert_eq!(Vec::from_iter(global.events), ["groups.update", "typebot.change-status"]);
    assert_eq!(Vec::from_iter(config.rabbitmq.events), ["groups.update"]);
    assert_eq!(Vec::from_iter(config.sqs.events), ["call"]);
}

#[test]
fn deletion_of_instances_takes_false_or_minutes() {
    assert_eq!(load(&[("DEL_INSTANCE", "false")]).instances.delete_after, None);
    assert_eq!(load(&[("DEL_INSTANCE", "0")]).instances.delete_after, None);
    assert_eq!(load(&[("DEL_INSTANCE", "5")]).instances.delete_after, Some(Duration::from_secs(300)));
    assert_eq!(wrong(&[("DEL_INSTANCE", "true")]), ["DEL_INSTANCE"]);
}

#[test]
fn the_language_may_be_a_desktops() {
    use super::server::Language;

    assert_eq!(load(&[("LANGUAGE", "pt-BR")]).server.language, Language::Portuguese);
    assert_eq!(load(&[("LANGUAGE", "es_ES:es:en")]).server.language, Language::Spanish);
    assert_eq!(load(&[("LANGUAGE", "de_DE")]).server.language, Language::English);
    assert!(matches!(warnings(&[("LANGUAGE", "de_DE")])[..], [Warning::Risky { name: "LANGUAGE", .. }]));
}

#[test]
fn an_environment_of_evolution_api_is_taken_as_it_is() {
    let pairs = [
        ("SERVER_TYPE", "http"),
        ("SERVER_URL", "http://localhost:8080/"),
        ("SSL_CONF_PRIVKEY", "/path/to/cert.key"),
        ("SSL_CONF_FULLCHAIN", "/path/to/cert.crt"),
        ("CORS_CREDENTIALS", "true"),
        ("LOG_LEVEL", "ERROR,WARN,DEBUG,INFO,LOG,VERBOSE,DARK,WEBHOOKS,WEBSOCKET"),
        ("LOG_COLOR", "true"),
        ("EVENT_EMITTER_MAX_LISTENERS", "50"),
        ("DEL_INSTANCE", "false"),
        ("DATABASE_PROVIDER", "postgresql"),
        ("DATABASE_CONNECTION_URI", "postgresql://user:pass@postgres:5432/evolution_db?schema=evolution_api"),
        ("DATABASE_CONNECTION_CLIENT_NAME", "evolution_exchange"),
        ("DATABASE_SAVE_DATA_INSTANCE", "true"),
        ("DATABASE_SAVE_DATA_NEW_MESSAGE", "true"),
        ("DATABASE_SAVE_MESSAGE_UPDATE", "true"),
        ("DATABASE_SAVE_DATA_CONTACTS", "true"),
        ("DATABASE_SAVE_DATA_CHATS", "true"),
        ("DATABASE_SAVE_DATA_LABELS", "true"),
        ("DATABASE_SAVE_DATA_HISTORIC", "true"),
        ("DATABASE_SAVE_IS_ON_WHATSAPP", "true"),
        ("DATABASE_SAVE_IS_ON_WHATSAPP_DAYS", "7"),
        ("DATABASE_DELETE_MESSAGE", "true"),
        ("RABBITMQ_URI", "amqp://localhost"),
        ("RABBITMQ_EVENTS_GROUP_UPDATE", "false"),
        ("RABBITMQ_EVENTS_REMOVE_INSTANCE", "false"),
        ("SQS_GLOBAL_CALL", "false"),
        ("KAFKA_BROKERS", "localhost:9092"),
        ("WEBSOCKET_ALLOWED_HOSTS", "127.0.0.1,::1,::ffff:127.0.0.1"),
        ("PUSHER_GLOBAL_APP_ID", ""),
        ("WEBHOOK_REQUEST_TIMEOUT_MS", "60000"),
        ("WEBHOOK_EVENTS_ERRORS", "false"),
        ("METRICS_AUTH_REQUIRED", "true"),
        ("METRICS_ALLOWED_IPS", "127.0.0.1,10.0.0.100,192.168.1.50"),
        ("TELEMETRY_ENABLED", "true"),
        ("QRCODE_COLOR", "#175197"),
        ("CACHE_REDIS_ENABLED", "true"),
        ("CACHE_REDIS_URI", "redis://localhost:6379/6"),
        ("CACHE_REDIS_PREFIX_KEY", "evolution"),
        ("S3_ENDPOINT", "s3.domain.com"),
        ("S3_PORT", "443"),
        ("PROXY_PORT", ""),
        KEY,
    ];
    assert_eq!(warnings(&pairs), []);
    let config = load(&pairs);
    assert_eq!(config.server.url.as_deref(), Some("http://localhost:8080"));
    assert!(config.server.tls.is_none() && config.media.store.is_none() && config.proxy.is_none());
}

#[test]
fn log_levels_are_a_list() {
    let log = load(&[("LOG_LEVEL", "ERROR, warn,VERBOSE,WEBHOOKS"), ("LOG_BAILEYS", "fatal")]).log;
    assert_eq!((log.level, log.protocol_level), (LevelFilter::DEBUG, LevelFilter::ERROR));
    assert!(log.webhook_bodies && !log.websocket_bodies);
    assert_eq!(wrong(&[("LOG_LEVEL", "ERROR,LOUD")]), ["LOG_LEVEL"]);
}

#[test]
fn webhooks_through_a_broker_need_its_address_and_the_feeds_do_too() {
    use super::webhook::Delivery;
    assert_eq!(load(&[]).webhook.delivery, Delivery::Node);
    let uri = ("RABBITMQ_URI", "amqp://guest:guest@localhost/");
    for (name, value) in [("WAGGLE_WEBHOOK_DELIVERY", "workers"), ("RABBITMQ_ENABLED", "true")] {
        assert_eq!(wrong(&[(name, value)]), ["RABBITMQ_URI"]);
    }
    let config = load(&[("WAGGLE_WEBHOOK_DELIVERY", "Both"), ("WAGGLE_WEBHOOK_PARTITIONS", "4"), uri]);
    assert_eq!((config.webhook.delivery, config.webhook.partitions), (Delivery::Both, 4));
    assert!(!config.rabbitmq.enabled && config.rabbitmq.uri.is_some());
    let more = [("WAGGLE_WEBHOOK_DELIVERY", "nobody"), ("WAGGLE_WEBHOOK_PARTITIONS", "0")];
    assert_eq!(wrong(&more), more.map(|(name, _)| name));
    let silent = warnings(&[("RABBITMQ_ENABLED", "true"), ("RABBITMQ_GLOBAL_ENABLED", "true"), uri]);
    assert!(
        silent.iter().any(|warning| warning.to_string().contains("RABBITMQ_GLOBAL_ENABLED")),
        "{silent:?}"
    );
}

#[test]
fn webhook_secrets_are_plain_or_encoded_and_two_at_most() {
    let keys = load(&[("WAGGLE_WEBHOOK_SECRET", "whsec_aHVudGVyMg==, plain")]).webhook.signing_keys;
    assert_eq!(keys.iter().map(SecretBytes::expose).collect::<Vec<_>>(), [&b"hunter2"[..], b"plain"]);
    assert_eq!(wrong(&[("WAGGLE_WEBHOOK_SECRET", "a,b,c")]), ["WAGGLE_WEBHOOK_SECRET"]);
    assert_eq!(wrong(&[("WAGGLE_WEBHOOK_SECRET", "whsec_!")]), ["WAGGLE_WEBHOOK_SECRET"]);
}

#[test]
fn sealing_keys_have_32_bytes() {
    let hex = "ab".repeat(32);
    let key = load(&[("WAGGLE_SESSION_KEY", &hex)]).session.key.unwrap();
    assert_eq!(key.expose(), [0xab; 32]);
    assert_eq!(wrong(&[("WAGGLE_SESSION_KEY", "abcd")]), ["WAGGLE_SESSION_KEY"]);
    assert_eq!(wrong(&[("WAGGLE_SESSION_KEY_PREVIOUS", &hex)]), ["WAGGLE_SESSION_KEY"]);
}

#[test]
fn limits_have_units() {
    let limits = load(&[("WAGGLE_RATE_LIMIT_PER_SECOND", "10"), ("WAGGLE_BODY_LIMIT_MB", "1")]).limits;
    assert_eq!(limits.rate, Some(limits::Rate { per_second: 10, burst: 20 }));
    assert_eq!(limits.body_bytes, 1_048_576);
}

#[test]
fn what_has_no_effect_is_said_once() {
    let found = warnings(&[("CONFIG_SESSION_PHONE_VERSION", "2.3000.1"), ("TELEMETRY_ENABLED", "true")]);
    assert!(
        matches!(found[..], [Warning::Ignored { name: "CONFIG_SESSION_PHONE_VERSION", .. }]),
        "{found:?}"
    );
    assert!(matches!(&warnings(&[("SERVER_PROT", "1")])[..], [Warning::Unknown { .. }]));
}

#[test]
fn what_is_not_served_yet_is_said_when_it_is_turned_on() {
    let on = [("KAFKA_ENABLED", "true"), ("CHATWOOT_ENABLED", "false"), ("TYPEBOT_ENABLED", "1")];
    let names = warnings(&on).into_iter().filter_map(|warning| match warning {
        Warning::Unserved { name } => Some(name),
        _ => None,
    });
    assert_eq!(names.collect::<Vec<_>>(), ["KAFKA_ENABLED", "TYPEBOT_ENABLED"]);
    for group in table::GROUPS.iter().filter(|group| super::unserved::is_group(group.title)) {
        assert!(
            group.variables.iter().any(|variable| variable.name.ends_with("_ENABLED")),
            "{}",
            group.title
        );
    }
    assert!(table::markdown().contains("### NATS\n\nRead and checked, but not served yet"));
}

#[test]
fn rows_that_the_guarantees_rest_on_are_kept_and_a_wish_for_less_is_answered() {
    let found = warnings(&[
        ("DATABASE_SAVE_DATA_NEW_MESSAGE", "false"),
        ("DATABASE_SAVE_DATA_CHATS", "True"),
        ("DATABASE_SAVE_DATA_HISTORIC", "false"),
        ("DATABASE_SAVE_IS_ON_WHATSAPP", "no"),
    ]);
    let names: Vec<_> = found
        .iter()
        .map(|warning| match warning {
            Warning::Ignored { name, why } => (*name, why.contains("always")),
            _ => ("", false),
        })
        .collect();
    assert_eq!(names, [("DATABASE_SAVE_DATA_NEW_MESSAGE", true), ("DATABASE_SAVE_IS_ON_WHATSAPP", true)]);
    assert!(!load(&[("DATABASE_SAVE_DATA_HISTORIC", "false")]).database.keep_history);
    let age = |days| load(&[("DATABASE_SAVE_IS_ON_WHATSAPP_DAYS", days)]).database.number_age;
    assert_eq!(age("7"), Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(age("0"), Some(Duration::ZERO));
}

#[test]
fn a_configuration_full_of_secrets_shows_none() {
    const MARK: &str = "5ecre7-5ecre7-5ecre7";
    let mut environment = environment(&[]);
    for variable in table::all().filter(|variable| variable.secret) {
        let value = match variable.kind {
            Kind::Url => {
                let scheme = match variable.name {
                    "CACHE_REDIS_URI" => "redis",
                    "RABBITMQ_URI" => "amqp",
                    "NATS_URI" => "nats",
                    name if name.contains("DATABASE") => "postgresql",
                    _ => "https",
                };
                // Of Redis it is the number of a database.
                let path = if scheme == "redis" { "6" } else { MARK };
                format!("{scheme}://user:{MARK}@host.example/{path}?key={MARK}")
            }
            _ if variable.name.starts_with("WAGGLE_SESSION_KEY") => hex::encode([b'5'; 32]),
            _ => MARK.to_owned(),
        };
        environment.set(variable.name, &value);
    }
    for variable in table::all().filter(|it| it.kind == Kind::Flag && it.name.ends_with("ENABLED")) {
        environment.set(variable.name, "true");
    }
    for (name, value) in [
        ("WEBHOOK_EVENTS_ERRORS", "true"),
        ("SQS_ACCOUNT_ID", "1"),
        ("SQS_REGION", "r"),
        ("S3_ACCESS_KEY", "k"),
        ("S3_ENDPOINT", "s3.example"),
        ("S3_BUCKET", "b"),
        ("PUSHER_GLOBAL_APP_ID", "1"),
        ("PUSHER_GLOBAL_KEY", "k"),
        ("PUSHER_GLOBAL_CLUSTER", "c"),
        ("KAFKA_SASL_USERNAME", "u"),
        ("METRICS_AUTH_REQUIRED", "true"),
        ("METRICS_USER", "u"),
        ("PROXY_HOST", "proxy.example"),
        ("API_AUDIO_CONVERTER", "http://audio.example"),
        ("DATABASE_PROVIDER", "psql_bouncer"),
    ] {
        environment.set(name, value);
    }
    let (config, warnings) = Config::load(&environment).unwrap();
    assert!(config.webhook.global.is_some() && config.media.store.is_some() && config.kafka.sasl.is_some());
    let shown =
        format!("{config:?} {config:#?} {warnings:?} {environment:?} {}", table::effective(&environment));
    assert!(!shown.contains(MARK), "{shown}");
    assert!(!shown.contains("53, 53") && !shown.contains("3535"), "a key is shown as bytes");
    assert!(shown.contains("DATABASE_CONNECTION_URI=postgresql://[hidden]@host.example"));
}

#[test]
fn the_documentation_names_every_variable() {
    let (markdown, help) = (table::markdown(), table::help());
    for variable in table::all().filter(|variable| variable.kind != Kind::EventSwitch) {
        assert!(markdown.contains(&format!("| `{}` |", variable.name)), "{}", variable.name);
        assert!(
            help.contains(variable.name) || matches!(variable.kind, Kind::Ignored(_)),
            "{}",
            variable.name
        );
    }
    assert!(markdown.contains("`WEBHOOK_EVENTS_<EVENT>`"));
}

#[test]
fn the_effective_configuration_marks_defaults() {
    let text = table::effective(&environment(&[("SERVER_PORT", "1"), ("WEBHOOK_EVENTS_CALL", "true")]));
    assert!(text.contains("\nSERVER_PORT=1\n") && text.contains("\nLANGUAGE=en   # default\n"), "{text}");
    assert!(text.contains("WEBHOOK_EVENTS_CALL=true") && !text.contains("WEBHOOK_EVENTS_CHATS_SET"));
}

proptest! {
    #[test]
    fn no_value_panics(
        picks in proptest::collection::vec((any::<prop::sample::Index>(), "\\PC{0,24}|-?[0-9]{1,22}|true|[0-9a-z:/.,*#]{0,24}"), 0..40),
        name in "(WAGGLE_|WEBHOOK_|SERVER_)\\PC{0,12}",
    ) {
        let variables: Vec<_> = table::all().collect();
        let mut environment = Environment::default().with(&name, "x");
        for (index, value) in &picks {
            environment.set(index.get(&variables).name, value);
        }
        let _ = Config::load(&environment);
        let _ = table::effective(&environment);
    }
}

#[test]
fn sessions_as_objects_need_a_place_that_is_whole() {
    let store = ("WAGGLE_SESSION_STORE", "object");
    let at = |url| ("WAGGLE_SESSION_OBJECT_URL", url);
    assert_eq!(wrong(&[store]), ["WAGGLE_SESSION_OBJECT_URL"]);
    for url in ["sessions", "http://bucket", "s3://key:secret@bucket/x", "file://host/folder", "s3://"] {
        assert_eq!(wrong(&[store, at(url)]), ["WAGGLE_SESSION_OBJECT_URL"], "{url}");
    }
    let bucket = at("s3://bucket/a/b/");
    assert_eq!(wrong(&[store, bucket]), ["S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_REGION"]);
    let (access, secret) = (("S3_ACCESS_KEY", "access"), ("S3_SECRET_KEY", "hunter2"));
    let endpoint = ("S3_ENDPOINT", "minio");
    let config = load(&[store, bucket, access, secret, endpoint]);
    let Some(Objects::Bucket(bucket)) = &config.session.objects else { panic!("{:?}", config.session) };
    assert_eq!((&*bucket.name, &*bucket.prefix), ("bucket", "a/b"));
    assert_eq!(bucket.endpoint.as_deref(), Some("http://minio:9000"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let folder = load(&[store, at("file:///var/lib/waggle/sessions")]).session.objects;
    assert_eq!(folder, Some(Objects::Folder("/var/lib/waggle/sessions".into())));
    assert_eq!(load(&[at("file:///unused")]).session.objects, None);
}

#[test]
fn redis_in_every_form() {
    let enabled = ("CACHE_REDIS_ENABLED", "true");
    let at =
        |uri| load(&[enabled, ("CACHE_REDIS_URI", uri), ("WAGGLE_REDIS_CA", "/ca.pem"), KEY]).cache.redis;
    let sentinels = at("rediss+sentinel://:hunter2@a,b:26380/mymaster/1").unwrap().address;
    assert_eq!((sentinels.hosts.len(), sentinels.database, sentinels.tls), (2, 1, true));
    assert_eq!(sentinels.ca, Some("/ca.pem".into()));
    assert!(at("redis+cluster://a,b,c").is_some());
    let wrong = environment(&[enabled, ("CACHE_REDIS_URI", "redis+sentinel://:hunter2@a:26379,b:26379")]);
    let text = Config::load(&wrong).unwrap_err().to_string();
    assert!(text.contains("CACHE_REDIS_URI") && text.contains("the master's name"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
