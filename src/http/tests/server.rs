//! Paths, methods, origins and bodies: what is the same for every route.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web;
use serde_json::{Value, json};

use super::support::{GLOBAL, Node, request};
use crate::http::path::Index;
use crate::http::routes::TABLE;
use crate::http::{Options, document, outer, serve};

#[actix_web::test]
async fn fixed_parts_of_a_path_match_in_any_letter_case() {
    let node = Node::start().await;
    node.create("João da Silva+1").await;
    for path in [
        "/instance/connectionState/Jo%C3%A3o%20da%20Silva+1",
        "/INSTANCE/connectionstate/Jo%C3%A3o%20da%20Silva%2B1/",
        "//instance//connectionState//Jo%C3%A3o%20da%20Silva+1",
    ] {
        let answer = node.ask("GET", path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(answer.json()["instance"], json!({"instanceName": "João da Silva+1", "state": "close"}));
    }
    let folded = node.ask("GET", "/instance/connectionState/jo%C3%A3o%20da%20silva+1", Value::Null).await;
    assert_eq!(folded.status, 404, "names keep their letter case");
}

#[actix_web::test]
async fn what_is_not_in_the_table_is_said_to_be_so() {
    let node = Node::start().await;
    for (method, path) in [
        ("GET", "/nope"),
        ("POST", "/instance/nope/x"),
        ("GET", "/instance/create"),
        ("PATCH", "/INSTANCE/restart/x/"),
        ("GET", "/instance/connectionState"),
        ("GET", "/instance/connectionState/a/b"),
        ("GET", "/metrics"),
    ] {
        let answer = node.ask(method, path, Value::Null).await;
        let wanted = json!({
            "status": 404,
            "error": "Not Found",
            "response": {"message": [format!("Cannot {method} {path}")]},
        });
        assert_eq!((answer.status, answer.json()), (404, wanted));
    }
}

#[actix_web::test]
async fn browsers_of_any_origin_may_call_unless_the_operator_lists_some() {
    let node = Node::start().await;
    let preflight = || {
        let asked = ("access-control-request-headers", "apikey,content-type");
        request("OPTIONS", "/instance/create")
            .insert_header(("origin", "https://app.example"))
            .insert_header(asked)
    };
    let answer = node.call(preflight()).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("apikey,content-type"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST,GET,PUT,DELETE"));
    assert_eq!(node.call(request("OPTIONS", "/anything")).await.status, 204);

    let node = Node::with(&[("CORS_ORIGIN", "https://app.example"), ("CORS_CREDENTIALS", "true")]).await;
    let from = |origin: &str| request("GET", "/health/live").insert_header(("origin", origin));
    let listed = node.call(from("https://app.example")).await;
    assert_eq!((listed.status, listed.header("access-control-allow-credentials")), (200, Some("true")));
    let own = from("http://node.example").insert_header(("host", "node.example"));
    assert_eq!(node.call(own).await.status, 200, "the server's own pages");
    let other = node.call(from("https://evil.example")).await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (403, None));
    assert_eq!(node.call(request("GET", "/health/live")).await.status, 200, "no origin is no browser");
}

#[actix_web::test]
async fn bodies_are_read_whatever_they_are_called() {
    let node = Node::start().await;
    let post = |kind: &str, body: &str| {
        let request = request("POST", "/instance/create").insert_header(("apikey", GLOBAL));
        request.insert_header(("content-type", kind)).set_payload(body.to_owned())
    };
    for (at, kind) in ["text/plain", "application/xml", "application/json; charset=utf-8"].iter().enumerate()
    {
        let body = format!("{{\"instanceName\":\"by-{at}\"}}");
        assert_eq!(node.call(post(kind, &body)).await.status, 201, "{kind}");
    }
    let form = "instanceName=form&rejectCall=true&webhook[url]=http%3A%2F%2Fx.example%2Fh";
    let answer = node.call(post("application/x-www-form-urlencoded", form)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["settings"]["rejectCall"], true);
    assert_eq!(answer.json()["webhook"]["webhookUrl"], "http://x.example/h");

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("{{\"instanceName\":\"{}\"}}", "x".repeat(2 << 20));
    for (body, status) in [("{", 400), ("[]", 400), ("nul", 400), (deep.as_str(), 400), (&long, 413)] {
        assert_eq!(node.call(post("application/json", body)).await.status, status);
    }
    let bytes = request("POST", "/instance/create").insert_header(("apikey", GLOBAL));
    assert_eq!(node.call(bytes.set_payload(vec![0xff, 0xfe, 0x00])).await.status, 400);
    let empty = node.call(post("application/json", "")).await;
    assert_eq!(empty.json()["response"]["message"], json!([["instance requires property \"instanceName\""]]));
}

#[actix_web::test]
async fn pages_that_need_no_key() {
    let node = Node::with(&[("SERVER_URL", "https://api.example")]).await;
    let root = node.call(TestRequest::get().uri("/")).await.json();
    assert_eq!((&root["status"], &root["version"]), (&json!(200), &json!("2.3.6")));
    assert_eq!(root["documentation"], "https://api.example/docs");
    assert_eq!(root["manager"], Value::Null, "no page is promised that is not served");
    assert_eq!(root["simulator"], Value::Null);
    for page in ["/health/live", "/health/ready", "/health/startup"] {
        assert_eq!(node.call(TestRequest::get().uri(page)).await.status, 200, "{page}");
    }
    node.state.draining.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(node.call(TestRequest::get().uri("/health/ready")).await.status, 503);
    assert_eq!(node.call(TestRequest::get().uri("/health/live")).await.status, 200);
}

#[actix_web::test]
async fn metrics_are_for_those_whom_the_operator_lets_in() {
    let variables = [
        ("PROMETHEUS_METRICS", "true"),
        ("METRICS_AUTH_REQUIRED", "true"),
        ("METRICS_USER", "prometheus"),
        ("METRICS_PASSWORD", "secret"),
        ("METRICS_ALLOWED_IPS", "127.0.0.1"),
    ];
    let node = Node::with(&variables).await;
    node.create("acme").await;
    let get = |peer: &str| request("GET", "/metrics").peer_addr(peer.parse().unwrap());
    let basic = |text: &str| {
        use base64::Engine as _;
        ("authorization", format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text)))
    };
    assert_eq!(node.call(get("10.0.0.1:1").insert_header(basic("prometheus:secret"))).await.status, 403);
    assert_eq!(node.call(get("127.0.0.1:1")).await.status, 401);
    assert_eq!(node.call(get("127.0.0.1:1").insert_header(basic("prometheus:wrong"))).await.status, 401);
    let page = node.call(get("[::ffff:127.0.0.1]:1").insert_header(basic("prometheus:secret"))).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("evolution_instance_up{instance=\"acme\",integration=\"WHATSAPP-BAILEYS\"} 0")
    );
    assert!(page.text.ends_with("# recorded\n"));
}

