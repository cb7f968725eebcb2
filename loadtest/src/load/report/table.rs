//! The table on the terminal.

use std::io::{self, Write};

use super::Report;
use crate::load::measure::{known, shown};

/// Prints measures, then objectives, then what went wrong.
pub(super) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Report { scenario, seconds, context, .. } = report;
    write!(out, "{scenario}: {} instances", context.instances)?;
    if context.nodes.len() > 1 {
        write!(out, ", {} nodes", context.nodes.len())?;
    }
    // Texts are what everybody expects.
    if context.kinds.contains(',') {
        write!(out, ", contacts wrote {}", context.kinds)?;
    }
    writeln!(out, ", {seconds:.0} s")?;
    let rows: Vec<[String; 3]> = report
        .measures
        .iter()
        .map(|measure| {
            let meaning = known(&measure.name).map_or("", |kind| kind.meaning);
            [measure.name.clone(), shown(measure.value, measure.unit), meaning.to_owned()]
        })
        .collect();
    columns(out, &["measure", "value", "what it is"], &rows)?;
    if !report.objectives.is_empty() {
        let rows: Vec<[String; 3]> = report
            .objectives
            .iter()
            .map(|verdict| {
                let value = verdict.value.map(|value| shown(value, verdict.objective.unit));
                let met = if verdict.met { "met" } else { "MISSED" };
                [
                    verdict.objective.to_string(),
                    value.unwrap_or_else(|| "not measured".to_owned()),
                    met.to_owned(),
                ]
            })
            .collect();
        writeln!(out)?;
        columns(out, &["objective", "value", ""], &rows)?;
    }
    for error in &report.errors {
        writeln!(out, "error: {error}")?;
    }
    if report.interrupted {
        writeln!(out, "the run was interrupted: this is a part of it")?;
    }
    if context.debug {
        writeln!(out, "a build without optimisation: the values say nothing about a release")?;
    }
    out.flush()
}

/// Prints aligned columns; numbers, which are in the second one, to the right.
pub(crate) fn columns<const N: usize>(
    out: &mut impl Write,
    head: &[&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let head = head.map(str::to_owned);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let all = rows.iter().chain([&head]);
        all.map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    for row in [&head].into_iter().chain(rows) {
        let mut line = String::new();
        for (column, (text, width)) in row.iter().zip(widths).enumerate() {
            let padded = if column == 1 { format!("{text:>width$}") } else { format!("{text:width$}") };
            line.push_str(&padded);
            line.push_str("  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
