//! Owns files that are sent and received: where their bytes come from ([`Source`]), where they are
//! kept meanwhile ([`File`]), and what WhatsApp wants to know of them ([`Ready`]); must not know
//! messages, chats or HTTP. To add a kind of file: a variant of [`Kind`], and its arm in `ready`.
//!
//! Nothing here grows with the size of a file: bytes are streamed to and from a file on disk, and
//! decoding has limits that are checked before it begins. What costs processor time is done on the
//! blocking pool, a few at a time over the whole node, and fewer at a time for each account; see `turns`.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::runtime;

use self::turns::{Turn, Turns};
use crate::config::media::AudioConverter;
use crate::net::{self, Client, Proxy};

mod converter;
mod embedded;
mod error;
mod fetch;
mod file;
mod image;
mod mime;
mod name;
mod ogg;
mod page;
mod preview;
mod ready;
mod sticker;
mod store;
mod tool;
mod turns;
mod video;
mod voice;
mod whole;

pub use embedded::Embedding;
pub use error::Error;
pub use fetch::{Fetched, Source};
pub use file::{File, Incoming, Reader, Sink};
pub use mime::{extension, tidy};
pub use name::cleaned;
pub use preview::{Preview, Previews, Thumbnail};
pub use ready::{Facts, Kind, Ready, Request};
pub use store::{Kept, Label, Store};

/// How files are handled.
#[derive(Clone)]
pub struct Options {
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// How long a file may take to arrive from its address.
    pub fetch_timeout: Duration,
    /// Where files are that do not fit into memory. They have no name there.
    pub folder: PathBuf,
    /// The program `ffmpeg`, with `ffprobe` beside it. It may be absent.
    pub ffmpeg: PathBuf,
    /// Makes voice notes instead of `ffmpeg`.
    pub converter: Option<AudioConverter>,
}

/// Handles files; clones share their limits.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

#[derive(Clone)]
struct Shared {
    options: Options,
    /// For addresses that callers name: it has the guard.
    outside: Client,
    /// For the operator's own converter.
    inside: Client,
    main: runtime::Handle,
    turns: Turns,
}

impl Handle {
    /// Takes the client for addresses that callers name, the one for the operator's own services,
    /// and the main runtime, on whose blocking pool the work is done.
    #[must_use]
    pub fn new(options: Options, outside: Client, inside: Client, main: runtime::Handle) -> Self {
        let turns = Turns::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        Self(Arc::new(Shared { options, outside, inside, main, turns }))
    }

    /// The same for one account: addresses that callers name are fetched by its way out, and it has a
    /// share of the turns.
    ///
    /// # Errors
    /// As [`Client::with_proxy`].
    pub fn of_account(&self, proxy: Option<Proxy>) -> Result<Self, net::Error> {
        let outside = match proxy {
            None => self.0.outside.clone(),
            proxy => self.0.outside.with_proxy(proxy)?,
        };
        let turns = self.0.turns.of_account();
        Ok(Self(Arc::new(Shared { outside, turns, ..Shared::clone(&self.0) })))
    }

    /// An empty file to write to, bounded by the largest file that is allowed.
    #[must_use]
    pub fn sink(&self) -> Sink {
        self.sink_of(self.0.options.max_bytes)
    }

    /// An empty file to write to, with a limit of its own, in bytes.
    #[must_use]
    pub fn sink_of(&self, limit: u64) -> Sink {
        Sink::new(&self.0.options.folder, limit)
    }

    /// An empty file that is written from an asynchronous stream.
    #[must_use]
    pub fn incoming(&self) -> Incoming {
        self.incoming_of(self.0.options.max_bytes)
    }

    /// An empty file that is written from an asynchronous stream, with a limit of its own, in bytes.
    #[must_use]
    pub fn incoming_of(&self, limit: u64) -> Incoming {
        Incoming::new(self.sink_of(limit), self.0.main.clone())
    }

    /// A file that comes as a long text, bounded by the largest file that is allowed.
    #[must_use]
    pub fn embedding(&self) -> Embedding {
        Embedding::new(self.sink())
    }

    /// Largest file, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.0.options.max_bytes
    }

    /// The bytes of a file as pieces of a size, as fast as they are wanted.
    pub fn pieces(&self, file: &File, size: usize) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
        let (main, size) = (self.0.main.clone(), size as u64);
        let read = move |mut reader: Reader| {
            let main = main.clone();
            async move {
                let reading = main.spawn_blocking(move || {
                    let mut piece = Vec::new();
                    let read = reader.by_ref().take(size).read_to_end(&mut piece);
                    read.map(|_| (piece, reader))
                });
                match reading.await.map_err(std::io::Error::other).and_then(|read| read) {
                    Ok((piece, _)) if piece.is_empty() => None,
                    Ok((piece, reader)) => Some((Ok(Bytes::from(piece)), reader)),
                    Err(error) => Some((Err(error), File::new(Vec::new()).reader())),
                }
            }
        };
        futures::stream::unfold(file.reader(), read)
    }

    /// Runs something on the main runtime for as long as its caller waits: a connection is driven by the
    /// runtime that opened it.
    async fn on_main<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let running = self.0.main.spawn(work);
        let _ends_with_caller = Ends(running.abort_handle());
        running.await.map_err(|_| Error::Failed("fetching ended".to_owned()))?
    }

    /// Does work that blocks or costs processor time, when it is its turn.
    ///
    /// # Errors
    /// Those of the work, and [`Error::Busy`].
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.heavy(0, work).await
    }

    /// As [`Handle::work`], for what takes so much memory, in bytes: that is bounded over the node.
    async fn heavy<T: Send + 'static>(
        &self,
        memory: u64,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.0.turns.work(memory).await?;
        self.blocking(turn, work).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // What is not waited for any more has its turn until it ends.
        let work = move || {
            let _turn = turn;
            work()
        };
        self.at_once(work).await
    }

    /// Does work that blocks for a moment, without a turn: whoever has such work bounds it.
    async fn at_once<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.0.main.spawn_blocking(work).await.map_err(|_| Error::Failed("the work panicked".to_owned()))?
    }
}

struct Ends(tokio::task::AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
