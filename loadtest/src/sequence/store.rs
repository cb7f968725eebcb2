//! The streams that arrive at one phone.

use serde::{Deserialize, Serialize};

use super::{Check, Direction, Payload};

/// Most streams that a phone keeps; the one that began first is forgotten.
const MAX_STREAMS: usize = 64;

/// What a phone received of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCheck {
    /// The phone.
    pub phone: String,
    /// The stream.
    pub stream: u32,
    /// What arrived.
    #[serde(flatten)]
    pub check: Check,
}

/// The streams of one phone.
#[derive(Default)]
pub(crate) struct Sequences(Vec<Known>);

struct Known {
    run: u32,
    stream: u32,
    check: Check,
}

impl Sequences {
    /// Notes a received text, when it is a numbered one on its way out.
    pub(crate) fn observe(&mut self, kind: &str, text: Option<&str>) {
        if kind != "text" && kind != "extendedText" {
            return;
        }
        let Some(payload) = text.and_then(Payload::parse) else { return };
        let Payload { run, stream, number, direction, .. } = payload;
        if direction != Direction::Out {
            return;
        }
        if let Some(known) = self.0.iter_mut().find(|known| known.run == run && known.stream == stream) {
            known.check.observe(number);
            return;
        }
        if self.0.len() >= MAX_STREAMS {
            self.0.remove(0);
        }
        let mut check = Check::default();
        check.observe(number);
        self.0.push(Known { run, stream, check });
    }

    /// The streams of a run, at the phone with this number.
    pub(crate) fn of(&self, run: u32, phone: &str) -> Vec<StreamCheck> {
        let ours = self.0.iter().filter(|known| known.run == run);
        ours.map(|known| StreamCheck {
            phone: phone.to_owned(),
            stream: known.stream,
            check: known.check.clone(),
        })
        .collect()
    }
}
