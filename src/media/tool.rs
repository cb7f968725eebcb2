//! Programs as child processes. They read untrusted files, so each has little time, little memory, little
//! room for its output and no way to other files or to the network, and dies with the request that it is
//! for. What outlives a killed node ends when its processor time is over.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::file::unnamed;
use super::{Error, File, Handle};

/// How long one run may take: less than others wait for its turn.
pub(super) const TIME: Duration = Duration::from_secs(50);
/// How often a run is looked after.
const LOOK: Duration = Duration::from_millis(10);
/// Most pixels of a picture that a program decodes.
pub(super) const PIXELS: u64 = 1 << 24;

/// Starts a program with its limits, which only a process can set for itself, and which last for all of its
/// life: addresses in KiB, and processor time in seconds, more than [`TIME`] on the two threads that it
/// has. Where the limits of the node are lower already, those stay.
const SHELL: &str = "/bin/sh";
const BOUNDED: &str = "ulimit -v 1048576 2>/dev/null; ulimit -t 110 2>/dev/null; ulimit -c 0 2>/dev/null; \
                       exec \"$0\" \"$@\"";
/// Exit codes of a shell that cannot start a program.
const ABSENT: [i32; 2] = [126, 127];
/// Where a program without a path is looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is given to every run before its own arguments.
const SAFE: [&str; 8] =
    ["-v", "error", "-protocol_whitelist", "file", "-max_alloc", "268435456", "-threads", "2"];
/// And to one that decodes: the limit also holds where a stream changes its size. One that only looks is to
/// tell a size that is refused.
const DECODES: [&str; 2] = ["-max_pixels", "16777216"];

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
        let more: &[&str] = if program == "ffmpeg" { &DECODES } else { &[] };
        let arguments: Vec<String> = more.iter().map(ToString::to_string).chain(arguments).collect();
        let program = self.0.options.ffmpeg.with_file_name(program);
        // The child is killed when this end of the channel is gone.
        let (_alive, ended) = channel::<()>();
        let turn = self.0.turns.child().await?;
        self.blocking(turn, move || {
            let output = unnamed(&folder)?;
            let stdin = input.on_disk(&folder)?;
            let child = match spawn(&program, &arguments, stdin, output.try_clone()?) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                child => Running(child?),
            };
            let started = child.finish(&ended, &output, limit)?;
            if started { Ok(Some(File::written(output)?)) } else { Ok(None) }
        })
        .await
    }
}

fn spawn(program: &Path, arguments: &[String], input: fs::File, output: fs::File) -> io::Result<Child> {
    let mut command = Command::new(SHELL);
    command.arg("-c").arg(BOUNDED).arg(program).args(SAFE).args(arguments.iter().map(OsStr::new));
    // Arenas take addresses that are never used: one for each thread is enough.
    command.env_clear().env("PATH", PATH).env("MALLOC_ARENA_MAX", "2");
    command.stdin(input).stdout(output).stderr(Stdio::null()).spawn()
}

struct Running(Child);

impl Running {
    /// Waits for the end; answers whether there was such a program.
    fn finish(mut self, ended: &Receiver<()>, output: &fs::File, limit: u64) -> Result<bool, Error> {
        let deadline = Instant::now() + TIME;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return match status.code() {
                    Some(0) => Ok(true),
                    Some(code) if ABSENT.contains(&code) => Ok(false),
                    _ => Err(Error::invalid("cannot be read as what it is")),
                };
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
