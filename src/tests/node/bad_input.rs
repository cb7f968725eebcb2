//! Whatever a client sends, it is told what is wrong with it, and nothing changes.

use serde_json::{Value, json};
use waggle::net::Method;

use crate::support::{KEY, Node, simulator};

/// What a field takes; everything else is wrong.
#[derive(Clone, Copy)]
enum Is {
    Text,
    Address,
    Flag,
    Whole,
    Object,
    List,
    Required,
}

use Is::{Address, Flag, List, Object, Required, Text, Whole};

impl Is {
    fn wrong(self) -> Vec<Value> {
        match self {
            Text => vec![json!([]), json!({}), json!(["x"]), json!("nul\0")],
            Address => vec![
                json!([]),
                json!({}),
                json!("nobody"),
                json!(-5),
                json!(""),
                json!(null),
                json!("1".repeat(5000)),
            ],
            Flag => vec![json!("perhaps"), json!(2), json!(-1), json!([]), json!({})],
            Whole => {
                let (far, text) = (json!(1e300), json!("ten"));
                vec![
                    json!(-1),
                    far,
                    json!(1.5),
                    text,
                    json!("-1"),
                    json!("99999999999999999999"),
                    json!([]),
                    json!({}),
                    json!(true),
                ]
            }
            Object => vec![json!("text"), json!(7), json!(true), json!(["x"])],
            List => vec![json!({}), json!([{}]), json!([[]]), json!([null])],
            Required => vec![json!(null)],
        }
    }
}

struct Case {
    method: Method,
    path: &'static str,
    /// A body that is fine.
    good: Value,
    fields: Vec<(&'static str, Is)>,
}

fn case(method: Method, path: &'static str, good: Value, fields: &[(&'static str, Is)]) -> Case {
    Case { method, path, good, fields: fields.to_vec() }
}

const CREATE: &[(&str, Is)] = &[
    ("/instanceName", Text),
    ("/instanceName", Required),
    ("/integration", Text),
    ("/token", Text),
    ("/number", Text),
    ("/businessId", Text),
    ("/qrcode", Flag),
    ("/rejectCall", Flag),
    ("/msgCall", Text),
    ("/groupsIgnore", Flag),
    ("/alwaysOnline", Flag),
    ("/readMessages", Flag),
    ("/readStatus", Flag),
    ("/syncFullHistory", Flag),
    ("/webhook", Object),
    ("/webhook/url", Text),
    ("/webhook/url", Required),
    ("/webhook/enabled", Flag),
    ("/webhook/events", List),
    ("/webhook/headers", Object),
    ("/webhook/byEvents", Flag),
    ("/webhook/base64", Flag),
    ("/rabbitmq", Object),
    ("/rabbitmq/enabled", Flag),
    ("/websocket", Object),
    ("/websocket/events", List),
];

const SETTINGS: &[(&str, Is)] = &[
    ("/rejectCall", Flag),
    ("/rejectCall", Required),
    ("/msgCall", Text),
    ("/groupsIgnore", Flag),
    ("/groupsIgnore", Required),
    ("/alwaysOnline", Flag),
    ("/alwaysOnline", Required),
    ("/readMessages", Flag),
    ("/readMessages", Required),
    ("/readStatus", Flag),
    ("/readStatus", Required),
    ("/syncFullHistory", Flag),
    ("/syncFullHistory", Required),
    ("/wavoipToken", Text),
];

const KEY_FIELDS: &[(&str, Is)] = &[
    ("/id", Text),
    ("/id", Required),
    ("/remoteJid", Address),
    ("/fromMe", Flag),
    ("/fromMe", Required),
    ("/participant", Text),
];

