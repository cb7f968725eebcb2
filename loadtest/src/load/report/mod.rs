//! What a run came to: on the terminal, as JSON, and as a page.

mod html;
mod plots;
mod table;

pub(super) use table::columns;

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::measure::{Measure, Measures};
use super::objective::{Objective, Verdict};
use super::sampler::Sample;

/// Version of the JSON.
const FORMAT: u32 = 1;

/// The mark at the moment when all instances are paired.
pub(super) const PAIRED: &str = "paired";

/// One step of a ramp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Messages per second that were asked for, both directions together.
    pub rate: f64,
    /// Accepted sends and told texts per second.
    pub reached: f64,
    /// Milliseconds.
    pub send_p99: f64,
    /// Milliseconds.
    pub inbound_p99: f64,
    /// Whether every objective was met.
    pub held: bool,
}

/// The circumstances of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The command line, the key left out.
    pub command: String,
    /// Version of the load generator.
    pub version: String,
    /// Whether the load generator was built without optimisation.
    pub debug: bool,
    /// Processors of this machine.
    pub processors: usize,
    /// The nodes.
    pub nodes: Vec<String>,
    /// Whether the run started the node itself.
    pub own_node: bool,
    /// Instances.
    pub instances: usize,
    /// Kinds of message that contacts wrote, with their weights.
    #[serde(default)]
    pub kinds: String,
}

/// A report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    /// What was run.
    pub scenario: String,
    /// Seconds since the Unix epoch when it began.
    pub started: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether it was ended early: what is told is a part.
    pub interrupted: bool,
    /// Circumstances.
    pub context: Context,
    /// What was measured.
    pub measures: Vec<Measure>,
    /// What should have been reached.
    pub objectives: Vec<Verdict>,
    /// What went wrong.
    pub errors: Vec<String>,
    /// The course of the run.
    pub samples: Vec<Sample>,
    /// Steps of a ramp.
    pub steps: Vec<Step>,
    /// Moments worth a mark in the plots: seconds since the run began, and what happened.
    pub marks: Vec<(f64, String)>,
}

impl Report {
    /// A report without measures.
    pub fn new(scenario: &str, context: Context) -> Self {
        Self {
            format: FORMAT,
            scenario: scenario.to_owned(),
            started: crate::clock::unix_seconds(),
            context,
            ..Self::default()
        }
    }

    /// Takes the measures, and judges the objectives by them.
    pub fn judge(&mut self, measures: Measures, objectives: &[Objective]) {
        self.objectives = objectives.iter().map(|objective| objective.judge(&measures)).collect();
        self.measures = measures.0;
        self.measures.sort_by_key(|measure| measure.unit);
    }

    /// Whether it ran to its end, without errors, and every objective was met.
    pub fn succeeded(&self) -> bool {
        !self.interrupted && self.errors.is_empty() && self.objectives.iter().all(|verdict| verdict.met)
    }

    /// The value of a measure.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.measures.iter().find(|measure| measure.name == name).map(|measure| measure.value)
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When the output is closed.
    pub fn print(&self) -> std::io::Result<()> {
        table::print(self, &mut std::io::stdout().lock())
    }

    /// The table as text.
    pub fn table(&self) -> String {
        let mut text = Vec::new();
        // Writing into memory does not fail.
        let _ = table::print(self, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Reads what [`Report::write_json`] has written.
    ///
    /// # Errors
    /// When the file is none, or of another version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let report: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))?;
        anyhow::ensure!(report.format == FORMAT, "{} has format {}", path.display(), report.format);
        Ok(report)
    }

    /// Writes it as a page that needs nothing else.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_html(&self, path: &Path) -> anyhow::Result<()> {
        let page = html::page(self)?;
        std::fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The page as text.
    ///
    /// # Errors
    /// When a plot cannot be drawn.
    pub fn html(&self) -> anyhow::Result<String> {
        html::page(self)
    }
}
