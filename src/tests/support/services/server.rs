//! A server process and its end.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection};

/// How long a server may take to make its files and start; a busy machine takes its time.
const START: Duration = Duration::from_secs(120);

/// A server for tests.
pub struct Server {
    /// URL of a database that always exists.
    pub url: String,
    process: Option<Child>,
}

impl Server {
    /// Somebody else's server.
    pub fn given(url: String) -> Self {
        Self { url, process: None }
    }

    /// Runs a shell script under the user that the server wants, if this is root: servers refuse
    /// to be root. The script gets `$PORT`, makes a folder, starts the server in the background as
    /// `$server`, and ends with [`UNTIL_CLOSED`].
    pub async fn start(user: &str, script: &str, url: impl Fn(u16) -> String) -> Self {
        let port = free_port();
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.arg("-c").arg(format!("{script}\n{UNTIL_CLOSED}")).env("PORT", port.to_string());
        // The folder of the caller may be closed to the server's user.
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let mut server = Self { url: url(port), process: Some(process) };
        server.wait().await;
        server
    }

    async fn wait(&mut self) {
        let end = Instant::now() + START;
        while sea_orm::Database::connect(&self.url).await.is_err() {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().unwrap());
            assert!(ended.is_none(), "the server of {} ended: {ended:?}", self.url);
            assert!(Instant::now() < end, "no server at {}", self.url);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}

/// Waits for the end of standard input, that is of the test process, and cleans up.
const UNTIL_CLOSED: &str = "set +e; cat > /dev/null; kill -s QUIT $server; wait $server; rm -rf \"$folder\"";

/// The program, or how to get it.
pub fn program(path: Option<impl AsRef<Path>>, package: &str) -> String {
    let found = path.filter(|path| path.as_ref().exists());
    let found = found.unwrap_or_else(|| panic!("missing: apt-get install {package}"));
    found.as_ref().display().to_string()
}

/// Runs a statement on a connection of its own.
pub async fn execute(url: &str, sql: &str) {
    let connection: DatabaseConnection = sea_orm::Database::connect(url).await.unwrap();
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
