//! The table of every variable: one source for defaults, help, warnings and documentation.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use super::environment::Environment;
use super::variable::{Group, Kind, Variable};
use super::{
    auth, bots, business, cache, chatwoot, cluster, database, instances, kafka, limits, log, media, metrics,
    nats, node, outbox, proxy, pusher, rabbitmq, server, session, sqs, unserved, webhook, websocket,
    whatsapp,
};

/// Every variable, by group, in the order of the documentation.
pub const GROUPS: &[Group] = &[
    server::GROUP,
    auth::GROUP,
    instances::GROUP,
    whatsapp::GROUP,
    log::GROUP,
    metrics::GROUP,
    node::GROUP,
    cluster::GROUP,
    database::GROUP,
    session::GROUP,
    cache::GROUP,
    limits::GROUP,
    outbox::GROUP,
    webhook::GROUP,
    rabbitmq::GROUP,
    nats::GROUP,
    sqs::GROUP,
    kafka::GROUP,
    websocket::GROUP,
    pusher::GROUP,
    media::GROUP,
    proxy::GROUP,
    business::GROUP,
    bots::GROUP,
    chatwoot::GROUP,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Variable>> =
    LazyLock::new(|| all().map(|variable| (variable.name, variable)).collect());

/// Every variable, event switches among them.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    GROUPS.iter().flat_map(|group| {
        group.variables.iter().chain(group.switches.iter().flat_map(|switches| switches.variables))
    })
}

/// The variable of this name.
pub fn find(name: &str) -> Option<&'static Variable> {
    BY_NAME.get(name).copied()
}

/// Stands with the groups of which nothing works yet.
const UNSERVED: &str =
    "Read and checked, but not served yet: a node that finds it turned on says so at start.";

/// The tables of the README: one per group, in Markdown.
pub fn markdown() -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "\n### {}\n", group.title);
        if unserved::is_group(group.title) {
            let _ = writeln!(text, "{UNSERVED}\n");
        }
        let _ = writeln!(text, "| Variable | Default | Takes | Meaning |\n|---|---|---|---|");
        for variable in group.variables {
            let default = variable.default.map(|default| format!("`{default}`")).unwrap_or_default();
            let _ = writeln!(
                text,
                "| `{}` | {default} | {} | {} |",
                variable.name,
                variable.takes().replace('|', "\\|"),
                variable.meaning.replace('|', "\\|"),
            );
        }
        if let Some(switches) = &group.switches {
            let _ = writeln!(
                text,
                "| `{}<EVENT>` | `false` | true or false | one switch per event, such as `{}MESSAGES_UPSERT`: lets it through to the global feed |",
                switches.prefix, switches.prefix,
            );
        }
    }
    text
}

/// The ENVIRONMENT section of the help text.
pub fn help() -> String {
    let mut text = String::from("ENVIRONMENT\n");
    for group in GROUPS {
        let _ = writeln!(text, "\n  {}", group.title);
        if unserved::is_group(group.title) {
            let _ = writeln!(text, "    {UNSERVED}");
        }
        for variable in group.variables {
            if matches!(variable.kind, Kind::Ignored(_)) {
                continue;
            }
            let default =
                variable.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
            let _ = writeln!(
                text,
                "    {} <{}>\n        {}{default}",
                variable.name,
                variable.takes(),
                variable.meaning
            );
        }
        if let Some(switches) = &group.switches {
            let _ = writeln!(
                text,
                "    {}<EVENT> <true or false>\n        lets an event through to the global feed [default: false]",
                switches.prefix
            );
        }
    }
    text
}

/// The effective value of every variable, one `NAME=value` per line, with secrets hidden and a mark
/// where the default stands. Event switches appear only where they are set.
pub fn effective(environment: &Environment) -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "# {}", group.title);
        for variable in group.variables.iter().chain(group.switches.iter().flat_map(|it| it.variables)) {
            match (environment.get(variable.name), variable.default, variable.kind) {
                (None, _, Kind::EventSwitch | Kind::Ignored(_)) => {}
                (Some(_), _, Kind::Ignored(_)) => {
                    let _ = writeln!(text, "{}=   # ignored", variable.name);
                }
                (Some(value), _, _) => {
                    let _ = writeln!(text, "{}={}", variable.name, variable.shown(value));
                }
                (None, Some(default), _) => {
                    let _ = writeln!(text, "{}={}   # default", variable.name, variable.shown(default));
                }
                (None, None, _) => {
                    let _ = writeln!(text, "{}=   # unset", variable.name);
                }
            }
        }
    }
    text
}
