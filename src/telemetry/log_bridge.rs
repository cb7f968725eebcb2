//! Records of the `log` crate, which the WhatsApp protocol library writes, as events of ours.
//!
//! The library names its records after subjects (`Client/AppState`), not after its modules, so a filter by
//! target cannot tell them from others. The bridge can: it looks at the module, applies the library's own
//! level, and puts [`PROTOCOL`] before the target.

use log::{LevelFilter, Log, Metadata, Record};
use tracing::level_filters::LevelFilter as TracingFilter;
use tracing_log::{AsLog, LogTracer};

/// What the targets of the protocol library begin with.
pub(super) const PROTOCOL: &str = "whatsapp";

/// The crates of the protocol library.
const CRATES: &[&str] = &["whatsapp_rust", "wacore", "waproto"];

/// Takes all `log` records of the process from now on.
pub(super) fn install(protocol: TracingFilter, others: TracingFilter) -> Result<(), log::SetLoggerError> {
    let bridge = Bridge::new(protocol, others);
    let widest = bridge.protocol.max(bridge.others);
    log::set_boxed_logger(Box::new(bridge))?;
    log::set_max_level(widest);
    Ok(())
}

pub(super) struct Bridge {
    protocol: LevelFilter,
    others: LevelFilter,
    tracer: LogTracer,
}

impl Bridge {
    pub(super) fn new(protocol: TracingFilter, others: TracingFilter) -> Self {
        Self { protocol: protocol.as_log(), others: others.as_log(), tracer: LogTracer::new() }
    }
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.protocol.max(self.others)
    }

    fn log(&self, record: &Record<'_>) {
        if !is_protocol(record.module_path().unwrap_or(record.target())) {
            if record.level() <= self.others {
                self.tracer.log(record);
            }
        } else if record.level() <= self.protocol {
            let target = format!("{PROTOCOL}::{}", record.target());
            let renamed = Record::builder()
                .args(*record.args())
                .metadata(Metadata::builder().level(record.level()).target(&target).build())
                .module_path(record.module_path())
                .file(record.file())
                .line(record.line())
                .build();
            self.tracer.log(&renamed);
        }
    }

    fn flush(&self) {
        self.tracer.flush();
    }
}

fn is_protocol(module: &str) -> bool {
    CRATES.iter().any(|name| {
        module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '_']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_known_by_its_modules() {
        assert!(
            is_protocol("whatsapp_rust::client") && is_protocol("wacore_binary") && is_protocol("wacore")
        );
        assert!(!is_protocol("wacoreish::x") && !is_protocol("waggle::channel") && !is_protocol("rustls"));
    }
}
