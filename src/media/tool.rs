//! Programs as child processes. They read untrusted files, so each has little time, little room for
//! its output and no way to other files or to the network, and dies with the request that it is for.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::file::unnamed;
use super::{Error, File, Handle};

/// How long one run may take.
const TIME: Duration = Duration::from_mins(2);
/// How often a run is looked after.
const LOOK: Duration = Duration::from_millis(10);

/// What is given to every run before its own arguments.
const SAFE: [&str; 6] = ["-v", "error", "-protocol_whitelist", "file", "-max_alloc", "268435456"];

impl Handle {
    /// Runs `ffmpeg` or `ffprobe` on a file, which is `/dev/stdin` to it; what it writes to
    /// `/dev/stdout` is the answer, up to a size. `None` when the program is not installed.
    pub(super) async fn run(
        &self,
        program: &'static str,
        input: &File,
        arguments: Vec<String>,
        limit: u64,
    ) -> Result<Option<File>, Error> {
        let (folder, input) = (self.0.options.folder.clone(), input.clone());
        let program = self.0.options.ffmpeg.with_file_name(program);
        // The child is killed when this end of the channel is gone.
        let (_alive, ended) = channel::<()>();
        self.work(move || {
            let output = unnamed(&folder)?;
            let stdin = input.on_disk(&folder)?;
            let child = match spawn(&program, &arguments, stdin, output.try_clone()?) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                child => Running(child?),
            };
            child.finish(&ended, &output, limit)?;
            Ok(Some(File::written(output)?))
        })
        .await
    }
}

fn spawn(program: &Path, arguments: &[String], input: fs::File, output: fs::File) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.env_clear().args(SAFE).args(arguments.iter().map(OsStr::new));
    command.stdin(input).stdout(output).stderr(Stdio::null()).spawn()
}

struct Running(Child);

impl Running {
    fn finish(mut self, ended: &Receiver<()>, output: &fs::File, limit: u64) -> Result<(), Error> {
        let deadline = Instant::now() + TIME;
        loop {
            if let Some(status) = self.0.try_wait()? {
                let refused = || Error::invalid("cannot be read as what it is");
                return if status.success() { Ok(()) } else { Err(refused()) };
            }
            if output.metadata()?.len() > limit {
                return Err(Error::TooLarge(limit));
            }
            if Instant::now() > deadline {
                return Err(Error::invalid("takes too long to convert"));
            }
            if ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
                return Err(Error::Failed("nobody waits for it any more".to_owned()));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
