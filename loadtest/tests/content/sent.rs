//! What a client sends is decrypted and understood by a contact, kind by kind.

use sha2::{Digest as _, Sha256};
use wa_sim::{Handle, NewContact, Received, Simulator};
use whatsapp_rust::{
    Jid, RevokeType, UploadOptions,
    buffa::MessageField,
    download::MediaType,
    media::{
        AudioOptions, DocumentOptions, ImageOptions, VideoOptions, audio_message, document_message,
        image_message, video_message,
    },
    upload::UploadResponse,
    wacore::proto_helpers::{MessageBuilderExt as _, MessageExt as _},
    waproto::whatsapp::{
        ContextInfo, Message, MessageContextInfo, MessageKey,
        message::{
            ButtonsResponseMessage, ContactMessage, ContactsArrayMessage, ExtendedTextMessage,
            FutureProofMessage, ListMessage, ListResponseMessage, LiveLocationMessage, LocationMessage,
            StickerMessage, buttons_response_message::Response, list_response_message::SingleSelectReply,
        },
    },
};

use crate::common::{client::TestClient, simulator, until};

struct Chat {
    _simulator: Simulator,
    handle: Handle,
    ana: TestClient,
    contact: String,
}

impl Chat {
    async fn start() -> Self {
        let simulator = simulator().await;
        let handle = simulator.handle();
        let contact = handle.create_contact(NewContact::default()).expect("contact").phone;
        let (ana, _) = TestClient::paired(&simulator, None).await;
        Self { _simulator: simulator, handle, ana, contact }
    }

    fn to(&self) -> Jid {
        Jid::pn(self.contact.as_str())
    }

    /// Sends a message and returns what the contact made of it.
    async fn send(&self, message: Message) -> Received {
        let sent = self.ana.client.send_message(self.to(), message).await.expect("send");
        self.seen(&sent.message_id).await
    }

    async fn seen(&self, id: &str) -> Received {
        until("the contact's copy", || {
            let (messages, _) = self.handle.received(&self.contact, 0).expect("received");
            messages.into_iter().find(|message| message.id == id)
        })
        .await
    }

    async fn upload(&self, content: &[u8], kind: MediaType) -> UploadResponse {
        self.ana.client.upload(content.to_vec(), kind, UploadOptions::default()).await.expect("upload")
    }