fn feeds() -> Vec<Case> {
    let webhook = json!({
        "url": "http://127.0.0.1:9/", "enabled": true, "events": ["QRCODE_UPDATED"],
        "headers": {"x-tenant": "1"}, "byEvents": false, "base64": false,
    });
    let feed = json!({"enabled": false, "events": ["MESSAGES_UPSERT"]});
    vec![
        case(
            Method::POST,
            "/webhook/set/victim",
            json!({"webhook": webhook}),
            &[
                ("/webhook", Object),
                ("/webhook", Required),
                ("/webhook/url", Text),
                ("/webhook/url", Required),
                ("/webhook/enabled", Flag),
                ("/webhook/events", List),
                ("/webhook/headers", Object),
                ("/webhook/byEvents", Flag),
                ("/webhook/base64", Flag),
            ],
        ),
        case(
            Method::POST,
            "/webhook/set/victim",
            webhook,
            &[
                ("/url", Text),
                ("/url", Required),
                ("/enabled", Flag),
                ("/events", List),
                ("/headers", Object),
            ],
        ),
        case(
            Method::POST,
            "/websocket/set/victim",
            json!({"websocket": feed}),
            &[
                ("/websocket", Object),
                ("/websocket", Required),
                ("/websocket/enabled", Flag),
                ("/websocket/events", List),
            ],
        ),
        case(
            Method::POST,
            "/rabbitmq/set/victim",
            json!({"rabbitmq": feed}),
            &[
                ("/rabbitmq", Object),
                ("/rabbitmq/enabled", Flag),
                ("/rabbitmq/enabled", Required),
                ("/rabbitmq/events", List),
            ],
        ),
        case(Method::POST, "/webhook/redrive/victim", json!({"ids": []}), &[("/ids", List)]),
    ]
}

fn finds() -> Vec<Case> {
    let key =
        json!({"id": "3EB0", "remoteJid": "5511987654321@s.whatsapp.net", "fromMe": true, "participant": ""});
    let messages = json!({
        "where": {"key": {"id": "3EB0", "fromMe": true}, "messageType": "conversation", "messageTimestamp": {"gte": 1}},
        "page": 1, "offset": 10,
    });
    vec![
        case(
            Method::POST,
            "/chat/findMessages/victim",
            messages,
            &[
                ("/where", Object),
                ("/where/key", Object),
                ("/where/key/id", Text),
                ("/where/key/fromMe", Flag),
                ("/where/messageType", Text),
                ("/where/messageTimestamp", Object),
                ("/where/messageTimestamp/gte", Text),
                ("/page", Whole),
                ("/offset", Whole),
            ],
        ),
        case(
            Method::POST,
            "/chat/findChats/victim",
            json!({"where": {"remoteJid": "5511987654321"}, "take": 10, "skip": 0}),
            &[("/where", Object), ("/where/remoteJid", Text), ("/take", Whole), ("/skip", Whole)],
        ),
        case(
            Method::POST,
            "/chat/findContacts/victim",
            json!({"where": {"remoteJid": "5511987654321", "pushName": "Bob", "id": "x"}}),
            &[("/where", Object), ("/where/remoteJid", Text), ("/where/pushName", Text), ("/where/id", Text)],
        ),
        case(
            Method::POST,
            "/chat/findStatusMessage/victim",
            json!({"where": {"id": "3EB0", "fromMe": true, "status": "READ"}, "page": 1, "limit": 5}),
            &[
                ("/where", Object),
                ("/where/id", Text),
                ("/where/fromMe", Flag),
                ("/where/status", Text),
                ("/where/status", Object),
                ("/page", Whole),
                ("/limit", Whole),
            ],
        ),
        case(Method::DELETE, "/chat/deleteMessageForEveryone/victim", key.clone(), KEY_FIELDS),
        case(Method::DELETE, "/message/delete/victim", key.clone(), KEY_FIELDS),
        case(
            Method::POST,
            "/chat/updateMessage/victim",
            json!({"key": key, "text": "hi"}),
            &[
                ("/key", Object),
                ("/key", Required),
                ("/key/id", Text),
                ("/key/remoteJid", Address),
                ("/key/fromMe", Flag),
                ("/text", Text),
                ("/text", Required),
            ],
        ),
        case(
            Method::POST,
            "/chat/markMessageAsRead/victim",
            json!({"readMessages": [key]}),
            &[
                ("/readMessages", Object),
                ("/readMessages", Required),
                ("/readMessages/0/id", Text),
                ("/readMessages/0/remoteJid", Address),
                ("/readMessages/0/fromMe", Flag),
            ],
        ),
    ]
}

