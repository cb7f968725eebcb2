//! A killed node still reads what its contacts write: no ratchet key that they know is lost with it.

use futures::future::join_all;
use serde_json::json;
use wa_sim::{Behaviour, ContactInfo, NewContact, Simulator};
use waggle::net::Method;

use crate::support::{KEY, Node, eventually, simulator};

const CONTACTS: usize = 4;
const KILLS: usize = 3;
/// Texts that reach each contact before the node dies; each turns the ratchet.
const TEXTS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_never_asks_for_a_message_again() {
    let simulator = simulator().await;
    let mut node = Node::start(&simulator).await;
    node.pair("acme", &simulator, None).await;
    let contacts: Vec<ContactInfo> = (0..CONTACTS).map(|_| talkative(&simulator)).collect();

    for kill in 1..=KILLS {
        // The node dies in the middle of its talks: what it wrote last is answered while it is gone.
        let talks = join_all(contacts.iter().map(|contact| talk(&node, contact)));
        let enough = eventually("every contact has received enough", async || {
            contacts.iter().all(|contact| received(&simulator, contact) >= kill * TEXTS).then_some(())
        });
        tokio::select! {
            _ = talks => {}
            () = enough => {}
        }
        node.kill();
        node.start_again().await;
        node.is("acme", "open").await;
        for contact in &contacts {
            let answers = received(&simulator, contact);
            let filter = json!({"where": {"key": {"remoteJid": contact.jid, "fromMe": false}}, "offset": 1});
            eventually("every answer is stored", async || {
                let found = node.post("/chat/findMessages/acme", filter.clone()).await;
                (found["messages"]["total"] == answers).then_some(())
            })
            .await;
        }
    }

    for contact in &contacts {
        let signals = simulator.handle().signals(&contact.phone).unwrap();
        let retries = signals.iter().filter(|signal| signal.kind == "retry").count();
        assert_eq!(retries, 0, "messages that {} had to send again", contact.phone);
    }
}

/// A contact that answers every text at once.
fn talkative(simulator: &Simulator) -> ContactInfo {
    let behaviour = Behaviour { auto_reply: Some("answer {n}".into()), ..Behaviour::default() };
    simulator.handle().create_contact(NewContact { behaviour, ..NewContact::default() }).unwrap()
}

/// Sends one text after another for as long as it is let.
async fn talk(node: &Node, contact: &ContactInfo) {
    let body = json!({"number": contact.phone, "text": "hello"}).to_string().into_bytes();
    loop {
        node.try_call(Method::POST, "/message/sendText/acme", Some(KEY), Some(body.clone())).await;
    }
}

/// How many texts have reached the contact, which is how many it has answered.
fn received(simulator: &Simulator, contact: &ContactInfo) -> usize {
    let (texts, _) = simulator.handle().received(&contact.phone, 0).unwrap();
    texts.iter().filter(|message| message.kind == "text").count()
}