    /// The contact got exactly these bytes.
    fn check(&self, seen: &Received, kind: &str, content: &[u8], mimetype: &str) {
        let media = seen.media.as_ref().expect("media");
        assert_eq!((seen.kind.as_str(), media.problem.as_deref()), (kind, None));
        assert_eq!((media.mimetype.as_deref(), media.length), (Some(mimetype), content.len() as u64));
        assert_eq!(media.sha256, Some(hex::encode(Sha256::digest(content))));
        assert_eq!(self.handle.received_media(&self.contact, &seen.id).expect("bytes"), content);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_gets_the_bytes_of_files() {
    let chat = Chat::start().await;
    let file = chat.upload(b"image", MediaType::Image).await;
    let options = ImageOptions { caption: Some("look".into()), ..ImageOptions::default() };
    let seen = chat.send(image_message(file, options)).await;
    chat.check(&seen, "image", b"image", "image/jpeg");
    assert_eq!(seen.text.as_deref(), Some("look"));

    let file = chat.upload(b"video", MediaType::Video).await;
    let seen = chat.send(video_message(file, VideoOptions::default())).await;
    chat.check(&seen, "video", b"video", "video/mp4");

    let file = chat.upload(b"voice", MediaType::Audio).await;
    let options = AudioOptions { ptt: Some(true), ..AudioOptions::default() };
    let seen = chat.send(audio_message(file, options)).await;
    chat.check(&seen, "voice", b"voice", "audio/ogg; codecs=opus");

    let file = chat.upload(b"document", MediaType::Document).await;
    let options = DocumentOptions { file_name: Some("a.bin".into()), ..DocumentOptions::default() };
    let seen = chat.send(document_message(file, options)).await;
    chat.check(&seen, "document", b"document", "application/octet-stream");
    assert_eq!(seen.media.expect("media").file_name.as_deref(), Some("a.bin"));

    let file = chat.upload(b"sticker", MediaType::Sticker).await;
    let sticker = StickerMessage {
        direct_path: Some(file.direct_path.clone()),
        media_key: Some(file.media_key.to_vec()),
        file_sha256: Some(file.file_sha256.to_vec()),
        file_enc_sha256: Some(file.file_enc_sha256.to_vec()),
        file_length: Some(file.file_length),
        mimetype: Some("image/webp".into()),
        ..Default::default()
    };
    let seen =
        chat.send(Message { sticker_message: MessageField::some(sticker), ..Default::default() }).await;
    chat.check(&seen, "sticker", b"sticker", "image/webp");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_understands_what_is_around_a_message() {
    let chat = Chat::start().await;
    let context = ContextInfo {
        stanza_id: Some("3EB0QUOTED".into()),
        participant: Some(chat.to().to_string()),
        quoted_message: MessageField::some(Message::text("old")),
        mentioned_jid: vec!["5511900000008@s.whatsapp.net".into()],
        is_forwarded: Some(true),
        ..Default::default()
    };
    let seen = chat.send(Message::text_with_context("new", context)).await;
    assert_eq!((seen.kind.as_str(), seen.text.as_deref()), ("extendedText", Some("new")));
    assert_eq!(seen.quoted.as_deref(), Some("3EB0QUOTED"));
    assert_eq!((seen.mentions.len(), seen.forwarded), (1, true));

    let file = chat.upload(b"once", MediaType::Image).await;
    let mut inner = image_message(file, ImageOptions::default());
    inner.image_message.as_option_mut().expect("image").view_once = Some(true);
    let wrapper = FutureProofMessage { message: MessageField::some(inner) };
    let wrapped = Message { view_once_message_v2: MessageField::some(wrapper), ..Default::default() };
    let seen = chat.send(wrapped).await;
    assert!(seen.view_once);
    chat.check(&seen, "image", b"once", "image/jpeg");

    let mut text = Message {
        extended_text_message: MessageField::some(ExtendedTextMessage {
            text: Some("gone soon".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert!(text.set_ephemeral_expiration(86_400));
    let seen = chat.send(text).await;
    assert!(seen.ephemeral);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_understands_the_other_kinds() {
    let chat = Chat::start().await;
    let place = LocationMessage {
        degrees_latitude: Some(-23.5),
        degrees_longitude: Some(-46.6),
        name: Some("Office".into()),
        ..Default::default()
    };
    let seen = chat.send(Message { location_message: MessageField::some(place), ..Default::default() }).await;
    assert_eq!((seen.kind.as_str(), seen.text.as_deref()), ("location", Some("Office")));
    assert_eq!(seen.details, ["-23.5", "-46.6"]);

    let card = ContactMessage {
        display_name: Some("Bia".into()),
        vcard: Some("BEGIN:VCARD".into()),
        ..Default::default()
    };
    let seen = chat.send(Message { contact_message: MessageField::some(card), ..Default::default() }).await;
    assert_eq!((seen.kind.as_str(), seen.text.as_deref()), ("contact", Some("Bia")));

    let to = chat.to();
    let text = chat.ana.client.send_text(to.clone(), "first").await.expect("send");
    let id = text.message_id.clone();
    assert_eq!(chat.seen(&id).await.kind, "text");
    let key = MessageKey {
        remote_jid: Some(to.to_string()),
        from_me: Some(true),
        id: Some(id.clone()),
        participant: None,
    };
    for emoji in ["👍", ""] {
        let sent = chat.ana.client.send_reaction(&to, key.clone(), emoji).await.expect("react");
        let seen = chat.seen(&sent.message_id).await;
        assert_eq!((seen.kind.as_str(), seen.text.as_deref()), ("reaction", Some(emoji)));
        assert_eq!(seen.target.as_deref(), Some(id.as_str()));
    }
    let edited = Message::text("second");
    chat.ana.client.edit_message(to.clone(), id.clone(), edited).await.expect("edit");
    let seen = crate::common::texts::received(&chat.handle, &chat.contact, "edit").await;
    assert_eq!((seen.text.as_deref(), seen.target.as_deref()), (Some("second"), Some(id.as_str())));
    // An edit that is encrypted once more, with the secret of the message that it changes.
    let secret = vec![9; 32];
    let mut text = Message::text("third");
    text.message_context_info =
        MessageField::some(MessageContextInfo { message_secret: Some(secret.clone()), ..Default::default() });
    let sent = chat.ana.client.send_message(to.clone(), text).await.expect("send").message_id;
    let edited = Message::text("fourth");
    let edit = chat.ana.client.edit_message_encrypted(to.clone(), sent.clone(), &secret, edited).await;
    edit.expect("edit");
    let seen = until("the encrypted edit", || {
        let (messages, _) = chat.handle.received(&chat.contact, 0).expect("received");
        messages.into_iter().find(|message| message.kind == "edit" && message.target == Some(sent.clone()))
    })
    .await;
    assert_eq!(seen.text.as_deref(), Some("fourth"));
    chat.ana.client.revoke_message(to.clone(), id.clone(), RevokeType::Sender).await.expect("revoke");
    let seen = crate::common::texts::received(&chat.handle, &chat.contact, "revoke").await;
    assert_eq!(seen.target.as_deref(), Some(id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_understands_the_rare_kinds() {
    let chat = Chat::start().await;
    let file = chat.upload(b"song", MediaType::Audio).await;
    let seen = chat.send(audio_message(file, AudioOptions::default())).await;
    chat.check(&seen, "audio", b"song", "audio/ogg; codecs=opus");
    let file = chat.upload(b"loop", MediaType::Video).await;
    let options = VideoOptions { gif_playback: Some(true), ..VideoOptions::default() };
    let gif = video_message(file, options);
    let seen = chat.send(gif.clone()).await;
    chat.check(&seen, "gif", b"loop", "video/mp4");
    let round = Message { ptv_message: gif.video_message, ..Default::default() };
    let seen = chat.send(round).await;
    chat.check(&seen, "roundVideo", b"loop", "video/mp4");

    let file = chat.upload(b"captioned", MediaType::Document).await;
    let inner =
        document_message(file, DocumentOptions { caption: Some("read".into()), ..Default::default() });
    let wrapper = FutureProofMessage { message: MessageField::some(inner) };
    let wrapped =
        Message { document_with_caption_message: MessageField::some(wrapper), ..Default::default() };
    let seen = chat.send(wrapped).await;
    chat.check(&seen, "document", b"captioned", "application/octet-stream");
    assert_eq!(seen.text.as_deref(), Some("read"));

    let wrapper = FutureProofMessage { message: MessageField::some(Message::text("gone soon")) };
    let wrapped = Message { ephemeral_message: MessageField::some(wrapper), ..Default::default() };
    let seen = chat.send(wrapped).await;
    assert_eq!((seen.kind.as_str(), seen.text.as_deref(), seen.ephemeral), ("text", Some("gone soon"), true));

    let place = LiveLocationMessage {
        degrees_latitude: Some(1.5),
        degrees_longitude: Some(2.5),
        caption: Some("on my way".into()),
        ..Default::default()
    };
    let live = Message { live_location_message: MessageField::some(place), ..Default::default() };
    let seen = chat.send(live).await;
    assert_eq!((seen.kind.as_str(), seen.text.as_deref()), ("liveLocation", Some("on my way")));
    assert_eq!(seen.details, ["1.5", "2.5"]);

    let card = |name: &str| ContactMessage {
        display_name: Some(name.into()),
        vcard: Some(format!("BEGIN:VCARD\nFN:{name}")),
        ..Default::default()
    };
    let cards = ContactsArrayMessage {
        display_name: Some("2 contacts".into()),
        contacts: vec![card("Bia"), card("Caio")],
        ..Default::default()
    };
    let cards = Message { contacts_array_message: MessageField::some(cards), ..Default::default() };
    let seen = chat.send(cards).await;
    assert_eq!((seen.kind.as_str(), seen.details.len()), ("contacts", 2));

    let row = SingleSelectReply { selected_row_id: Some("row-1".into()) };
    let reply = ListResponseMessage {
        title: Some("Pizza".into()),
        single_select_reply: MessageField::some(row),
        ..Default::default()
    };
    let reply = Message { list_response_message: MessageField::some(reply), ..Default::default() };
    let seen = chat.send(reply).await;
    assert_eq!(
        (seen.kind.as_str(), seen.text.as_deref(), seen.details),
        ("listReply", Some("Pizza"), vec!["row-1".to_owned()])
    );
    let reply = ButtonsResponseMessage {
        selected_button_id: Some("b-1".into()),
        response: Some(Response::SelectedDisplayText("Yes".into())),
        ..Default::default()
    };
    let reply = Message { buttons_response_message: MessageField::some(reply), ..Default::default() };
    let seen = chat.send(reply).await;
    assert_eq!((seen.kind.as_str(), seen.text.as_deref()), ("buttonReply", Some("Yes")));
    assert_eq!(seen.details, ["b-1"]);
    let list = ListMessage { description: Some("Choose".into()), ..Default::default() };
    let list = Message { list_message: MessageField::some(list), ..Default::default() };
    assert_eq!(chat.send(list).await.text.as_deref(), Some("Choose"));
}
