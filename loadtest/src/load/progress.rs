//! What the person in front of a run sees while it goes on.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar moves by itself.
const TICK: Duration = Duration::from_millis(200);

/// Bars and notes on the terminal's error output; bars only where that is a terminal.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
    quiet: bool,
}

impl Progress {
    /// Bars and notes, or nothing at all.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bars: MultiProgress::with_draw_target(target), quiet }
    }

    /// A bar of known length.
    pub fn bar(&self, what: &str, length: u64) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(length).with_message(what.to_owned()));
        let template = "{msg:>14} [{elapsed_precise}] {bar:40} {pos}/{len} {per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        bar
    }

    /// A bar of a time; its position is in milliseconds.
    pub fn timed(&self, what: &str, length: Duration) -> ProgressBar {
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let bar = self.bars.add(ProgressBar::new(length).with_prefix(what.to_owned()));
        if let Ok(style) = ProgressStyle::with_template("{prefix:>14} [{elapsed_precise}] {bar:40} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        bar
    }

    /// A line that says how things are.
    pub fn line(&self) -> ProgressBar {
        let line = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("           now [{elapsed_precise}] {msg}") {
            line.set_style(style);
        }
        line
    }

    /// Tells about progress in a line of its own.
    pub fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        self.bars.suspend(|| {
            // Nothing depends on progress being seen.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        });
    }
}
