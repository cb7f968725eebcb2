//! A node of the run's own: the real binary as a child process, on SQLite in a folder of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::process::Owned;

/// The global key of a node that the run starts.
pub const KEY: &str = "global-key-of-the-load-generator";
/// Lines of the log that an error shows.
const LOG_LINES: usize = 20;

/// A node that was started.
#[derive(Debug)]
pub struct Child {
    process: Owned,
    /// Where it listens.
    pub address: SocketAddr,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl Child {
    /// Starts a node on a fresh database, linked to the chat socket of a simulator. `more` are variables
    /// of its environment, which is empty otherwise. It may not be ready yet.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start(binary: PathBuf, chat_url: String, more: &[(String, String)]) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("waggle-loadtest-")?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut environment: Vec<(String, String)> = [
            ("AUTHENTICATION_API_KEY", KEY.to_owned()),
            ("SERVER_PORT", address.port().to_string()),
            ("WAGGLE_DATA_DIR", folder.path().join("data").display().to_string()),
            ("WAGGLE_WHATSAPP_URL", chat_url),
            ("WAGGLE_WHATSAPP_VERSION", "2.3000.1027934701".to_owned()),
            ("WAGGLE_EGRESS_ALLOW", "*".to_owned()),
            ("WAGGLE_RECONNECT_PER_SECOND", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(more.iter().cloned());
        let process = spawn(&binary, &environment, folder.path())?;
        Ok(Self { process, address, binary, environment, folder })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// SIGKILL, at once.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.0.kill()?;
        self.process.0.wait()?;
        Ok(())
    }

    /// Starts the binary again on the same folder and port. It may not be ready yet.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = spawn(&self.binary, &self.environment, self.folder.path())?;
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.process.0.try_wait(), Ok(Some(_)))
    }

    /// The last lines of the log.
    pub fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// How many lines of the log are warnings or errors.
    pub fn complaints(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count()
    }

    /// Ends the process and removes the folder now: whoever else holds the run may do so for longer than
    /// this program lives. With `keep` the folder stays; answers where it is then.
    pub fn end(&mut self, keep: bool) -> Option<PathBuf> {
        // It may have ended by itself, or been removed; nothing more can be done about either.
        let _ = self.kill();
        self.folder.disable_cleanup(true);
        if keep {
            return Some(self.folder.path().to_owned());
        }
        let _ = std::fs::remove_dir_all(self.folder.path());
        None
    }
}

fn spawn(binary: &Path, environment: &[(String, String)], folder: &Path) -> anyhow::Result<Owned> {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log"))?;
    let mut command = Command::new(binary);
    command.env_clear().envs(environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // A Ctrl-C is for the load generator, which needs the node until it has tidied up.
    command.process_group(0);
    Ok(Owned(command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?))
}

/// The binary that was named, or the one beside this program (a test's own binary is in the folder `deps`
/// below it).
///
/// # Errors
/// When there is none.
pub fn binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        ensure!(named.is_file(), "{} is no file", named.display());
        return Ok(named.to_owned());
    }
    let own = std::env::current_exe()?;
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join("waggle")).find(|path| path.is_file());
    found.context(
        "no binary `waggle` beside this program: build it with the feature `simulator`, name it with \
         --waggle, or name running nodes with --url",
    )
}
