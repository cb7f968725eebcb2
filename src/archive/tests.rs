//! Files of one instance, from a source that fails on demand to a folder, with a clock that is moved.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::channel::{self, Channel, Factory, Opened, Seat};
use crate::clock::ManualClock;
use crate::config::objects::Objects;
use crate::db::{self, MediaState, Target, Write};
use crate::domain::{
    Fence, InstanceId, MediaKind, MediaPolicy, MessageKey, MessageStatus, NodeId, Settings, StoredMessage,
};
use crate::events::{GlobalSinks, KeeperOptions};
use crate::instance::{Handle, Lease, New, Options};
use crate::lifecycle::Lifecycle;
use crate::media::{self, File};
use crate::net;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3600 * 1000;
const PICTURE: &str = "a picture";

/// A provider that nobody connects to.
struct Nobody;

#[async_trait]
impl Factory for Nobody {
    fn integration(&self) -> &'static str {
        "NOBODY"
    }

    async fn open(&self, _: Seat) -> Result<Arc<dyn Channel>, channel::Error> {
        Err(channel::Error::NotConnected)
    }

    async fn wipe(&self, _: InstanceId, _: Fence) -> Result<(), channel::Error> {
        Ok(())
    }
}

/// Answers with these errors first, and with a file from then on.
struct Source(Mutex<VecDeque<channel::Error>>, media::Handle);

#[async_trait]
impl channel::Files for Source {
    fn handle(&self) -> &media::Handle {
        &self.1
    }

    async fn open(&self, _: &MessageKey, _: &str) -> Result<Opened, channel::Error> {
        if let Some(error) = self.0.lock().unwrap().pop_front() {
            return Err(error);
        }
        Ok(opened(File::new(PICTURE)))
    }

    async fn recognise(&self, message: &str, file: File) -> Result<Opened, channel::Error> {
        let wanted: serde_json::Value = serde_json::from_str(message).unwrap();
        let described = &wanted["imageMessage"];
        if described["fileSha256"] != hex::encode(file.sha256().unwrap()) {
            return Err(channel::Error::Invalid { field: "message", reason: "has another file".into() });
        }
        Ok(opened(file))
    }
}

fn opened(file: File) -> Opened {
    Opened {
        media_type: "imageMessage".to_owned(),
        mimetype: "image/png".to_owned(),
        file_name: None,
        caption: None,
        width: None,
        height: None,
        file,
    }
}

/// The content of a message with this file.
fn content(file: &'static str) -> String {
    let hash = hex::encode(File::new(file).sha256().unwrap());
    serde_json::json!({"imageMessage": {"mediaKey": "k", "fileSha256": hash}}).to_string()
}

struct House {
    deps: Deps,
    handle: Handle,
    source: Arc<Source>,
    clock: ManualClock,
    folder: tempfile::TempDir,
    lifecycle: Lifecycle,
}

impl House {
    async fn new(policy: MediaPolicy) -> Self {
        net::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let (clock, lifecycle) = (ManualClock::at(NOW), Lifecycle::new(Duration::from_secs(1)));
        let target = Target::Sqlite { path: folder.path().join("test.db") };
        let now = clock.shared();
        let connected = db::Database::connect(db::Options::new(target), Arc::new(move || now.now_ms()));
        let (database, writer) = connected.await.unwrap();
        database.migrate().await.unwrap();
        lifecycle.handle().spawn("writer", writer.run(CancellationToken::new()));
        let options = KeeperOptions { server_url: "http://x".into(), lifetime: None, video: false };
        let keeper = Arc::new(Keeper::new(options, b"key"));
        let registry = crate::instance::Deps {
            database: database.clone(),
            factories: vec![Arc::new(Nobody)],
            global: Arc::new(GlobalSinks { keeper: Some(Arc::clone(&keeper)), ..GlobalSinks::default() }),
            clock: clock.shared(),
            lifecycle: lifecycle.handle(),
            endpoint_changed: Arc::new(|_| Box::pin(std::future::ready(()))),
            claimed: Arc::new(|_| ()),
            lease: Lease::endless(),
        };
        let options = Options {
            node: NodeId("node".into()),
            client_name: "clients".into(),
            qr_limit: 5,
            qr_color: [0; 3],
            dials_per_second: 0,
            pairing_concurrency: 1,
            stop_deadline: Duration::from_secs(1),
            delete_closed_after: None,
            delete_never_connected: false,
            proxy: None,
            metrics_per_instance: 0,
        };
        let registry = Registry::new(options, registry);
        let new = New {
            name: "acme".parse().unwrap(),
            client_name: None,
            integration: "NOBODY".into(),
            token: "token".into(),
            number: None,
            business_id: None,
            settings: Settings { media: policy, ..Settings::default() },
            sinks: Vec::new(),
        };
        let handle = registry.create(new).await.unwrap();
        let client = || net::Client::new(net::Options::default()).unwrap();
        let files = media::Options {
            max_bytes: 1 << 20,
            fetch_timeout: Duration::from_secs(1),
            folder: folder.path().to_owned(),
            ffmpeg: "ffmpeg".into(),
            converter: None,
        };
        let files = media::Handle::new(files, client(), client(), tokio::runtime::Handle::current());
        let place = Objects::Folder(folder.path().join("kept"));
        let source = Arc::new(Source(Mutex::default(), files.clone()));
        let deps = Deps {
            database,
            registry,
            store: Store::new(&place, files).unwrap(),
            files: Arc::<Source>::clone(&source),
            keeper,
            retention: Some(Duration::from_hours(24)),
            clock: clock.shared(),
            lifecycle: lifecycle.handle(),
        };
        Self { deps, handle, source, clock, folder, lifecycle }
    }

