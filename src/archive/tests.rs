//! Files of one instance, from a source that fails on demand to a folder, with a clock that is moved.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::channel::{self, Channel, Factory, Opened, Seat};
use crate::clock::ManualClock;
use crate::config::objects::Objects;
use crate::db::{self, Leaving, MediaState, Target, Write};
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

/// An instance of a client name, and its store.
struct House {
    deps: Deps,
    handle: Handle,
    source: Arc<Source>,
    ground: Rc<Ground>,
    kept: PathBuf,
}

/// What several client names share.
struct Ground {
    database: db::Database,
    clock: ManualClock,
    folder: tempfile::TempDir,
    lifecycle: Lifecycle,
}

impl Ground {
    async fn new() -> Rc<Self> {
        net::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let (clock, lifecycle) = (ManualClock::at(NOW), Lifecycle::new(Duration::from_secs(1)));
        let target = Target::Sqlite { path: folder.path().join("test.db") };
        let now = clock.shared();
        let connected = db::Database::connect(db::Options::new(target), Arc::new(move || now.now_ms()));
        let (database, writer) = connected.await.unwrap();
        database.migrate().await.unwrap();
        lifecycle.handle().spawn("writer", writer.run(CancellationToken::new()));
        Rc::new(Self { database, clock, folder, lifecycle })
    }
}

impl House {
    async fn new(policy: MediaPolicy) -> Self {
        Self::on(Ground::new().await, "clients", policy).await
    }

    async fn on(ground: Rc<Ground>, client_name: &str, policy: MediaPolicy) -> Self {
        let Ground { database, clock, folder, lifecycle } = &*ground;
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
            client_name: client_name.to_owned(),
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
            name: format!("acme of {client_name}").parse().unwrap(),
            client_name: None,
            integration: "NOBODY".into(),
            token: format!("token of {client_name}"),
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
        let kept = folder.path().join(client_name);
        let place = Objects::Folder(kept.clone());
        let source = Arc::new(Source(Mutex::default(), files.clone()));
        let deps = Deps {
            database: database.clone(),
            registry,
            client_name: client_name.to_owned(),
            store: Store::new(&place, files).unwrap(),
            files: Arc::<Source>::clone(&source),
            keeper,
            retention: Some(Duration::from_hours(24)),
            clock: clock.shared(),
            lifecycle: lifecycle.handle(),
        };
        Self { deps, handle, source, kept, ground }
    }

    /// Where the file of a message is, or would be.
    fn path(&self, id: Uuid) -> PathBuf {
        self.kept.join(format!("{}/1@s.whatsapp.net/imageMessage/{id}.png", self.handle.id()))
    }

    /// What is to be removed by some time.
    async fn leaving(&self, by: i64) -> Vec<Leaving> {
        self.deps.database.media(&self.deps.client_name).leaving(by, 9).await.unwrap()
    }

