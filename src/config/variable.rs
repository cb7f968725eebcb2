//! One line of the table: what a variable is called, takes, means and defaults to.

use super::secret::{HIDDEN, origin_of};

/// What a variable takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// true/false, yes/no, 1/0.
    Flag,
    /// A number, with its unit.
    Number(&'static str),
    /// Texts separated by commas.
    List,
    /// An address.
    Url,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A flag that lets one kind of event through to one sink.
    EventSwitch,
    /// Accepted so that an environment can be copied, and without effect. With `true`, a node that finds
    /// it set says so.
    Ignored(bool),
}

/// A variable that Waggle knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The text that stands in when it is unset; `None` when being unset means something of its own.
    pub default: Option<&'static str>,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// What it does, in one line.
    pub meaning: &'static str,
}

impl Variable {
    const fn new(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Self {
        let default = if default.is_empty() { None } else { Some(default) };
        Self { name, kind, default, secret: false, meaning }
    }

    pub(super) const fn text(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::Text, default, meaning)
    }

    pub(super) const fn flag(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::Flag, default, meaning)
    }

    pub(super) const fn number(
        name: &'static str,
        default: &'static str,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Kind::Number(unit), default, meaning)
    }

    pub(super) const fn list(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::List, default, meaning)
    }

    pub(super) const fn url(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::Url, default, meaning)
    }

    pub(super) const fn choice(
        name: &'static str,
        default: &'static str,
        choices: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Kind::Choice(choices), default, meaning)
    }

    pub(super) const fn event_switch(name: &'static str) -> Self {
        Self::new(name, Kind::EventSwitch, "false", "lets this event through")
    }

    pub(super) const fn ignored(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::Ignored(false), "", meaning)
    }

    /// Ignored, and said so at start when set.
    pub(super) const fn dropped(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::Ignored(true), "", meaning)
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// A value of this variable as it may be shown. Of a secret address, scheme, host and port stay.
    pub fn shown(&self, value: &str) -> String {
        match (self.secret, self.kind) {
            (false, _) => value.to_owned(),
            (true, Kind::Url) => origin_of(value),
            (true, _) => HIDDEN.to_owned(),
        }
    }

    /// What the variable takes, in words.
    pub fn takes(&self) -> String {
        match self.kind {
            Kind::Text => "text".to_owned(),
            Kind::Flag | Kind::EventSwitch => "true or false".to_owned(),
            Kind::Number(unit) => unit.to_owned(),
            Kind::List => "comma list".to_owned(),
            Kind::Url => "URL".to_owned(),
            Kind::Choice(choices) => choices.join(", "),
            Kind::Ignored(_) => "ignored".to_owned(),
        }
    }
}

/// Variables that belong together in the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// The variables, in reading order.
    pub variables: &'static [Variable],
    /// The event switches of a sink, documented in one line.
    pub switches: Option<Switches>,
}

/// The event switches of one sink: one variable per event, all with the same prefix.
#[derive(Debug, Clone, Copy)]
pub struct Switches {
    /// What their names begin with.
    pub prefix: &'static str,
    /// One per event.
    pub variables: &'static [Variable],
}
