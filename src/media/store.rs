//! Where files are kept: a bucket, or a folder that all nodes share.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, pin_mut};
use object_store::aws::AmazonS3;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::{Method, Signer as _};
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions,
};
use tokio::sync::Semaphore;

use super::{Error, File, Handle};
use crate::config::objects::{Bucket, Objects};
use crate::net::Url;
use crate::objects::{self, Patience};

/// How requests to the bucket are made; one carries at most a [`PART`].
const PATIENCE: Patience =
    Patience { answer: Duration::from_mins(1), retries: 2, altogether: Duration::from_mins(2) };
/// How long a store may keep one waiting that reads a file: whoever does can have it elsewhere.
const PROMPT: Duration = Duration::from_secs(5);
/// Files of a folder that are being opened at once. That takes a moment, unless the folder does not answer.
const OPENING: usize = 64;
/// Files that are removed at once.
const REMOVED: usize = 8;
/// Bytes that go to a bucket at once. All parts but the last are of one size, and no smaller than S3 allows.
const PART: usize = 5 << 20;

/// Keeps files; clones share it.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    place: Place,
    files: Handle,
    opening: Arc<Semaphore>,
}

#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    Bucket { signer: Arc<AmazonS3>, prefix: Path },
}

/// What is said of a file that is kept.
#[derive(Clone, Debug)]
pub struct Label {
    /// Its mimetype.
    pub mimetype: String,
    /// The name that it is downloaded under.
    pub download_as: Option<String>,
}

impl Label {
    /// What the header `Content-Disposition` says: what a browser could run in the name of the host is
    /// only ever downloaded.
    #[must_use]
    pub fn disposition(&self) -> Option<String> {
        let shown = super::mime::is_shown(&self.mimetype);
        match &self.download_as {
            Some(name) => Some(super::name::disposition(if shown { "inline" } else { "attachment" }, name)),
            None if shown => None,
            None => Some("attachment".to_owned()),
        }
    }
}

/// How a file is handed out.
pub enum Kept {
    /// At this address, for some time.
    At(Url),
    /// By this process.
    Here(File),
}

