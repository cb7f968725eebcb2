//! Valid stanzas with random changes, handed to a logged-in and to an unpaired connection.

use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wacore_binary::{Node, NodeContent, OwnedNodeRef, marshal::marshal_to_vec, util::unpack_bytes};

use super::{paired, world};
use crate::{
    group::{Actor, create, members::Wanted},
    handle::{Handle, contacts::NewContact},
    pairing::desk::Slot,
    session::{device::Session, unpaired},
    wire::nodes::{el, leaf},
    world::{
        device::Keys,
        groups::Info,
        outbox::{Link, Outgoing},
    },
};

const OWN: &str = "5511911110000";
const CONTACT: &str = "5511922220000";
const GROUP: &str = "120363000000000001";

/// Values that have broken parsers before.
const NASTY: [&str; 16] = [
    "",
    "0",
    "-1",
    "4294967296",
    "99999999999999999999999",
    "@",
    "@g.us",
    "@lid",
    ":",
    "1:70000@s.whatsapp.net",
    "120363000000000001@g.us",
    "5511922220000:2@s.whatsapp.net",
    "status@broadcast",
    "\u{0}\u{202e}😀",
    "true",
    "s.whatsapp.net",
];

fn enc(kind: &'static str) -> Node {
    el("enc").attr("v", "2").attr("type", kind).bytes(vec![0x33, 8, 1, 18, 2, 1, 2]).build()
}

fn query(xmlns: &'static str, kind: &'static str, to: &str, child: Node) -> Node {
    el("iq").attr("xmlns", xmlns).attr("type", kind).attr("id", "q").attr("to", to).children([child]).build()
}

fn participants(tag: &'static str) -> Node {
    let jid = format!("{CONTACT}@s.whatsapp.net");
    el(tag).children([el("participant").attr("jid", jid).build()]).build()
}

