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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<i64> = (0..).map_while(wait).collect();
        assert!(waits.len() == WAITS.len() && waits.is_sorted());
        assert_eq!(wait(-1), None);
    }
}
