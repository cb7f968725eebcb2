//! The README says what the code does.

use waggle::config::table;
use waggle::telemetry::metrics::{DEFINITIONS, Definition};

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_of_variables_is_the_one_that_is_read() {
    let shown = README
        .split_once("<!-- config-table -->")
        .and_then(|(_, rest)| rest.split_once("<!-- /config-table -->"));
    let shown = shown.map(|(table, _)| table.trim()).unwrap_or_default();
    assert!(
        shown == table::markdown().trim(),
        "put the output of `waggle config-table` between the markers in README.md"
    );
}

#[test]
fn every_metric_is_explained() {
    let row = |Definition { name, labels, help, .. }: &Definition| {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {} | {help} |", labels.join(", "))
    };
    let missing: Vec<String> =
        DEFINITIONS.iter().map(row).filter(|row| !README.lines().any(|line| line == row)).collect();
    assert!(missing.is_empty(), "README.md lacks\n{}", missing.join("\n"));
}
