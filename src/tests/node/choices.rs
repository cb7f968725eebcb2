//! Lists and buttons.

use image::ImageFormat;
use serde_json::{Value, json};
use waggle::net::Method;

use super::cards::got;
use super::media::{opened, picture, serve, text};
use crate::support::{Node, contact, simulator};

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_buttons_reach_a_contact_or_go_as_a_text() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let mut list = json!({
        "number": alice.phone, "title": "t", "description": "d", "buttonText": "b", "footerText": "f",
        "sections": [{"title": "s", "rows": [{"title": "r", "description": "more", "rowId": "1"}]}],
    });
    let sent = node.post("/message/sendList/acme", list.clone()).await;
    let shown = &sent["message"]["listMessage"];
    assert_eq!((&shown["buttonText"], &shown["listType"]), (&json!("b"), &json!(1)), "{sent}");
    assert_eq!(shown["sections"][0]["rows"], json!([{"title": "r", "description": "more", "rowId": "1"}]));
    let one = got(&simulator, &alice.phone, &sent).await;
    assert_eq!((one.kind.as_str(), one.details.as_slice()), ("list", ["1".to_owned()].as_slice()));
    list["textFallback"] = json!(true);
    list["values"] = list["sections"].take();
    let sent = node.post("/message/sendList/acme", list.clone()).await;
    let text = "*t*\n\nd\n\n*s*\n\u{2022} r: more\n\n_f_";
    assert_eq!(got(&simulator, &alice.phone, &sent).await.text.as_deref(), Some(text));

    let buttons = |buttons: Value| json!({"number": alice.phone, "title": "t", "description": "d", "footer": "f", "buttons": buttons});
    let reply = json!({"type": "reply", "displayText": "x", "id": "1"});
    let sent = node.post("/message/sendButtons/acme", buttons(json!([reply]))).await;
    assert_eq!(sent["messageType"], "viewOnceMessage", "{sent}");
    let interactive = &sent["message"]["viewOnceMessage"]["message"]["interactiveMessage"];
    assert_eq!(interactive["body"], json!({"text": "*t*\n\nd\n"}));
    assert_eq!(interactive["footer"], json!({"text": "f"}));
    let flow = &interactive["nativeFlowMessage"];
    let quick = json!([{"name": "quick_reply", "buttonParamsJson": "{\"display_text\":\"x\",\"id\":\"1\"}"}]);
    assert_eq!(flow["buttons"], quick, "{sent}");
    assert!(flow["messageParamsJson"].as_str().unwrap().starts_with("{\"from\":\"api\",\"templateId\":"));
    let one = got(&simulator, &alice.phone, &sent).await;
    assert_eq!((one.kind.as_str(), one.text.as_deref()), ("interactive", Some("*t*\n\nd\n")));

    let others = json!([
        {"type": "url", "displayText": "u", "url": "https://x.example"},
        {"type": "call", "displayText": "c", "phoneNumber": "5511999999999"},
        {"type": "copy", "displayText": "p", "copyCode": "CODE"},
        {"type": "url", "displayText": "v", "url": "https://y.example"},
    ]);
    let sent = node.post("/message/sendButtons/acme", buttons(others.clone())).await;
    let one = got(&simulator, &alice.phone, &sent).await;
    for (detail, part) in one.details.iter().zip(["cta_url ", "cta_call ", "cta_copy ", "cta_url "]) {
        assert!(detail.starts_with(part), "{one:?}");
    }
    assert_eq!(one.details.len(), 4, "only replies are three at most: {one:?}");
    let many = vec![others[0].clone(); 11];
    let mut plain = buttons(others);
    plain["textFallback"] = json!(true);
    let sent = node.post("/message/sendButtons/acme", plain).await;
    let text = got(&simulator, &alice.phone, &sent).await.text.unwrap();
    assert!(text.contains("u: https://x.example") && text.contains("p: CODE"), "{text}");

    let pix = json!({"type": "pix", "currency": "BRL", "name": "Shop", "keyType": "random", "key": "k-1"});
    let body = buttons(json!([pix])).to_string().into_bytes();
    let pay = async || {
        let path = "/message/sendButtons/acme";
        node.with_header(Method::POST, path, ("idempotency-key", "pix"), body.clone()).await.1
    };
    let sent = pay().await;
    let one = got(&simulator, &alice.phone, &sent).await;
    assert!(
        one.details[0].starts_with("payment_info ") && one.details[0].contains("\"key_type\":\"EVP\""),
        "{one:?}"
    );
    assert_eq!(pay().await["key"], sent["key"], "the same request is one message");

    let template = json!({"number": alice.phone, "name": "hello", "language": "en_US", "components": []});
    for (path, body, named) in [
        ("sendButtons", buttons(json!([reply, pix])), "pix"),
        ("sendButtons", buttons(json!([{"type": "url", "displayText": "u"}])), "url"),
        ("sendButtons", buttons(json!([reply, reply, reply, reply])), "maximum length of 3"),
        ("sendButtons", buttons(json!(many)), "maximum length of 10"),
        ("sendButtons", buttons(json!([{"type": "jump", "displayText": "u"}])), "type is not one of"),
        ("sendButtons", buttons(json!([])), "buttons does not meet minimum length"),
        ("sendList", json!({"number": alice.phone}), "sections"),
        ("sendTemplate", json!({"number": alice.phone}), "requires property \\\"language"),
        ("sendTemplate", template, "sending templates is not supported by WHATSAPP-BAILEYS"),
    ] {
        let (status, refused) = node.call(Method::POST, &format!("/message/{path}/acme"), body).await;
        assert!(status == 400 && refused.to_string().contains(named), "{path}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_stands_above_buttons() {
    let simulator = simulator().await;
    let node = Node::start_with(&simulator, &[("WAGGLE_EGRESS_ALLOW", "localhost")]).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let jpeg = picture(64, 48, ImageFormat::Jpeg);
    let site = serve(vec![("/a.jpg", "200 OK", jpeg.clone()), ("/page", "200 OK", b"<html>".to_vec())]).await;
    let path = "/message/sendButtons/acme";
    let body = |picture: String| {
        let reply = json!({"type": "reply", "displayText": "x", "id": "1"});
        json!({"number": alice.phone, "title": "t", "description": "d", "buttons": [reply], "thumbnailUrl": picture})
    };
    let address = format!("{site}/a.jpg");
    for picture in [address.clone(), format!("data:image/jpeg;base64,{}", text(&jpeg))] {
        let sent = node.post(path, body(picture)).await;
        let header = &sent["message"]["viewOnceMessage"]["message"]["interactiveMessage"]["header"];
        assert_eq!(header["hasMediaAttachment"], true, "{sent}");
        let image = &header["imageMessage"];
        assert_eq!((&image["width"], &image["height"]), (&json!(64), &json!(48)), "{image}");
        assert!(image["mimetype"] == "image/jpeg" && image["jpegThumbnail"].is_string(), "{image}");
        let (got, bytes) = opened(&simulator, &alice, &sent).await;
        assert_eq!((got.kind.as_str(), got.text.as_deref()), ("interactive", Some("*t*\n\nd\n")));
        assert!(got.details[0].starts_with("quick_reply ") && bytes == jpeg, "{got:?}");
    }
    let once = body(address.clone()).to_string().into_bytes();
    let once =
        async || node.with_header(Method::POST, path, ("idempotency-key", "picture"), once.clone()).await;
    assert_eq!(once().await.1["key"]["id"], once().await.1["key"]["id"], "the same request is one message");

    for (picture, told) in [
        ("no address".to_owned(), "thumbnailUrl must be a URL"),
        (format!("{site}/nothing"), "thumbnailUrl could not be fetched: 404"),
        (format!("{site}/page"), "thumbnailUrl is not of the type image"),
        ("http://127.0.0.1:9/a.jpg".to_owned(), "thumbnailUrl could not be fetched: 127.0.0.1 is a loopback"),
    ] {
        let (status, refused) = node.call(Method::POST, path, body(picture)).await;
        assert!(status == 400 && refused.to_string().contains(told), "{told}: {refused}");
    }
    let mut plain = body(address);
    plain["textFallback"] = json!(true);
    assert_eq!(got(&simulator, &alice.phone, &node.post(path, plain).await).await.kind, "text");
}
