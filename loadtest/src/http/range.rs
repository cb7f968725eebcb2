//! The `Range` header, one range only.

use std::ops::Range;

/// The bytes that a header asks for, of a body of `total` bytes; `None` when there are none.
pub(super) fn parse(header: &str, total: usize) -> Option<Range<usize>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = if first.is_empty() {
        let length: usize = last.parse().ok()?;
        total.saturating_sub(length)..total
    } else {
        let start = first.parse().ok()?;
        let end = if last.is_empty() { total } else { last.parse::<usize>().ok()?.saturating_add(1) };
        start..end.min(total)
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn ranges_are_clamped_to_the_body() {
        assert_eq!(parse("bytes=0-3", 10), Some(0..4));
        assert_eq!(parse("bytes=4-", 10), Some(4..10));
        assert_eq!(parse("bytes=-3", 10), Some(7..10));
        assert_eq!(parse("bytes=8-99", 10), Some(8..10));
        assert_eq!(parse("bytes=10-", 10), None);
        assert_eq!(parse("bytes=5-2", 10), None);
        assert_eq!(parse("lines=1-2", 10), None);
        assert_eq!(parse("bytes=0-3,5-6", 10), None);
    }
}
