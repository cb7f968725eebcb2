//! Which of a tenant's headers are sent.

use std::collections::BTreeMap;

/// Not a header but the key of a token; see `jwt`.
const JWT_KEY: &str = "jwt_key";

/// What belongs to the connection, to the HTTP client or to the signature.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// The headers of a tenant that may be sent, names in lower case; later spellings of one name win.
pub(super) fn clean(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let named = headers.iter().map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()));
    let fine = named.filter(|(name, value)| {
        name != JWT_KEY && !RESERVED.contains(&name.as_str()) && is_name(name) && is_value(value)
    });
    fine.map(|(name, value)| (name, value.to_owned())).collect()
}

/// The key of the token, when the tenant set one.
pub(super) fn jwt_key(headers: &BTreeMap<String, String>) -> Option<&str> {
    headers.get(JWT_KEY).map(String::as_str).filter(|key| !key.is_empty())
}

/// RFC 9110's `token`.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 256 && name.bytes().all(allowed)
}

/// No control characters except tabs: a line break would start a header of the tenant's choice.
fn is_value(value: &str) -> bool {
    value.len() <= 8 << 10 && value.bytes().all(|byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_harmless_headers_pass() {
        let given = of(&[
            ("X-Custom", " v1 "),
            ("Authorization", "Bearer x"),
            ("Host", "inner"),
            ("Content-Length", "1"),
            ("Transfer-Encoding", "chunked"),
            ("Webhook-Signature", "v1,forged"),
            ("bad name", "x"),
            ("", "x"),
            ("x-break", "a\r\nhost: inner"),
            ("jwt_key", "secret"),
        ]);
        assert_eq!(clean(&given), of(&[("authorization", "Bearer x"), ("x-custom", "v1")]));
        assert_eq!(jwt_key(&given), Some("secret"));
        assert_eq!(jwt_key(&of(&[("jwt_key", "")])), None);
    }

    proptest! {
        #[test]
        fn nothing_can_break_out_of_its_line(name in ".*", value in ".*") {
            for (name, value) in clean(&of(&[(&name, &value)])) {
                prop_assert!(!name.contains(['\r', '\n', ':', ' ']));
                prop_assert!(!value.contains(['\r', '\n', '\0']));
            }
        }
    }
}