    async fn due_at(&self, id: Uuid) -> Option<i64> {
        self.handle.scope().media().find(id).await.unwrap().map(|media| media.due_at)
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
        eventually("the state of the file", async || check(self.state(id).await.as_ref())).await;
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

async fn eventually(what: &str, check: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !check().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} stays as it is");
        tokio::time::sleep(Duration::from_millis(5)).await;
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
            let path = house.kept.join(&stored.file_name);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), PICTURE);
            assert_eq!(path, house.path(id));
            let Some(days) = kept else {
                house.ground.clock.set(NOW + 10_000 * DAY);
                assert!(house.leaving(NOW + 10_000 * DAY).await.is_empty());
                return;
            };
            house.ground.clock.set(NOW + days * DAY - 1);
            assert!(house.leaving(NOW + days * DAY - 1).await.is_empty());
            house.ground.clock.set(NOW + days * DAY);
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
            house.ground.clock.set(house.ground.clock.shared().now_ms() + 60_000);
        }
        house.becomes(id, is_stored).await;

        house.source.0.lock().unwrap().extend((0..8).map(|_| refused()));
        let id = house.message().await;
        for attempts in 1..=7 {
            house.becomes(id, |state| state == Some(&MediaState::Pending { attempts })).await;
            house.ground.clock.set(house.ground.clock.shared().now_ms() + DAY);
        }
        let given_up = |state: Option<&MediaState>| matches!(state, Some(MediaState::Failed(why)) if why.contains("not today"));
        house.becomes(id, given_up).await;
        // That is not remembered for ever.
        house.ground.clock.set(house.ground.clock.shared().now_ms() + 31 * DAY);
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
    let kept = house.kept.clone();
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
        house.ground.clock.set(NOW + 60_000);
        for id in ids {
            house.becomes(id, is_stored).await;
        }
    };
    house.meanwhile(story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_refuses_waits_longer_and_longer_and_keeps_nobody_else_waiting() {
    let house = House::new(MediaPolicy::default()).await;
    let refused = house.message().await;
    // A folder has the name of the file.
    std::fs::create_dir_all(house.path(refused)).unwrap();
    let story = async {
        for (attempts, wait) in [(1, 5_000), (2, 30_000), (3, 120_000)] {
            house.becomes(refused, |state| state == Some(&MediaState::Pending { attempts })).await;
            let now = house.ground.clock.shared().now_ms();
            assert_eq!(house.due_at(refused).await, Some(now + wait));
            let began = tokio::time::Instant::now();
            let other = house.message().await;
            house.becomes(other, is_stored).await;
            assert!(began.elapsed() < Duration::from_secs(4), "as if the store was away");
            house.ground.clock.set(now + wait);
        }
        std::fs::remove_dir(house.path(refused)).unwrap();
        house.ground.clock.set(NOW + DAY);
        house.becomes(refused, is_stored).await;
    };
    house.meanwhile(story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_removed_keeps_no_other() {
    let house = House::new(MediaPolicy::default()).await;
    let story = async {
        let ids = [house.message().await, house.message().await, house.message().await];
        for id in ids {
            house.becomes(id, is_stored).await;
        }
        let stuck = house.path(ids[0]);
        std::fs::remove_file(&stuck).unwrap();
        std::fs::create_dir(&stuck).unwrap();
        house.deps.registry.delete(&house.handle).await.unwrap();
        let others = async || ids[1..].iter().all(|id| !house.path(*id).exists());
        eventually("what may be removed", others).await;
        let left = async || house.leaving(i64::MAX - 1).await;
        let alone =
            async || matches!(left().await.as_slice(), [one] if one.id == ids[0] && one.attempts == 1);
        eventually("what may not be removed", alone).await;
        assert!(house.leaving(NOW + 4_999).await.is_empty(), "it is tried again at once");
        // Its instance is on record until then, or nobody would find it.
        house.deps.registry.purge().await.unwrap();
        assert_eq!(left().await.len(), 1);
        std::fs::remove_dir(&stuck).unwrap();
        house.ground.clock.set(NOW + 5_000);
        eventually("the row", async || left().await.is_empty()).await;
    };
    house.meanwhile(story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_brought_and_did_not_note_goes_with_its_instance() {
    let house = House::new(MediaPolicy::default()).await;
    let id = house.message().await;
    let (orphan, other) =
        (house.path(id), house.kept.join(format!("{}/1/imageMessage/a.png", Uuid::now_v7())));
    for path in [&orphan, &other] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, PICTURE).unwrap();
    }
    house.deps.registry.delete(&house.handle).await.unwrap();
    let story = async {
        let condemned = async || house.leaving(i64::MAX - 1).await.len() == 1;
        eventually("the row", condemned).await;
        // Somebody may still be bringing it.
        assert!(house.leaving(NOW + 299_999).await.is_empty());
        house.ground.clock.set(NOW + 300_000);
        eventually("the file", async || !orphan.exists()).await;
        eventually("the row", async || house.leaving(i64::MAX - 1).await.is_empty()).await;
        assert!(other.exists(), "that of somebody else went too");
    };
    house.meanwhile(story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_deleted_instance_are_left_to_the_nodes_of_its_client_name() {
    let ground = Ground::new().await;
    let policy = MediaPolicy::default;
    let own = House::on(Rc::clone(&ground), "clients", policy()).await;
    let others = House::on(Rc::clone(&ground), "others", policy()).await;
    let id = own.message().await;
    own.meanwhile(own.becomes(id, is_stored)).await;
    own.deps.registry.delete(&own.handle).await.unwrap();
    let story = async {
        let id = others.message().await;
        others.becomes(id, is_stored).await;
        assert!(others.path(id).exists());
        others.deps.registry.delete(&others.handle).await.unwrap();
        // By then it has looked for what it can remove.
        eventually("their own row", async || others.leaving(i64::MAX - 1).await.is_empty()).await;
        assert!(!others.path(id).exists());
        others.deps.registry.purge().await.unwrap();
    };
    others.meanwhile(story).await;
    // These have no store, or so it seems to those who remove rows.
    own.deps.registry.purge().await.unwrap();
    assert!(own.path(id).exists() && own.leaving(i64::MAX - 1).await.len() == 1);
    own.meanwhile(eventually("the row", async || own.leaving(i64::MAX - 1).await.is_empty())).await;
    assert!(!own.path(id).exists());
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
        let kept = shelf().open(&own, (&key, &content(PICTURE)), length).await.unwrap().unwrap();
        assert_eq!(&kept.file.bytes().unwrap()[..], PICTURE.as_bytes());
        for (why, scope, id, file, limit) in [
            ("it is another tenant's", &other, key.as_str(), PICTURE, length),
            ("no message has this id", &own, "absent", PICTURE, length),
            ("the content is that of another file", &own, &key, "another", length),
            ("it is too large", &own, &key, PICTURE, length - 1),
        ] {
            assert!(shelf().open(scope, (id, &content(file)), limit).await.unwrap().is_none(), "{why}");
        }
        let path = house.kept.join(&stored.file_name);
        for bytes in ["more than there was", "less"] {
            std::fs::write(&path, bytes).unwrap();
            let opened = shelf().open(&own, (&key, &content(PICTURE)), 1000).await.unwrap();
            assert!(opened.is_none(), "it was changed");
        }
        std::fs::remove_file(&path).unwrap();
        let shelf = shelf();
        assert!(
            shelf.open(&own, (&key, &content(PICTURE)), length).await.unwrap().is_none(),
            "it is not there"
        );
        // Which says nothing of the store.
        std::fs::write(&path, PICTURE).unwrap();
        assert!(shelf.open(&own, (&key, &content(PICTURE)), length).await.unwrap().is_some());
        // What is not kept is not away, whatever the store is.
        std::fs::rename(&house.kept, house.kept.with_extension("away")).unwrap();
        std::fs::write(&house.kept, "in the way").unwrap();
        assert_eq!(shelf.open(&own, (&key, &content(PICTURE)), length).await.err(), Some(Away));
        assert!(shelf.open(&own, ("absent", &content(PICTURE)), length).await.unwrap().is_none());
    };
    house.meanwhile(story).await;
}
