//! Reads variables by name: the value of the environment, else the default of the table, through one
//! parser. Errors and warnings pile up here and are reported together.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::variable::Variable;
use super::{Environment, Error, Secret, Warning, parse, table};

pub(super) struct Reader<'a> {
    environment: &'a Environment,
    pub(super) errors: Vec<Error>,
    pub(super) warnings: Vec<Warning>,
    pub(super) read: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Self { environment, errors: Vec::new(), warnings: Vec::new(), read: BTreeSet::new() }
    }

    fn variable(&mut self, name: &'static str) -> Option<&'static Variable> {
        self.read.insert(name);
        let variable = table::find(name);
        if variable.is_none() {
            self.refuse(name, "a section reads it, but the table of variables does not list it");
        }
        variable
    }

    /// Whether the operator set the variable.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    /// The parsed value, else the parsed default, else `None`.
    pub(super) fn parse<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let variable = self.variable(name)?;
        if let Some(value) = self.environment.get(name) {
            match parse(value) {
                Ok(parsed) => return Some(parsed),
                Err(expected) => self.errors.push(Error::value(variable, value, expected)),
            }
        }
        variable.default.and_then(|default| parse(default).ok())
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse(name, |value| Ok(value.to_owned()))
    }

    /// A text that has a default in the table.
    pub(super) fn string(&mut self, name: &'static str) -> String {
        self.text(name).unwrap_or_default()
    }

    pub(super) fn secret(&mut self, name: &'static str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.parse(name, parse::flag).unwrap_or_default()
    }

    pub(super) fn number<T>(&mut self, name: &'static str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Default,
    {
        self.optional_number(name, range).unwrap_or_default()
    }

    pub(super) fn optional_number<T>(&mut self, name: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.parse(name, |value| parse::number(value, &range))
    }

    pub(super) fn seconds(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, range))
    }

    pub(super) fn milliseconds(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(name, range))
    }

    pub(super) fn list(&mut self, name: &'static str) -> Vec<String> {
        self.parse(name, |value| Ok(parse::list(value))).unwrap_or_default()
    }

    /// A comma list of which every part is parsed.
    pub(super) fn list_of<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.parse(name, |value| parse::list(value).iter().map(|part| parse(part)).collect())
            .unwrap_or_default()
    }

    /// A base of addresses, without a slash at its end.
    pub(super) fn http_url(&mut self, name: &'static str) -> Option<String> {
        self.parse(name, parse::base_url)
    }

    /// An address that may hold a password, as it was written: a slash at its end may matter.
    pub(super) fn secret_url(&mut self, name: &'static str, schemes: &[&str]) -> Option<Secret> {
        self.parse(name, |value| parse::url(value, schemes)).map(Secret::new)
    }

    /// Takes note of a variable that has no effect, with a warning when the table asks for one.
    pub(super) fn ignore(&mut self, name: &'static str) {
        if let Some(variable) = self.variable(name)
            && variable.kind == super::Kind::Ignored(true)
            && self.is_set(name)
        {
            self.warnings.push(Warning::Ignored { name, why: variable.meaning.to_owned() });
        }
    }

    /// Takes note of a flag that cannot be turned off, with a warning when it is false.
    pub(super) fn not_less(&mut self, name: &'static str) {
        let off = self.text(name).is_some_and(|value| parse::flag(&value) == Ok(false));
        if let (true, Some(variable)) = (off, self.variable(name)) {
            self.warnings.push(Warning::Ignored { name, why: variable.meaning.to_owned() });
        }
    }

    pub(super) fn missing(&mut self, name: &'static str, why: impl Into<String>) {
        self.errors.push(Error::Missing { name, why: why.into() });
    }

    /// A value that an enabled feature cannot do without: an error when it is absent.
    pub(super) fn require<T>(&mut self, name: &'static str, value: &Option<T>, why: &str) {
        // A value that did not parse has its own error already.
        if value.is_none() && !self.is_set(name) {
            self.missing(name, why);
        }
    }

    pub(super) fn refuse(&mut self, name: &'static str, why: impl Into<String>) {
        self.errors.push(Error::Refused { name, why: why.into() });
    }

    pub(super) fn risky(&mut self, name: &'static str, why: impl Into<String>) {
        self.warnings.push(Warning::Risky { name, why: why.into() });
    }
}
