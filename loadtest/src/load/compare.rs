//! Two reports side by side.

use std::io::{self, Write};

use super::measure::{Better, Measure, Unit, shown};
use super::report::{Report, columns};

/// One measure of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// The value of the first report.
    pub before: f64,
    /// The value of the second one.
    pub after: f64,
    /// The second value divided by the first; `None` when the first is zero.
    pub ratio: Option<f64>,
    /// Whether the second is worse by more than the tolerance.
    pub worse: bool,
}

/// Measures that both reports have.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// In the order of the first report.
    pub rows: Vec<Row>,
    /// Measures of the first report that the second does not have.
    pub gone: Vec<String>,
    /// Circumstances that are not the same, and that ratios may come from.
    pub differences: Vec<String>,
}

/// Compares. `tolerance` is a share: 0.1 lets a measure be a tenth worse. Counts of errors have none; the
/// longest of many latencies is chance, and not judged.
pub fn compare(before: &Report, after: &Report, tolerance: f64) -> Comparison {
    let (mut rows, mut gone) = (Vec::new(), Vec::new());
    for measure in &before.measures {
        match after.get(&measure.name) {
            Some(value) => rows.push(row(measure, value, tolerance)),
            None => gone.push(measure.name.clone()),
        }
    }
    Comparison { rows, gone, differences: differences(before, after) }
}

fn differences(before: &Report, after: &Report) -> Vec<String> {
    let (one, other) = (&before.context, &after.context);
    let pairs = [
        ("scenario", before.scenario.clone(), after.scenario.clone()),
        ("command", one.command.clone(), other.command.clone()),
        ("instances", one.instances.to_string(), other.instances.to_string()),
        ("processors", one.processors.to_string(), other.processors.to_string()),
        ("version", one.version.clone(), other.version.clone()),
        ("build without optimisation", one.debug.to_string(), other.debug.to_string()),
    ];
    let differ = pairs.into_iter().filter(|(_, one, other)| one != other);
    differ.map(|(what, one, other)| format!("{what}: {one} and {other}")).collect()
}

fn row(before: &Measure, after: f64, tolerance: f64) -> Row {
    let tolerance = if before.unit == Unit::Count { 0.0 } else { tolerance.max(0.0) };
    let worse = match before.better {
        _ if before.name.ends_with("-max") => false,
        Better::Neither => false,
        Better::Lower => after > before.value * (1.0 + tolerance),
        Better::Higher => after < before.value * (1.0 - tolerance),
    };
    Row {
        name: before.name.clone(),
        unit: before.unit,
        before: before.value,
        after,
        ratio: (before.value != 0.0).then(|| after / before.value),
        worse,
    }
}

impl Comparison {
    /// Whether nothing is worse.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(|row| !row.worse)
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When the output is closed.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let rows: Vec<[String; 5]> = self
            .rows
            .iter()
            .map(|row| {
                [
                    row.name.clone(),
                    shown(row.before, row.unit),
                    shown(row.after, row.unit),
                    row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
                    if row.worse { "WORSE".to_owned() } else { String::new() },
                ]
            })
            .collect();
        columns(out, &["measure", "first", "second", "ratio", ""], &rows)?;
        for difference in &self.differences {
            writeln!(out, "not the same {difference}")?;
        }
        for name in &self.gone {
            writeln!(out, "only in the first: {name}")?;
        }
        Ok(())
    }
}
