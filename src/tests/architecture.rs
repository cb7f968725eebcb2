//! Guards the walls: which room may name which, which foreign crate lives where, how long a file may be.
//!
//! The tables below are the architecture as data. Each failure prints `file:line` and the rule. To change a
//! wall, change its row here, and say why in the commit.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may name besides [`COMMON`]. A room that does not exist yet has its row already.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &[]),
    ("clock", &[]),
    ("lifecycle", &[]),
    ("telemetry", &["config"]),
    ("net", &[]),
    ("redis_link", &[]),
    ("objects", &[]),
    ("db", &[]),
    // The store in the database writes through the node's one writer, in the same transactions.
    ("session", &["db", "redis_link", "objects"]),
    ("auth", &[]),
    ("limits", &[]),
    ("media", &["net", "objects"]),
    ("events", &["db"]),
    ("webhook", &["net", "db", "events"]),
    ("channel", &["session", "events", "media", "net"]),
    ("instance", &["channel", "events", "session", "limits", "db"]),
    // Brings the files of messages from their channels to the store.
    ("archive", &["instance", "channel", "media", "db", "events"]),
    // Nodes talk to each other over HTTP.
    ("cluster", &["instance", "db", "net", "redis_link"]),
    // What a caller uploads is kept in a file of `media` from the first byte on. A file that is asked for may
    // be in the archive.
    (
        "http",
        &["instance", "channel", "cluster", "webhook", "events", "db", "auth", "limits", "media", "archive"],
    ),
];

/// What every room may name, the leaf rooms apart.
const COMMON: &[&str] = &["domain", "clock", "config", "telemetry", "lifecycle"];

/// Rooms that [`COMMON`] is not for.
const LEAVES: &[&str] = &["domain", "config", "clock", "lifecycle", "telemetry"];

/// Files that put the house together, and so may name anything.
const EXEMPT: &[&str] = &[
    "main.rs",
    "lib.rs",
    "demo.rs",
    "app/mod.rs",
    "app/attach.rs",
    "app/parts.rs",
    "app/cluster.rs",
    "app/directory.rs",
    "app/files.rs",
    "app/key.rs",
    "app/orphans.rs",
    "app/rabbitmq.rs",
    "app/worker.rs",
];

/// Names of `config` that only the files above may use: a room receives its own section.
const WHOLE_CONFIG: &[&str] = &["Config", "Environment"];

/// Foreign crates, or paths in them, and the only places that may name them.
const FOREIGN: &[(&str, &[&str])] = &[
    ("actix_web", &["http"]),
    ("sea_orm", &["db", "session/sql"]),
    ("redis", &["redis_link", "cluster", "session/redis", "limits"]),
    ("lapin", &["events/rabbitmq"]),
    ("whatsapp_rust", &["channel/whatsapp_web"]),
    ("wacore", &["channel/whatsapp_web"]),
    ("wacore_binary", &["channel/whatsapp_web"]),
    ("waproto", &["channel/whatsapp_web"]),
    ("buffa", &["channel/whatsapp_web"]),
    ("reqwest", &["net", "channel/meta_cloud"]),
    ("object_store", &["objects", "session/object", "media/store"]),
    ("image", &["media", "channel/whatsapp_web/picture"]),
    ("webp", &["media"]),
    ("infer", &["media"]),
    ("html5ever", &["media"]),
    ("actix_multipart", &["http"]),
    ("utoipa_swagger_ui", &["http"]),
    ("clap", &["config", "main"]),
    ("tokio::spawn", &["lifecycle"]),
    ("tokio::task::spawn", &["lifecycle"]),
    ("tokio::task::spawn_local", &["lifecycle"]),
    ("actix_web::rt::spawn", &["lifecycle"]),
];

/// Lines of a file outside its tests.
const LONGEST: usize = 500;

