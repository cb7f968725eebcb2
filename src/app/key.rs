//! The global key: given by the operator, or made once and kept beside the database.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::config::{Auth, Secret};

const FILE: &str = "api-key";

/// The configured key, or the one in the data directory, which is made and printed when it is not
/// there yet.
pub fn global(auth: &Auth, data_dir: &Path) -> anyhow::Result<Secret> {
    if let Some(key) = &auth.global_key {
        return Ok(key.clone());
    }
    let file = data_dir.join(FILE);
    match fs::read_to_string(&file) {
        Ok(key) if !key.trim().is_empty() => return Ok(Secret::new(key.trim())),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{}", file.display())),
    }
    let key = hex::encode(rand::random::<[u8; 24]>());
    crate::app::parts::private_dir(data_dir)?;
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file)?;
    writeln!(out, "{key}").with_context(|| format!("{}", file.display()))?;
    announce(&key, &file);
    Ok(Secret::new(&key))
}

#[expect(clippy::print_stderr, reason = "printed once to whoever started the node, and never logged")]
fn announce(key: &str, file: &Path) {
    eprintln!(
        "AUTHENTICATION_API_KEY is not set: made a global key and stored it in {}\n\n    {key}\n",
        file.display()
    );
}
