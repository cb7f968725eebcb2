//! Kinds of message that contacts write, and how often each.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum as _;
use serde_json::{Value, json};

/// Length of the files that contacts send.
const FILE_SIZE: usize = 16 << 10;

/// The kind of a message. Each has a field for people's words, which carries the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Plain text
    Text,
    /// A picture with a caption
    Image,
    /// A video with a caption
    Video,
    /// A place with a name
    Location,
    /// A contact card with a name
    Contact,
    /// A poll with a question
    Poll,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Text, Self::Image, Self::Video, Self::Location, Self::Contact, Self::Poll];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Location => "location",
            Self::Contact => "contact",
            Self::Poll => "poll",
        }
    }

    /// The order to a contact of the simulator to write a message that says `words`.
    pub fn order(self, to: &str, words: &str) -> Value {
        let file = json!({"size": FILE_SIZE});
        let mut order = match self {
            Self::Text => json!({"kind": "text", "text": words}),
            Self::Image => json!({"kind": "image", "file": file, "caption": words}),
            Self::Video => json!({"kind": "video", "file": file, "caption": words}),
            Self::Location => {
                json!({"kind": "location", "latitude": -23.5, "longitude": -46.6, "name": words})
            }
            Self::Contact => json!({"kind": "contacts", "cards": [{"name": words, "phone": to}]}),
            Self::Poll => {
                json!({"kind": "poll", "question": words, "options": ["yes", "no"], "selectable": 1})
            }
        };
        order["to"] = json!(to);
        order
    }
}

/// How often each kind is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix([u32; Kind::ALL.len()]);

impl Default for Mix {
    /// Texts only.
    fn default() -> Self {
        Self(Kind::ALL.map(|kind| u32::from(kind == Kind::Text)))
    }
}

impl FromStr for Mix {
    type Err = String;

    /// Reads `text=70,image=30`; a kind without a weight has the weight 1.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Self([0; Kind::ALL.len()]);
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let kind = Kind::from_str(name.trim(), true).map_err(|_| {
                format!("{name:?} is no kind of message: {}", Kind::ALL.map(Kind::name).join(", "))
            })?;
            let weight = weight.trim().parse::<u16>().map_err(|_| format!("{weight:?} is no weight"))?;
            mix.0[kind as usize] = u32::from(weight);
        }
        if mix.0.iter().all(|weight| *weight == 0) {
            return Err("every kind has the weight 0".to_owned());
        }
        Ok(mix)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.kinds().map(|kind| self.part(kind)).collect();
        f.write_str(&parts.join(","))
    }
}

impl Mix {
    /// The kinds that are written.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        Kind::ALL.into_iter().filter(|kind| self.0[*kind as usize] > 0)
    }

    /// Whether only texts are written.
    pub fn is_text(&self) -> bool {
        self.kinds().all(|kind| kind == Kind::Text)
    }

    /// The kinds one after another, each as often as its weight says and spread evenly.
    pub fn turns(self) -> Turns {
        Turns { weights: self.0.map(i64::from), due: [0; Kind::ALL.len()] }
    }

    fn part(&self, kind: Kind) -> String {
        format!("{}={}", kind.name(), self.0[kind as usize])
    }
}

/// Kinds in turn: a smooth weighted round robin.
#[derive(Debug, Clone)]
pub struct Turns {
    weights: [i64; Kind::ALL.len()],
    due: [i64; Kind::ALL.len()],
}

impl Iterator for Turns {
    type Item = Kind;

    fn next(&mut self) -> Option<Kind> {
        for (due, weight) in self.due.iter_mut().zip(self.weights) {
            *due += weight;
        }
        let next = Kind::ALL.into_iter().max_by_key(|kind| self.due[*kind as usize])?;
        self.due[next as usize] -= self.weights.iter().sum::<i64>();
        Some(next)
    }
}