/// Messages of other kinds, calls, catalogues and the protocol itself.
fn kinds() -> Vec<Case> {
    let number = "5511987654321";
    let key = json!({"id": "3EB0", "remoteJid": number, "fromMe": true});
    let row = json!({"title": "r", "rowId": "1"});
    let cards = json!([{"fullName": "A", "phoneNumber": number, "wuid": number}]);
    let post = |path, good, fields| case(Method::POST, path, good, fields);
    vec![
        post(
            "/message/sendContact/victim",
            json!({"number": number, "contact": cards}),
            &[
                ("/number", Address),
                ("/contact", Required),
                ("/contact/0/fullName", Text),
                ("/contact/0/phoneNumber", Text),
                ("/contact/0/wuid", Text),
            ],
        ),
        post(
            "/message/sendReaction/victim",
            json!({"key": key, "reaction": ""}),
            &[
                ("/key", Object),
                ("/key", Required),
                ("/key/remoteJid", Address),
                ("/key/fromMe", Flag),
                ("/reaction", Text),
                ("/reaction", Required),
            ],
        ),
        post(
            "/message/sendPoll/victim",
            json!({"number": number, "name": "q?", "selectableCount": 1, "values": ["a", "b"]}),
            &[
                ("/number", Address),
                ("/name", Text),
                ("/selectableCount", Whole),
                ("/selectableCount", Required),
                ("/values", List),
                ("/values", Required),
            ],
        ),
        post(
            "/message/sendList/victim",
            json!({"number": number, "title": "t", "buttonText": "b", "sections": [{"title": "s", "rows": [row]}]}),
            &[
                ("/title", Text),
                ("/buttonText", Text),
                ("/textFallback", Flag),
                ("/sections", Required),
                ("/sections/0/rows", Required),
                ("/sections/0/rows/0/rowId", Text),
            ],
        ),
        post(
            "/message/sendButtons/victim",
            json!({"number": number, "title": "t", "buttons": [{"type": "url", "displayText": "x", "url": "y"}]}),
            &[
                ("/title", Text),
                ("/buttons", Required),
                ("/buttons/0/type", Text),
                ("/buttons/0/displayText", Text),
                ("/buttons/0/url", Text),
            ],
        ),
        post(
            "/message/sendTemplate/victim",
            json!({"number": number, "name": "hello", "language": "en_US"}),
            &[("/name", Text), ("/name", Required), ("/language", Text), ("/language", Required)],
        ),
        post(
            "/message/forward/victim",
            json!({"number": number, "key": {"id": "3EB0"}}),
            &[("/number", Address), ("/key", Object), ("/key", Required), ("/key/id", Text)],
        ),
        post(
            "/call/offer/victim",
            json!({"number": number, "isVideo": false, "callDuration": 3}),
            &[
                ("/number", Address),
                ("/isVideo", Flag),
                ("/callDuration", Whole),
                ("/callDuration", Required),
            ],
        ),
        post(
            "/call/reject/victim",
            json!({"callId": "C", "from": number}),
            &[("/callId", Text), ("/callId", Required)],
        ),
        post(
            "/business/getCatalog/victim",
            json!({"number": number, "limit": 5}),
            &[("/number", Text), ("/limit", Whole)],
        ),
        post("/baileys/onWhatsapp/victim", json!({"jid": number}), &[("/jid", Text), ("/jid", Required)]),
        post(
            "/baileys/assertSessions/victim",
            json!({"jids": [number]}),
            &[("/jids", List), ("/jids", Required)],
        ),
        post(
            "/baileys/sendNode/victim",
            json!({"stanza": {"tag": "presence"}}),
            &[("/stanza", Object), ("/stanza", Required), ("/stanza/tag", Text)],
        ),
    ]
}

