//! What a contact sends really reaches a client, kind by kind.

use wa_sim::{Card, Compose, File, Handle, Kind, NewContact, Quoted, Send};
use whatsapp_rust::wacore::iq::groups::{GroupCreateOptions, GroupParticipantOptions};
use whatsapp_rust::{
    Jid, download::Downloadable, features::PollVoteCiphertext, wacore::proto_helpers::MessageExt as _,
    waproto::whatsapp::Message,
};

use crate::common::{client::TestClient, simulator};

fn file(content: &[u8]) -> File {
    File { bytes: content.to_vec(), ..File::default() }
}

struct Chat {
    handle: Handle,
    contact: String,
    phone: String,
}

impl Chat {
    async fn send(&self, order: Compose) -> String {
        self.handle.compose(&self.contact, order).await.expect("send").id
    }

    fn order(&self, content: Kind) -> Compose {
        Compose::new(self.phone.as_str(), content)
    }

    async fn say(&self, content: Kind) -> String {
        self.send(self.order(content)).await
    }
}

async fn start() -> (wa_sim::Simulator, TestClient, Chat) {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact").phone;
    let (ana, paired) = TestClient::paired(&simulator, None).await;
    (simulator, ana, Chat { handle, contact, phone: paired.phone })
}

/// The next message that has a file, and its decrypted bytes.
async fn download<F: Downloadable + Clone>(
    client: &mut TestClient,
    pick: impl Fn(&Message) -> Option<F>,
) -> (F, Vec<u8>) {
    let file = client.message(|message| pick(message.get_base_message())).await;
    let bytes = client.client.download(&file).await.expect("download");
    (file, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_arrive_and_decrypt() {
    let (_simulator, mut ana, chat) = start().await;
    chat.say(Kind::Image { file: file(b"image"), caption: Some("look".into()) }).await;
    let (image, bytes) = download(&mut ana, |message| message.image_message.as_option().cloned()).await;
    assert_eq!((image.caption.as_deref(), bytes.as_slice()), (Some("look"), &b"image"[..]));

    chat.say(Kind::Video { file: file(b"video"), caption: None, gif: true, round: false }).await;
    let (video, bytes) = download(&mut ana, |message| message.video_message.as_option().cloned()).await;
    assert_eq!((video.gif_playback, bytes.as_slice()), (Some(true), &b"video"[..]));

    chat.say(Kind::Video { file: file(b"round"), caption: None, gif: false, round: true }).await;
    let (_, bytes) = download(&mut ana, |message| message.ptv_message.as_option().cloned()).await;
    assert_eq!(bytes, b"round");

    chat.say(Kind::Audio { file: file(b"voice"), voice: true, seconds: 3 }).await;
    let (audio, bytes) = download(&mut ana, |message| message.audio_message.as_option().cloned()).await;
    assert_eq!((audio.ptt, audio.seconds, bytes.as_slice()), (Some(true), Some(3), &b"voice"[..]));

    let named = File { name: Some("a.pdf".into()), mimetype: Some("application/pdf".into()), ..file(b"pdf") };
    chat.say(Kind::Document { file: named, caption: Some("read".into()) }).await;
    let (document, bytes) = download(&mut ana, |message| message.document_message.as_option().cloned()).await;
    assert_eq!(document.file_name.as_deref(), Some("a.pdf"));
    assert_eq!(document.mimetype.as_deref(), Some("application/pdf"));
    assert_eq!((document.caption.as_deref(), bytes.as_slice()), (Some("read"), &b"pdf"[..]));

    chat.say(Kind::Sticker { file: File { size: 20_000, ..File::default() }, animated: true }).await;
    let (sticker, bytes) = download(&mut ana, |message| message.sticker_message.as_option().cloned()).await;
    assert_eq!((sticker.is_animated, bytes.len()), (Some(true), 20_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_cards_and_replies_arrive() {
    let (_simulator, mut ana, chat) = start().await;
    chat.say(Kind::Location {
        latitude: -23.5,
        longitude: -46.6,
        name: Some("Office".into()),
        address: None,
    })
    .await;
    let place = ana.message(|message| message.location_message.as_option().cloned()).await;
    assert_eq!((place.degrees_latitude, place.name.as_deref()), (Some(-23.5), Some("Office")));

    chat.say(Kind::LiveLocation { latitude: 1.0, longitude: 2.0, caption: None, sequence: 7 }).await;
    let place = ana.message(|message| message.live_location_message.as_option().cloned()).await;
    assert_eq!((place.degrees_longitude, place.sequence_number), (Some(2.0), Some(7)));

    let card = |name: &str| Card { name: name.into(), phone: "5511911112222".into() };
    chat.say(Kind::Contacts { cards: vec![card("Bia")] }).await;
    let bia = ana.message(|message| message.contact_message.as_option().cloned()).await;
    assert!(bia.vcard.expect("vcard").contains("waid=5511911112222"));
    chat.say(Kind::Contacts { cards: vec![card("Bia"), card("Caio")] }).await;
    let cards = ana.message(|message| message.contacts_array_message.as_option().cloned()).await;
    let names: Vec<_> = cards.contacts.iter().filter_map(|card| card.display_name.as_deref()).collect();
    assert_eq!(names, ["Bia", "Caio"]);

    chat.say(Kind::ListReply { title: "Pizza".into(), row: "row-1".into() }).await;
    let reply = ana.message(|message| message.list_response_message.as_option().cloned()).await;
    let row = reply.single_select_reply.as_option().and_then(|reply| reply.selected_row_id.as_deref());
    assert_eq!(row, Some("row-1"));
    chat.say(Kind::ButtonReply { text: "Yes".into(), button: "b-1".into(), template: false }).await;
    let reply = ana.message(|message| message.buttons_response_message.as_option().cloned()).await;
    assert_eq!(reply.selected_button_id.as_deref(), Some("b-1"));
    chat.say(Kind::ButtonReply { text: "Yes".into(), button: "b-2".into(), template: true }).await;
    let reply = ana.message(|message| message.template_button_reply_message.as_option().cloned()).await;
    assert_eq!(reply.selected_id.as_deref(), Some("b-2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotes_mentions_and_wrappers_arrive() {
    let (_simulator, mut ana, chat) = start().await;
    let quoted = Quoted {
        id: "3EB0QUOTED".into(),
        participant: "5511900000009@s.whatsapp.net".into(),
        text: "old".into(),
    };
    let mentions = vec!["5511900000008@s.whatsapp.net".to_owned()];
    let text = Kind::Text { text: "new".into() };
    chat.send(Compose { quoted: Some(quoted), mentions: mentions.clone(), ..chat.order(text) }).await;
    let extended = ana.message(|message| message.extended_text_message.as_option().cloned()).await;
    let context = extended.context_info.as_option().expect("context");
    assert_eq!((context.stanza_id.as_deref(), &context.mentioned_jid), (Some("3EB0QUOTED"), &mentions));

    let text = Kind::Text { text: "passed on".into() };
    chat.send(Compose { forwarded: true, ..chat.order(text) }).await;
    ana.message(|message| message.is_forwarded().then_some(())).await;

    let image = Kind::Image { file: file(b"once"), caption: None };
    chat.send(Compose { view_once: true, ..chat.order(image) }).await;
    let wrapped = ana.message(|message| message.is_view_once().then(|| message.clone())).await;
    let image = wrapped.get_base_message().image_message.as_option().expect("image").clone();
    assert_eq!(ana.client.download(&image).await.expect("download"), b"once");

    let text = Kind::Text { text: "gone soon".into() };
    chat.send(Compose { ephemeral: Some(86_400), ..chat.order(text) }).await;
    let text = ana
        .message(|message| {
            let expires = message.get_base_message().get_ephemeral_expiration() == Some(86_400);
            expires.then(|| message.text_content().map(str::to_owned))
        })
        .await;
    assert_eq!(text.as_deref(), Some("gone soon"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reactions_edits_and_revocations_arrive() {
    let (_simulator, mut ana, chat) = start().await;
    let sent = ana.client.send_text(Jid::pn(chat.contact.as_str()), "hello").await.expect("send");
    let react = |emoji: &str| Kind::Reaction {
        id: sent.message_id.clone(),
        from_me: false,
        participant: None,
        emoji: emoji.into(),
    };
    for emoji in ["👍", ""] {
        chat.say(react(emoji)).await;
        let reaction = ana.message(|message| message.reaction_message.as_option().cloned()).await;
        assert_eq!(reaction.text.as_deref(), Some(emoji));
        let target = reaction.key.as_option().and_then(|key| key.id.clone());
        assert_eq!(target.as_deref(), Some(sent.message_id.as_str()));
    }
    let order = Send { to: chat.phone.clone(), text: "first".into(), ..Send::default() };
    let id = chat.handle.send(&chat.contact, order).await.expect("send").ids.remove(0);
    assert_eq!(ana.text().await.id, id);
    chat.handle.edit(&chat.contact, &chat.phone, &id, "second").await.expect("edit");
    let edited = ana
        .message(|message| {
            let protocol = message.get_base_message().protocol_message.as_option()?;
            protocol.edited_message.as_option()?.text_content().map(str::to_owned)
        })
        .await;
    assert_eq!(edited, "second");
    chat.handle.revoke(&chat.contact, &chat.phone, &id).await.expect("revoke");
    let target = ana
        .message(|message| {
            let protocol = message.protocol_message.as_option()?;
            protocol.edited_message.as_option().is_none().then(|| protocol.key.as_option()?.id.clone())?
        })
        .await;
    assert_eq!(target, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_polls_and_votes() {
    let (_simulator, mut ana, chat) = start().await;
    let contact = Jid::pn(chat.contact.as_str());
    let options = ["red", "blue"].map(str::to_owned);
    let question = "Colour?".to_owned();
    let id = chat.say(Kind::Poll { question, options: options.to_vec(), selectable: 1 }).await;
    let poll =
        ana.message(|message| message.poll_creation_message_v3.is_set().then(|| message.clone())).await;
    let secret = poll.message_context_info.as_option().and_then(|info| info.message_secret.clone());
    let secret = secret.expect("secret");
    let vote = [options[1].clone()];
    ana.client.polls().vote(contact.clone(), &id, &contact, &secret, &vote).await.expect("vote");
    let seen = crate::common::texts::received(&chat.handle, &chat.contact, "vote").await;
    assert_eq!((seen.target.as_deref(), seen.details), (Some(id.as_str()), vec!["blue".to_owned()]));

    let (sent, secret) =
        ana.client.polls().create(contact.clone(), "Size?", &options, 2).await.expect("poll");
    let seen = crate::common::texts::received(&chat.handle, &chat.contact, "poll").await;
    assert_eq!((seen.text.as_deref(), seen.details), (Some("Size?"), options.to_vec()));
    chat.say(Kind::Vote { id: sent.message_id.clone(), options: vote.to_vec() }).await;
    let update = ana.message(|message| message.poll_update_message.as_option().cloned()).await;
    let sealed = update.vote.as_option().expect("vote");
    let ciphertext = PollVoteCiphertext {
        enc_payload: sealed.enc_payload.as_deref().expect("payload"),
        enc_iv: sealed.enc_iv.as_deref().expect("iv"),
    };
    let own = ana.client.pn().expect("own").to_non_ad();
    let id = sent.message_id.as_str();
    let hashes =
        ana.client.polls().decrypt_vote(ciphertext, &secret, id, &own, &contact).await.expect("decrypt");
    assert_eq!(hashes, [whatsapp_rust::wacore::poll::compute_option_hash("blue").to_vec()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_polls_go_through_a_group() {
    let (_simulator, mut ana, chat) = start().await;
    let contact = Jid::pn(chat.contact.as_str());
    let options = GroupCreateOptions {
        subject: "Team".into(),
        participants: vec![GroupParticipantOptions::new(contact.clone())],
        ..Default::default()
    };
    let group = ana.client.groups().create_group(options).await.expect("create").metadata.id;
    let to = |content| Compose::new(group.to_string(), content);
    chat.send(to(Kind::Image { file: file(b"image"), caption: None })).await;
    let (_, bytes) = download(&mut ana, |message| message.image_message.as_option().cloned()).await;
    assert_eq!(bytes, b"image");
    let options = ["red", "blue"].map(str::to_owned);
    let (sent, secret) =
        ana.client.polls().create(group.clone(), "Colour?", &options, 1).await.expect("poll");
    crate::common::texts::received(&chat.handle, &chat.contact, "poll").await;
    chat.send(to(Kind::Vote { id: sent.message_id.clone(), options: vec!["red".into()] })).await;
    let update = ana.message(|message| message.poll_update_message.as_option().cloned()).await;
    let sealed = update.vote.as_option().expect("vote");
    let ciphertext = PollVoteCiphertext {
        enc_payload: sealed.enc_payload.as_deref().expect("payload"),
        enc_iv: sealed.enc_iv.as_deref().expect("iv"),
    };
    let own = ana.client.lid().expect("own").to_non_ad();
    let id = sent.message_id.as_str();
    // Groups address their members by LID.
    let voter: Jid = chat.handle.contacts().remove(0).lid.parse().expect("lid");
    let hashes = ana.client.polls().decrypt_vote(ciphertext, &secret, id, &own, &voter).await;
    assert_eq!(hashes.expect("decrypt").len(), 1);
}
