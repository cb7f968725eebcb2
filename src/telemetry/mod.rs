//! Owns logs and the names of metrics.
//!
//! Must not know what is logged or counted, nor ever see a secret: secrets have types that hide themselves,
//! and neither log fields nor metric labels carry a key, a phone number or a JID. To add a metric, do what
//! [`metrics`] says.

pub mod evolution;
mod log_bridge;
pub mod metrics;
mod outage;
pub mod tally;

pub use outage::Outage;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::Log;
use crate::config::log::Format;

/// What our own events have as the first part of their target.
const OURS: &str = "waggle";

/// The client library of RabbitMQ: its warnings quote whole messages, and so what people wrote.
const BROKER: &str = "lapin";

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something else in the process already receives events or log records.
    #[error("logging is set up already")]
    LogsTaken,
    /// Something else in the process already receives metrics.
    #[error("metrics are set up already")]
    MetricsTaken,
    /// The buckets of a histogram are wrong.
    #[error("histogram buckets: {0}")]
    Buckets(#[from] metrics_exporter_prometheus::BuildError),
}

/// Sends events, and records of libraries that use the `log` crate, to standard error.
///
/// # Errors
///
/// [`Error::LogsTaken`] when it was called before.
pub fn init(log: &Log) -> Result<(), Error> {
    tracing::subscriber::set_global_default(subscriber(log, std::io::stderr))
        .map_err(|_| Error::LogsTaken)?;
    log_bridge::install(log.protocol_level, libraries(log.level)).map_err(|_| Error::LogsTaken)
}

/// Turns configuration into the receiver of events.
fn subscriber<W>(log: &Log, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = match log.format {
        Format::Text => fmt::layer().with_ansi(log.color).with_writer(writer).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    };
    Registry::default().with(layer.with_filter(filter(log)))
}

/// Our own events at the level asked for, the protocol library at its own, all others at warnings.
fn filter(log: &Log) -> Targets {
    Targets::new()
        .with_default(libraries(log.level))
        .with_target(OURS, log.level)
        .with_target(BROKER, libraries(log.level).min(LevelFilter::ERROR))
        .with_target(log_bridge::PROTOCOL, log.protocol_level)
}

/// The level of libraries: what they say below a warning is of use to their authors.
fn libraries(ours: LevelFilter) -> LevelFilter {
    ours.min(LevelFilter::WARN)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::config::Secret;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, level: LevelFilter, events: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let log = Log {
            level,
            protocol_level: LevelFilter::ERROR,
            webhook_bodies: false,
            websocket_bodies: false,
            color: false,
            format,
        };
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(&log, move || writer.clone()), events);
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn the_protocol_library_has_its_own_level_and_target() {
        use ::log::Log as _;

        let text = logged(Format::Text, LevelFilter::DEBUG, || {
            let bridge = log_bridge::Bridge::new(LevelFilter::ERROR, LevelFilter::WARN);
            let record = |module, target, level, text: &str| {
                let mut builder = ::log::Record::builder();
                builder.module_path_static(Some(module)).target(target).level(level);
                bridge.log(&builder.args(format_args!("{text}")).build());
            };
            record("whatsapp_rust::client", "Client/AppState", ::log::Level::Error, "theirs");
            record("whatsapp_rust::client", "Client/AppState", ::log::Level::Warn, "too low");
            record("rustls::conn", "rustls::conn", ::log::Level::Warn, "tls");
            record("rustls::conn", "rustls::conn", ::log::Level::Info, "chatter");
        });
        assert!(text.contains("whatsapp::Client/AppState") && text.contains("theirs"), "{text}");
        assert!(text.contains("rustls::conn") && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn text_is_one_line_without_secrets() {
        let text = logged(Format::Text, LevelFilter::INFO, || {
            let key = Secret::new("hunter2");
            tracing::info!(%key, other = ?key, port = 8080, "listening");
            tracing::debug!("not asked for");
        });
        assert!(text.contains("listening") && text.contains("port=8080"), "{text}");
        assert!(!text.contains("hunter2") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn json_has_its_fields_at_the_top() {
        let text = logged(Format::Json, LevelFilter::INFO, || tracing::warn!(port = 8080, "listening"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["port"], &line["message"]), (&8080.into(), &"listening".into()));
        assert_eq!(line["level"], "WARN");
    }

    #[test]
    fn libraries_are_heard_from_warnings_on() {
        let text = logged(Format::Text, LevelFilter::DEBUG, || {
            tracing::debug!("ours");
            tracing::info!(target: "sqlx::query", "theirs");
            tracing::warn!(target: "sqlx::query", "their warning");
            tracing::warn!(target: log_bridge::PROTOCOL, "protocol");
        });
        assert!(text.contains("ours") && text.contains("their warning"), "{text}");
        assert!(!text.contains("theirs") && !text.contains("protocol"), "{text}");
        assert_eq!(libraries(LevelFilter::OFF), LevelFilter::OFF);
    }
}
