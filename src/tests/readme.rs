//! The README says what the code does.

use waggle::config::table;

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
