use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::*;
use crate::domain::{Event, InstanceId};

fn row(data: &str) -> OutboxRow {
    let event = Event {
        id: Uuid::from_u128(7),
        kind: EventKind::MessagesUpsert,
        chat: Some("5511999999999@s.whatsapp.net".to_owned()),
        time: 1_795_236_673_002,
        data: RawValue::from_string(data.to_owned()).unwrap(),
        history: None,
    };
    OutboxRow {
        id: 1,
        instance: InstanceId::random(),
        sink: Cow::Borrowed(crate::webhook::OWN),
        sequence: 42,
        event: Arc::new(event),
        attempt: 0,
        due_at: 0,
    }
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        instance: "golden".to_owned(),
        sender: Some("5511911110001@s.whatsapp.net".to_owned()),
        token: Some("golden-token-0001".to_owned()),
        ..Endpoint::default()
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

#[test]
fn the_body_is_the_recorded_one_and_the_data_is_not_touched() {
    let letterhead = Letterhead {
        server_url: Some("http://server.example".to_owned()),
        expose_token: true,
        secrets: Vec::new(),
    };
    let odd = r#"{"z":1,  "a":1.50,"n":12345678901234567890123}"#;
    let request = letterhead.request(&row(odd), &endpoint("http://server.example/h?x=1"), 0).unwrap();
    let expected = format!(
        r#"{{"event":"messages.upsert","instance":"golden","data":{odd},"destination":"http://server.example/h?x=1","date_time":"2026-11-21T04:51:13.002Z","sender":"5511911110001@s.whatsapp.net","server_url":"http://server.example","apikey":"golden-token-0001","id":"00000000-0000-0000-0000-000000000007","sequence":42}}"#
    );
    assert_eq!(std::str::from_utf8(&request.body).unwrap(), expected);
    assert_eq!(request.url.as_str(), "http://server.example/h?x=1");
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert!(header(&request, "user-agent").unwrap().starts_with("Waggle/"));
    assert_eq!(header(&request, "webhook-signature"), None);
}

#[test]
fn what_is_unknown_or_not_to_be_told_is_absent() {
    let endpoint = Endpoint { sender: None, ..endpoint("https://server.example") };
    let request = Letterhead::default().request(&row("[]"), &endpoint, 0).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["data", "date_time", "destination", "event", "id", "instance", "sequence"]);
}

#[test]
fn the_event_is_appended_to_the_path_and_the_query_is_kept() {
    for (url, expected) in [
        ("https://a.example", "https://a.example/messages-upsert"),
        ("https://a.example/", "https://a.example/messages-upsert"),
        ("https://a.example/x1", "https://a.example/x1/messages-upsert"),
        ("https://a.example/x1/", "https://a.example/x1/messages-upsert"),
        (
            "https://a.example:8443/a%20b?k=v&s=%2F#f",
            "https://a.example:8443/a%20b/messages-upsert?k=v&s=%2F#f",
        ),
        ("http://u:p@[::1]:1/h?", "http://u:p@[::1]:1/h/messages-upsert?"),
    ] {
        let endpoint = Endpoint { by_events: true, ..endpoint(url) };
        assert_eq!(target(&endpoint, EventKind::MessagesUpsert).unwrap().as_str(), expected);
        let body = Letterhead::default().request(&row("1"), &endpoint, 0).unwrap().body;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["destination"], url);
    }
    let endpoint = Endpoint { by_events: true, ..endpoint("https://a.example") };
    let url = target(&endpoint, EventKind::GroupParticipantsUpdate).unwrap();
    assert_eq!(url.path(), "/group-participants-update");
}

#[test]
fn what_is_no_http_url_is_refused_without_repeating_it() {
    for url in ["", "a.example/x", "ftp://a.example", "file:///etc/passwd", "data:,x", "https://"] {
        let refused = Letterhead::default().request(&row("1"), &endpoint(url), 0).err();
        assert_eq!(refused, Some(InvalidTarget::Url), "{url}");
    }
    assert_eq!(
        origin("https://u:secret@a.example:8443/token?key=1").as_deref(),
        Some("https://a.example:8443")
    );
    assert_eq!(origin("nonsense"), None);
}

#[test]
fn the_signature_covers_id_time_and_body() {
    let secrets = vec![Secret::new(*b"one"), Secret::new(*b"two"), Secret::new(*b"three")];
    let letterhead = Letterhead { secrets: secrets.clone(), ..Letterhead::default() };
    let request = letterhead.request(&row("{}"), &endpoint("https://a.example"), 1_795_236_673_999).unwrap();
    let id = "00000000-0000-0000-0000-000000000007";
    assert_eq!(header(&request, "webhook-id"), Some(id));
    assert_eq!(header(&request, "webhook-timestamp"), Some("1795236673"));
    let expected = signature::sign(&secrets[..2], id, 1_795_236_673, &request.body);
    assert_eq!(header(&request, "webhook-signature"), expected.as_deref());
}

#[test]
fn a_jwt_key_becomes_a_token_and_tenants_headers_come_along() {
    let pairs = [("jwt_key", "k"), ("Authorization", "mine"), ("X-Custom", "v1"), ("Host", "inner")];
    let headers: BTreeMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let endpoint = Endpoint { headers, ..endpoint("https://a.example") };
    let request = Letterhead::default().request(&row("{}"), &endpoint, 5_000).unwrap();
    let expected = format!("Bearer {}", jwt::token("k", 5).unwrap());
    assert_eq!(header(&request, "authorization"), Some(expected.as_str()));
    assert_eq!(header(&request, "x-custom"), Some("v1"));
    assert_eq!((header(&request, "host"), header(&request, "jwt_key")), (None, None));
}
