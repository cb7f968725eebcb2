//! Files while they are worked on: small ones in memory, larger ones on disk and without a name,
//! so that they are gone with the last handle, whatever happens to the process.

use std::fs;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::runtime;

/// Largest file that stays in memory, in bytes.
const SMALL: usize = 1 << 20;
/// Bytes that are collected before they go to disk.
const PIECE: usize = 256 << 10;

/// A file that is complete; clones share its bytes.
#[derive(Clone, Debug)]
pub struct File(Arc<Kept>);

#[derive(Debug)]
enum Kept {
    Memory(Bytes),
    Disk { file: fs::File, length: u64 },
}

impl File {
    /// A file in memory.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(Arc::new(Kept::Memory(bytes.into())))
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &*self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::Disk { length, .. } => *length,
        }
    }

    /// Reads it from the start; readers do not disturb each other.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { file: self.clone(), at: 0 }
    }

    /// Its first bytes.
    ///
    /// # Errors
    /// When the disk fails, here and below.
    pub fn head(&self, bytes: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader().take(bytes).read_to_end(&mut head)?;
        Ok(head)
    }

    /// Its last bytes.
    ///
    /// # Errors
    /// As [`File::head`].
    pub fn tail(&self, bytes: u64) -> io::Result<Vec<u8>> {
        let mut tail = Vec::new();
        let at = self.length().saturating_sub(bytes);
        Reader { file: self.clone(), at }.read_to_end(&mut tail)?;
        Ok(tail)
    }

    /// So many bytes from a place on, as far as they are there.
    ///
    /// # Errors
    /// As [`File::head`].
    pub fn part(&self, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let mut part = Vec::new();
        Reader { file: self.clone(), at }.take(bytes).read_to_end(&mut part)?;
        Ok(part)
    }

    /// Its SHA-256.
    ///
    /// # Errors
    /// As [`File::head`].
    pub fn sha256(&self) -> io::Result<[u8; 32]> {
        let (mut reader, mut hash) = (self.reader(), Sha256::new());
        let mut piece = vec![0; PIECE];
        loop {
            match reader.read(&mut piece)? {
                0 => return Ok(hash.finalize().into()),
                read => hash.update(&piece[..read]),
            }
        }
    }

    /// All of it, for as long as it is known to be small.
    ///
    /// # Errors
    /// As [`File::head`].
    pub fn bytes(&self) -> io::Result<Bytes> {
        match &*self.0 {
            Kept::Memory(bytes) => Ok(bytes.clone()),
            Kept::Disk { .. } => self.head(u64::MAX).map(Bytes::from),
        }
    }

    /// As a file of the system, for a child process.
    pub(super) fn on_disk(&self, folder: &Path) -> io::Result<fs::File> {
        match &*self.0 {
            Kept::Memory(bytes) => {
                let mut file = unnamed(folder)?;
                file.write_all(bytes)?;
                file.rewind()?;
                Ok(file)
            }
            Kept::Disk { file, .. } => file.try_clone(),
        }
    }

    /// What a child process wrote.
    pub(super) fn written(file: fs::File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let written = Self(Arc::new(Kept::Disk { file, length }));
        if length > SMALL as u64 { Ok(written) } else { written.bytes().map(Self::new) }
    }
}

/// Reads a [`File`].
pub struct Reader {
    file: File,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match &*self.file.0 {
            Kept::Memory(bytes) => {
                let left = usize::try_from(self.at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let read = left.len().min(out.len());
                out[..read].copy_from_slice(&left[..read]);
                read
            }
            Kept::Disk { file, .. } => file.read_at(out, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.length().checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// A [`Sink`] has taken as many bytes as it may.
#[derive(Debug, thiserror::Error)]
#[error("larger than {0} bytes")]
pub(super) struct Full(pub(super) u64);

/// Takes the bytes of a file, up to a limit.
pub struct Sink {
    folder: PathBuf,
    limit: u64,
    length: u64,
    small: Vec<u8>,
    large: Option<BufWriter<fs::File>>,
}

impl Sink {
    pub(super) fn new(folder: &Path, limit: u64) -> Self {
        Self { folder: folder.to_owned(), limit, length: 0, small: Vec::new(), large: None }
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        (self.length, self.small, self.large) = (0, Vec::new(), None);
    }

    /// The file.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(self) -> io::Result<File> {
        match self.large {
            None => Ok(File::new(self.small)),
            Some(large) => {
                let file = large.into_inner().map_err(io::IntoInnerError::into_error)?;
                Ok(File(Arc::new(Kept::Disk { file, length: self.length })))
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.length + bytes.len() as u64;
        if length > self.limit {
            return Err(io::Error::other(Full(self.limit)));
        }
        match &mut self.large {
            Some(large) => large.write_all(bytes)?,
            None if self.small.len() + bytes.len() <= SMALL => self.small.extend_from_slice(bytes),
            None => {
                let mut large = BufWriter::with_capacity(PIECE, unnamed(&self.folder)?);
                large.write_all(&std::mem::take(&mut self.small))?;
                large.write_all(bytes)?;
                self.large = Some(large);
            }
        }
        self.length = length;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.large.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Fills a [`Sink`] from an asynchronous stream: the disk is written from the blocking pool.
pub struct Incoming {
    sink: Sink,
    waiting: Vec<u8>,
    main: runtime::Handle,
}

impl Incoming {
    pub(super) fn new(sink: Sink, main: runtime::Handle) -> Self {
        Self { sink, waiting: Vec::new(), main }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`super::Error::TooLarge`], and when the disk fails.
    pub async fn push(mut self, piece: &[u8]) -> Result<Self, super::Error> {
        if self.sink.length + (self.waiting.len() + piece.len()) as u64 > self.sink.limit {
            return Err(super::Error::TooLarge(self.sink.limit));
        }
        self.waiting.extend_from_slice(piece);
        if self.waiting.len() < PIECE { Ok(self) } else { self.flush().await }
    }

    async fn flush(mut self) -> Result<Self, super::Error> {
        let main = self.main.clone();
        let write = move || {
            self.sink.write_all(&self.waiting)?;
            self.waiting.clear();
            Ok::<_, io::Error>(self)
        };
        let written = main.spawn_blocking(write).await;
        Ok(written.map_err(|_| super::Error::Failed("writing panicked".to_owned()))??)
    }

    /// The file.
    ///
    /// # Errors
    /// As [`Incoming::push`].
    pub async fn finish(self) -> Result<File, super::Error> {
        Ok(self.flush().await?.sink.finish()?)
    }
}

/// A file that has no name any more.
pub(super) fn unnamed(folder: &Path) -> io::Result<fs::File> {
    let path = folder.join(format!("{:032x}", rand::random::<u128>()));
    let file = fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}
