//! Newsletters: listed, created, followed, left, posted to.

use wa_sim::{Compose, File, Kind, NewContact, Options, Send};
use whatsapp_rust::{
    Jid,
    features::NewsletterRole,
    types::events::Event,
    wacore::proto_helpers::{MessageBuilderExt as _, MessageExt as _},
    waproto::whatsapp::Message,
};

use crate::common::{client::TestClient, simulator, simulator_with, texts::received, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_posts_and_a_client_follows() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, paired) = TestClient::paired(&simulator, None).await;
    let created = handle.create_newsletter(&contact.phone, "News", "All of them").expect("create");
    let jid: Jid = created.jid.parse().expect("jid");
    assert!(ana.client.newsletter().list_subscribed().await.expect("list").is_empty());
    let found = ana.client.newsletter().get_metadata_by_invite(&created.invite).await.expect("invite");
    assert_eq!((found.jid.clone(), found.role), (jid.clone(), Some(NewsletterRole::Guest)));
    let joined = ana.client.newsletter().join(&jid).await.expect("join");
    assert_eq!((joined.name.as_str(), joined.description.as_deref()), ("News", Some("All of them")));
    let listed = ana.client.newsletter().list_subscribed().await.expect("list");
    assert_eq!((listed.len(), &listed[0].role), (1, &Some(NewsletterRole::Subscriber)));
    assert_eq!(listed[0].subscriber_count, 2);

    let order = Send { to: created.jid.clone(), text: "Post {n}".into(), count: 2, ..Send::default() };
    handle.send(&contact.phone, order).await.expect("post");
    for n in 1..=2 {
        let got = ana.text().await;
        assert_eq!((got.text, got.chat), (format!("Post {n}"), jid.clone()));
    }
    let file = File { bytes: b"picture".to_vec(), ..File::default() };
    let order = Compose::new(created.jid.as_str(), Kind::Image { file, caption: None });
    handle.compose(&contact.phone, order).await.expect("post");
    let image = ana.message(|message| message.image_message.as_option().cloned()).await;
    assert_eq!(ana.client.download(&image).await.expect("download"), b"picture");

    let order = Send { to: created.jid.clone(), text: "typo".into(), ..Send::default() };
    let typo = handle.send(&contact.phone, order).await.expect("post").ids.remove(0);
    assert_eq!(ana.text().await.text, "typo");
    handle.edit(&contact.phone, &created.jid, &typo, "mended").await.expect("edit");
    let mended = ana.text().await;
    assert_eq!((mended.text.as_str(), &mended.id), ("mended", &typo));
    handle.revoke(&contact.phone, &created.jid, &typo).await.expect("revoke");
    assert_eq!(handle.newsletters()[0].posts, 4);

    let posts = ana.client.newsletter().get_messages(jid.clone(), 2, None).await.expect("posts");
    assert_eq!(posts.len(), 2);
    let before = ana.client.newsletter().get_messages(jid.clone(), 5, Some(posts[0].server_id)).await;
    assert_eq!(before.expect("posts").len(), 2);

    ana.client.newsletter().subscribe_live_updates(jid.clone()).await.expect("live");
    handle.react_to_post(&contact.phone, &created.jid, posts[0].server_id, "🎉").expect("react");
    let (code, count) = ana
        .event("reaction", |event| match event {
            Event::NewsletterLiveUpdate(update) => {
                let reaction = update.messages.first()?.reactions.first()?;
                Some((reaction.code.clone(), reaction.count))
            }
            _ => None,
        })
        .await;
    assert_eq!((code.as_str(), count), ("🎉", 1));
    ana.client.newsletter().send_reaction(&jid, posts[0].server_id, "👍").await.expect("react");
    ana.event("own reaction", |event| match event {
        Event::NewsletterLiveUpdate(update) => (update.messages.first()?.reactions.len() == 2).then_some(()),
        _ => None,
    })
    .await;

    ana.client.newsletter().leave(&jid).await.expect("leave");
    assert!(handle.newsletters()[0].followers.is_empty());
    assert!(ana.client.newsletter().list_subscribed().await.expect("list").is_empty());
    until("empty queue", || (handle.account_info(&paired.phone).ok()?.devices[0].pending == 0).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_creates_posts_changes_and_revokes() {
    let folder = tempfile::tempdir().expect("folder");
    let options = Options { state_file: Some(folder.path().join("state.json")), ..Options::default() };
    let simulator = simulator_with(options.clone()).await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let (mut bia, _) = TestClient::paired(&simulator, None).await;
    let channel = ana.client.newsletter().create("Own", Some("Mine")).await.expect("create");
    assert_eq!(channel.role, Some(NewsletterRole::Owner));
    let jid = channel.jid;
    handle.follow_newsletter(&contact.phone, &jid.to_string(), true).expect("follow");
    bia.client.newsletter().join(&jid).await.expect("join");
    let sent = ana.client.send_text(jid.clone(), "first").await.expect("post");
    assert_eq!(bia.text().await.text, "first");
    let seen = received(&handle, &contact.phone, "text").await;
    assert_eq!((seen.text.as_deref(), seen.chat), (Some("first"), jid.to_string()));
    // Followers do not post.
    let refused = bia.client.send_text(jid.clone(), "spam").await.expect("send").message_id;
    let error = bia
        .event("ack", |event| match event {
            Event::ServerAck(ack) if ack.id == refused => ack.error.clone(),
            _ => None,
        })
        .await;
    assert_eq!(error, "403");
    let id = sent.message_id.as_str();
    ana.client.newsletter().edit_message(&jid, id, Message::text("second")).await.expect("edit");
    let text = bia
        .message(|message| {
            let text = message.text_content().map(str::to_owned);
            text.or_else(|| {
                let protocol = message.protocol_message.as_option()?;
                protocol.edited_message.as_option()?.text_content().map(str::to_owned)
            })
        })
        .await;
    assert_eq!(text, "second");
    ana.client.newsletter().revoke_message(&jid, id).await.expect("revoke");
    let renamed = ana.client.newsletter().update(&jid, Some("Renamed"), None).await.expect("update");
    assert_eq!(renamed.name, "Renamed");
    ana.client.newsletter().set_follower_mute(&jid, true).await.expect("mute");
    assert!(bia.client.newsletter().update(&jid, Some("Taken"), None).await.is_err());
    let missing: Jid = "120363000000000000@newsletter".parse().expect("jid");
    assert!(bia.client.newsletter().get_metadata(&missing).await.is_err());
    simulator.shutdown().await.expect("shutdown");
    let simulator = simulator_with(options).await;
    let kept = simulator.handle().newsletters();
    assert_eq!((kept[0].name.as_str(), kept[0].followers.len(), kept[0].posts), ("Renamed", 2, 1));
}