#[test]
fn rooms_name_only_the_rooms_they_may() {
    report(each_file(|file| {
        let mut broken = Vec::new();
        if EXEMPT.contains(&file.name.as_str()) {
            return broken;
        }
        for Named { line, path } in file.own_paths() {
            let Some(target) = path.first().filter(|first| is_room(first)) else { continue };
            if *target == file.room {
                continue;
            }
            if !may_name(&file.room, target) {
                broken.push(file.at(line, &format!("`{}` may not name `{target}`", file.room)));
            }
            if target == "config" && path.get(1).is_some_and(|name| WHOLE_CONFIG.contains(&name.as_str())) {
                broken.push(file.at(line, "a room receives its own section of `config`, not the whole"));
            }
        }
        broken
    }));
}

#[test]
fn foreign_crates_live_in_their_rooms() {
    report(each_file(|file| {
        let mut broken = Vec::new();
        for Named { line, path } in file.foreign_paths() {
            for (foreign, places) in FOREIGN {
                let wanted: Vec<_> = foreign.split("::").collect();
                let names_it = path.len() >= wanted.len() && path.iter().zip(&wanted).all(|(a, b)| a == b);
                if names_it && !places.iter().any(|place| file.is_in(place)) {
                    let rule = format!("`{foreign}` may be named only in {}", places.join(", "));
                    broken.push(file.at(line, &rule));
                }
            }
        }
        broken
    }));
}

#[test]
fn files_are_short() {
    report(each_file(|file| {
        let lines = file.code.lines().count() - file.test_lines;
        if lines <= LONGEST {
            return Vec::new();
        }
        vec![file.at(LONGEST, &format!("{lines} lines outside tests: the limit is {LONGEST}"))]
    }));
}

#[test]
fn every_room_has_a_row_and_introduces_itself() {
    let mut broken = Vec::new();
    for file in files() {
        if !EXEMPT.contains(&file.name.as_str()) && !is_room(&file.room) {
            broken.push(file.at(1, &format!("`{}` has no row in the table of rooms", file.room)));
        }
        if file.name == format!("{}/mod.rs", file.room) {
            let head = fs::read_to_string(&file.path).unwrap();
            let head: String = head.lines().take_while(|line| line.starts_with("//!")).collect();
            if !head.starts_with("//! Owns") || !head.contains("ust not know") {
                broken.push(file.at(1, "a room opens with `//! Owns ...` and what it must not know"));
            }
        }
    }
    report(broken);
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

fn may_name(room: &str, target: &str) -> bool {
    let listed = ROOMS.iter().any(|(name, targets)| *name == room && targets.contains(&target));
    listed || (COMMON.contains(&target) && !LEAVES.contains(&room))
}

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn each_file(check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    files().iter().flat_map(check).collect()
}

// === Files ===

/// A source file with comments, texts and test modules blanked out; lines stay where they were.
struct Source {
    path: PathBuf,
    /// Path under `src`, with forward slashes.
    name: String,
    room: String,
    code: String,
    test_lines: usize,
}

/// A path of names, such as `crate::db::Scope` without its `crate`, and the line where it stands.
#[derive(Debug, PartialEq)]
struct Named {
    line: usize,
    path: Vec<String>,
}

fn files() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                let text = fs::read_to_string(&path).unwrap();
                files.push(Source::new(path, name, &text));
            }
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(files.len() > 2, "nothing was scanned");
    files
}

impl Source {
    fn new(path: PathBuf, name: String, text: &str) -> Self {
        let (code, test_lines) = without_tests(&blank(text));
        let room = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        Self { path, name, room, code, test_lines }
    }

    fn at(&self, line: usize, rule: &str) -> String {
        format!("src/{}:{line}: {rule}", self.name)
    }

    /// Whether the file is this place: a file of that name, or in a folder of that name.
    fn is_in(&self, place: &str) -> bool {
        let rest = self.name.strip_prefix(place);
        rest.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    }

    /// How many modules the file is below the crate's root.
    fn depth(&self) -> usize {
        let parts = self.name.split('/').count();
        if self.name.ends_with("mod.rs") { parts - 1 } else { parts }
    }

