//! The media host: uploads, downloads, and what happens when they fail.

use wa_sim::{Compose, File, Handle, Kind, NewContact, Options};
use whatsapp_rust::{
    Client, Jid, UploadOptions,
    download::{DownloadParams, MediaType},
    features::{MediaRetryResult, MediaReuploadRequest},
    media::{ImageOptions, image_message},
    upload::UploadResponse,
    waproto::whatsapp::message::ImageMessage,
};

use crate::common::{client::TestClient, simulator, simulator_with, texts::received};

/// Bytes that differ from place to place.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(31) >> 3) as u8).collect()
}

fn keyed(key: Option<[u8; 32]>) -> UploadOptions {
    key.map_or_else(UploadOptions::new, |key| UploadOptions::new().with_media_key(key))
}

async fn upload(client: &Client, content: &[u8], kind: MediaType, key: Option<[u8; 32]>) -> UploadResponse {
    let options = keyed(key);
    client.upload(content.to_vec(), kind, options).await.expect("upload")
}

fn reference(file: &UploadResponse, path: &str, kind: MediaType) -> DownloadParams {
    let hash = (&file.file_sha256, &file.file_enc_sha256);
    DownloadParams::encrypted(path, &file.media_key, hash.0, hash.1, file.file_length, kind)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_file_comes_back() {
    let simulator = simulator().await;
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let kinds = [
        MediaType::Image,
        MediaType::Video,
        MediaType::Audio,
        MediaType::Document,
        MediaType::Sticker,
        MediaType::AppState,
        MediaType::History,
        MediaType::StickerPack,
        MediaType::LinkThumbnail,
    ];
    for (n, kind) in kinds.into_iter().enumerate() {
        let content = bytes(1_000 + n);
        let file = upload(&ana.client, &content, kind, None).await;
        let got = ana.client.download(&reference(&file, &file.direct_path, kind)).await.expect("download");
        assert!(got == content, "{kind:?}");
    }
    assert_eq!(simulator.handle().media_stats().uploads, kinds.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_broke_off_is_resumed() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let content = bytes(6 << 20);
    let key = Some([7; 32]);
    handle.cut_next_upload(4 << 20);
    let options = keyed(key);
    assert!(ana.client.upload(content.clone(), MediaType::Video, options).await.is_err());
    assert_eq!(handle.media_stats().bytes, 4 << 20);
    // The rest is 2 MiB and something; all of it would be more than that.
    handle.cut_next_upload(1 << 20);
    let options = keyed(key);
    assert!(ana.client.upload(content.clone(), MediaType::Video, options).await.is_err());
    assert_eq!(handle.media_stats().bytes, 5 << 20);
    let file = upload(&ana.client, &content, MediaType::Video, key).await;
    let stored = reference(&file, &file.direct_path, MediaType::Video);
    assert!(ana.client.download(&stored).await.expect("download") == content);
    // The same file once more is known already: no byte is sent.
    upload(&ana.client, &content, MediaType::Video, key).await;
    assert_eq!(handle.media_stats().uploads, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_credentials_are_renewed() {
    let simulator = simulator().await;
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let file = upload(&ana.client, b"one", MediaType::Image, None).await;
    simulator.handle().renew_media_auth();
    let stored = reference(&file, &file.direct_path, MediaType::Image);
    assert_eq!(ana.client.download(&stored).await.expect("download"), b"one");
    simulator.handle().renew_media_auth();
    upload(&ana.client, b"two", MediaType::Image, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_drops_the_oldest_file() {
    let simulator = simulator_with(Options { max_media_bytes: 5_000, ..Options::default() }).await;
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let first = upload(&ana.client, &bytes(3_000), MediaType::Image, None).await;
    let second = upload(&ana.client, &bytes(3_001), MediaType::Image, None).await;
    let get = async |file: &UploadResponse| {
        ana.client.download(&reference(file, &file.direct_path, MediaType::Image)).await
    };
    assert!(get(&first).await.is_err());
    assert!(get(&second).await.is_ok());
    assert!(ana.client.upload(bytes(6_000), MediaType::Image, UploadOptions::default()).await.is_err());
}

/// A contact sends a picture; returns its message id and what the client got.
async fn picture(handle: &Handle, contact: &str, ana: &mut TestClient, to: &str) -> (String, ImageMessage) {
    let file = File { bytes: b"a picture".to_vec(), ..File::default() };
    let order = Compose::new(to, Kind::Image { file, caption: None });
    let id = handle.compose(contact, order).await.expect("send").id;
    let image = ana.message(|message| message.image_message.as_option().cloned()).await;
    (id, image)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_uploads_an_expired_file_again() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (mut ana, ana_id) = TestClient::paired(&simulator, None).await;
    let chat = Jid::pn(contact.phone.as_str());
    for status in [404, 410] {
        let (id, mut image) = picture(&handle, &contact.phone, &mut ana, &ana_id.phone).await;
        let path = image.direct_path.clone().expect("path");
        handle.expire_media(&path, status).expect("expire");
        assert!(ana.client.download(&image).await.is_err());
        let key = image.media_key.clone().expect("key");
        let request = |key| MediaReuploadRequest {
            msg_id: &id,
            chat_jid: &chat,
            media_key: key,
            is_from_me: false,
            participant: None,
        };
        let wrong = ana.client.media_reupload().request(&request(&[1; 32])).await.expect("answer");
        assert!(matches!(wrong, MediaRetryResult::DecryptionError), "{wrong:?}");
        let again = ana.client.media_reupload().request(&request(&key)).await.expect("answer");
        let MediaRetryResult::Success { direct_path } = again else { panic!("{again:?}") };
        assert_ne!(direct_path, path);
        image.direct_path = Some(direct_path.clone());
        assert_eq!(ana.client.download(&image).await.expect("download"), b"a picture");
        handle.forget_media(&direct_path).expect("forget");
        let gone = ana.client.media_reupload().request(&request(&key)).await.expect("answer");
        assert!(matches!(gone, MediaRetryResult::NotFound), "{gone:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_reports_a_file_that_it_cannot_get() {
    let simulator = simulator().await;
    let handle = simulator.handle();
    let contact = handle.create_contact(NewContact::default()).expect("contact");
    let (ana, _) = TestClient::paired(&simulator, None).await;
    let file = upload(&ana.client, b"lost", MediaType::Image, None).await;
    handle.forget_media(&file.direct_path).expect("forget");
    let message = image_message(file, ImageOptions::default());
    ana.client.send_message(Jid::pn(contact.phone.as_str()), message).await.expect("send");
    let seen = received(&handle, &contact.phone, "image").await.media.expect("media");
    assert_eq!(seen.sha256, None);
    assert!(seen.problem.expect("problem").contains("404"));
}
