//! What only the log of objects promises.

use std::fmt;
use std::path::Path as Folder;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tempfile::TempDir;

use super::{MEMORY, Object, place};
use crate::domain::{Fence, InstanceId};
use crate::session::conformance::put;
use crate::session::{Batch, Durability, Error, Owner, Store as _};

fn owner(fence: i64) -> Owner {
    Owner { instance: InstanceId::random(), fence: Fence(fence) }
}

fn next(owner: Owner) -> Owner {
    Owner { fence: Fence(owner.fence.0 + 1), ..owner }
}

fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

fn over(folder: &Folder) -> Object {
    limited(folder, MEMORY)
}

fn limited(folder: &Folder, memory: usize) -> Object {
    Object::over(place::folder(folder).unwrap(), Arc::new(now), memory)
}

async fn write(store: &Object, owner: Owner, key: &str, value: &[u8]) -> std::result::Result<(), Error> {
    let changes = vec![put("k", key.as_bytes(), value)];
    store.apply(owner, Batch { changes, durability: Durability::Durable }).await
}

async fn keys(store: &Object, owner: Owner) -> Vec<String> {
    let rows = store.scan(owner, "k", &[]).await.unwrap();
    rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

fn objects(folder: &Folder, owner: Owner) -> Vec<String> {
    let files = std::fs::read_dir(folder.join(owner.instance.to_string())).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_next_owner_has_everything_and_the_last_one_is_refused() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (over(folder.path()), over(folder.path()));
    let first = owner(1);
    write(&one, first, "a", b"a").await.unwrap();
    let second = next(first);
    assert_eq!(keys(&two, second).await, ["a"]);
    // Reading was enough: the claim is known.
    assert!(matches!(write(&one, first, "late", b"").await, Err(Error::Fenced)));
    assert!(matches!(one.get(first, "k", b"a").await, Err(Error::Fenced)));
    assert!(matches!(one.destroy(first).await, Err(Error::Fenced)));
    write(&two, second, "b", b"b").await.unwrap();
    assert_eq!(keys(&over(folder.path()), second).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_owners_at_once_the_new_one_sees_exactly_what_the_old_one_was_promised() {
    let folder = TempDir::new().unwrap();
    for round in 0..20 {
        let (one, two) = (over(folder.path()), over(folder.path()));
        let first = owner(1);
        let writes = async {
            let mut kept = Vec::new();
            for n in 0.. {
                let key = format!("{n:03}");
                match write(&one, first, &key, b"v").await {
                    Ok(()) => kept.push(key),
                    Err(Error::Fenced) => return kept,
                    Err(other) => panic!("{other:?}"),
                }
            }
            unreachable!()
        };
        let claim = async {
            while !folder.path().join(first.instance.to_string()).join(format!("{:020}", 2 + round)).exists()
            {
                tokio::task::yield_now().await;
            }
            // Under a storm of writes a claim gives up after some tries; a runner begins again then.
            while let Err(error) = two.get(next(first), "k", b"any").await {
                assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
            }
            keys(&two, next(first)).await
        };
        let (promised, seen) = tokio::join!(writes, claim);
        assert_eq!(promised, seen);
        assert_eq!(keys(&over(folder.path()), next(first)).await, promised);
    }
}

#[tokio::test]
async fn a_long_log_becomes_one_object_and_keeps_the_guards_of_claims() {
    let folder = TempDir::new().unwrap();
    let (store, stale) = (over(folder.path()), over(folder.path()));
    let first = owner(1);
    write(&stale, first, "a", b"a").await.unwrap();
    let second = next(first);
    for n in 0..600 {
        write(&store, second, &format!("{}", n % 10), &[0; 100]).await.unwrap();
    }
    let left = objects(folder.path(), second);
    assert!(left.len() < 300, "{} objects", left.len());
    assert!(!left.contains(&format!("{:020}", 2)), "the old log is removed");
    // What the stale owner would write next is still taken.
    assert!(matches!(write(&stale, first, "late", b"").await, Err(Error::Fenced)));
    assert_eq!(keys(&over(folder.path()), second).await.len(), 11);
}

#[tokio::test]
async fn a_log_of_large_values_is_shortened_too() {
    let folder = TempDir::new().unwrap();
    let (store, owner) = (over(folder.path()), owner(1));
    for _ in 0..30 {
        write(&store, owner, "k", &[0; 100_000]).await.unwrap();
    }
    assert!(objects(folder.path(), owner).len() < 10);
}

#[tokio::test]
async fn what_a_crash_leaves_behind_is_no_harm_and_goes_away() {
    let folder = TempDir::new().unwrap();
    let owner = owner(1);
    write(&over(folder.path()), owner, "a", b"a").await.unwrap();
    let of = folder.path().join(owner.instance.to_string());
    let first_log = objects(folder.path(), owner);
    let saved: Vec<_> = first_log.iter().map(|name| std::fs::read(of.join(name)).unwrap()).collect();
    let store = over(folder.path());
    for n in 0..300 {
        write(&store, owner, &format!("{n}"), b"v").await.unwrap();
    }
    // A whole state was written, and the crash came before the old entries were removed.
    for (name, bytes) in first_log.iter().zip(saved) {
        std::fs::write(of.join(name), bytes).unwrap();
    }
    // An object that was being written.
    std::fs::write(of.join(format!("{:020}#1", 10_000)), b"half").unwrap();
    let after = over(folder.path());
    assert_eq!(keys(&after, owner).await.len(), 301);
    for n in 0..300 {
        write(&after, owner, &format!("{n}"), b"w").await.unwrap();
    }
    assert!(!objects(folder.path(), owner).contains(&first_log[1]));
    assert_eq!(keys(&over(folder.path()), owner).await.len(), 301);
}

#[tokio::test]
async fn destroying_leaves_no_record_behind() {
    let folder = TempDir::new().unwrap();
    let (store, owner) = (over(folder.path()), owner(1));
    for n in 0..20 {
        write(&store, owner, &format!("{n}"), b"a secret").await.unwrap();
    }
    store.destroy(owner).await.unwrap();
    let of = folder.path().join(owner.instance.to_string());
    for name in objects(folder.path(), owner) {
        assert_eq!(std::fs::metadata(of.join(&name)).unwrap().len(), super::entry::HEADER as u64, "{name}");
    }
    assert!(keys(&over(folder.path()), owner).await.is_empty());
}

#[tokio::test]
async fn many_instances_need_a_bounded_memory() {
    let folder = TempDir::new().unwrap();
    let store = limited(folder.path(), 100_000);
    let owners: Vec<_> = (0..50).map(|_| owner(1)).collect();
    for owner in &owners {
        write(&store, *owner, "k", &[7; 10_000]).await.unwrap();
        assert!(store.held.load(Ordering::Relaxed) <= 100_000);
    }
    for owner in &owners {
        assert_eq!(store.get(*owner, "k", b"k").await.unwrap().unwrap().len(), 10_000);
        write(&store, *owner, "l", b"").await.unwrap();
    }
    assert!(store.held.load(Ordering::Relaxed) <= 100_000);
}

#[tokio::test]
async fn damage_is_told_from_absence() {
    let folder = TempDir::new().unwrap();
    let owner = owner(1);
    write(&over(folder.path()), owner, "k", b"value").await.unwrap();
    let of = folder.path().join(owner.instance.to_string());
    let last = of.join(objects(folder.path(), owner).pop().unwrap());
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(over(folder.path()).get(owner, "k", b"k").await, Err(Error::Corrupt(_))));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_counts_once() {
    let folder = TempDir::new().unwrap();
    let mut log = place::folder(folder.path()).unwrap();
    let lost = Arc::new(AnswersLost { inner: Arc::clone(&log.reads), left: AtomicUsize::new(0) });
    log.creates = Arc::clone(&lost) as Arc<dyn ObjectStore>;
    let (store, owner) = (Object::over(log, Arc::new(now), MEMORY), owner(1));
    write(&store, owner, "a", b"a").await.unwrap();
    let before = objects(folder.path(), owner).len();
    lost.left.store(1, Ordering::Relaxed);
    write(&store, owner, "b", b"b").await.unwrap();
    assert_eq!(objects(folder.path(), owner).len(), before + 1);
    assert_eq!(keys(&store, owner).await, ["a", "b"]);
}

/// Creates, and then says that it could not.
#[derive(Debug)]
struct AnswersLost {
    inner: Arc<dyn ObjectStore>,
    left: AtomicUsize,
}

impl fmt::Display for AnswersLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for AnswersLost {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let answer = self.inner.put_opts(path, payload, options).await;
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return Err(object_store::Error::Generic { store: "test", source: "the answer was lost".into() });
        }
        answer
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
