//! Drives Waggle against a simulated WhatsApp: see `loadtest --help`.
#![recursion_limit = "512"]

use std::process::ExitCode;

use clap::Parser as _;
use wa_sim::load::cli::Arguments;

fn main() -> ExitCode {
    wa_sim::load::cli::run(Arguments::parse())
}
