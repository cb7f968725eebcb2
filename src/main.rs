//! The node's command line.
#![recursion_limit = "512"]

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use waggle::config::{self, Config, Environment};
use waggle::lifecycle::{Lifecycle, Outcome};
use waggle::{app, http, telemetry};

/// Multi-tenant WhatsApp gateway with the HTTP API of Evolution API v2.
#[derive(Parser)]
#[command(name = "waggle", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Clone, Copy)]
enum Command {
    /// Run a node (the default)
    Serve,
    /// Deliver webhooks that nodes hand to RabbitMQ
    ///
    /// For WAGGLE_WEBHOOK_DELIVERY=workers or both. Reads the environment of a node: the same
    /// DATABASE_*, RABBITMQ_URI, RABBITMQ_PREFIX_KEY, WAGGLE_WEBHOOK_PARTITIONS and WEBHOOK_*
    /// variables have to be set. Any number of workers may run; each partition is delivered by one of
    /// them at a time. /health/live, /health/ready and /metrics are served on SERVER_PORT. SIGTERM
    /// ends it once the deliveries under way have ended.
    Worker,
    /// Bring the database's schema up to date, and exit
    Migrate,
    /// Print the effective configuration with secrets hidden; exits non-zero on an error
    CheckConfig,
    /// Print the table of environment variables that the README shows
    #[command(hide = true)]
    ConfigTable,
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Ask the node on this machine whether it is ready; for container health checks
    Healthcheck,
    /// Start a simulated WhatsApp and a node, pair two accounts and let them write to each other
    #[cfg(feature = "simulator")]
    Demo {
        /// Stay up after the tour, to try the curl lines that it prints
        #[arg(long)]
        stay: bool,
    },
}

fn main() -> ExitCode {
    let command = Cli::command().after_long_help(config::table::help());
    let cli = match Cli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let ended = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(),
        Command::Worker => worker(),
        Command::Migrate => migrate(),
        Command::CheckConfig => check_config(),
        Command::ConfigTable => {
            print(config::table::markdown().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => {
            http::document().map(|document| print(&document)).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Healthcheck => healthcheck(),
        #[cfg(feature = "simulator")]
        Command::Demo { stay } => runtime().and_then(|runtime| runtime.block_on(waggle::demo::run(stay))),
    };
    ended.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

#[expect(clippy::print_stdout, reason = "the output of a command")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the error of a command, which may come before there is a log")]
fn complain(text: &str) {
    eprintln!("waggle: {text}");
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Reads the configuration; complains about what is odd in it.
fn load() -> anyhow::Result<Config> {
    let (config, warnings) = Config::load(&Environment::process())?;
    telemetry::init(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn listener(config: &Config) -> anyhow::Result<TcpListener> {
    TcpListener::bind(("0.0.0.0", config.server.port))
        .with_context(|| format!("port {} cannot be listened on", config.server.port))
}

fn worker() -> anyhow::Result<ExitCode> {
    let config = load()?;
    runtime()?.block_on(async {
        let exporter = telemetry::metrics::install()?;
        let mut lifecycle = Lifecycle::new(config.node.drain_timeout);
        app::worker::start(&config, listener(&config)?, exporter, &mut lifecycle).await?;
        tracing::info!(port = config.server.port, version = env!("CARGO_PKG_VERSION"), "delivering webhooks");
        Ok(lifecycle.wait().await.into())
    })
}

fn serve() -> anyhow::Result<ExitCode> {
    let config = load()?;
    runtime()?.block_on(async {
        let exporter = telemetry::metrics::install()?;
        let mut lifecycle = Lifecycle::new(config.node.drain_timeout);
        let listener = listener(&config)?;
        let node = app::start(config, listener, Some(exporter), &mut lifecycle).await?;
        tracing::info!(address = %node.address, version = env!("CARGO_PKG_VERSION"), "listening");
        if cfg!(feature = "simulator") {
            tracing::warn!("this build trusts simulated WhatsApp servers and cannot connect to the real one");
        }
        Ok(lifecycle.wait().await.into())
    })
}

fn migrate() -> anyhow::Result<ExitCode> {
    let config = load()?;
    runtime()?.block_on(async {
        let mut lifecycle = Lifecycle::new(config.node.drain_timeout);
        app::migrate(&config, &mut lifecycle).await?;
        lifecycle.handle().shutdown();
        let ended: Outcome = lifecycle.wait().await;
        Ok(ended.into())
    })
}

fn check_config() -> anyhow::Result<ExitCode> {
    let environment = Environment::process();
    print(&config::table::effective(&environment));
    let (_, warnings) = Config::load(&environment)?;
    warnings.iter().for_each(|warning| complain(&warning.to_string()));
    Ok(ExitCode::SUCCESS)
}

fn healthcheck() -> anyhow::Result<ExitCode> {
    let (config, _) = Config::load(&Environment::process())?;
    runtime()?.block_on(async {
        let ready = app::is_ready(&config.server, Duration::from_secs(5)).await?;
        Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
