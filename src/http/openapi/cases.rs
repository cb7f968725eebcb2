//! One exchange or more of every route: an example in the document, and a test of its shape.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What the names in braces stand for in the document.
const SAMPLES: &[(&str, &str)] = &[
    ("{contact}", "5511999999999"),
    ("{lid}", "100000000000001@lid"),
    ("{own}", "5511911110001"),
    ("{message}", "3EB0A6DD28F6EA3CD1A91B"),
    ("{mine}", "3EB0D02CC3363379D88D16"),
    ("{image}", "3EB0BA22AC9F90D42F8FC1"),
    ("{group}", "120363000000000000@g.us"),
    ("{invite}", "F1EX5QZxO181L3TMVP31gY"),
    ("{label}", "1"),
    ("{call}", "9A3C5D7E1F"),
    ("{kept}", "019aa5f0-6a77-7d31-9d0c-6c1f0a3f8b52"),
    ("{expires}", "1795830000"),
    ("{signature}", "5f4dcc3b5aa765d61d8327deb882cf99"),
];

/// One exchange.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The name of the route in the table.
    pub(super) route: String,
    /// What is after `?`.
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub(super) request: Option<Value>,
    /// The status of the answer.
    pub(super) status: u16,
    /// The answer; absent when it is empty or no JSON. A field `*` stands for others that may come.
    #[serde(default, deserialize_with = "present")]
    pub(super) response: Option<Value>,
}

/// `null` is an answer.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// All cases, with the samples in them.
pub(super) static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut text = include_str!("cases.json").to_owned();
    for (name, sample) in SAMPLES {
        text = text.replace(name, sample);
    }
    // A test reads them all.
    let mut cases: Vec<Case> = serde_json::from_str(&text).unwrap_or_default();
    cases.iter_mut().filter_map(|case| case.response.as_mut()).for_each(without_others);
    cases
});

fn without_others(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("*");
            fields.values_mut().for_each(without_others);
        }
        Value::Array(items) => items.iter_mut().for_each(without_others),
        _ => {}
    }
}

/// The cases of a route.
pub(super) fn of(route: &str) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(move |case| case.route == route)
}

#[cfg(test)]
mod tests {
    use super::CASES;
    use crate::http::routes::TABLE;

    /// Routes of the contract that WhatsApp Web has no success for.
    const NEVER: &[&str] = &["send template", "offer call", "low-level decryption"];

    #[test]
    fn every_route_has_a_case_of_success_and_every_case_a_route() {
        assert!(!CASES.is_empty(), "cases.json cannot be read");
        let lonely = TABLE.iter().filter(|route| {
            let succeeds = |status: u16| status == route.success || NEVER.contains(&route.name);
            !CASES.iter().any(|case| case.route == route.name && succeeds(case.status))
        });
        let lonely: Vec<_> = lonely.map(|route| route.name).collect();
        assert!(lonely.is_empty(), "no case of success: {lonely:?}");
        for case in CASES.iter() {
            assert!(TABLE.iter().any(|route| route.name == case.route), "no route {:?}", case.route);
        }
    }
}