fn cases() -> Vec<Case> {
    let settings = json!({
        "rejectCall": true, "msgCall": "busy", "groupsIgnore": true, "alwaysOnline": true,
        "readMessages": true, "readStatus": true, "syncFullHistory": true, "wavoipToken": "",
    });
    let mut create = settings.clone();
    for (name, value) in [
        ("instanceName", json!("another")),
        ("integration", json!("WHATSAPP-BAILEYS")),
        ("token", json!("long-enough-token")),
        ("number", json!("5511987654321")),
        ("businessId", json!("1")),
        ("qrcode", json!(true)),
        (
            "webhook",
            json!({"url": "http://127.0.0.1:9/", "enabled": true, "events": [], "headers": {}, "byEvents": true}),
        ),
        ("rabbitmq", json!({"enabled": false, "events": []})),
        ("websocket", json!({"enabled": false, "events": []})),
    ] {
        create[name] = value;
    }
    let text = json!({
        "number": "5511987654321", "text": "hi", "delay": 1, "linkPreview": true, "mentionsEveryOne": false,
        "mentioned": ["5511987654321"], "quoted": {"key": {"id": "3EB0", "fromMe": true}, "message": {"conversation": "x"}},
    });
    let mut all = vec![
        case(Method::POST, "/instance/create", create, CREATE),
        case(Method::POST, "/settings/set/victim", settings, SETTINGS),
        case(
            Method::POST,
            "/instance/connect/victim",
            json!({"number": "5511987654321"}),
            &[("/number", Text)],
        ),
        case(
            Method::POST,
            "/instance/setPresence/victim",
            json!({"presence": "available"}),
            &[("/presence", Text), ("/presence", Required), ("/presence", Object)],
        ),
        case(
            Method::POST,
            "/message/sendText/victim",
            text,
            &[
                ("/number", Address),
                ("/text", Text),
                ("/text", Required),
                ("/delay", Whole),
                ("/linkPreview", Flag),
                ("/mentionsEveryOne", Flag),
                ("/mentioned", List),
                ("/quoted", Object),
                ("/quoted/key", Object),
                ("/quoted/key/id", Text),
                ("/quoted/key/fromMe", Flag),
                ("/quoted/message", Object),
            ],
        ),
        case(
            Method::POST,
            "/chat/sendPresence/victim",
            json!({"number": "5511987654321", "delay": 1, "presence": "composing"}),
            &[
                ("/number", Address),
                ("/delay", Whole),
                ("/delay", Required),
                ("/presence", Text),
                ("/presence", Object),
            ],
        ),
        case(
            Method::POST,
            "/chat/whatsappNumbers/victim",
            json!({"numbers": ["5511987654321"]}),
            &[("/numbers", List), ("/numbers", Required)],
        ),
    ];
    all.extend(kinds());
    all.extend(feeds());
    all.extend(finds());
    all.extend(groups());
    all
}

fn groups() -> Vec<Case> {
    let of = |path, extra: Value, fields: &[(&'static str, Is)]| {
        let mut good = json!({"groupJid": "120363000000000000@g.us"});
        good.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let all: Vec<_> = [&[("/groupJid", Address)], fields].concat();
        case(Method::POST, path, good, &all)
    };
    let users = json!(["5511987654321"]);
    let text = |name| [(name, Text), (name, Required)];
    let (action, who) =
        ([("/action", Text), ("/action", Object)], [("/participants", List), ("/participants", Required)]);
    let both = [action.as_slice(), who.as_slice()].concat();
    let create =
        json!({"subject": "s", "description": "d", "participants": users, "promoteParticipants": true});
    let subject = text("/subject");
    let create_fields =
        [subject.as_slice(), who.as_slice(), &[("/description", Text), ("/promoteParticipants", Flag)]];
    vec![
        case(Method::POST, "/group/create/victim", create, &create_fields.concat()),
        of("/group/updateGroupSubject/victim", json!({"subject": "s"}), &text("/subject")),
        of("/group/updateGroupDescription/victim", json!({"description": "d"}), &text("/description")),
        of("/group/updateGroupPicture/victim", json!({"image": "aGk="}), &text("/image")),
        of("/group/updateParticipant/victim", json!({"action": "add", "participants": users}), &both),
        of("/group/updateJoinRequests/victim", json!({"action": "reject", "participants": users}), &both),
        of("/group/updateSetting/victim", json!({"action": "locked"}), &action),
        of(
            "/group/toggleEphemeral/victim",
            json!({"expiration": 86_400}),
            &[("/expiration", Whole), ("/expiration", Required)],
        ),
        of(
            "/group/sendInvite/victim",
            json!({"description": "d", "numbers": users}),
            &[("/description", Text), ("/numbers", List), ("/numbers", Required)],
        ),
        of("/group/revokeInviteCode/victim", json!({}), &[]),
    ]
}

/// A node with one instance that has something to lose. Nothing here gets as far as WhatsApp.
async fn node() -> Node {
    let node = Node::start(&simulator().await).await;
    let body = json!({
        "instanceName": "victim", "token": "victims-own-token", "rejectCall": true, "msgCall": "later",
        "webhook": {"url": "http://127.0.0.1:9/hook", "events": ["CALL"], "headers": {"x-a": "b"}},
    });
    node.post("/instance/create", body).await;
    node
}

/// Everything of a node that a request can change.
async fn everything(node: &Node) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/instance/fetchInstances",
        "/settings/find/victim",
        "/webhook/find/victim",
        "/websocket/find/victim",
        "/rabbitmq/find/victim",
        "/instance/connectionState/victim",
        "/webhook/deadLetters/victim",
    ] {
        all.push(node.get(path).await);
    }
    for path in ["/chat/findChats/victim", "/chat/findContacts/victim", "/chat/findMessages/victim"] {
        all.push(node.post(path, json!({})).await);
    }
    all
}

