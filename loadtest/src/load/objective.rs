//! What a run should reach: `send-p99=50ms`, `throughput>=200/s`, `rss-per-instance=600KiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::measure::{Better, Measures, Unit, known, shown};

/// Longest time that is read.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Which side of the limit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The limit or less.
    AtMost,
    /// The limit or more.
    AtLeast,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Name of the measure.
    pub measure: String,
    /// Which side of the limit is good.
    pub side: Side,
    /// The limit, in the measure's unit.
    pub limit: f64,
    /// The measure's unit.
    pub unit: Unit,
}

/// Whether an objective was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The objective.
    #[serde(flatten)]
    pub objective: Objective,
    /// What was measured; `None` when the run does not measure it.
    pub value: Option<f64>,
    /// Whether it was met.
    pub met: bool,
}

/// Why a text is no objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// There is neither `=` nor `<=` nor `>=`.
    #[error("expected NAME=LIMIT, NAME<=LIMIT or NAME>=LIMIT")]
    Form,
    /// No such measure.
    #[error("there is no measure {0:?}; `loadtest measures` lists them")]
    Measure(String),
    /// The limit is no number with a unit that fits.
    #[error("{0:?} is no limit in {1}")]
    Limit(String, &'static str),
    /// The measure has no good side of its own.
    #[error("{0} is neither good nor bad by itself: write {0}<=LIMIT or {0}>=LIMIT")]
    Side(String),
}

impl FromStr for Objective {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (name, limit) = text.split_once('=').ok_or(Invalid::Form)?;
        let (name, side) = match (name.strip_suffix('<'), name.strip_suffix('>')) {
            (Some(name), _) => (name, Some(Side::AtMost)),
            (_, Some(name)) => (name, Some(Side::AtLeast)),
            _ => (name, None),
        };
        let name = name.trim().to_owned();
        let kind = known(&name).ok_or_else(|| Invalid::Measure(name.clone()))?;
        let own = match kind.better {
            Better::Lower => Some(Side::AtMost),
            Better::Higher => Some(Side::AtLeast),
            Better::Neither => None,
        };
        let side = side.or(own).ok_or_else(|| Invalid::Side(name.clone()))?;
        let limit = limit.trim();
        let value = convert(limit, kind.unit).ok_or_else(|| {
            Invalid::Limit(
                limit.to_owned(),
                if kind.unit == Unit::Count { "whole things" } else { kind.unit.symbol() },
            )
        })?;
        Ok(Self { measure: name, side, limit: value, unit: kind.unit })
    }
}

/// A number with a unit, in another unit. Without a unit it is in that unit already.
fn convert(text: &str, into: Unit) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor = match (into, unit.trim().to_ascii_lowercase().as_str()) {
        (_, "") => 1.0,
        (Unit::Milliseconds, "us") => 0.001,
        (Unit::Milliseconds, "ms") | (Unit::Seconds, "s") => 1.0,
        (Unit::Milliseconds, "s") => 1000.0,
        (Unit::Seconds, "ms") => 0.001,
        (Unit::Seconds, "m" | "min") => 60.0,
        (Unit::PerSecond, "/s") | (Unit::Ratio, "x") | (Unit::Processors, "cpu") => 1.0,
        (Unit::Ratio, "%") => 0.01,
        (Unit::Kibibytes, "kib" | "kb" | "k") | (Unit::KibibytesPerHour, "kib/h" | "kb/h") => 1.0,
        (Unit::Kibibytes, "mib" | "mb" | "m") | (Unit::KibibytesPerHour, "mib/h" | "mb/h") => 1024.0,
        (Unit::Kibibytes, "gib" | "gb" | "g") => 1024.0 * 1024.0,
        _ => return None,
    };
    Some(number * factor)
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.side {
            Side::AtMost => "<=",
            Side::AtLeast => ">=",
        };
        write!(f, "{} {sign} {}", self.measure, shown(self.limit, self.unit))
    }
}

impl Objective {
    /// That a measure is zero.
    pub fn none(measure: &str) -> Self {
        let unit = known(measure).map_or(Unit::Count, |kind| kind.unit);
        Self { measure: measure.to_owned(), side: Side::AtMost, limit: 0.0, unit }
    }

    /// Whether it is met. What was not measured is not met.
    pub fn judge(&self, measures: &Measures) -> Verdict {
        let value = measures.get(&self.measure);
        let met = value.is_some_and(|value| match self.side {
            Side::AtMost => value <= self.limit,
            Side::AtLeast => value >= self.limit,
        });
        Verdict { objective: self.clone(), value, met }
    }
}

/// Reads a time such as `90s`, `5m`, `2h` or `250ms`; a bare number is seconds.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 =
        number.parse().map_err(|_| "expected a time such as 90s, 5m, 2h or 250ms".to_owned())?;
    let factor = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("{other:?} is no unit of time: ms, s, m or h")),
    };
    let time = Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())?;
    if time > LONGEST { Err("longer than a year".to_owned()) } else { Ok(time) }
}

/// Reads a rate per second, or another number that may be large but not below zero.
///
/// # Errors
/// When it is none.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.trim_end_matches("/s").parse().map_err(|_| "expected a number".to_owned())?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("expected a number from 0".to_owned()) }
}