/// Stanzas as clients send them.
fn corpus() -> Vec<Node> {
    let contact = format!("{CONTACT}@s.whatsapp.net");
    let group = format!("{GROUP}@g.us");
    let to = |jid: String, kind| el("to").attr("jid", jid).children([enc(kind)]).build();
    let fan_out = [
        to(contact.clone(), "pkmsg"),
        to(format!("{CONTACT}:2@s.whatsapp.net"), "msg"),
        to(format!("{OWN}:1@s.whatsapp.net"), "msg"),
    ];
    let message = |to: &str, children: Vec<Node>| {
        el("message").attr("to", to).attr("id", "m").attr("type", "text").children(children).build()
    };
    let server = "s.whatsapp.net";
    let key = || el("key").children([leaf("id", [0, 0, 9]), leaf("value", [7; 32])]).build();
    let skey = || {
        el("skey")
            .children([leaf("id", [0, 0, 2]), leaf("value", [7; 32]), leaf("signature", [1; 64])])
            .build()
    };
    let user = |jid: &str| el("user").attr("jid", jid).build();
    let usync = el("usync")
        .attr("sid", "s")
        .attr("mode", "query")
        .attr("context", "interactive")
        .children([
            el("query")
                .children(["devices", "lid", "contact", "status", "picture"].map(|tag| el(tag).build()))
                .build(),
            el("list")
                .children([
                    user(&contact),
                    el("user").children([leaf("contact", *b"+5511922220000")]).build(),
                ])
                .build(),
        ])
        .build();
    let mut nodes = vec![
        message(&contact, vec![el("participants").children(fan_out.clone()).build()]),
        message(&group, vec![el("participants").children(fan_out.clone()).build(), enc("skmsg")]),
        message("status@broadcast", vec![el("participants").children(fan_out).build(), enc("skmsg")]),
        message(&contact, vec![enc("pkmsg"), leaf("device-identity", [1, 2])]),
        el("message")
            .attr("to", format!("{OWN}@s.whatsapp.net"))
            .attr("id", "p")
            .attr("category", "peer")
            .children([enc("pkmsg")])
            .build(),
        query("disappearing_mode", "set", server, el("disappearing_mode").attr("duration", "86400").build()),
        el("receipt")
            .attr("to", &contact)
            .attr("id", "r")
            .attr("type", "read")
            .children([el("list").children([el("item").attr("id", "x").build()]).build()])
            .build(),
        el("receipt")
            .attr("to", &contact)
            .attr("id", "r")
            .attr("type", "retry")
            .children([
                el("retry").attr("count", "1").attr("id", "r").attr("v", "1").build(),
                leaf("registration", [0, 0, 0, 1]),
            ])
            .build(),
        el("ack").attr("class", "message").attr("id", "a").attr("to", &contact).build(),
        el("presence").attr("type", "available").attr("name", "Ana").build(),
        el("presence").attr("type", "subscribe").attr("to", &contact).build(),
        el("chatstate").attr("to", &group).children([el("composing").build()]).build(),
        el("chatstate")
            .attr("to", &contact)
            .children([el("composing").attr("media", "audio").build()])
            .build(),
        el("call")
            .attr("to", &contact)
            .attr("id", "c")
            .children([el("reject").attr("call-id", "1").attr("call-creator", &contact).build()])
            .build(),
        el("ib").children([el("unified_session").attr("id", "1").build()]).build(),
        query("usync", "get", server, usync),
        query(
            "encrypt",
            "get",
            server,
            el("key").children([user(&contact), user(&format!("{OWN}:1@s.whatsapp.net"))]).build(),
        ),
        query("encrypt", "get", server, el("digest").build()),
        query("encrypt", "get", server, el("count").build()),
        query("encrypt", "set", server, el("list").children([key(), key()]).build()),
        query("encrypt", "set", server, el("rotate").children([skey()]).build()),
        query("passive", "set", server, el("active").build()),
        query(
            "w:sync:app:state",
            "set",
            server,
            el("sync")
                .children([el("collection")
                    .attr("name", "regular")
                    .attr("version", "0")
                    .children([leaf("patch", [8, 1])])
                    .build()])
                .build(),
        ),
        query("w:m", "set", server, el("media_conn").build()),
        query("abt", "get", server, el("props").build()),
        query(
            "privacy",
            "set",
            server,
            el("privacy")
                .children([el("category").attr("name", "last").attr("value", "none").build()])
                .build(),
        ),
        query(
            "privacy",
            "set",
            server,
            el("tokens")
                .children([el("token")
                    .attr("jid", &contact)
                    .attr("t", "1")
                    .attr("type", "trusted_contact")
                    .build()])
                .build(),
        ),
        query("blocklist", "set", server, el("item").attr("jid", &contact).attr("action", "block").build()),
        query(
            "w:profile:picture",
            "set",
            server,
            el("picture").attr("type", "image").bytes(vec![0xFF, 0xD8]).build(),
        ),
        query(
            "w:profile:picture",
            "get",
            server,
            el("picture").attr("type", "preview").attr("query", "url").build(),
        ),
        query("status", "set", server, leaf("status", *b"busy")),
        query("urn:xmpp:whatsapp:dirty", "set", server, el("clean").attr("type", "groups").build()),
        query("md", "set", server, el("remove-companion-device").attr("reason", "user_initiated").build()),
        query("w:g2", "set", "g.us", {
            let mut create = participants("create");
            create.attrs.insert("subject", "Team");
            create
        }),
        query("w:g2", "set", "g.us", el("leave").children([el("group").attr("id", &group).build()]).build()),
        query("w:g2", "set", "g.us", el("invite").attr("code", "abc").build()),
        query("w:g2", "get", "g.us", el("participating").build()),
        query("w:g2", "get", "g.us", el("query").children([el("group").attr("jid", &group).build()]).build()),
        query(
            "w:g2",
            "get",
            "g.us",
            el("pictures").children([el("picture").attr("jid", &group).build()]).build(),
        ),
        query("w:g2", "get", &group, el("query").attr("request", "interactive").build()),
        query("w:g2", "get", &group, el("membership_approval_requests").build()),
        query("w:g2", "set", &group, leaf("subject", *b"New name")),
        query(
            "w:g2",
            "set",
            &group,
            el("description").attr("id", "d").children([leaf("body", *b"text")]).build(),
        ),
        query("w:g2", "set", &group, el("ephemeral").attr("expiration", "86400").build()),
        query("w:g2", "set", &group, el("member_add_mode").string_content("admin_add").build()),
        query(
            "w:g2",
            "set",
            &group,
            el("membership_requests_action").children([participants("approve")]).build(),
        ),
        query("w:g2", "set", &group, el("accept").attr("code", "x").attr("expiration", "1").build()),
        query(
            "md",
            "set",
            server,
            el("link_code_companion_reg")
                .attr("stage", "companion_hello")
                .attr("jid", &contact)
                .children([leaf("link_code_pairing_wrapped_companion_ephemeral_pub", [5; 80])])
                .build(),
        ),
        query(
            "md",
            "set",
            server,
            el("link_code_companion_reg")
                .attr("stage", "companion_finish")
                .children([leaf("link_code_pairing_wrapped_key_bundle", [5; 60])])
                .build(),
        ),
        el("iq")
            .attr("type", "result")
            .attr("id", "p")
            .children([el("pair-device-sign").children([leaf("device-identity", [1, 2, 3])]).build()])
            .build(),
    ];
    for action in ["add", "remove", "promote", "demote", "revoke", "cancel_membership_requests"] {
        nodes.push(query("w:g2", "set", &group, participants(action)));
    }
    for setting in
        ["announcement", "not_announcement", "locked", "unlocked", "not_ephemeral", "ack", "nonsense"]
    {
        nodes.push(query("w:g2", "set", &group, el(setting).build()));
    }
    nodes
}

