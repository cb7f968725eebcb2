//! A node of the run's own: the real binary as a child process, with a folder of its own.

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

/// Ports that the kernel gives to nobody by itself: a node that is down finds its own free again.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A node; its process runs when it was started.
#[derive(Debug)]
pub struct Child {
    process: Option<Owned>,
    /// Where it listens.
    pub address: SocketAddr,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl Child {
    /// A node with an empty folder, linked to the chat socket of a simulator. `more` makes variables of its
    /// environment from its address; there are no others.
    ///
    /// # Errors
    /// When there is no folder or no free port.
    pub fn prepare(
        binary: PathBuf,
        chat_url: String,
        more: impl FnOnce(SocketAddr) -> Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("waggle-loadtest-")?;
        let address = free_address()?;
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
        environment.extend(more(address));
        Ok(Self { process: None, address, binary, environment, folder })
    }

    /// Starts the binary, for the first time or again on the same folder and port. It may not be ready yet.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.process = Some(spawn(&self.binary, &self.environment, self.folder.path())?);
        Ok(())
    }

    /// The process; `None` before it was started.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.0.id())
    }

    /// SIGKILL, at once.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(process) = &mut self.process {
            process.0.kill()?;
            process.0.wait()?;
        }
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.0.try_wait(), Ok(Some(_))))
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

fn free_address() -> anyhow::Result<SocketAddr> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|port| port.local_addr());
    let found = (0..100).find_map(|_| free(rand::random_range(PORTS)).ok());
    Ok(found.map_or_else(|| free(0), Ok)?)
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