    /// A message with a file, as it is recorded.
    async fn message(&self) -> Uuid {
        let id = Uuid::now_v7();
        let key = MessageKey {
            id: id.simple().to_string(),
            remote_jid: "1@s.whatsapp.net".into(),
            from_me: false,
            participant: None,
            remote_jid_alt: None,
        };
        let message = StoredMessage {
            id,
            key,
            push_name: None,
            status: MessageStatus::DeliveryAck,
            updates: Vec::new(),
            message_type: "imageMessage".into(),
            message: content(PICTURE),
            context_info: None,
            source: "web".into(),
            timestamp: NOW / 1000,
            deleted: false,
        };
        let message = Write::Message {
            message: Arc::new(message),
            idempotency_key: None,
            fresh: true,
            events: Vec::new(),
        };
        let file = Write::Media { message: id, kind: MediaKind::Image };
        self.handle.journal().commit(vec![message, file]).await.unwrap();
        id
    }

    async fn state(&self, id: Uuid) -> Option<MediaState> {
        self.handle.scope().media().find(id).await.unwrap().map(|media| media.state)
    }

    /// Waits until a condition holds of the file of a message.
    async fn becomes(&self, id: Uuid, check: impl Fn(Option<&MediaState>) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let state = self.state(id).await;
            if check(state.as_ref()) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "it stays {state:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs the service meanwhile.
    async fn meanwhile(&self, story: impl Future<Output = ()>) {
        let stop = CancellationToken::new();
        let running = Service::new(self.deps.clone()).run(stop.clone());
        let story = async {
            story.await;
            stop.cancel();
        };
        tokio::join!(running, story);
    }
}

fn is_stored(state: Option<&MediaState>) -> bool {
    matches!(state, Some(MediaState::Stored(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_removed_when_its_time_is_over() {
    for (days, kept) in [(None, Some(1)), (Some(3), Some(3)), (Some(0), None)] {
        let house = House::new(MediaPolicy { retention_days: days, ..MediaPolicy::default() }).await;
        let story = async {
            let id = house.message().await;
            house.becomes(id, is_stored).await;
            let Some(MediaState::Stored(stored)) = house.state(id).await else { unreachable!() };
            let path = house.folder.path().join("kept").join(&stored.file_name);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), PICTURE);
            assert!(stored.file_name.ends_with(&format!("/1@s.whatsapp.net/imageMessage/{id}.png")));
            let Some(days) = kept else {
                house.clock.set(NOW + 10_000 * DAY);
                assert!(house.handle.scope().media().due(NOW + 10_000 * DAY, 9).await.unwrap().is_empty());
                return;
            };
            house.clock.set(NOW + days * DAY - 1);
            assert!(house.handle.scope().media().due(NOW + days * DAY - 1, 9).await.unwrap().is_empty());
            house.clock.set(NOW + days * DAY);
            house.becomes(id, |state| state.is_none()).await;
            assert!(!path.exists());
        };
        house.meanwhile(story).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_source_does_not_give_is_tried_again_and_given_up_in_the_end() {
    let house = House::new(MediaPolicy::default()).await;
    let story = async {
        let refused = || channel::Error::Refused("not today".into());
        house.source.0.lock().unwrap().extend([refused(), refused()]);
        let id = house.message().await;
        for attempts in 1..=2 {
            house.becomes(id, |state| state == Some(&MediaState::Pending { attempts })).await;
            house.clock.set(house.clock.shared().now_ms() + 60_000);
        }
        house.becomes(id, is_stored).await;

        house.source.0.lock().unwrap().extend((0..8).map(|_| refused()));
        let id = house.message().await;
        for attempts in 1..=7 {
            house.becomes(id, |state| state == Some(&MediaState::Pending { attempts })).await;
            house.clock.set(house.clock.shared().now_ms() + DAY);
        }
        let given_up = |state: Option<&MediaState>| matches!(state, Some(MediaState::Failed(why)) if why.contains("not today"));
        house.becomes(id, given_up).await;
        // That is not remembered for ever.
        house.clock.set(house.clock.shared().now_ms() + 31 * DAY);
        house.becomes(id, |state| state.is_none()).await;

        let useless = channel::Error::Invalid { field: "message", reason: "has no file".into() };
        house.source.0.lock().unwrap().push_back(useless);
        let id = house.message().await;
        house.becomes(id, |state| matches!(state, Some(MediaState::Failed(_)))).await;
    };
    house.meanwhile(story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_does_not_take_waits_for_it() {
    let house = House::new(MediaPolicy::default()).await;
    let kept = house.folder.path().join("kept");
    let story = async {
        // A file stands where the folder should be.
        std::fs::remove_dir(&kept).unwrap();
        std::fs::write(&kept, "in the way").unwrap();
        let ids = [house.message().await, house.message().await];
        let due = || house.handle.scope().media();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while due().due(NOW, 9).await.unwrap().len() == ids.len() {
            assert!(tokio::time::Instant::now() < deadline, "nothing was tried");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for id in ids {
            assert_eq!(
                house.state(id).await,
                Some(MediaState::Pending { attempts: 0 }),
                "it counts as a failure"
            );
        }
        std::fs::remove_file(&kept).unwrap();
        house.clock.set(NOW + 60_000);
        for id in ids {
            house.becomes(id, is_stored).await;
        }
    };
    house.meanwhile(story).await;
    drop(house.lifecycle);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_handed_out_for_its_own_message_only() {
    let house = House::new(MediaPolicy::default()).await;
    let story = async {
        let id = house.message().await;
        house.becomes(id, is_stored).await;
        let Some(MediaState::Stored(stored)) = house.state(id).await else { unreachable!() };
        let shelf = || Shelf::new(house.deps.store.clone(), Arc::<Source>::clone(&house.source));
        let (key, own) = (id.simple().to_string(), house.handle.scope());
        let other = house.deps.database.instance(InstanceId(Uuid::now_v7()));
        let length = PICTURE.len() as u64;
        let kept = shelf().open(&own, (&key, &content(PICTURE)), length).await.unwrap();
        assert_eq!(&kept.file.bytes().unwrap()[..], PICTURE.as_bytes());
        for (why, scope, id, file, limit) in [
            ("it is another tenant's", &other, key.as_str(), PICTURE, length),
            ("no message has this id", &own, "absent", PICTURE, length),
            ("the content is that of another file", &own, &key, "another", length),
            ("it is too large", &own, &key, PICTURE, length - 1),
        ] {
            assert!(shelf().open(scope, (id, &content(file)), limit).await.is_none(), "{why}");
        }
        let path = house.folder.path().join("kept").join(&stored.file_name);
        for bytes in ["more than there was", "less"] {
            std::fs::write(&path, bytes).unwrap();
            assert!(shelf().open(&own, (&key, &content(PICTURE)), 1000).await.is_none(), "it was changed");
        }
        std::fs::remove_file(&path).unwrap();
        let shelf = shelf();
        assert!(shelf.open(&own, (&key, &content(PICTURE)), length).await.is_none(), "it is not there");
        // Which says nothing of the store.
        std::fs::write(&path, PICTURE).unwrap();
        assert!(shelf.open(&own, (&key, &content(PICTURE)), length).await.is_some());
    };
    house.meanwhile(story).await;
}
