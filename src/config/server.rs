//! The HTTP server and the public face of the node.

use std::path::PathBuf;

use super::parse;
use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Server",
    variables: &[
        Variable::text("SERVER_NAME", "evolution", "name of this installation, for SQS bodies; not used yet"),
        Variable::choice(
            "SERVER_TYPE",
            "http",
            &["http", "https"],
            "whether the node itself speaks TLS; https needs both SSL_CONF_* paths",
        ),
        Variable::number(
            "SERVER_PORT",
            "8080",
            "port",
            "port that the HTTP server listens on; 0 takes a free one",
        ),
        Variable::url(
            "SERVER_URL",
            "",
            "public base URL, put into every event and into the Meta webhook address",
        ),
        Variable::flag("SERVER_DISABLE_DOCS", "false", "removes /docs and the OpenAPI document"),
        Variable::flag("SERVER_DISABLE_MANAGER", "false", "not used yet: no manager is served"),
        Variable::text("SSL_CONF_PRIVKEY", "", "path of the TLS private key (PEM)"),
        Variable::text("SSL_CONF_FULLCHAIN", "", "path of the TLS certificate chain (PEM)"),
        Variable::list("CORS_ORIGIN", "*", "origins that browsers may call from; * is any"),
        Variable::list("CORS_METHODS", "POST,GET,PUT,DELETE", "methods that browsers may use"),
        Variable::flag("CORS_CREDENTIALS", "false", "whether browsers may send credentials"),
        Variable::choice(
            "LANGUAGE",
            "en",
            &["en", "pt-BR", "es"],
            "language of texts that the node writes itself; not used yet: they are English",
        ),
        Variable::choice(
            "WAGGLE_API_DIALECT",
            "waggle",
            &["waggle", "evolution-2.3", "evolution-1"],
            "whose quirks answers follow: ours, Evolution API 2.3 to the letter, or Evolution API 1",
        ),
        Variable::ignored("NODE_ENV", "every build is a production build"),
        Variable::ignored("DOCKER_ENV", "nothing differs inside a container"),
        Variable::ignored("EVENT_EMITTER_MAX_LISTENERS", "there is no such emitter"),
    ],
    switches: None,
};

/// The HTTP server and the public face of the node.
#[derive(Debug, Clone)]
pub struct Server {
    /// Name of the installation.
    pub name: String,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
    /// Public base URL without a slash at its end.
    pub url: Option<String>,
    /// Certificate and key when the node speaks TLS itself.
    pub tls: Option<Tls>,
    /// What browsers may do.
    pub cors: Cors,
    /// Serve the OpenAPI document and its page.
    pub docs: bool,
    /// Serve the admin interface.
    pub manager: bool,
    /// Language of texts that the node writes.
    pub language: Language,
    /// Whose quirks answers follow.
    pub dialect: Dialect,
}

/// Where the TLS files are. They are read when the server starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM private key.
    pub private_key: PathBuf,
    /// PEM certificate chain, leaf first.
    pub chain: PathBuf,
}

/// What browsers of other origins may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins; `None` allows any.
    pub origins: Option<Vec<String>>,
    /// Allowed methods, in upper case.
    pub methods: Vec<String>,
    /// Whether credentials are allowed.
    pub credentials: bool,
}

/// Language of texts that the node writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Brazilian Portuguese.
    Portuguese,
    /// Spanish.
    Spanish,
}

/// Whose quirks the answers of the API follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Evolution API's shapes, with its plain mistakes repaired.
    Waggle,
    /// Evolution API 2.3 to the letter.
    Evolution23,
    /// Evolution API 1.
    Evolution1,
}

impl Server {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        for name in ["NODE_ENV", "DOCKER_ENV", "EVENT_EMITTER_MAX_LISTENERS"] {
            reader.ignore(name);
        }
        Self {
            name: reader.string("SERVER_NAME"),
            port: reader.number("SERVER_PORT", 0..=u16::MAX),
            url: reader.http_url("SERVER_URL"),
            tls: Tls::read(reader),
            cors: Cors::read(reader),
            docs: !reader.flag("SERVER_DISABLE_DOCS"),
            manager: !reader.flag("SERVER_DISABLE_MANAGER"),
            language: Language::read(reader),
            dialect: reader
                .parse("WAGGLE_API_DIALECT", |value| {
                    let choices = [
                        ("waggle", Dialect::Waggle),
                        ("evolution-2.3", Dialect::Evolution23),
                        ("evolution-1", Dialect::Evolution1),
                    ];
                    parse::choice(value, &choices)
                })
                .unwrap_or(Dialect::Waggle),
        }
    }
}

impl Language {
    /// Desktops set LANGUAGE themselves, to lists such as `pt_BR:pt:en`: the first entry counts, and one that
    /// is not ours is no reason to refuse to start.
    fn read(reader: &mut Reader<'_>) -> Self {
        let language = reader.parse("LANGUAGE", |value| Ok(Self::of(value))).flatten();
        language.unwrap_or_else(|| {
            reader.risky("LANGUAGE", "not one of en, pt-BR, es: texts are in English");
            Self::English
        })
    }

    fn of(value: &str) -> Option<Self> {
        let word = value.split(|c: char| !c.is_ascii_alphabetic()).next()?;
        match word.to_ascii_lowercase().as_str() {
            "en" | "c" => Some(Self::English),
            "pt" => Some(Self::Portuguese),
            "es" => Some(Self::Spanish),
            _ => None,
        }
    }
}

impl Tls {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let private_key = reader.text("SSL_CONF_PRIVKEY");
        let chain = reader.text("SSL_CONF_FULLCHAIN");
        // The paths alone do not switch TLS on: the old example file sets them beside SERVER_TYPE=http.
        let wanted = reader
            .parse("SERVER_TYPE", |value| parse::choice(value, &[("http", false), ("https", true)]))
            .unwrap_or_default();
        if !wanted {
            return None;
        }
        reader.require("SSL_CONF_PRIVKEY", &private_key, "SERVER_TYPE=https needs a key");
        reader.require("SSL_CONF_FULLCHAIN", &chain, "SERVER_TYPE=https needs a certificate chain");
        Some(Self { private_key: private_key?.into(), chain: chain?.into() })
    }
}

impl Cors {
    fn read(reader: &mut Reader<'_>) -> Self {
        let origins = reader.list("CORS_ORIGIN");
        let methods = reader.list("CORS_METHODS");
        Self {
            origins: if origins.iter().any(|origin| origin == "*") { None } else { Some(origins) },
            methods: methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
            credentials: reader.flag("CORS_CREDENTIALS"),
        }
    }
}
