//! Reads the fields of a body, and collects everything that is missing or wrong.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::body::{CUT, Embedded};
use crate::media::Source;

/// The name of the whole body in messages, as the contract has it.
const ROOT: &str = "instance";

/// Largest whole number: what JavaScript can hold, which databases and clocks can count with too.
const LARGEST: u64 = (1 << 53) - 1;

/// What is wrong with a body so far.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<String>>);

impl Problems {
    /// All of it.
    pub(super) fn into_inner(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// The fields of an object. Numbers and flags are read from text too, and numbers as text; `null`
/// is as good as absent; unknown fields are ignored.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    file: Option<&'a Embedded>,
    path: String,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// The fields of the whole body, and the file that stood in one of them.
    pub(super) fn root(
        object: &'a Map<String, Value>,
        file: Option<&'a Embedded>,
        problems: &'a Problems,
    ) -> Self {
        Self { object, file, path: ROOT.to_owned(), problems }
    }

    fn label(&self, name: &str) -> String {
        if self.path == ROOT { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field, if there is one.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The first of these names that is there, or the first of them.
    pub(super) fn either<'n>(&self, names: &[&'n str]) -> &'n str {
        let first = names.first().copied().unwrap_or_default();
        names.iter().copied().find(|name| self.has(name)).unwrap_or(first)
    }

    /// Reports something about the body.
    pub(super) fn problem(&self, text: String) {
        self.problems.0.borrow_mut().push(text);
    }

    /// Reports something about a field: its name, and what is wrong.
    pub(super) fn wrong(&self, name: &str, what: &str) {
        self.problem(format!("{} {what}", self.label(name)));
    }

    /// Reports a field that is required and absent.
    pub(super) fn missing(&self, name: &str) {
        self.problem(format!("{} requires property \"{name}\"", self.path));
    }

    fn required<T>(&self, name: &str, read: impl Fn(&Self, &str) -> Option<T>) -> Option<T> {
        if !self.has(name) {
            self.missing(name);
            return None;
        }
        read(self, name)
    }

    /// A text; numbers and flags become text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = match self.value(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => {
                self.wrong(name, "is not of a type(s) string");
                return None;
            }
        };
        if self.cut(name).is_some() {
            self.wrong(name, "is too long for a text");
            return None;
        }
        if text.contains('\0') {
            self.wrong(name, "must not contain a NUL character");
            return None;
        }
        Some(text)
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, name: &str) -> Option<String> {
        self.required(name, Self::text)
    }

    /// A text that must be there, and not empty.
    pub(super) fn filled_text(&self, name: &str) -> Option<String> {
        let text = self.required_text(name)?;
        if text.trim().is_empty() {
            self.wrong(name, "does not meet minimum length of 1");
            return None;
        }
        Some(text)
    }

    /// The file that stood in a field.
    fn cut(&self, name: &str) -> Option<&'a Embedded> {
        self.file.filter(|_| self.value(name).is_some_and(|value| value == CUT))
    }

    /// Where a file is that must be there: an address, or base64. A field that may have a large one is
    /// one of [`Input::FILES`](super::extract::Input::FILES).
    pub(super) fn source(&self, name: &str) -> Option<Source> {
        let parsed = match self.cut(name) {
            Some(file) => file.clone(),
            None => Source::parse(self.filled_text(name)?),
        };
        if let Err(error) = &parsed {
            self.wrong(name, &error.to_string());
        }
        parsed.ok()
    }

    /// A flag.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let flag = match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" | "" => Some(false),
                _ => None,
            },
            Value::Number(number) => number.as_u64().filter(|n| *n <= 1).map(|n| n == 1),
            _ => None,
        };
        if flag.is_none() {
            self.wrong(name, "is not of a type(s) boolean");
        }
        flag
    }

    /// A flag that must be there.
    pub(super) fn required_flag(&self, name: &str) -> Option<bool> {
        self.required(name, Self::flag)
    }

    /// A whole number that is not negative.
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        let number = match self.value(name)? {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number > LARGEST => {
                self.wrong(name, &format!("must be less than or equal to {LARGEST}"));
                None
            }
            None => {
                self.wrong(name, "is not of a type(s) integer");
                None
            }
            fine => fine,
        }
    }

    /// A whole number that must be there.
    pub(super) fn required_integer(&self, name: &str) -> Option<u64> {
        self.required(name, Self::integer)
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let number = match self.value(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.wrong(name, "is not of a type(s) number");
        }
        number
    }

    /// Degrees of a place that must be there, up to a limit on both sides of zero.
    pub(super) fn degrees(&self, name: &str, limit: f64) -> Option<f64> {
        let degrees = self.required(name, Self::number)?;
        if degrees.abs() > limit {
            self.wrong(name, &format!("must be from -{limit} to {limit}"));
            return None;
        }
        Some(degrees)
    }

    /// The fields of an object.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        let Value::Object(object) = self.value(name)? else {
            self.wrong(name, "is not of a type(s) object");
            return None;
        };
        Some(Self { object, path: self.label(name), ..*self })
    }

    /// The fields of an object that must be there.
    pub(super) fn required_object(&self, name: &str) -> Option<Self> {
        self.required(name, Self::object)
    }

    /// The items of a list; a single item stands for a list of one.
    pub(super) fn list(&self, name: &str) -> Option<&'a [Value]> {
        match self.value(name)? {
            Value::Array(items) => Some(items),
            Value::Object(_) => {
                self.wrong(name, "is not of a type(s) array");
                None
            }
            single => Some(std::slice::from_ref(single)),
        }
    }

    /// The fields of each object of a list that must be there.
    pub(super) fn required_objects(&self, name: &str) -> Option<Vec<Self>> {
        let items = self.required(name, Self::list)?;
        let object = |(at, item): (usize, &'a Value)| {
            let path = format!("{}[{at}]", self.label(name));
            match item {
                Value::Object(object) => Some(Self { object, path, ..*self }),
                _ => {
                    self.problem(format!("{path} is not of a type(s) object"));
                    None
                }
            }
        };
        items.iter().enumerate().map(object).collect()
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let text = |(at, item): (usize, &Value)| match item {
            Value::String(text) if !text.contains('\0') => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.problem(format!("{}[{at}] is not of a type(s) string", self.label(name)));
                None
            }
        };
        self.list(name)?.iter().enumerate().map(text).collect()
    }

    /// All of it as JSON text.
    pub(super) fn as_json(&self) -> String {
        serde_json::to_string(self.object).unwrap_or_default()
    }

    /// The names and values of an object's fields.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.object.iter()
    }
}

fn whole(number: f64) -> Option<u64> {
    // The cast saturates and is exact below 2^53, which is more than any field here may be.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounds are checked")]
    (number.fract() == 0.0 && (0.0..9.0e15).contains(&number)).then_some(number as u64)
}
