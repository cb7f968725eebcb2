//! The address of Redis: one server, one that Sentinels know, or a cluster.
//!
//! ```text
//! redis://[USER:PASSWORD@]HOST[:6379][/DATABASE]
//! redis+sentinel://[USER:PASSWORD@]HOST[:26379],HOST.../MASTER[/DATABASE][?sentinelUser=...&sentinelPassword=...]
//! redis+cluster://[USER:PASSWORD@]HOST[:6379],HOST...
//! ```
//!
//! With `rediss` in place of `redis` everything is over TLS. User and password are percent-encoded.

use std::path::PathBuf;

use url::form_urlencoded;

use super::secret::Secret;

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What answers there.
    pub form: Form,
    /// Hosts and ports: of the server, of Sentinels, or of some nodes of the cluster; at least one.
    pub hosts: Vec<(String, u16)>,
    /// Speak TLS.
    pub tls: bool,
    /// The certificates that TLS trusts in place of the public ones: a PEM file.
    pub ca: Option<PathBuf>,
    /// User at Redis, when it is not the default one.
    pub user: Option<String>,
    /// Password at Redis.
    pub password: Option<Secret>,
    /// Number of the database.
    pub database: i64,
}

/// What answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A server.
    Single,
    /// Sentinels, which say where the server is.
    Sentinel {
        /// The name by which they know it.
        master: String,
        /// User at the Sentinels.
        user: Option<String>,
        /// Password at the Sentinels.
        password: Option<Secret>,
    },
    /// Nodes of a cluster.
    Cluster,
}

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// What was expected; nothing of the address itself, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(schemes)?;
        let (tls, kind) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis").ok_or_else(schemes)?),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = login.map(credentials).transpose()?.unwrap_or_default();
        let usual = if kind == "+sentinel" { 26379 } else { 6379 };
        let hosts: Vec<_> = hosts.split(',').map(|one| host(one, usual)).collect::<Result<_, _>>()?;
        let (form, number) = match kind {
            "" if hosts.len() == 1 => (Form::Single, path),
            "" => return Err("one host; several need redis+sentinel:// or redis+cluster://".to_owned()),
            "+sentinel" => sentinel(path, query)?,
            "+cluster" if path.is_empty() || path == "0" => (Form::Cluster, ""),
            "+cluster" => return Err("no database number: a cluster has only number 0".to_owned()),
            _ => return Err(schemes()),
        };
        let database = match number.trim_end_matches('/') {
            "" => 0,
            number => {
                number.parse().ok().filter(|number| *number >= 0).ok_or("a database number at its end")?
            }
        };
        Ok(Self { form, hosts, tls, ca: None, user, password, database })
    }
}

fn schemes() -> String {
    "an address that begins with redis:// or rediss://, redis+sentinel:// or redis+cluster://".to_owned()
}

fn credentials(login: &str) -> Result<(Option<String>, Option<Secret>), String> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let some = |text: &str| Ok::<_, String>(Some(decoded(text)?).filter(|text| !text.is_empty()));
    Ok((some(user)?, some(password)?.map(Secret::new)))
}

fn host(text: &str, usual: u16) -> Result<(String, u16), String> {
    let expected = || "hosts as HOST:PORT, separated by commas".to_owned();
    // The colons within brackets belong to the address.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().map_err(|_| expected())?),
        _ => (text, usual),
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let wrong = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | '@' | '#');
    if name.is_empty() || name.contains(wrong) { Err(expected()) } else { Ok((name.to_owned(), port)) }
}

fn sentinel<'a>(path: &'a str, query: &str) -> Result<(Form, &'a str), String> {
    let (master, number) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err("the master's name behind the Sentinels: redis+sentinel://HOST:26379/MASTER/0".to_owned());
    }
    let (mut user, mut password) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "sentinelUser" => user = Some(value.into_owned()),
            "sentinelPassword" => password = Some(Secret::new(value)),
            _ => return Err("behind `?` only sentinelUser and sentinelPassword".to_owned()),
        }
    }
    Ok((Form::Sentinel { master: decoded(master)?, user, password }, number))
}

fn decoded(text: &str) -> Result<String, String> {
    let expected = || "user and password percent-encoded".to_owned();
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()).ok_or_else(expected)?;
        bytes.push(code);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &Address) -> Vec<String> {
        address.hosts.iter().map(|(host, port)| format!("{host} {port}")).collect()
    }

    #[test]
    fn a_server() {
        let plain = Address::parse("redis://cache").unwrap();
        assert_eq!((hosts(&plain), plain.database, plain.tls), (vec!["cache 6379".to_owned()], 0, false));
        let full = Address::parse("rediss://app:p%40ss:%2F@[::1]:7000/3").unwrap();
        assert_eq!((hosts(&full), full.database, full.tls), (vec!["::1 7000".to_owned()], 3, true));
        assert_eq!(full.user.as_deref(), Some("app"));
        assert_eq!(full.password.unwrap().expose(), "p@ss:/");
        // As Evolution API's users write it.
        let old = Address::parse("redis://:secret@cache:6379/6").unwrap();
        assert_eq!((old.user, old.password.unwrap().expose(), old.database), (None, "secret", 6));
    }

    #[test]
    fn sentinels_and_a_cluster() {
        let text =
            "redis+sentinel://app:one@s1,s2:26380/mymaster/2?sentinelUser=watch&sentinelPassword=t%26o";
        let address = Address::parse(text).unwrap();
        assert_eq!(hosts(&address), ["s1 26379", "s2 26380"]);
        assert_eq!(address.database, 2);
        let Form::Sentinel { master, user, password } = address.form else { panic!("{:?}", address.form) };
        assert_eq!((&*master, user.as_deref()), ("mymaster", Some("watch")));
        assert_eq!(password.unwrap().expose(), "t&o");
        let cluster = Address::parse("rediss+cluster://a,b:7001,c/").unwrap();
        assert_eq!((&cluster.form, cluster.tls), (&Form::Cluster, true));
        assert_eq!(hosts(&cluster), ["a 6379", "b 7001", "c 6379"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for wrong in [
            "http://hunter2@a",
            "redis://:hunter2@a,b",
            "redis://:hunter2@a/x",
            "redis://:hunter2@a/-1",
            "redis://:hunter2@",
            "redis://:hunter2@a:port",
            "redis://:hunter2%zz@a",
            "redis+sentinel://:hunter2@a:26379",
            "redis+sentinel://a/m?password=hunter2",
            "redis+cluster://:hunter2@a/1",
            "redis+other://:hunter2@a",
            "hunter2",
        ] {
            let error = Address::parse(wrong).unwrap_err();
            assert!(!error.contains("hunter2"), "{wrong}: {error}");
        }
        assert!(!format!("{:?}", Address::parse("redis://:hunter2@a").unwrap()).contains("hunter2"));
    }
}