#[test]
fn the_document_has_every_route_and_every_schema_it_names() {
    let document: Value = serde_json::from_str(&document().unwrap()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for route in TABLE {
        for verb in route.verbs {
            let method = format!("{verb:?}").to_lowercase();
            assert!(document["paths"][route.path][&method].is_object(), "{method} {}", route.path);
        }
    }
    let text = document.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "no schema {name}");
    }
}

#[test]
fn the_document_is_the_one_checked_in() {
    let now = format!("{}\n", document().unwrap());
    assert_eq!(now, include_str!("../openapi/snapshot.json"), "renew it: waggle openapi > the file");
}

#[actix_web::test]
async fn the_docs_are_a_page_of_the_node_unless_switched_off() {
    let node = Node::start().await;
    let moved = node.call(request("GET", "/docs")).await;
    assert_eq!((moved.status, moved.header("location")), (302, Some("/docs/index.html")));
    for (file, part) in [("index.html", "swagger-ui"), ("swagger-initializer.js", "../openapi.json")] {
        let page = node.call(request("GET", &format!("/docs/{file}"))).await;
        assert!(page.status == 200 && page.text.contains(part), "{file}");
    }
    assert_eq!(node.call(request("GET", "/docs/nothing.js")).await.status, 404);
    let without = Node::with(&[("SERVER_DISABLE_DOCS", "true")]).await;
    for path in ["/docs", "/docs/index.html", "/openapi.json"] {
        assert_eq!(without.call(request("GET", path)).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn while_instances_are_loaded_an_unknown_name_or_token_may_be_one_of_them() {
    let node = Node::starting(&[]).await;
    let path = "/instance/connectionState/acme";
    for key in [GLOBAL, "token-of-acme"] {
        let answer = node.ask_as(key, "GET", path, Value::Null).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{key}");
    }
    assert_eq!(node.call(request("GET", path)).await.status, 401);
    assert_eq!(node.call(request("GET", "/health/startup")).await.status, 503);
}

#[actix_web::test]
async fn a_database_that_is_down_is_a_503() {
    let node = Node::start().await;
    let token = node.create("acme").await;
    node.state.database.clone().close().await;
    for path in [
        "/instance/fetchInstances",
        "/webhook/deadLetters/acme",
        "/chat/findChatByRemoteJid/acme?remoteJid=5511988887777",
    ] {
        let answer = node.ask_as(&token, "GET", path, Value::Null).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{path}");
    }
    assert_eq!(node.call(request("GET", "/health/ready")).await.status, 503);
    assert_eq!(node.ask_as(&token, "GET", "/instance/connectionState/acme", Value::Null).await.status, 200);
}

#[actix_web::test]
async fn a_panic_is_a_500_that_says_nothing() {
    let node = Node::start().await;
    #[expect(clippy::panic, reason = "what is tested")]
    async fn boom() -> actix_web::HttpResponse {
        panic!("a secret")
    }
    let app = actix_web::App::new()
        .app_data(web::Data::from(Arc::clone(&node.state)))
        .app_data(web::Data::new(Index::new(TABLE)))
        .route("/boom", web::get().to(boom))
        .wrap(from_fn(outer::outer));
    let app = init_service(app).await;
    let error = try_call_service(&app, TestRequest::get().uri("/boom").to_request()).await.err().unwrap();
    let body = actix_web::body::to_bytes(error.error_response().into_body()).await.unwrap();
    let wanted = json!({"status": 500, "error": "Internal Server Error",
        "response": {"message": ["Internal Server Error"]}});
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), wanted);
}

#[actix_web::test]
async fn a_head_only_looks() {
    let node = Node::start().await;
    node.create("acme").await;
    let seen = node.ask("HEAD", "/instance/connectionState/acme", Value::Null).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, Some("application/json")));
    for path in ["/instance/connect/acme", "/group/acceptInviteCode/acme?inviteCode=F1EX5QZxO181L3TMVP31gY"] {
        assert_eq!(node.ask("HEAD", path, Value::Null).await.status, 404, "{path}");
        assert_ne!(node.ask("GET", path, Value::Null).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn a_server_listens_answers_head_and_stops() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let node = Node::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options { workers: Some(1), stop_deadline: Duration::from_secs(1), tls: None };
    let (server, handle) = serve(listener, &options, Arc::clone(&node.state)).unwrap();
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = "HEAD /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        handle.stop(true).await;
        text
    };
    let (text, ended) = futures::join!(exchange, server);
    ended.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"), "{text}");
    assert!(text.contains("x-request-id: "));
}
