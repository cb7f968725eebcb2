//! The text of a numbered message.

use std::{fmt, time::Duration};

/// What a numbered text begins with.
const MARK: &str = "waggle-load";
/// What it ends with: a text of the length that people send.
const FILLER: &str = "a text of the length that people send";

/// Which way a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a contact to an instance.
    In,
    /// From an instance to a contact.
    Out,
}

/// What a numbered text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// The run: texts of another one are none of ours.
    pub run: u32,
    /// Which way it goes.
    pub direction: Direction,
    /// The stream: an instance and a contact of it.
    pub stream: u32,
    /// The number in the stream and direction, from 1.
    pub number: u64,
    /// When it was sent, in time since the run began (whole microseconds).
    pub sent: Duration,
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        let Self { run, stream, number, .. } = self;
        write!(f, "{MARK} {run:08x} {way} {stream} {number} {} {FILLER}", self.sent.as_micros())
    }
}

impl Payload {
    /// Reads a text; `None` when it is not a numbered one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(MARK)?.strip_prefix(' ')?.split(' ');
        let run = u32::from_str_radix(words.next()?, 16).ok()?;
        let direction = match words.next()? {
            "in" => Direction::In,
            "out" => Direction::Out,
            _ => return None,
        };
        let stream = words.next()?.parse().ok()?;
        let number = words.next()?.parse().ok().filter(|&number| number > 0)?;
        let sent = words.next()?.parse().map(Duration::from_micros).ok()?;
        Some(Self { run, direction, stream, number, sent })
    }
}
