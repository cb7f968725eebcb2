//! Says once that something is away, and once that it is back.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something that is used all the time is away, so that its absence is told once.
#[derive(Debug, Default)]
pub struct Outage(AtomicBool);

impl Outage {
    /// One that has not happened.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// It failed; answers whether that is news.
    pub fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// It works; answers whether that is news.
    pub fn ends(&self) -> bool {
        // Read first: this is asked with every success.
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_told_once() {
        let outage = Outage::new();
        assert_eq!([outage.ends(), outage.begins(), outage.begins()], [false, true, false]);
        assert_eq!([outage.ends(), outage.ends(), outage.begins()], [true, false, true]);
    }
}
