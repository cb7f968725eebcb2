//! Memory and processor time of a process, as the kernel counts them.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How often memory is looked at until it stays the same.
const LOOK: Duration = Duration::from_millis(500);
/// Looks without a change after which it has settled.
const CALM: u32 = 5;
/// Length of a clock tick in `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory in KiB.
///
/// # Errors
/// When there is no such process.
pub fn rss_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} cannot be looked at"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// A value once it changes by less than half a percent for a while, or when the patience is over; `None`
/// when there is none.
pub async fn settled(look: impl Fn() -> Option<u64>, patience: Duration) -> Option<u64> {
    let deadline = Instant::now() + patience;
    let (mut last, mut calm) = (look()?, 0);
    while calm < CALM && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
        let now = look()?;
        calm = if now.abs_diff(last) * 200 <= last { calm + 1 } else { 0 };
        last = now;
    }
    Some(last)
}

/// Processor time used so far.
///
/// # Errors
/// When there is no such process.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} cannot be looked at"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no fields in stat")?;
    // After the name come the fields from the third; user and system time are the 14th and the 15th.
    let ticks: u32 = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Ok(TICK * ticks)
}

/// Sends a signal, such as `TERM`.
///
/// # Errors
/// When there is no such process, or it belongs to somebody else.
pub fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status()?;
    anyhow::ensure!(status.success(), "process {pid} cannot be sent {name}");
    Ok(())
}

/// Kills every process that this one has started.
pub fn kill_children() {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
    for thread in threads.flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            // It may have ended by itself meanwhile.
            let _ = signal(pid, "KILL");
        }
    }
}

/// How many files, sockets included, this process may have open; `None` when the kernel does not tell.
pub fn open_files_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// A child process that is killed when it is dropped.
#[derive(Debug)]
pub struct Owned(pub Child);

impl Owned {
    /// Waits for the end until the deadline.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(Instant::now() < deadline, "a process did not end within {patience:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