    /// Paths into this crate, written with `crate::` or with as many `super::` as lead to its root.
    fn own_paths(&self) -> Vec<Named> {
        let depth = self.depth();
        paths(&self.code)
            .into_iter()
            .filter_map(|Named { line, path }| {
                let supers = path.iter().take_while(|name| *name == "super").count();
                let from = match path.first().map(String::as_str) {
                    Some("crate" | "waggle") => 1,
                    Some("super") if supers == depth => depth,
                    _ => return None,
                };
                Some(Named { line, path: path[from..].to_vec() })
            })
            .collect()
    }

    /// Paths that may lead out of this crate: not those that begin with a module of the file itself.
    fn foreign_paths(&self) -> Vec<Named> {
        let names = tokens(&self.code);
        let mods: Vec<_> = names.windows(2).filter(|pair| pair[0].1 == "mod").map(|pair| pair[1].1).collect();
        let mut found = paths(&self.code);
        found.retain(|named| !mods.contains(&named.path[0].as_str()));
        found
    }
}

// === Scanning ===

/// Blanks out comments, texts and characters.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = at
            + match rest {
                [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
                [b'/', b'*', ..] => block_comment(rest),
                [b'"', ..] => text_literal(rest),
                [b'r', b'"' | b'#', ..] if at == 0 || !is_name(bytes[at - 1]) => raw_literal(rest),
                [b'b', b'r', b'"' | b'#', ..] => 1 + raw_literal(&rest[1..]),
                [b'\'', b'\\', ..] => 2 + 1 + rest[3..].iter().position(|b| *b == b'\'').unwrap_or(0) + 1,
                [b'\'', one, b'\'', ..] if *one != b'\'' => 3,
                _ => 0,
            };
        let end = end.min(bytes.len());
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn text_literal(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// A literal such as `r#"..."#`; 0 for a raw name such as `r#type`.
fn raw_literal(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let start = hashes + 2;
    let end = rest[start..].windows(close.len()).position(|window| window == close);
    end.map_or(rest.len(), |end| start + end + close.len())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Blanks out what stands behind `#[cfg(test)]`, and counts its lines.
fn without_tests(code: &str) -> (String, usize) {
    const MARK: &str = "#[cfg(test)]";
    let (mut code, mut lines) = (code.to_owned(), 0);
    while let Some(start) = code.find(MARK) {
        let after = start + MARK.len();
        let mut depth = 0;
        let end = code[after..].char_indices().find_map(|(at, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            (depth == 0 && matches!(c, '}' | ';')).then_some(after + at + 1)
        });
        let end = end.unwrap_or(code.len());
        lines += code[start..end].lines().count();
        let blanked: String = code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(start..end, &blanked);
    }
    (code, lines)
}

/// Names, `::` and single signs, each with its line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let bytes = code.as_bytes();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while at < bytes.len() {
        let length = if is_name(bytes[at]) {
            bytes[at..].iter().take_while(|byte| is_name(**byte)).count()
        } else if bytes[at..].starts_with(b"::") {
            2
        } else {
            1
        };
        if bytes[at] == b'\n' {
            line += 1;
        } else if bytes[at].is_ascii_graphic() {
            found.push((line, &code[at..at + length]));
        }
        at += length;
    }
    found
}

/// Every path in the code, with the braces of use declarations written out. A name alone counts only as the
/// first name of a use declaration.
fn paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let before = if at == 0 { "" } else { tokens[at - 1].1 };
        let after = tokens.get(at + 1).map_or("", |token| token.1);
        let name = is_name(tokens[at].1.as_bytes()[0]) && tokens[at].1 != "use";
        let begins = name && before != "." && (after == "::" || before == "use");
        // `use ::name` begins with a sign.
        let rooted = tokens[at].1 == "::" && (at == 0 || !is_name_or_close(before) || before == "use");
        if begins || rooted || (before == "use" && tokens[at].1 == "{") {
            at = tree(&tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found.retain(|named| !named.path.is_empty());
    found
}

fn is_name_or_close(token: &str) -> bool {
    is_name(token.as_bytes().first().copied().unwrap_or(b' ')) || token == ">"
}

/// Reads one path, or a tree of them in braces, and says where it ends.
fn tree(tokens: &[(usize, &str)], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens[at].0;
    let mut line_of_last = line;
    while let Some((line, token)) = tokens.get(at) {
        match *token {
            "::" => at += 1,
            "{" if at > 0 && matches!(tokens[at - 1].1, "::" | "use" | "{" | ",") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.1 != "}") {
                    let next = tree(tokens, at, &path, found);
                    at = next.max(at + 1);
                    // `name as other`, then the comma.
                    while tokens.get(at).is_some_and(|token| token.1 != "}" && tokens[at - 1].1 != ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            name if is_name(name.as_bytes()[0])
                && (path.len() == prefix.len() || tokens[at - 1].1 == "::") =>
            {
                path.push(name.to_owned());
                line_of_last = *line;
                at += 1;
            }
            _ => break,
        }
    }
    found.push(Named { line: line_of_last, path });
    at
}

// === The scanner itself ===

fn source(name: &str, text: &str) -> Source {
    Source::new(PathBuf::new(), name.to_owned(), text)
}

fn own(name: &str, text: &str) -> Vec<String> {
    source(name, text)
        .own_paths()
        .into_iter()
        .map(|it| format!("{}:{}", it.line, it.path.join("::")))
        .collect()
}

#[test]
fn the_scanner_finds_paths_of_every_form() {
    let text = "use crate::db::Scope;\nuse crate::{net, media::{self, Image as I}, db};\nfn f() -> crate::auth::Key {\n    <crate::http::X as Y>::z();\n}\n";
    let expected =
        ["1:db::Scope", "2:net", "2:media::self", "2:media::Image", "2:db", "3:auth::Key", "4:http::X"];
    assert_eq!(own("events/mod.rs", text), expected);
    assert_eq!(own("net/a.rs", "use super::super::db::X;\nuse super::db::Y;"), ["1:db::X"]);
    assert_eq!(own("net/mod.rs", "use super::db;"), ["1:db"]);
    assert_eq!(own("net.rs", "pub use super::db::X;"), ["1:db::X"]);
}

#[test]
fn the_scanner_passes_over_comments_texts_and_tests() {
    let text = "// crate::db\n/* crate::db /* x */ crate::db */\nconst A: &str = \"crate::db \\\" crate::db\";\nconst B: &str = r#\"crate::db \" \"#;\nconst C: char = '\"';\nfn f<'a>(x: &'a str) {}\nuse crate::net;\n#[cfg(test)]\nmod tests {\n    use crate::db;\n    fn g() { if x {} }\n}\nuse crate::auth;\n";
    assert_eq!(own("http/mod.rs", text), ["7:net", "13:auth"]);
    assert_eq!(source("http/mod.rs", text).test_lines, 5);
}

#[test]
fn the_scanner_tells_foreign_crates_from_modules_and_fields() {
    let names = |text: &str| -> Vec<String> {
        let found = source("events/mod.rs", text).foreign_paths();
        found.into_iter().map(|it| it.path.join("::")).collect()
    };
    assert_eq!(names("use redis::Client;\nuse ::lapin::X;"), ["redis::Client", "lapin::X"]);
    assert_eq!(names("mod redis;\nuse redis::Client;"), [""; 0]);
    assert_eq!(names("let redis = self.redis.get();"), [""; 0]);
    assert_eq!(names("tokio::spawn(async {});"), ["tokio::spawn"]);
    assert_eq!(names("use clap;"), ["clap"]);
    assert_eq!(names("use tokio::{spawn, task};"), ["tokio::spawn", "tokio::task"]);
}

#[test]
fn the_walls_stand() {
    assert!(may_name("http", "db") && may_name("instance", "config") && may_name("webhook", "events"));
    assert!(!may_name("http", "session") && !may_name("channel", "db") && !may_name("domain", "clock"));
    assert!(!may_name("db", "http") && !may_name("config", "domain"));
    for (room, targets) in ROOMS {
        for target in *targets {
            assert!(is_room(target) && target != room, "{room} -> {target}");
            assert!(!may_name(target, room), "{room} and {target} name each other");
        }
    }
}
