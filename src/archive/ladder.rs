//! When a file is tried again.

/// Waits after each failed attempt, in seconds. A phone that has to upload the file again may be off for
/// a day.
const WAITS: [i64; 7] = [5, 30, 120, 600, 3_600, 21_600, 86_400];

/// How long to wait after an attempt failed, in milliseconds, when `failed` attempts had failed before;
/// `None` is to give up.
pub(super) fn wait(failed: i32) -> Option<i64> {
    let step = usize::try_from(failed).ok()?;
    WAITS.get(step).map(|seconds| seconds * 1000)
}

/// The same for what is never given up: the last wait comes again and again. Answers the wait in milliseconds,
/// and how many attempts have failed by then, as far as they count.
pub(super) fn endless(failed: i32) -> (i64, i32) {
    let last = WAITS.len() - 1;
    let step = usize::try_from(failed).unwrap_or(0).min(last);
    (WAITS[step] * 1000, i32::try_from((step + 1).min(last)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<i64> = (0..).map_while(wait).collect();
        assert!(waits.len() == WAITS.len() && waits.is_sorted());
        assert_eq!(wait(-1), None);
    }

    #[test]
    fn what_is_never_given_up_waits_longer_and_longer_and_then_a_day_each_time() {
        let mut failed = 0;
        let mut waits = Vec::new();
        for _ in 0..10 {
            let (wait, by_then) = endless(failed);
            waits.push(wait);
            // When something else fails after that, it is not given up for the sake of these.
            assert!(super::wait(by_then).is_some());
            failed = by_then;
        }
        assert!(waits.is_sorted() && waits[0] == 5000 && waits[6..].iter().all(|wait| *wait == 86_400_000));
    }
}
