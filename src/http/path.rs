//! Paths as clients write them, and as the table has them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::routes::Route;

/// The fixed parts of every route: at most the first two segments of a path.
pub(super) struct Index {
    /// Fixed part to the whole template.
    exact: HashMap<&'static str, &'static str>,
    /// The same by the fixed part in small letters, to the fixed part.
    folded: HashMap<String, &'static str>,
}

/// The fixed part of a template or path: up to two segments, and nothing that is a parameter.
pub(super) fn fixed(path: &str) -> &str {
    let segments = path.match_indices('/').map(|(at, _)| at).nth(2);
    let start = segments.and_then(|end| path.get(..end)).unwrap_or(path);
    start.find("/{").and_then(|end| start.get(..end)).unwrap_or(start)
}

impl Index {
    /// The fixed parts of a table.
    pub(super) fn new(routes: &'static [Route]) -> Self {
        let exact: HashMap<_, _> = routes.iter().map(|route| (fixed(route.path), route.path)).collect();
        let folded = exact.keys().map(|fixed| (fixed.to_ascii_lowercase(), *fixed)).collect();
        Self { exact, folded }
    }

    /// The template of a path that has the table's form, if its fixed part is known.
    pub(super) fn template(&self, path: &str) -> Option<&'static str> {
        self.exact.get(fixed(path)).copied()
    }

    /// A path in the table's form: known fixed segments in the table's letter case, and no empty
    /// segments. `None` when it has that form already, or when its fixed part is not known.
    pub(super) fn normalised(&self, path: &str) -> Option<String> {
        let tidy = path.len() == 1 || !(path.ends_with('/') || path.contains("//"));
        if tidy && self.template(path).is_some() {
            return None;
        }
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let found = (0..=2.min(segments.len())).rev().find_map(|count| {
            let (start, rest) = segments.split_at_checked(count)?;
            let folded = format!("/{}", start.join("/")).to_ascii_lowercase();
            self.folded.get(&folded).map(|fixed| (*fixed, rest))
        });
        let (fixed, rest) = found?;
        let mut normal = if fixed == "/" && !rest.is_empty() { return None } else { fixed.to_owned() };
        for segment in rest {
            normal.push('/');
            normal.push_str(segment);
        }
        (normal != path).then_some(normal)
    }
}

/// A parameter of a path. The router has decoded everything but `%2F`, `%2B` and `%25`.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped =
            (*first == b'%').then(|| tail.split_at_checked(2)).flatten().and_then(|(digits, after)| {
                let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                Some((byte, after))
            });
        let (byte, after) = escaped.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::TABLE;

    #[test]
    fn fixed_parts_match_in_any_letter_case_and_names_keep_theirs() {
        let index = Index::new(TABLE);
        for (path, wanted) in [
            ("/instance/connectionState/Acme", None),
            ("/INSTANCE/connectionstate/Acme", Some("/instance/connectionState/Acme")),
            ("/instance/connectionState/Acme/", Some("/instance/connectionState/Acme")),
            ("//instance//connectionState//Acme//", Some("/instance/connectionState/Acme")),
            ("/Verify-Creds/", Some("/verify-creds")),
            ("/HEALTH/Live", Some("/health/live")),
            ("/", None),
            ("//", Some("/")),
            ("/nope", None),
            ("/nope/Nope/x/", None),
            ("/instance/nope/x", None),
        ] {
            assert_eq!(index.normalised(path).as_deref(), wanted, "{path}");
        }
        assert_eq!(index.template("/instance/create"), Some("/instance/create"));
        assert_eq!(index.template("/chat/findChats/a"), Some("/chat/findChats/{instance}"));
        assert_eq!(index.template("/instance"), None);
    }

    #[test]
    fn what_the_router_leaves_encoded_is_decoded() {
        for (text, wanted) in [
            ("a b", "a b"),
            ("a%2Bb", "a+b"),
            ("100%25", "100%"),
            ("a%2fb", "a/b"),
            ("%", "%"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(decoded(text), wanted);
        }
    }
}
