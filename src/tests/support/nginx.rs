//! The real nginx with this project's configuration, in front of nodes of a test's own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::PATIENCE;

const TEMPLATE: &str = include_str!("../../../docker/nginx.conf");
/// Where Debian puts it; not in everybody's path.
const PROGRAM: &str = "/usr/sbin/nginx";

pub struct Nginx {
    pub url: String,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// In front of nodes, by their ports.
    pub async fn start(nodes: &[u16], secret: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (port, inner) = (free_port(), free_port());
        let servers: Vec<String> =
            nodes.iter().map(|port| format!("server 127.0.0.1:{port} max_fails=0;")).collect();
        let mut text = TEMPLATE.to_owned();
        for (name, value) in [
            ("WAGGLE_NGINX_LISTEN", format!("127.0.0.1:{port}")),
            ("WAGGLE_NGINX_INNER_PORT", inner.to_string()),
            ("WAGGLE_NGINX_DIR", folder.path().display().to_string()),
            ("WAGGLE_UPSTREAM_SERVERS", servers.join(" ")),
            ("WAGGLE_CLUSTER_SECRET", secret.to_owned()),
            // Nodes advertise addresses, so that nobody is asked for names.
            ("NGINX_LOCAL_RESOLVERS", "127.0.0.1".to_owned()),
        ] {
            text = text.replace(&format!("${{{name}}}"), &value);
        }
        // Debian's nginx gives its workers away to a user who may not enter the test's folder.
        let text = format!("user root;\n{text}");
        let file = folder.path().join("nginx.conf");
        fs::write(&file, text).unwrap();
        let child = Command::new(PROGRAM)
            .args(["-g", "daemon off;", "-c"])
            .arg(&file)
            .arg("-p")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("no nginx ({error}): apt-get install nginx-light"));
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Self { url: format!("http://127.0.0.1:{port}"), child, _folder: folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that the workers go too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
