//! Bodies with a file in base64, and bodies that are too large for what they say.

use std::pin::Pin;

use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, dev};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{Stream, stream};
use serde_json::{Value, json};

use super::support::Node;
use crate::http::Error;
use crate::http::body::{self, Body, CUT, PLAIN};
use crate::media::Source;

const FILES: &[&str] = &["media", "picture"];

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

/// A request whose body comes in pieces of a size.
fn in_pieces(node: &Node, kind: &str, body: &[u8], size: usize) -> (HttpRequest, dev::Payload) {
    let state = web::Data::from(std::sync::Arc::clone(&node.state));
    let request = TestRequest::post().app_data(state).insert_header(("content-type", kind));
    let pieces: Vec<_> = body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let pieces: Pieces = Box::pin(stream::iter(pieces));
    (request.to_http_request(), dev::Payload::from(pieces))
}

async fn read(node: &Node, body: &[u8], size: usize) -> Result<Body, Error> {
    let (request, mut payload) = in_pieces(node, "application/json", body, size);
    body::read(&request, &mut payload, FILES).await
}

async fn refused(node: &Node, body: &str) -> Error {
    let Err(error) = read(node, body.as_bytes(), 10_000).await else {
        panic!("{} bytes were read", body.len())
    };
    error
}

/// The bytes of the file of a body, and its mimetype.
fn file(body: &Body) -> (Option<String>, Vec<u8>) {
    match &body.file {
        Some(Ok(Source::Decoded { mimetype, file: Ok(file) })) => {
            (mimetype.clone(), file.bytes().unwrap().to_vec())
        }
        other => panic!("no file: {other:?}"),
    }
}

#[actix_web::test]
async fn a_long_text_in_the_field_of_a_file_is_the_file_however_it_is_written() {
    let node = Node::start().await;
    let bytes: Vec<u8> = (0..150_000_u32).map(|at| (at >> 3) as u8 ^ at as u8).collect();
    let plain = BASE64_STANDARD.encode(&bytes);
    let lines: Vec<&str> =
        plain.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let written = [
        plain.clone(),
        plain.replace('/', "\\/"),
        plain.replace('+', "\\u002B").replace('=', "\\u003d"),
        lines.join("\\r\\n"),
    ];
    for (at, text) in written.iter().enumerate() {
        let json = format!(
            "{{\"number\": \"1\\\"2\\\\\", \"old\": {{\"a\": [1, \"x\"], \"media\" :\n \"{text}\", \"b\": null}}, \"c\": \"d\"}}"
        );
        for size in [1, 777, 65_536, 1 << 20] {
            let body = read(&node, json.as_bytes(), size).await.map_err(|error| error.message()).unwrap();
            let wanted =
                json!({"number": "1\"2\\", "old": {"a": [1, "x"], "media": CUT, "b": null}, "c": "d"});
            assert_eq!(body.value, wanted, "{at} in pieces of {size}");
            assert!(file(&body) == (None, bytes.clone()), "{at} in pieces of {size}");
        }
    }
    let uri = json!({"picture": format!("data:image/png;base64,{plain}")}).to_string();
    assert!(
        file(&read(&node, uri.as_bytes(), 5_000).await.ok().unwrap())
            == (Some("image/png".to_owned()), bytes)
    );

    // What is short, or stands elsewhere, stays a text.
    let text = "a".repeat(100_000);
    for value in [
        json!({"media": "YQ==", "caption": text}),
        json!({"media": ["b", text]}),
        json!({"x": "media", "y": text}),
        json!([text]),
        json!(text),
    ] {
        let body = read(&node, value.to_string().as_bytes(), 10_000).await.ok().unwrap();
        assert!(body.value == value && body.file.is_none());
    }
    // The last of two fields with one name counts, as ever.
    let twice = format!("{{\"media\": \"{plain}\", \"media\": \"short\"}}");
    assert_eq!(read(&node, twice.as_bytes(), 10_000).await.ok().unwrap().value, json!({"media": "short"}));
    let spaces = " ".repeat(100_000);
    assert_eq!(read(&node, spaces.as_bytes(), 10_000).await.ok().unwrap().value, json!({}));
}

