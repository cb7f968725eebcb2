//! Files out and in: what a contact decrypts of them, and what is refused.

use std::io::Cursor;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use image::codecs::gif::GifEncoder;
use image::{Frame, ImageFormat, Rgba, RgbaImage};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wa_sim::receiver::Receiver;
use wa_sim::{Compose, ContactInfo, Received, Simulator};
use waggle::net::Method;

use crate::support::{KEY, Node, contact, eventually, simulator, told};

/// How much of memory anything large may take, in kB.
const GROWTH: u64 = 32 << 10;

/// A picture of one colour.
pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let picture = RgbaImage::from_pixel(width, height, Rgba([200, 30, 30, 255]));
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::ImageRgba8(picture).to_rgb8().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Three seconds of 64 by 48 pixels.
fn film() -> Vec<u8> {
    made(
        "-f lavfi -i testsrc=size=64x48:rate=5:duration=3 -pix_fmt yuv420p -f mp4 -movflags frag_keyframe+empty_moov",
    )
}

fn gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for shade in [0, 120, 240] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(32, 20, Rgba([shade, 0, 0, 255])))).unwrap();
    }
    drop(encoder);
    bytes
}

/// Something that ffmpeg makes up.
pub fn made(arguments: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error"]).args(arguments.split_whitespace()).arg("-");
    let made = command.stdin(Stdio::null()).output().expect("ffmpeg is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

pub fn text(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// A form with texts and a file.
pub async fn form(node: &Node, path: &str, texts: &[(&str, &str)], file: (&str, &[u8])) -> (u16, Value) {
    let mut body = Vec::new();
    for (name, value) in texts {
        let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        file.0
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file.1);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    node.with_header(Method::POST, path, ("content-type", "multipart/form-data; boundary=edge"), body).await
}

/// The message that a contact has got under the id of an answer.
async fn got(simulator: &Simulator, who: &ContactInfo, sent: &Value) -> Received {
    let id = sent["key"]["id"].as_str().unwrap_or_else(|| panic!("not sent: {sent}"));
    eventually("it arrives", async || {
        simulator.handle().received(&who.phone, 0).unwrap().0.into_iter().find(|one| one.id == id)
    })
    .await
}

/// What a contact decrypts of an answer's file.
pub async fn opened(simulator: &Simulator, who: &ContactInfo, sent: &Value) -> (Received, Vec<u8>) {
    let got = got(simulator, who, sent).await;
    let media = got.media.as_ref().unwrap_or_else(|| panic!("no file: {got:?}"));
    assert_eq!(media.problem, None, "{got:?}");
    let bytes = simulator.handle().received_media(&who.phone, &got.id).unwrap();
    (got, bytes)
}

/// A web server: a path to a status, headers and a body; `/slow` never ends.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
pub async fn serve(pages: Vec<(&'static str, &'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let pages = pages.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let (_, lines, body) = pages
                    .iter()
                    .find(|page| path.starts_with(page.0))
                    .cloned()
                    .unwrap_or(("", "404 No", Vec::new()));
                let length = if path == "/slow" { 1_000_000 } else { body.len() };
                let head =
                    format!("HTTP/1.1 {lines}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
                if path == "/slow" {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("http://localhost:{}", address.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_from_anywhere_arrives_as_it_was_with_what_is_shown_of_it() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let (png, jpeg) = (picture(300, 200, ImageFormat::Png), picture(64, 64, ImageFormat::Jpeg));
    let site = serve(vec![("/a/photo.jpg", "200 OK", jpeg.clone())]).await;
    let base = json!({"number": alice.phone, "mediatype": "image", "caption": "look"});
    let path = "/message/sendMedia/acme";

    for media in [text(&png), format!("data:image/png;base64,{}", text(&png))] {
        let mut body = base.clone();
        body["media"] = json!(media);
        let sent = node.post(path, body).await;
        assert_eq!(
            (&sent["messageType"], &sent["status"]),
            (&json!("imageMessage"), &json!("PENDING")),
            "{sent}"
        );
        let image = &sent["message"]["imageMessage"];
        assert_eq!((&image["width"], &image["height"]), (&json!(300), &json!(200)), "{image}");
        assert_eq!((&image["mimetype"], &image["caption"]), (&json!("image/png"), &json!("look")));
        assert_eq!(image["fileLength"], png.len());
        let thumbnail = BASE64_STANDARD.decode(image["jpegThumbnail"].as_str().unwrap()).unwrap();
        assert_eq!(image::load_from_memory(&thumbnail).unwrap().width(), 100);
        let (got, bytes) = opened(&simulator, &alice, &sent).await;
        assert_eq!((got.kind.as_str(), got.text.as_deref()), ("image", Some("look")));
        assert!(bytes == png, "other bytes");
    }

    let mut body = base.clone();
    body["media"] = json!(format!("{site}/a/photo.jpg?size=1"));
    let sent = node.post(path, body).await;
    assert!(opened(&simulator, &alice, &sent).await.1 == jpeg);
    // Requests of Evolution API 1.
    let old = json!({"mediatype": "image", "caption": "old", "media": text(&jpeg)});
    let sent = node.post(path, json!({"number": alice.phone, "mediaMessage": old})).await;
    assert_eq!(opened(&simulator, &alice, &sent).await.0.text.as_deref(), Some("old"));

    let texts = [
        ("number", alice.phone.as_str()),
        ("mediatype", "document"),
        ("caption", "{\"a\": 1}"),
        ("delay", "10"),
    ];
    let (status, sent) = form(&node, path, &texts, ("../../etc/x.sh", b"#!/bin/sh\n")).await;
    assert_eq!(status, 201, "{sent}");
    assert_eq!(sent["message"]["documentMessage"]["fileName"], "x.sh");
    assert_eq!(sent["message"]["documentMessage"]["caption"], "{\"a\": 1}");
    let (got, bytes) = opened(&simulator, &alice, &sent).await;
    assert_eq!((got.kind.as_str(), bytes.as_slice()), ("document", b"#!/bin/sh\n".as_slice()));

    // Every upload has keys of its own; the same file is the same request all the same.
    let mut body = base;
    body["media"] = json!(text(&png));
    let body = body.to_string().into_bytes();
    let once = async || node.with_header(Method::POST, path, ("idempotency-key", "one"), body.clone()).await;
    let (first, second) = (once().await, once().await);
    assert_eq!((first.0, second.0), (201, 201), "{}", second.1);
    assert_eq!(first.1["key"]["id"], second.1["key"]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_and_moving_pictures_become_what_phones_play() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let wav = made("-f lavfi -i sine=frequency=440:duration=2 -f wav");
    let video = film();
    let with = |more: Value| {
        let mut body = json!({"number": alice.phone});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };

    let note = node.post("/message/sendWhatsAppAudio/acme", with(json!({"audio": text(&wav)}))).await;
    let audio = &note["message"]["audioMessage"];
    assert_eq!(
        (&audio["mimetype"], &audio["ptt"]),
        (&json!("audio/ogg; codecs=opus"), &json!(true)),
        "{note}"
    );
    assert_eq!(audio["seconds"], 2);
    assert_eq!(BASE64_STANDARD.decode(audio["waveform"].as_str().unwrap()).unwrap().len(), 64);
    let (got, opus) = opened(&simulator, &alice, &note).await;
    assert_eq!(
        (got.kind.as_str(), &opus[28..36], opus[37]),
        ("voice", b"OpusHead".as_slice(), 1),
        "mono Opus"
    );
    // It is one already: sent as it is, also by an old request.
    let old = with(json!({"audioMessage": {"audio": text(&opus)}}));
    let again = node.post("/message/sendWhatsAppAudio/acme", old).await;
    assert!(opened(&simulator, &alice, &again).await.1 == opus);
    let plain = with(json!({"audio": text(&wav), "encoding": false}));
    let plain = node.post("/message/sendWhatsAppAudio/acme", plain).await;
    assert!(opened(&simulator, &alice, &plain).await.1 == wav);
    let file = with(json!({"mediatype": "audio", "media": text(&wav), "fileName": "a.php"}));
    let file = node.post("/message/sendMedia/acme", file).await;
    assert_eq!(file["message"]["audioMessage"]["mimetype"], "audio/wav", "{file}");
    assert_eq!(got_kind(&simulator, &alice, &file).await, "audio");

    let sent = node
        .post("/message/sendMedia/acme", with(json!({"mediatype": "video", "media": text(&video)})))
        .await;
    let shown = &sent["message"]["videoMessage"];
    assert_eq!(
        (&shown["width"], &shown["height"], &shown["seconds"]),
        (&json!(64), &json!(48), &json!(3)),
        "{sent}"
    );
    assert!(shown["jpegThumbnail"].is_string());
    assert_eq!(got_kind(&simulator, &alice, &sent).await, "video");
    let looped = with(json!({"mediatype": "video", "media": text(&video), "gifPlayback": true}));
    let looped = node.post("/message/sendMedia/acme", looped).await;
    assert_eq!(got_kind(&simulator, &alice, &looped).await, "gif");
    let moving = node
        .post("/message/sendMedia/acme", with(json!({"mediatype": "video", "media": text(&gif())})))
        .await;
    assert_eq!(moving["message"]["videoMessage"]["mimetype"], "video/mp4", "{moving}");
    assert_eq!(got_kind(&simulator, &alice, &moving).await, "gif");
    let (status, round) =
        form(&node, "/message/sendPtv/acme", &[("number", &alice.phone)], ("v.mp4", &video)).await;
    assert_eq!((status, &round["messageType"]), (201, &json!("ptvMessage")), "{round}");
    assert_eq!(got_kind(&simulator, &alice, &round).await, "roundVideo");
}

/// Something that ffmpeg makes up and writes to a file, in which it can go back to note the length.
fn filed(arguments: &str, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    made(&format!("{arguments} -y {} -f null", path.display()));
    std::fs::read(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_refused_and_the_whole_is_not() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let (video, sound) =
        ("-f lavfi -i testsrc=size=64x48:rate=5:duration=3", "-f lavfi -i sine=frequency=440:duration=20");
    for (kind, name, arguments) in [
        ("video", "a.mp4", format!("{video} -pix_fmt yuv420p")),
        ("video", "a.mov", format!("{video} -pix_fmt yuv420p -movflags +faststart")),
        ("video", "a.webm", format!("{video} -c:v libvpx")),
        ("video", "a.avi", format!("{video} -c:v mpeg4")),
        ("audio", "a.mp3", sound.to_owned()),
        ("audio", "a.wav", sound.to_owned()),
        ("audio", "a.ogg", format!("{sound} -c:a libopus")),
        ("audio", "a.m4a", sound.to_owned()),
    ] {
        let whole = filed(&arguments, name);
        let send = async |bytes: &[u8]| {
            let body = json!({"number": alice.phone, "mediatype": kind, "media": text(bytes)});
            node.call(Method::POST, "/message/sendMedia/acme", body).await
        };
        let (status, refused) = send(&whole[..whole.len() / 2]).await;
        assert!(status == 400 && refused.to_string().contains("media is cut off"), "{name}: {refused}");
        let (status, sent) = send(&whole).await;
        assert_eq!(status, 201, "{name}: {sent}");
        assert!(opened(&simulator, &alice, &sent).await.1 == whole, "{name}");
    }
    // A sticker stays as it is, but only one that can be shown.
    let png = picture(512, 512, ImageFormat::Png);
    let sticker =
        node.post("/message/sendSticker/acme", json!({"number": alice.phone, "sticker": text(&png)}));
    let webp = opened(&simulator, &alice, &sticker.await).await.1;
    let mut broken = webp[..webp.len() / 2 / 2 * 2].to_vec();
    let length = u32::try_from(broken.len() - 8).unwrap();
    broken[4..8].copy_from_slice(&length.to_le_bytes());
    for as_is in [false, true] {
        let body = json!({"number": alice.phone, "sticker": text(&broken), "notConvertSticker": as_is});
        let (status, refused) = node.call(Method::POST, "/message/sendSticker/acme", body).await;
        assert!(
            status == 400 && refused.to_string().contains("sticker is not a whole"),
            "{status} {refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_converted_is_the_same_when_it_is_sent_again() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let wav = made("-f lavfi -i sine=frequency=440:duration=2 -f wav");
    let mut tall = Vec::new();
    let mut encoder = GifEncoder::new(&mut tall);
    encoder.encode_frame(Frame::new(RgbaImage::from_pixel(30, 2561, Rgba([9, 0, 0, 255])))).unwrap();
    drop(encoder);
    let status = json!({"type": "audio", "content": text(&wav), "statusJidList": [alice.jid]});
    for (route, body) in [
        ("sendWhatsAppAudio", json!({"number": alice.phone, "audio": text(&wav)})),
        ("sendMedia", json!({"number": alice.phone, "mediatype": "video", "media": text(&tall)})),
        ("sendStatus", status),
    ] {
        let path = format!("/message/{route}/acme");
        let once = async || {
            let body = body.to_string().into_bytes();
            node.with_header(Method::POST, &path, ("idempotency-key", route), body).await
        };
        let (first, second) = (once().await, once().await);
        assert_eq!((first.0, second.0), (201, 201), "{route}: {} {}", first.1, second.1);
        assert_eq!(first.1["key"]["id"], second.1["key"]["id"], "{route}");
        if route == "sendMedia" {
            let video = &first.1["message"]["videoMessage"];
            assert_eq!((&video["width"], &video["height"]), (&json!(14), &json!(1280)), "{video}");
        }
    }
}

async fn got_kind(simulator: &Simulator, who: &ContactInfo, sent: &Value) -> String {
    opened(simulator, who, sent).await.0.kind
}

#[tokio::test(flavor = "multi_thread")]
async fn any_picture_becomes_a_sticker_of_512_pixels() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let path = "/message/sendSticker/acme";
    let png = picture(40, 20, ImageFormat::Png);
    let still = node.post(path, json!({"number": alice.phone, "sticker": text(&png)})).await;
    assert_eq!(still["message"]["stickerMessage"]["mimetype"], "image/webp", "{still}");
    let (got, webp) = opened(&simulator, &alice, &still).await;
    assert_eq!((got.kind.as_str(), image::load_from_memory(&webp).unwrap().width()), ("sticker", 512));
    let old = json!({"number": alice.phone, "stickerMessage": {"image": text(&webp)}});
    let again = node.post(path, old).await;
    assert!(opened(&simulator, &alice, &again).await.1 == webp, "a sticker stays as it is");

    let moving = node.post(path, json!({"number": alice.phone, "sticker": text(&gif())})).await;
    assert_eq!(moving["message"]["stickerMessage"]["isAnimated"], true, "{moving}");
    let (_, moved) = opened(&simulator, &alice, &moving).await;
    assert!(moved.windows(4).any(|window| window == b"ANIM"), "no animation");
    // One that moves is taken as any other.
    let again = node.post(path, json!({"number": alice.phone, "sticker": text(&moved)})).await;
    assert!(opened(&simulator, &alice, &again).await.1 == moved);

    let raw = json!({"number": alice.phone, "sticker": text(&png), "notConvertSticker": true});
    let (status, refused) = node.call(Method::POST, path, raw).await;
    assert!(status == 400 && refused.to_string().contains("sticker must be image/webp"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_seen_by_whom_it_is_for() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    let phone = node.pair("acme", &simulator, None).await;
    let (alice, bob) = (contact(&simulator, "Alice"), contact(&simulator, "Bob"));
    let path = "/message/sendStatus/acme";
    let body = json!({"type": "text", "content": "hello", "backgroundColor": "#008000", "font": 1,
        "statusJidList": [alice.jid], "allContacts": false});
    let sent = node.post(path, body).await;
    assert_eq!(sent["key"]["remoteJid"], "status@broadcast", "{sent}");
    assert_eq!(
        (&sent["message"], &sent["messageType"]),
        (&json!({"conversation": "hello"}), &json!("conversation"))
    );
    let seen = got(&simulator, &alice, &sent).await;
    assert_eq!((seen.chat.as_str(), seen.text.as_deref()), ("status@broadcast", Some("hello")));

    // By either of her addresses, and once.
    let twice = json!({"type": "text", "content": "once", "statusJidList": [alice.lid, alice.jid]});
    let sent = node.post(path, twice).await;
    got(&simulator, &alice, &sent).await;
    let all = simulator.handle().received(&alice.phone, 0).unwrap().0;
    assert_eq!(all.iter().filter(|one| one.text.as_deref() == Some("once")).count(), 1);

    let order = wa_sim::Send { to: phone, text: "hi".into(), ..wa_sim::Send::default() };
    simulator.handle().send(&bob.phone, order).await.unwrap();
    eventually("Bob is a contact", async || {
        let all = node.post("/chat/findContacts/acme", json!({"where": {"remoteJid": bob.jid}})).await;
        (!all.as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    let png = picture(30, 30, ImageFormat::Png);
    let body = json!({"type": "image", "content": text(&png), "caption": "mine", "allContacts": true});
    let sent = node.post(path, body).await;
    let (seen, bytes) = opened(&simulator, &bob, &sent).await;
    assert_eq!(
        (seen.chat.as_str(), seen.kind.as_str(), seen.text.as_deref()),
        ("status@broadcast", "image", Some("mine"))
    );
    assert!(bytes == png);

    let video = film();
    let body =
        json!({"type": "video", "content": text(&video), "caption": "moving", "statusJidList": [alice.jid]});
    let sent = node.post(path, body).await;
    let shown = &sent["message"]["videoMessage"];
    assert_eq!((&shown["seconds"], &shown["width"]), (&json!(3), &json!(64)), "{sent}");
    let (seen, bytes) = opened(&simulator, &alice, &sent).await;
    assert_eq!(
        (seen.chat.as_str(), seen.kind.as_str(), seen.text.as_deref()),
        ("status@broadcast", "video", Some("moving"))
    );
    assert!(bytes == video);
    let wav = made("-f lavfi -i sine=frequency=440:duration=2 -f wav");
    let texts = [("type", "audio"), ("statusJidList", &format!("[\"{}\"]", alice.jid))];
    let (status, sent) = form(&node, path, &texts, ("a.wav", &wav)).await;
    let shown = &sent["message"]["audioMessage"];
    assert_eq!((status, &shown["ptt"], &shown["seconds"]), (201, &json!(true), &json!(2)), "{sent}");
    let (seen, opus) = opened(&simulator, &alice, &sent).await;
    assert_eq!((seen.chat.as_str(), seen.kind.as_str()), ("status@broadcast", "voice"));
    assert_eq!(&opus[28..36], b"OpusHead");

    let (status, refused) =
        node.call(Method::POST, path, json!({"type": "text", "backgroundColor": "green"})).await;
    let told = refused.to_string();
    assert_eq!(status, 400, "{told}");
    for part in ["\\\"content\\\"", "\\\"statusJidList\\\"", "backgroundColor is not"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_of_no_use_is_refused_by_the_name_of_its_field() {
    let simulator = simulator().await;
    let png = picture(300, 300, ImageFormat::Png);
    let jpeg = picture(300, 300, ImageFormat::Jpeg);
    let site = serve(vec![
        ("/slow", "200 OK", vec![0; 100]),
        ("/inside", "302 Found\r\nLocation: http://127.0.0.1:9/secret", Vec::new()),
        ("/huge", "200 OK", vec![0; 3 << 20]),
    ])
    .await;
    let node = Node::start_with(
        &simulator,
        &[
            ("WAGGLE_EGRESS_ALLOW", "localhost"),
            ("WAGGLE_MEDIA_MAX_BYTES", "2000000"),
            ("WAGGLE_MEDIA_FETCH_TIMEOUT_SECONDS", "1"),
            ("WAGGLE_FFMPEG", "/nowhere/ffmpeg"),
        ],
    )
    .await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    // 30 000 by 30 000 pixels in a few bytes: the size stands at the beginning.
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    // Small enough in pixels, but of eight bytes each.
    let mut deep = png.clone();
    deep[16..26].copy_from_slice(&[0, 0, 0x1b, 0x58, 0, 0, 0x1b, 0x58, 16, 6]);
    let crc = crc32(&deep[12..29]);
    deep[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut gif = gif();
    gif[6..10].copy_from_slice(&[0xa0, 0x0f, 0xa0, 0x0f]);
    let film = film();
    let video = |media: &[u8]| json!({"mediatype": "video", "media": text(media)});
    let image = |media: String| json!({"mediatype": "image", "media": media});
    let cases: Vec<(&str, Value, u16, &str)> = vec![
        ("sendMedia", image(text(&png[..png.len() / 2])), 400, "media is not a whole picture"),
        ("sendMedia", image(text(&jpeg[..jpeg.len() / 2])), 400, "media is not a whole picture"),
        ("sendMedia", image(text(b"%PDF-1.7 no picture")), 400, "media is not of the type image"),
        ("sendMedia", image(text(&bomb)), 400, "media has 30000x30000 pixels"),
        ("sendMedia", image(text(&deep)), 400, "media has 7000x7000 pixels: decoded, they take 392000000"),
        ("sendMedia", video(&gif), 400, "media has 4000x4000 pixels: at most 4000000 may move"),
        ("sendSticker", json!({"sticker": text(&gif)}), 400, "sticker has 4000x4000 pixels"),
        ("sendMedia", video(&film[..film.len() / 2]), 400, "media is cut off"),
        ("sendPtv", json!({"video": text(&film[..film.len() / 2])}), 400, "video is cut off"),
        ("sendWhatsAppAudio", json!({"audio": text(b"RIFF\x24\0\0\0WAVEfmt ")}), 400, "audio is cut off"),
        ("sendMedia", image("***".to_owned()), 400, "media must be a URL"),
        ("sendMedia", image("abcde".to_owned()), 400, "media is not valid base64"),
        ("sendMedia", image(format!("{site}/slow")), 400, "media did not arrive in time"),
        ("sendMedia", image(format!("{site}/nothing")), 400, "media could not be fetched: 404"),
        ("sendMedia", image(format!("{site}/inside")), 400, "media could not be fetched"),
        ("sendMedia", image("http://127.0.0.1:9/a.png".to_owned()), 400, "media could not be fetched"),
        ("sendMedia", image(format!("{site}/huge")), 400, "media is larger than 2000000 bytes"),
        ("sendMedia", image(text(&vec![0; 2_000_001])), 400, "media is larger than 2000000 bytes"),
        ("sendMedia", image("A".repeat(100_001)), 400, "media is not valid base64"),
        ("sendMedia", image(format!("{}*", "A".repeat(100_000))), 400, "media is not valid base64"),
        ("sendMedia", image("*".repeat(100_000)), 400, "media must be a URL"),
        ("sendMedia", json!({"mediatype": "picture", "media": "YQ=="}), 400, "mediatype is not one of"),
        ("sendMedia", json!({}), 400, "requires property \\\"mediatype\\\""),
        ("sendWhatsAppAudio", json!({"audio": text(&png)}), 400, "audio is not of the type audio"),
        (
            "sendWhatsAppAudio",
            json!({"audio": text(b"RIFF\x08\0\0\0WAVEfmt ")}),
            400,
            "audio cannot be converted",
        ),
        ("sendPtv", json!({"video": text(&png)}), 400, "video is not of the type video"),
        ("sendSticker", json!({"sticker": text(b"hello")}), 400, "sticker is not of the type sticker"),
    ];
    for (route, mut body, wanted, told) in cases {
        body["number"] = json!(alice.phone);
        let (status, answer) = node.call(Method::POST, &format!("/message/{route}/acme"), body).await;
        assert!(status == wanted && answer.to_string().contains(told), "{told}: {status} {answer}");
    }
    let texts = [("number", alice.phone.as_str()), ("mediatype", "document")];
    let (status, answer) = form(&node, "/message/sendMedia/acme", &texts, ("x", &vec![0; 2_000_001])).await;
    assert!(status == 400 && answer.to_string().contains("file is larger than"), "{status} {answer}");
    let part = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhello\r\n";
    let two = format!("{part}{part}--edge--\r\n").into_bytes();
    let kind = ("content-type", "multipart/form-data; boundary=edge");
    let (status, answer) = node.with_header(Method::POST, "/message/sendMedia/acme", kind, two).await;
    assert!(status == 400 && answer.to_string().contains("more than one"), "{status} {answer}");
    assert!(node.messages("acme", json!({})).await.is_empty(), "nothing was sent");
    assert!(simulator.handle().received(&alice.phone, 0).unwrap().0.is_empty());
    node.create("closed", None).await;
    let body = json!({"number": alice.phone, "mediatype": "image", "media": text(&png)});
    let (status, answer) = node.call(Method::POST, "/message/sendMedia/closed", body).await;
    assert_eq!(status, 409, "{answer}");
}

/// The check of a chunk of PNG.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_100_megabytes_passes_through_without_being_held_in_memory() {
    let simulator = simulator().await;
    let large: Vec<u8> = (0..100_u32 << 20).map(|at| (at >> 8) as u8 ^ at as u8).collect();
    let site = serve(vec![("/film.bin", "200 OK", large.clone())]).await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let path = "/message/sendMedia/acme";
    for form_of_it in ["an address", "a form", "base64", "a data URI"] {
        // What a client has to write in base64 for all that is made here first: the node is looked at alone.
        let media = match form_of_it {
            "an address" => format!("{site}/film.bin"),
            "base64" => text(&large),
            "a data URI" => format!("data:application/octet-stream;base64,{}", text(&large)),
            _ => String::new(),
        };
        let (before, peak) = node.memory(true);
        assert!(before > 0 && peak > 0);
        let sent = if form_of_it == "a form" {
            let texts = [("number", alice.phone.as_str()), ("mediatype", "document")];
            form(&node, path, &texts, ("film.bin", &large)).await.1
        } else {
            let mut body = json!({"number": alice.phone, "media": media, "mediatype": "document"});
            if form_of_it != "an address" {
                body["fileName"] = json!("film.bin");
            }
            node.post(path, body).await
        };
        let (_, peak) = node.memory(false);
        assert!(peak < before + GROWTH, "{form_of_it}: {before} kB before, {peak} kB at most");
        assert_eq!(sent["message"]["documentMessage"]["fileLength"], large.len(), "{sent}");
        assert_eq!(sent["message"]["documentMessage"]["fileName"], "film.bin");
        assert!(opened(&simulator, &alice, &sent).await.1 == large);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_many_values_is_refused_at_once_and_takes_no_memory() {
    let simulator = simulator().await;
    let node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let zeros = format!("{{\"x\":[{}0]}}", "0,".repeat(65 << 20)).into_bytes();
    let objects = format!("{{\"x\":[{}0]}}", "{\"\":0},".repeat(280_000)).into_bytes();
    let text = format!("{{\"caption\":\"{}\"}}", "a".repeat(20 << 20)).into_bytes();
    let (before, _) = node.memory(true);
    for path in ["/chat/findMessages/acme", "/group/create/acme", "/message/sendMedia/acme"] {
        for body in [&zeros, &objects, &text] {
            let began = Instant::now();
            let answer = node.try_call(Method::POST, path, Some(KEY), Some(body.clone())).await;
            let (status, told) = answer.unwrap_or_else(|| panic!("{path}: {} bytes, no answer", body.len()));
            assert_eq!((status, &told["status"]), (413, &json!(413)), "{path}: {told}");
            assert!(began.elapsed() < Duration::from_secs(10), "{path}: {:?}", began.elapsed());
        }
    }
    let (_, peak) = node.memory(false);
    assert!(peak < before + GROWTH, "{before} kB before, {peak} kB at most");
    assert_eq!(node.state("acme").await, "open");
}

fn direct_path(message: &Value) -> String {
    message["message"]["imageMessage"]["directPath"].as_str().unwrap().to_owned()
}

/// A message that a contact sends with a file.
async fn sends(simulator: &Simulator, from: &ContactInfo, to: &str, kind: Value) -> String {
    let mut order = json!({"to": to});
    order.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
    let order: Compose = serde_json::from_value(order).unwrap();
    simulator.handle().compose(&from.phone, order).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_message_can_be_had_also_when_it_has_to_be_uploaded_again() {
    let simulator = simulator().await;
    let node = Node::start_with(&simulator, &[("WAGGLE_MEDIA_MAX_BYTES", "3000000")]).await;
    let phone = node.pair("acme", &simulator, None).await;
    let alice = contact(&simulator, "Alice");
    let png = picture(30, 20, ImageFormat::Png);
    let path = "/chat/getBase64FromMediaMessage/acme";
    let image =
        json!({"kind": "image", "caption": "pic", "file": {"data": text(&png), "mimetype": "image/png"}});
    let id = sends(&simulator, &alice, &phone, image).await;
    let stored = eventually("it is stored", async || {
        node.messages("acme", json!({"where": {"key": {"id": id}}})).await.into_iter().next()
    })
    .await;
    let got = node.call(Method::POST, path, json!({"message": {"key": {"id": id}}})).await;
    assert_eq!(got.0, 201, "{}", got.1);
    let wanted = json!({"mediaType": "imageMessage", "fileName": format!("{id}.png"), "caption": "pic",
        "size": {"fileLength": png.len()}, "mimetype": "image/png", "base64": text(&png), "buffer": null});
    assert_eq!(got.1, wanted);

    // The host has it no more, the phone still does, and is asked once.
    let uploads = || simulator.handle().media_stats().uploads;
    let (before, direct) = (uploads(), direct_path(&stored));
    simulator.handle().expire_media(&direct, 404).unwrap();
    for _ in 0..2 {
        let by_id = json!({"message": {"key": {"id": id}}});
        assert_eq!(node.post(path, by_id).await["base64"], text(&png));
        assert_eq!(uploads(), before + 1);
    }
    let moved = node.messages("acme", json!({"where": {"key": {"id": id}}})).await.remove(0);
    let (image, path_now) = (&moved["message"]["imageMessage"], direct_path(&moved));
    assert!(path_now != direct && image["url"].as_str().unwrap().ends_with(&path_now), "{moved}");
    assert_eq!(image["caption"], "pic");
    // Whoever comes with the whole message of before is helped too, and it is noted again.
    simulator.handle().expire_media(&path_now, 410).unwrap();
    let whole = json!({"message": {"key": stored["key"], "message": stored["message"]}});
    assert_eq!(node.post(path, whole).await["base64"], text(&png));
    let again = node.messages("acme", json!({"where": {"key": {"id": id}}})).await.remove(0);
    assert!(![direct, path_now].contains(&direct_path(&again)), "{again}");
    let image = json!({"kind": "image", "file": {"data": text(&png), "mimetype": "image/png"}});
    let id = sends(&simulator, &alice, &phone, image).await;
    let stored = eventually("the second is stored", async || {
        node.messages("acme", json!({"where": {"key": {"id": id}}})).await.into_iter().next()
    })
    .await;
    simulator.handle().forget_media(&direct_path(&stored)).unwrap();
    let (status, gone) = node.call(Method::POST, path, json!({"message": {"key": {"id": id}}})).await;
    assert!(status == 502 && gone.to_string().contains("not at WhatsApp any more"), "{status} {gone}");

    let wav = made("-f lavfi -i sine=duration=1 -c:a libopus -f ogg");
    let voice = json!({"kind": "audio", "voice": true, "file": {"data": text(&wav), "mimetype": "audio/ogg; codecs=opus"}});
    let id = sends(&simulator, &alice, &phone, voice).await;
    let audio = eventually("it is there", async || {
        let (status, got) = node.call(Method::POST, path, json!({"message": {"key": {"id": id}}})).await;
        (status == 201).then_some(got)
    })
    .await;
    assert_eq!((&audio["fileName"], &audio["base64"]), (&json!(format!("{id}.oga")), &json!(text(&wav))));
    let mp4 = node.post(path, json!({"message": {"key": {"id": id}}, "convertToMp4": true})).await;
    assert_eq!((&mp4["fileName"], &mp4["mimetype"]), (&json!(format!("{id}.mp4")), &json!("audio/mp4")));
    let mp4 = BASE64_STANDARD.decode(mp4["base64"].as_str().unwrap()).unwrap();
    assert_eq!(&mp4[4..8], b"ftyp");

    let large =
        sends(&simulator, &alice, &phone, json!({"kind": "document", "file": {"size": 3_000_001}})).await;
    let refused = eventually("the large one is stored", async || {
        let (status, told) = node.call(Method::POST, path, json!({"message": {"key": {"id": large}}})).await;
        (!told.to_string().contains("Message not found")).then_some((status, told.to_string()))
    })
    .await;
    assert!(refused.0 == 400 && refused.1.contains("larger than 3000000 bytes"), "{refused:?}");
    for (body, told) in [
        (json!({"message": {"key": {"id": "3EB0NOPE"}}}), "Message not found"),
        (json!({}), "requires property \\\"message\\\""),
        (json!({"message": {"key": {"id": "x"}, "message": {"conversation": "hi"}}}), "message has no file"),
    ] {
        let (status, answer) = node.call(Method::POST, path, body).await;
        assert!(status == 400 && answer.to_string().contains(told), "{told}: {status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_asks_for_base64_gets_the_file_and_nothing_on_record_grows() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await.unwrap();
    let node = Node::start_with(&simulator, &[("WAGGLE_MEDIA_BASE64_MAX_BYTES", "1000")]).await;
    let phone = node.pair("acme", &simulator, None).await;
    let webhook = json!({"webhook": {"url": receiver.url("acme"), "enabled": true, "base64": true}});
    node.post("/webhook/set/acme", webhook).await;
    let alice = contact(&simulator, "Alice");
    let png = picture(30, 20, ImageFormat::Png);
    let image = json!({"kind": "image", "file": {"data": text(&png), "mimetype": "image/png"}});
    let id = sends(&simulator, &alice, &phone, image).await;
    let of = |id: String| move |body: &Value| body["data"]["key"]["id"] == id.as_str();
    let event = told(&receiver, "messages.upsert", of(id.clone())).await;
    assert_eq!(event["data"]["message"]["base64"], text(&png));
    assert!(event["data"]["message"]["imageMessage"]["mediaKey"].is_string(), "{event}");
    let stored = node.messages("acme", json!({"where": {"key": {"id": id}}})).await;
    assert!(stored[0]["message"].get("base64").is_none(), "{stored:?}");

    // Too large to go along, or gone: the event comes without it.
    let large = sends(&simulator, &alice, &phone, json!({"kind": "document", "file": {"size": 1001}})).await;
    let event = told(&receiver, "messages.upsert", of(large)).await;
    assert!(event["data"]["message"].get("base64").is_none(), "{event}");

    let sent = json!({"number": alice.phone, "mediatype": "image", "media": text(&png)});
    let sent = node.post("/message/sendMedia/acme", sent).await;
    let id = sent["key"]["id"].as_str().unwrap().to_owned();
    let event = told(&receiver, "send.message", of(id)).await;
    assert_eq!(event["data"]["message"]["base64"], text(&png));
}
