//! File names. They come from strangers and are shown to others, so nothing of a path, and nothing
//! that hides what it is, is left of them.

use crate::net::Url;

/// Longest name, in bytes.
const LONGEST: usize = 200;

/// A name without folders and without characters that are not seen, or `None` when nothing is left.
#[must_use]
pub fn cleaned(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|c| !c.is_control() && !is_hidden(*c) && *c != ':').collect();
    let seen = seen.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    let mut end = seen.len().min(LONGEST);
    while !seen.is_char_boundary(end) {
        end -= 1;
    }
    let kept = match seen.rsplit_once('.') {
        // The extension says what it is: it stays when the rest is cut.
        Some((_, extension)) if end < seen.len() && extension.len() < 16 => {
            let mut end = LONGEST - extension.len() - 1;
            while !seen.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}.{extension}", &seen[..end])
        }
        _ => seen[..end].to_owned(),
    };
    Some(kept).filter(|kept| !kept.is_empty())
}

/// Characters that have no width, or turn the direction of what follows: `gpj.exe` shown as `exe.jpg`.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The extension of a name, in lower case.
pub(super) fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let plain = extension.len() <= 8 && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && !stem.is_empty() && !extension.is_empty()).then(|| extension.to_ascii_lowercase())
}

/// The last part of an address's path, when it looks like a file.
pub(super) fn of_url(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    // The same decoding as that of a form, which also takes `+` for a space.
    let decoded = url::form_urlencoded::parse(last.replace('&', "%26").replace('=', "%3D").as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())?;
    extension(&decoded).and(Some(decoded))
}

/// The header that says what a browser does with a file, and its name (RFC 6266).
pub(super) fn disposition(what: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ascii: String = name.chars().map(|c| if plain(c) || c == ' ' { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if plain(char::from(byte)) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{what}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header() {
        let header = disposition("attachment", "a \"b\"\r\nx: é.pdf");
        assert_eq!(
            header,
            "attachment; filename=\"a _b___x_ _.pdf\"; filename*=UTF-8''a%20%22b%22%0D%0Ax%3A%20%C3%A9.pdf"
        );
    }
}