#[actix_web::test]
async fn what_is_no_json_is_refused_also_inside_of_a_file() {
    let node = Node::start().await;
    let long = "A".repeat(100_000);
    for (json, told) in [
        (format!("{{\"media\": \"{long}\n\"}}"), "control character"),
        (format!("{{\"media\": \"{long}\\x\"}}"), "invalid escape"),
        (format!("{{\"media\": \"{long}\\u00g0\"}}"), "invalid escape"),
        (format!("{{\"media\": \"{long}\\u+123\"}}"), "invalid escape"),
        (format!("{{\"media\": \"{long}"), "EOF while parsing a string"),
        (format!("{{\"media\": \"{long}\""), "EOF while parsing an object"),
        (format!("{{\"media\": \"{long}\"}} x"), "trailing characters"),
        (format!("{{\"media\": \"{long}\" \"a\"}}"), "expected `,` or `}`"),
        (format!("{{\"media\": 1e999, \"text\": \"{long}\"}}"), "number out of range"),
    ] {
        let Error::Invalid(text) = refused(&node, &json).await else { panic!("{told}") };
        assert!(text.starts_with("The body is not valid JSON: ") && text.contains(told), "{told}: {text}");
    }
    for (text, told) in [
        ("* no base64 *", "must be a URL, base64 or a data: URI"),
        ("https://example.com/", "must be a URL, base64 or a data: URI"),
    ] {
        let json = json!({"media": format!("{text}{long}")}).to_string();
        let body = read(&node, json.as_bytes(), 10_000).await.ok().unwrap();
        assert_eq!(body.file.unwrap().unwrap_err().to_string(), told);
    }
    for wrong in ["*", "é", "\\u00e9", "\\u0000", "\\\"", "A"] {
        let json = format!("{{\"media\": \"{long}{wrong}\"}}");
        let body = read(&node, json.as_bytes(), 10_000).await.ok().unwrap();
        let Some(Ok(Source::Decoded { file: Err(error), .. })) = body.file else { panic!("{wrong}") };
        assert_eq!(error.to_string(), "is not valid base64", "{wrong}");
    }
}

#[actix_web::test]
async fn a_body_is_small_apart_from_its_file() {
    let node = Node::start().await;
    let file = "A".repeat(3 << 20);
    let text = |length: usize| "a".repeat(length);
    let fits = json!({"media": file, "caption": text(PLAIN - 100)}).to_string();
    assert!(read(&node, fits.as_bytes(), 50_000).await.is_err(), "larger than the limit of the node");
    let fits = json!({"media": text(1 << 20), "caption": text(PLAIN - 100)}).to_string();
    assert_eq!(read(&node, fits.as_bytes(), 50_000).await.ok().unwrap().value["media"], CUT);
    for json in [
        json!({"media": text(100), "caption": text(PLAIN)}).to_string(),
        // Only one text is a file.
        json!({"media": text(1 << 20), "picture": file}).to_string(),
        // Few bytes that are many values.
        format!("[{}0]", "0,".repeat(200_000)),
        format!("[{}0]", "{\"\":0},".repeat(10_000)),
        format!("{{\"media\": \"{}\", \"x\": [{}[]]}}", text(100_000), "[],".repeat(70_000)),
    ] {
        assert_eq!(refused(&node, &json).await, Error::TooLarge, "{}", json.len());
    }
    // What stands in a text is no value.
    let commas = json!({"text": ",{[".repeat(400_000)});
    assert!(read(&node, commas.to_string().as_bytes(), 50_000).await.ok().unwrap().value == commas);

    // Where no file can be, nothing larger is even waited for.
    let (_, mut payload) = in_pieces(&node, "application/json", b"", 1);
    let state = web::Data::from(std::sync::Arc::clone(&node.state));
    let length = ("content-length", (PLAIN + 1).to_string());
    let request = TestRequest::post().app_data(state).insert_header(length).to_http_request();
    assert_eq!(body::read(&request, &mut payload, &[]).await.err(), Some(Error::TooLarge));
    assert_eq!(body::read(&request, &mut payload, FILES).await.err(), None);

    let form = |fields: usize| (0..fields).map(|at| format!("f{at}=1&")).collect::<String>();
    for (form, is_taken) in [(form(1000), true), (form(1001), false), (format!("media={file}"), false)] {
        let (request, mut payload) =
            in_pieces(&node, "application/x-www-form-urlencoded", form.as_bytes(), 50_000);
        let read = body::read(&request, &mut payload, FILES).await;
        assert_eq!(read.err(), (!is_taken).then_some(Error::TooLarge), "{}", form.len());
    }
}

#[actix_web::test]
async fn a_long_text_where_a_file_may_be_is_no_text() {
    let node = Node::start().await;
    node.open("acme").await;
    let status = json!({"type": "text", "content": "a".repeat(100_000), "allContacts": true});
    let answer = node.ask("POST", "/message/sendStatus/acme", status).await;
    let told: Value = json!([["content is too long for a text"]]);
    assert_eq!((answer.status, &answer.json()["response"]["message"]), (400, &told), "{}", answer.text);
}
