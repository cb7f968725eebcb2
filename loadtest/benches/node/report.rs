//! The table of measures.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::arguments::Arguments;

/// What a measure should be.
#[derive(Clone, Copy, Debug)]
pub enum Objective {
    /// Below this.
    Below(f64),
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// Exactly this.
    Is(f64),
    /// Told for information.
    None,
}

impl Objective {
    fn met(self, value: f64) -> Option<bool> {
        match self {
            Self::Below(limit) => Some(value < limit),
            Self::AtMost(limit) => Some(value <= limit),
            Self::AtLeast(limit) => Some(value >= limit),
            Self::Is(wanted) => Some((value - wanted).abs() < f64::EPSILON),
            Self::None => None,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::Below(limit) => format!("< {}", shown(limit, unit)),
            Self::AtMost(limit) => format!("<= {}", shown(limit, unit)),
            Self::AtLeast(limit) => format!(">= {}", shown(limit, unit)),
            Self::Is(wanted) => shown(wanted, unit),
            Self::None => String::new(),
        }
    }
}

struct Row {
    measure: String,
    value: f64,
    unit: &'static str,
    objective: Objective,
}

/// What was measured so far.
pub struct Report {
    rows: Vec<Row>,
    failures: Vec<String>,
    context: Value,
}

impl Report {
    /// An empty report of a run.
    pub fn new(arguments: &Arguments) -> Self {
        let context = json!({
            "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "quick": arguments.quick,
            "debug": cfg!(debug_assertions),
            "nodeEnv": arguments.node_env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        });
        Self { rows: Vec::new(), failures: Vec::new(), context }
    }

    /// Adds a measure.
    pub fn add(&mut self, measure: impl Into<String>, value: f64, unit: &'static str, objective: Objective) {
        let row = Row { measure: measure.into(), value, unit, objective };
        note(&format!("  {}: {}", row.measure, shown(row.value, row.unit)));
        self.rows.push(row);
    }

    /// Adds a suite that could not be measured.
    pub fn failed(&mut self, suite: &str, error: &anyhow::Error) {
        self.failures.push(format!("{suite}: {error:#}"));
    }

    /// Prints the table.
    pub fn print(&self) -> std::io::Result<()> {
        let lines = self.rows.iter().map(|row| {
            let verdict = match row.objective.met(row.value) {
                Some(true) => "ok",
                Some(false) => "short",
                None => "",
            };
            [
                row.measure.clone(),
                shown(row.value, row.unit),
                row.objective.text(row.unit),
                verdict.to_owned(),
            ]
        });
        let head = ["measure", "value", "objective", ""].map(str::to_owned);
        let lines: Vec<[String; 4]> = std::iter::once(head).chain(lines).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let (measure, value, objective) = (width(0), width(1), width(2));
        let mut out = std::io::stdout().lock();
        for line in &lines {
            let [a, b, c, d] = line;
            writeln!(out, "{}", format!("{a:measure$}  {b:>value$}  {c:>objective$}  {d}").trim_end())?;
        }
        for failure in &self.failures {
            writeln!(out, "not measured: {failure}")?;
        }
        if self.context["quick"] == true || self.context["debug"] == true {
            writeln!(out, "a quick run or a debug build: the values say nothing about a release")?;
        }
        out.flush()
    }

    /// Writes the measures as JSON.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "measure": row.measure,
                    "value": row.value,
                    "unit": row.unit,
                    "objective": row.objective.text(row.unit),
                    "met": row.objective.met(row.value),
                })
            })
            .collect();
        let text = json!({"context": self.context, "measures": rows, "failures": self.failures});
        std::fs::write(path, format!("{text:#}\n"))
    }
}

/// A value with its unit; fewer decimals the larger it is.
fn shown(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// Tells about progress, apart from the table.
pub fn note(text: &str) {
    // Nothing depends on progress being seen.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