impl Store {
    /// A store at a place. A folder is made when it does not exist.
    ///
    /// # Errors
    /// [`Error::Failed`] or [`Error::Unavailable`] when the place cannot be used.
    pub fn new(place: &Objects, files: Handle) -> Result<Self, Error> {
        let (objects, place): (Arc<dyn ObjectStore>, _) = match place {
            Objects::Folder(folder) => {
                std::fs::create_dir_all(folder)?;
                let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(&error))?;
                (Arc::new(objects.with_fsync(true)), Place::Folder(folder.clone()))
            }
            Objects::Bucket(bucket) => {
                let signer = Arc::new(signer(bucket).map_err(|error| failed(&error))?);
                let prefix = Path::from(bucket.prefix.as_str());
                (Arc::<AmazonS3>::clone(&signer), Place::Bucket { signer, prefix })
            }
        };
        Ok(Self { objects, place, files, opening: Arc::new(Semaphore::new(OPENING)) })
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/');
        match &self.place {
            Place::Folder(_) => parts.collect(),
            Place::Bucket { prefix, .. } => parts.fold(prefix.clone(), |path, part| path.join(part)),
        }
    }

    /// Keeps a file under a name, piece by piece; what had the name before is replaced. It is there as a
    /// whole or not at all, and durable when this returns.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be reached or cannot work, which says nothing of the file;
    /// [`Error::Failed`] when it refuses.
    pub async fn put(&self, name: &str, file: &File, label: &Label) -> Result<(), Error> {
        let (path, attributes) = (self.path(name), self.attributes(label));
        let pieces = self.files.pieces(file, PART);
        pin_mut!(pieces);
        if file.length() <= PART as u64 {
            let piece = pieces.next().await.transpose()?.unwrap_or_else(Bytes::new);
            let options = PutOptions { attributes, ..PutOptions::default() };
            let put = self.objects.put_opts(&path, piece.into(), options).await;
            return put.map(drop).map_err(|error| failed(&error));
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let upload = self.objects.put_multipart_opts(&path, options).await;
        let mut upload = upload.map_err(|error| failed(&error))?;
        while let Some(piece) = pieces.next().await {
            let part = match piece {
                Ok(piece) => upload.put_part(piece.into()).await.map_err(|error| failed(&error)),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = part {
                given_up(upload).await;
                return Err(error);
            }
        }
        match upload.complete().await {
            Ok(_) => Ok(()),
            Err(error) => {
                given_up(upload).await;
                Err(failed(&error))
            }
        }
    }

    /// Folders know nothing of a file but its bytes.
    fn attributes(&self, label: &Label) -> Attributes {
        let mut attributes = Attributes::new();
        if matches!(self.place, Place::Bucket { .. }) {
            attributes.insert(Attribute::ContentType, label.mimetype.clone().into());
            if let Some(disposition) = label.disposition() {
                attributes.insert(Attribute::ContentDisposition, disposition.into());
            }
        }
        attributes
    }

    /// A file, at an address that works for so long where the store has addresses. A bucket is not asked
    /// whether it has the file; a folder that has it not gives `None`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Busy`], [`Error::Failed`].
    pub async fn get(&self, name: &str, lifetime: Duration) -> Result<Option<Kept>, Error> {
        let path = self.path(name);
        match &self.place {
            Place::Bucket { signer, .. } => {
                let url = signer.signed_url(Method::GET, &path, lifetime).await;
                Ok(Some(Kept::At(url.map_err(|error| failed(&error))?)))
            }
            Place::Folder(folder) => Ok(self.here(folder, &path).await?.map(Kept::Here)),
        }
    }

    /// The bytes of a file, wherever it is; `None` when the store does not have it.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it has more than `limit` bytes; [`Error::Unavailable`] when the store cannot be
    /// reached, or keeps one waiting; [`Error::Busy`]; [`Error::Failed`] when it refuses.
    pub async fn open(&self, name: &str, limit: u64) -> Result<Option<File>, Error> {
        let path = self.path(name);
        match &self.place {
            Place::Bucket { .. } => {
                let store = self.clone();
                self.files.on_main(async move { store.fetched(&path, limit).await }).await
            }
            Place::Folder(folder) => match self.here(folder, &path).await? {
                Some(file) if file.length() > limit => Err(Error::TooLarge(limit)),
                file => Ok(file),
            },
        }
    }

    /// A file of the folder. It takes no turn, for those may be taken by conversions for minutes.
    async fn here(&self, folder: &std::path::Path, path: &Path) -> Result<Option<File>, Error> {
        let one = Arc::clone(&self.opening).try_acquire_owned().map_err(|_| Error::Busy)?;
        let (folder, path) = (folder.to_owned(), folder.join(path.as_ref()));
        let open = move || {
            let _until_opened = one;
            opened(&folder, &path)
        };
        prompt(self.files.at_once(open)).await?
    }

    /// A file of the bucket, piece by piece.
    async fn fetched(&self, path: &Path, limit: u64) -> Result<Option<File>, Error> {
        let got = match prompt(self.objects.get(path)).await? {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        if got.meta.size > limit {
            return Err(Error::TooLarge(limit));
        }
        let (mut incoming, mut pieces) = (self.files.incoming_of(limit), got.into_stream());
        while let Some(piece) = prompt(pieces.next()).await? {
            incoming = incoming.push(&piece.map_err(|error| failed(&error))?).await?;
        }
        incoming.finish().await.map(Some)
    }

    /// Whether the store has addresses of its own for files.
    #[must_use]
    pub const fn has_addresses(&self) -> bool {
        matches!(self.place, Place::Bucket { .. })
    }

    /// Removes a file; one that is not there is fine.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Failed`] when the store refuses.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        self.removed(&self.path(name)).await
    }

    /// Removes every file whose name begins with this folder, which takes the right to list them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Failed`] when the store refuses. Some files may be gone then.
    pub async fn remove_all(&self, folder: &str) -> Result<(), Error> {
        let listed = self.objects.list(Some(&self.path(folder))).map_err(|error| failed(&error));
        let removed = |file: ObjectMeta| async move { self.removed(&file.location).await };
        listed.try_for_each_concurrent(REMOVED, removed).await
    }

    async fn removed(&self, path: &Path) -> Result<(), Error> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Each file is removed by a request of its own, which all servers know, and which is answered for it alone.
fn signer(bucket: &Bucket) -> object_store::Result<AmazonS3> {
    objects::bucket(bucket, PATIENCE).with_disable_bulk_delete(true).build()
}

fn opened(folder: &std::path::Path, path: &std::path::Path) -> Result<Option<File>, Error> {
    match std::fs::File::open(path) {
        Ok(file) => Ok(Some(File::written(file)?)),
        Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error.into()),
        Err(error) => Err(Error::Unavailable(error.to_string())),
    }
}

/// What was uploaded so far is of no use; a store that cannot be reached keeps it until its own rules
/// for that remove it.
async fn given_up(mut upload: Box<dyn MultipartUpload>) {
    if let Err(error) = upload.abort().await {
        tracing::debug!(%error, "an upload could not be taken back");
    }
}

async fn prompt<T>(answer: impl Future<Output = T>) -> Result<T, Error> {
    let answer = tokio::time::timeout(PROMPT, answer).await;
    answer.map_err(|_| Error::Unavailable("the store does not answer".to_owned()))
}

fn failed(error: &object_store::Error) -> Error {
    if objects::is_away(error) {
        Error::Unavailable(error.to_string())
    } else {
        Error::Failed(error.to_string())
    }
}