/// Sends what is wrong, and answers the message of the refusal.
async fn refused(node: &Node, method: &Method, path: &str, body: Vec<u8>) -> (u16, String) {
    let shown: String = String::from_utf8_lossy(&body).chars().take(300).collect();
    let what = format!("{method} {path} {shown}");
    let answer = node.raw(method.clone(), path, Some(KEY), Some(body)).await;
    let (status, text) = answer.unwrap_or_else(|| panic!("{what}: no answer"));
    assert!((400..500).contains(&status), "{what}: {status} {text}");
    assert!(text.len() < 5_000, "{what}: an answer of {} bytes", text.len());
    let told: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: {text}"));
    assert_eq!(told["status"], status, "{what}: {told}");
    assert!(told["error"].as_str().is_some_and(|error| !error.is_empty()), "{what}: {told}");
    let message = &told["response"]["message"];
    assert!(message.as_array().is_some_and(|all| !all.is_empty()), "{what}: {told}");
    (status, message.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bodies_that_the_other_tests_spoil_are_good() {
    let node = node().await;
    for case in cases() {
        let (status, answer) = node.call(case.method.clone(), case.path, case.good.clone()).await;
        // Nobody is connected: what needs the phone gets as far as that.
        assert!(matches!(status, 200 | 201 | 409), "{} {}: {status} {answer}", case.method, case.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_type_in_any_field_is_refused_by_name() {
    let node = node().await;
    let before = everything(&node).await;
    let mut faults = Vec::new();
    for case in cases() {
        for (pointer, is) in &case.fields {
            let name = pointer.rsplit('/').next().unwrap();
            for wrong in is.wrong() {
                let mut body = case.good.clone();
                let (outer, _) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(outer).unwrap()[name] = wrong.clone();
                let shown = wrong.to_string().chars().take(40).collect::<String>();
                let what = format!("{} {} with {pointer} = {shown}", case.method, case.path);
                let bytes = body.to_string().into_bytes();
                let (status, text) =
                    node.raw(case.method.clone(), case.path, Some(KEY), Some(bytes)).await.unwrap();
                if status != 400 || !text.contains(name) {
                    faults.push(format!("{what}: {status} {}", text.chars().take(300).collect::<String>()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} bodies were not refused by name:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(everything(&node).await, before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_object_is_refused() {
    let node = node().await;
    let before = everything(&node).await;
    let mut state: u32 = 0x9E37_79B9;
    let mut noise = |length: usize| -> Vec<u8> {
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Never the start of JSON white space only, which is an empty body.
            u8::try_from(state >> 24).unwrap() | 1
        };
        (0..length).map(next).collect()
    };
    for case in cases() {
        let good = case.good.to_string().into_bytes();
        let mut bodies = vec![noise(1), noise(64), noise(4096)];
        bodies.extend((1..good.len()).step_by(good.len().div_ceil(7)).map(|end| good[..end].to_vec()));
        bodies.push([good.clone(), b"{".to_vec()].concat());
        bodies.push("[".repeat(200_000).into_bytes());
        bodies.push(format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)).into_bytes());
        bodies.push(format!("{{\"x\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000)).into_bytes());
        bodies.extend(
            [&b"[]"[..], b"null", b"7", b"\"text\"", b"true", b"\0", b"{\"a\":\"\xFF\"}"].map(<[u8]>::to_vec),
        );
        for body in bodies {
            let (status, message) = refused(&node, &case.method, case.path, body).await;
            assert_eq!(status, 400, "{} {}: {message}", case.method, case.path);
        }
    }
    assert_eq!(everything(&node).await, before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_refused() {
    let node = node().await;
    let before = everything(&node).await;
    let (long, huge) = ("n".repeat(300), "n".repeat(10 << 20));
    for name in [
        "",
        " ",
        " leading",
        "trailing ",
        "a/b",
        "a\\b",
        "..%2f",
        "a\nb",
        "a\0b",
        "a?b",
        "a#b",
        "<b>",
        "a\u{202e}b",
        "\u{feff}a",
        "a\u{200b}b",
        "😀",
        &long,
        &huge,
    ] {
        let body = json!({"instanceName": name}).to_string().into_bytes();
        let (status, message) = refused(&node, &Method::POST, "/instance/create", body).await;
        let shown: String = name.chars().take(20).collect();
        assert!(status == 400 || (status == 413 && name.len() > 1 << 20), "{shown:?}: {status} {message}");
        assert!(
            status == 413 || message.contains("instanceName") || message.contains("name"),
            "{shown:?}: {message}"
        );
    }
    assert_eq!(everything(&node).await, before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_or_unknown_is_refused_and_named() {
    let node = node().await;
    let before = everything(&node).await;
    let webhook = |url: &str| json!({"instanceName": "another", "webhook": {"url": url, "enabled": true}});
    let create = [
        (json!({"instanceName": "victim"}), 409, "victim"),
        (json!({"instanceName": "another", "token": "victims-own-token"}), 409, "token"),
        (json!({"instanceName": "another", "token": KEY}), 400, "token"),
        (json!({"instanceName": "another", "token": "short"}), 400, "token"),
        (json!({"instanceName": "another", "token": "with a space in it"}), 400, "token"),
        (json!({"instanceName": "another", "token": "t".repeat(300)}), 400, "token"),
        (json!({"instanceName": "another", "integration": "SMOKE-SIGNALS"}), 400, "integration"),
        (json!({"instanceName": "another", "number": "not a number"}), 400, "number"),
        (
            json!({"instanceName": "another", "webhook": {"url": "http://h/", "events": ["NO_SUCH_EVENT"]}}),
            400,
            "events",
        ),
        (
            json!({"instanceName": "another", "rabbitmq": {"enabled": true, "events": ["NO_SUCH_EVENT"]}}),
            400,
            "events",
        ),
        (webhook("ftp://example.com/"), 400, "url"),
        (webhook("javascript:alert(1)"), 400, "url"),
        (webhook("example.com/hook"), 400, "url"),
        (webhook("http://"), 400, "url"),
        (webhook(&format!("http://example.com/{}", "x".repeat(3_000))), 400, "url"),
        (
            json!({"instanceName": "another", "webhook": {"url": "http://h/", "headers": {"x": "a\r\nb: c"}}}),
            400,
            "headers",
        ),
        (
            json!({"instanceName": "another", "webhook": {"url": "http://h/", "headers": {"a b": "c"}}}),
            400,
            "headers",
        ),
    ];
    for (body, wanted, named) in create {
        let shown: String = body.to_string().chars().take(200).collect();
        let (status, message) =
            refused(&node, &Method::POST, "/instance/create", body.to_string().into_bytes()).await;
        assert_eq!(status, wanted, "{shown}: {message}");
        assert!(message.contains(named), "{shown}: {message}");
        assert!(
            !message.contains(KEY) && !message.contains("victims-own-token"),
            "a key in an answer: {message}"
        );
    }
    let others = [
        (
            "/webhook/set/victim",
            json!({"webhook": {"url": "http://h/", "events": ["NO_SUCH_EVENT"]}}),
            "events",
        ),
        ("/webhook/set/victim", json!({"url": "no address"}), "url"),
        ("/webhook/set/victim", json!({}), "webhook"),
        ("/websocket/set/victim", json!({"websocket": {"enabled": true, "events": ["NOPE"]}}), "events"),
        ("/rabbitmq/set/victim", json!({"enabled": true, "events": ["NOPE"]}), "events"),
        ("/settings/set/victim", json!({"rejectCall": false}), "groupsIgnore"),
        ("/message/sendText/victim", json!({"number": "5511987654321", "text": "x", "delay": -1}), "delay"),
        (
            "/message/sendText/victim",
            json!({"number": "5511987654321", "text": "x", "delay": 300_001}),
            "delay",
        ),
        ("/message/sendText/victim", json!({"number": "5511987654321", "text": "   "}), "text"),
        (
            "/message/sendText/victim",
            json!({"number": "5511987654321", "text": "x", "mentioned": ["nobody"]}),
            "mentioned",
        ),
        (
            "/chat/sendPresence/victim",
            json!({"number": "5511987654321", "delay": u64::MAX, "presence": "composing"}),
            "delay",
        ),
        (
            "/chat/sendPresence/victim",
            json!({"number": "5511987654321", "delay": 1, "presence": "dancing"}),
            "presence",
        ),
        ("/instance/setPresence/victim", json!({"presence": "dancing"}), "presence"),
        ("/chat/whatsappNumbers/victim", json!({"numbers": vec!["5511987654321"; 501]}), "numbers"),
        (
            "/group/create/victim",
            json!({"subject": "s".repeat(101), "participants": ["5511987654321"]}),
            "subject",
        ),
        ("/group/create/victim", json!({"subject": "s", "participants": []}), "participants"),
        ("/group/create/victim", json!({"subject": "s", "participants": ["1@g.us"]}), "participants[0]"),
        ("/group/updateGroupSubject/victim?groupJid=1", json!({"subject": " "}), "subject"),
        (
            "/group/updateGroupDescription/victim?groupJid=1",
            json!({"description": "d".repeat(2_049)}),
            "description",
        ),
        ("/group/updateGroupSubject/victim?groupJid=5511987654321@c.us", json!({"subject": "s"}), "groupJid"),
        ("/group/toggleEphemeral/victim?groupJid=1", json!({"expiration": 60}), "expiration"),
        ("/group/updateSetting/victim?groupJid=1", json!({"action": "shouting"}), "action"),
        ("/webhook/redrive/victim", json!({"ids": ["no id"]}), "ids"),
        ("/chat/findMessages/victim", json!({"where": {"messageTimestamp": {"gte": "long ago"}}}), "gte"),
        ("/instance/connect/victim", json!({"number": "abc"}), "number"),
    ];
    for (path, body, named) in others {
        let (status, message) = refused(&node, &Method::POST, path, body.to_string().into_bytes()).await;
        assert_eq!(status, 400, "{path} {body}: {message}");
        assert!(message.contains(named), "{path} {body}: {message}");
    }
    for path in [
        "/webhook/deadLetters/victim?take=many",
        "/webhook/deadLetters/victim?skip=-1",
        "/chat/findChatByRemoteJid/victim",
        "/group/findGroupInfos/victim",
        "/group/participants/victim?groupJid=nobody",
        "/group/fetchAllGroups/victim",
        "/group/fetchAllGroups/victim?getParticipants=perhaps",
        "/group/inviteInfo/victim",
        "/group/acceptInviteCode/victim?inviteCode=",
    ] {
        let (status, message) = refused(&node, &Method::GET, path, Vec::new()).await;
        assert_eq!(status, 400, "{path}: {message}");
    }
    assert_eq!(everything(&node).await, before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_or_method_that_is_none_is_refused() {
    let node = node().await;
    let before = everything(&node).await;
    let long = format!("/instance/connectionState/{}", "n".repeat(5_000));
    for path in [
        "/instance/connectionState/%00",
        "/instance/connectionState/%FF%FE",
        "/instance/connectionState/a%2Fb",
        "/instance/connectionState/",
        "/instance/nothing/victim",
        "/message/sendText",
        "/instance/connectionState/%2e%2e",
        "/instance/fetchInstances?instanceName=%00",
        "/instance/fetchInstances?instanceId=no-id",
        &long,
    ] {
        let (status, message) = refused(&node, &Method::GET, path, Vec::new()).await;
        assert!(matches!(status, 400 | 404 | 414), "{path}: {status} {message}");
    }
    for (method, path) in [
        (Method::GET, "/message/sendText/victim"),
        (Method::DELETE, "/settings/set/victim"),
        (Method::PATCH, "/webhook/set/victim"),
        (Method::POST, "/instance/delete/victim"),
        (Method::GET, "/instance/logout/victim"),
    ] {
        let (status, message) = refused(&node, &method, path, Vec::new()).await;
        assert!(matches!(status, 404 | 405), "{method} {path}: {status} {message}");
    }
    let odd = ["x".repeat(256), "with space".to_owned()];
    for key in odd {
        let body = json!({"number": "5511987654321", "text": "x"}).to_string().into_bytes();
        let (status, answer) =
            node.with_header(Method::POST, "/message/sendText/victim", ("idempotency-key", &key), body).await;
        assert_eq!(status, 400, "{key}: {answer}");
    }
    assert_eq!(everything(&node).await, before, "nothing has changed");
}
