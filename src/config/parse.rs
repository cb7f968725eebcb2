//! Parsers of single values. An error says what was expected; the reader adds name and value.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use url::Url;

pub(super) fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

pub(super) fn number<T>(value: &str, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("a number from {} to {}", range.start(), range.end())),
    }
}

pub(super) fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// One of `choices`, in any case.
pub(super) fn choice<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, choice)| *choice).ok_or_else(
        || {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            format!("one of {}", names.join(", "))
        },
    )
}

/// An address with one of `schemes` and a host, as it was written.
pub(super) fn url(value: &str, schemes: &[&str]) -> Result<String, String> {
    let expected = || format!("an address that begins with {}://", schemes.join(":// or "));
    let url = Url::parse(value).map_err(|_| expected())?;
    if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(expected());
    }
    Ok(value.to_owned())
}

/// A base of addresses: `http` or `https`, without slashes at its end.
pub(super) fn base_url(value: &str) -> Result<String, String> {
    url(value, &["http", "https"]).map(|url| url.trim_end_matches('/').to_owned())
}

/// A colour as `#rrggbb` or `#rgb`, with or without the number sign.
pub(super) fn colour(value: &str) -> Result<[u8; 3], String> {
    let expected = || "a colour such as #198754".to_owned();
    let digits = value.strip_prefix('#').unwrap_or(value);
    let digits = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    let bytes = hex::decode(digits).map_err(|_| expected())?;
    bytes.try_into().map_err(|_| expected())
}

/// Base64 in any of its usual forms: either alphabet, with padding or without.
pub(super) fn base64(value: &str) -> Option<Vec<u8>> {
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_in_every_spelling() {
        for (value, expected) in [("true", true), ("YES", true), ("1", true), ("False", false), ("no", false)]
        {
            assert_eq!(flag(value), Ok(expected));
        }
        assert!(flag("on").is_err());
    }

    #[test]
    fn lists_are_trimmed() {
        assert_eq!(list(" a , b,, c "), ["a", "b", "c"]);
    }

    #[test]
    fn colours_in_long_and_short_form() {
        assert_eq!(colour("#198754"), Ok([0x19, 0x87, 0x54]));
        assert_eq!(colour("abc"), Ok([0xaa, 0xbb, 0xcc]));
        assert!(colour("#19875").is_err());
        assert!(colour("é").is_err());
    }

    #[test]
    fn addresses_need_a_known_scheme_and_a_host() {
        assert_eq!(url("amqp://a.example/", &["amqp"]).as_deref(), Ok("amqp://a.example/"));
        assert_eq!(base_url("http://a.example/").as_deref(), Ok("http://a.example"));
        assert!(url("ftp://a.example", &["http"]).is_err());
        assert!(url("a.example", &["http"]).is_err());
    }
}