/// One change of a stanza.
#[derive(Debug, Clone)]
enum Change {
    /// Another value for an attribute.
    Value(usize, usize, usize),
    /// An attribute less.
    Remove(usize, usize),
    /// Another tag.
    Tag(usize, usize),
    /// No content, or bytes.
    Content(usize, Option<Vec<u8>>),
    /// A child that belongs elsewhere.
    Child(usize, usize),
    /// A child twice.
    Twice(usize),
    /// A changed byte of the encoded stanza.
    Byte(usize, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let number = any::<usize>;
    prop_oneof![
        (number(), number(), number()).prop_map(|(a, b, c)| Change::Value(a, b, c)),
        (number(), number()).prop_map(|(a, b)| Change::Remove(a, b)),
        (number(), number()).prop_map(|(a, b)| Change::Tag(a, b)),
        (number(), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)))
            .prop_map(|(a, b)| Change::Content(a, b)),
        (number(), number()).prop_map(|(a, b)| Change::Child(a, b)),
        number().prop_map(Change::Twice),
        (number(), any::<u8>()).prop_map(|(a, b)| Change::Byte(a, b)),
    ]
}

fn size(node: &Node) -> usize {
    match &node.content {
        Some(NodeContent::Nodes(children)) => 1 + children.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// The node with this number in a walk through the tree.
fn pick(node: &mut Node, number: usize) -> &mut Node {
    if number == 0 || !matches!(node.content, Some(NodeContent::Nodes(_))) {
        return node;
    }
    let Some(NodeContent::Nodes(children)) = &mut node.content else { unreachable!("checked") };
    let mut left = number - 1;
    let mut index = 0;
    while index + 1 < children.len() && left >= size(&children[index]) {
        left -= size(&children[index]);
        index += 1;
    }
    pick(&mut children[index], left)
}

fn key(node: &Node, number: usize) -> Option<String> {
    let keys: Vec<String> = node.attrs.keys().map(ToString::to_string).collect();
    keys.get(number.checked_rem(keys.len())?).cloned()
}

fn apply(root: &mut Node, change: &Change, corpus: &[Node]) {
    let total = size(root);
    let any_tag = |number: usize| corpus[number % corpus.len()].tag.clone();
    match change {
        Change::Value(at, which, value) => {
            let node = pick(root, at % total);
            if let Some(key) = key(node, *which) {
                node.attrs.insert(key, NASTY[value % NASTY.len()]);
            }
        }
        Change::Remove(at, which) => {
            let node = pick(root, at % total);
            if let Some(key) = key(node, *which) {
                node.attrs.0.retain(|(name, _)| *name != key.as_str());
            }
        }
        Change::Tag(at, tag) => pick(root, at % total).tag = any_tag(*tag),
        Change::Content(at, content) => {
            pick(root, at % total).content = content.clone().map(NodeContent::Bytes);
        }
        Change::Child(at, which) => {
            let child = corpus[which % corpus.len()].clone();
            pick(root, at % total).content = Some(NodeContent::Nodes(vec![child]));
        }
        Change::Twice(at) => {
            if let Some(NodeContent::Nodes(children)) = &mut pick(root, at % total).content
                && let Some(first) = children.first().cloned()
            {
                children.push(first);
            }
        }
        Change::Byte(..) => {}
    }
}

/// The changed stanza as it comes off the wire; nothing when that is no stanza any more.
fn encode(mut node: Node, changes: &[Change], corpus: &[Node]) -> Option<OwnedNodeRef> {
    for change in changes {
        apply(&mut node, change, corpus);
    }
    let mut bytes = Vec::new();
    marshal_to_vec(&node, &mut bytes).ok()?;
    for change in changes {
        if let Change::Byte(at, with) = change {
            let index = at % bytes.len();
            bytes[index] = *with;
        }
    }
    OwnedNodeRef::new(unpack_bytes(bytes.as_slice().into()).ok()?).ok()
}

fn link() -> (Link, mpsc::Receiver<Outgoing>) {
    let (sender, receiver) = mpsc::channel(4_096);
    let link = Link {
        id: 1,
        sender,
        close: CancellationToken::new(),
        cut: CancellationToken::new(),
        silence: Arc::default(),
    };
    (link, receiver)
}

fn stanzas() -> impl Strategy<Value = Vec<(usize, Vec<Change>)>> {
    proptest::collection::vec((any::<usize>(), proptest::collection::vec(change(), 0..4)), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_logged_in_connection_survives_any_stanza(stanzas in stanzas()) {
        let world = world();
        let (account, _) = paired(&world, OWN);
        let handle = Handle::new(world.clone());
        let contact = NewContact { phone: Some(CONTACT.into()), ..NewContact::default() };
        handle.create_contact(contact).expect("contact");
        handle.link_companion(CONTACT).expect("companion");
        handle.record(OWN, 100).expect("record");
        let actor = Actor { world: &world, account: &account, device: Some(1) };
        let friend = world.directory.phone(CONTACT).expect("contact");
        let wanted = [Wanted { address: friend.pn(), account: Some(friend) }];
        let info = Info { subject: "Team".into(), ..Info::default() };
        let (group, _) = create::create(&actor, info, &wanted).expect("group");
        world.groups.insert(GROUP.into(), group);
        let (link, receiver) = link();
        let session = Session::new(world.clone(), account.clone(), 1, link);
        session.take_over();
        session.go_live();
        let corpus = corpus();
        for (which, changes) in stanzas {
            let node = corpus[which % corpus.len()].clone();
            if let Some(node) = encode(node, &changes, &corpus) {
                session.handle(node.get());
            }
        }
        session.end();
        drop(receiver);
    }

    #[test]
    fn an_unpaired_connection_survives_any_stanza(stanzas in stanzas()) {
        let world = world();
        let (link, receiver) = link();
        let slot = Arc::new(Slot::new(link, Keys::default(), Some("Ana".into())));
        world.desk.open(&slot);
        let corpus = corpus();
        for (which, changes) in stanzas {
            let node = corpus[which % corpus.len()].clone();
            if let Some(node) = encode(node, &changes, &corpus) {
                unpaired::handle(&world, &slot, node.get());
            }
        }
        world.desk.close(&slot);
        drop(receiver);
    }
}

#[test]
fn the_corpus_reaches_every_kind_of_stanza() {
    let world = world();
    let (account, _) = paired(&world, OWN);
    let handle = Handle::new(world.clone());
    let contact = NewContact { phone: Some(CONTACT.into()), ..NewContact::default() };
    handle.create_contact(contact).expect("contact");
    let (link, mut receiver) = link();
    let session = Session::new(world.clone(), account, 1, link);
    session.take_over();
    // Logging out ends what follows.
    let logout = |node: &Node| matches!(&node.content, Some(NodeContent::Nodes(children)) if children[0].tag == "remove-companion-device");
    for node in corpus().into_iter().filter(|node| !logout(node)) {
        let node = encode(node.clone(), &[], &[]).unwrap_or_else(|| panic!("{node:?}"));
        session.handle(node.get());
    }
    let mut answers = 0;
    while receiver.try_recv().is_ok() {
        answers += 1;
    }
    assert!(answers > 50, "{answers}");
    let stats = handle.stats();
    assert_eq!((stats.messages_in, stats.unknown_queries), (5, 0));
    // The random ciphertexts are for nobody.
    assert!(stats.undecryptable > 0);
}
