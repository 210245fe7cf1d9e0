//! What can be set, from where, and what is wrong with what was set.
//!
//! Flags win over the environment, the environment over `.env`. Secrets have no flags: every process on the machine
//! reads command lines.

mod metrics_access;
mod parse;
mod secret;
mod secret_file;
mod source;
mod variables;

pub use metrics_access::MetricsAccess;
pub use secret::Secret;
pub use secret_file::secret_beside;
pub use source::{Command, Invocation, Source};
pub use variables::{VARIABLES, Variable};

use crate::middleware::rate_limit::Quota;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use ticketing_core::domain::money::Currency;

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// How others reach the server, without a slash at the end.
    pub public_url: String,
    /// Where buyers are: the gateway sends them back there. Without a slash at the end.
    pub frontend_url: String,
    /// Which web pages may ask the server.
    pub cors_origins: Vec<String>,
    /// Which proxies say the truth about who asks.
    pub trusted_proxies: Vec<IpNet>,
    /// How much one client may ask; `None`: as much as it likes.
    pub rate_limit: Option<Quota>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How many connections there may be at once.
    pub max_connections: usize,
    /// How long to serve on after being told to stop.
    pub drain: Duration,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// Who shows it may read `/metrics` too, from anywhere.
    pub metrics_token: Option<Secret>,
    /// Where everything is stored.
    pub database: Database,
    /// Signs sessions. Absent: it is kept beside the database, see [`secret_beside`].
    pub jwt_secret: Option<Secret>,
    /// How long a session lasts.
    pub token_ttl: Duration,
    /// Who takes the money.
    pub gateway: Gateway,
    /// Where a sandbox that runs alone sends its webhooks.
    pub sandbox_webhook_url: Option<String>,
    /// Where mails go.
    pub mail: Mail,
    /// How long places are held for a buyer.
    pub hold: Duration,
    /// The currency of prices that name none.
    pub default_currency: Currency,
    /// Whether events may be made without an account.
    pub allow_anonymous_events: bool,
    /// Whether `/docs` and `/redoc` are there.
    pub docs: bool,
    /// How the log looks.
    pub log_format: LogFormat,
    /// What the log says, in the words of `RUST_LOG`.
    pub log_filter: String,
    /// Names in `.env` that mean nothing here.
    pub unknown: Vec<String>,
}

/// Where everything is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file.
    File(PathBuf),
    /// SQLite in memory: all is gone at the end.
    Memory,
    /// PostgreSQL; the URL holds a password.
    Postgres(Secret),
}

impl Database {
    /// Where files of ours live: beside the database.
    pub fn directory(&self) -> PathBuf {
        let parent = match self {
            Self::File(path) => path.parent().filter(|parent| !parent.as_os_str().is_empty()),
            Self::Memory | Self::Postgres(_) => None,
        };
        parent.map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    /// The database in words that hold no secret.
    pub fn in_words(&self) -> String {
        match self {
            Self::File(path) => format!("SQLite, {}", path.display()),
            Self::Memory => "SQLite in memory: all is gone at the end".to_owned(),
            Self::Postgres(_) => "PostgreSQL".to_owned(),
        }
    }
}

/// Who takes the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// Nobody: a built-in imitation, in which no money moves.
    Sandbox,
    /// Paystack.
    Paystack {
        /// `sk_test_…` or `sk_live_…`.
        secret_key: Secret,
        /// `pk_test_…` or `pk_live_…`, for pages.
        public_key: Option<String>,
        /// Where its API is, without a slash at the end.
        base_url: String,
        /// Whether real money moves.
        live: bool,
    },
}

/// Where mails go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Into files in this folder.
    Files(PathBuf),
    /// To a mail server.
    Smtp(Smtp),
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub security: SmtpSecurity,
    /// Who we are there, and the password.
    pub login: Option<(String, Secret)>,
    /// The sender: `tickets@example.com` or `Tickets <tickets@example.com>`.
    pub from: String,
}

/// How a connection to a mail server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// It starts in the open and must turn secret before anything is said (port 587).
    StartTls,
    /// It is secret from the first byte (port 465).
    Tls,
    /// It is not.
    Plain,
}

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Why the server does not start: one sentence, without a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: found {found}, wanted {wanted}.")]
pub struct ConfigError {
    /// Which variable.
    pub variable: String,
    /// What it is now; never a secret's value.
    pub found: String,
    /// What it should be.
    pub wanted: String,
}

impl Config {
    /// Reads and checks everything.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let listen = SocketAddr::new(source.read("HOST", parse::host)?, source.read("PORT", parse::port)?);
        let frontend_url = source.read("FRONTEND_URL", parse::url)?;
        let database = source.read("DATABASE_URL", parse::database)?;
        let jwt_secret = source.read_if_set("JWT_SECRET_KEY", parse::jwt_secret)?;
        if jwt_secret.is_none() && matches!(database, Database::Postgres(_)) {
            let wanted = "at least 32 random bytes (such as from `openssl rand -hex 32`), the same for every server on this database";
            return Err(source.error("JWT_SECRET_KEY", "nothing", wanted));
        }
        let cors_origins = match source.read_if_set("CORS_ORIGINS", parse::origins)? {
            Some(origins) => origins,
            None => parse::origin_of(&frontend_url).into_iter().collect(),
        };
        let requests = source.read("RATE_LIMIT_REQUESTS", parse::number(0..=1_000_000))?;
        let window = source.read("RATE_LIMIT_WINDOW_SECONDS", parse::number(1..=86_400))?;
        let mail = parse::mail(source, database.directory())?;
        Ok(Self {
            listen,
            public_url: match source.read_if_set("PUBLIC_URL", parse::url)? {
                Some(url) => url,
                None => format!("http://{}", reachable(listen)),
            },
            frontend_url,
            cors_origins,
            trusted_proxies: source.read("TRUSTED_PROXIES", parse::networks)?,
            rate_limit: u32::try_from(requests)
                .ok()
                .filter(|requests| *requests > 0)
                .map(|requests| Quota { requests, window: Duration::from_secs(window) }),
            request_timeout: source.read("REQUEST_TIMEOUT_SECONDS", parse::seconds(1..=300))?,
            max_connections: usize::try_from(source.read("MAX_CONNECTIONS", parse::number(1..=100_000))?).unwrap_or(1),
            drain: source.read("DRAIN_SECONDS", parse::seconds(0..=300))?,
            metrics: source.read("METRICS", parse::access)?,
            metrics_token: source.read_if_set("METRICS_TOKEN", parse::metrics_token)?,
            database,
            jwt_secret,
            token_ttl: source.read("TOKEN_TTL_SECONDS", parse::seconds(60..=2_592_000))?,
            gateway: parse::gateway(source)?,
            sandbox_webhook_url: source.read_if_set("SANDBOX_WEBHOOK_URL", parse::url)?,
            mail,
            hold: source.read("HOLD_SECONDS", parse::seconds(60..=86_400))?,
            default_currency: source.read("DEFAULT_CURRENCY", parse::currency)?,
            allow_anonymous_events: source.read("ALLOW_ANONYMOUS_EVENTS", parse::switch)?,
            docs: source.read("DOCS", parse::switch)?,
            log_format: source.read("LOG_FORMAT", parse::log_format)?,
            log_filter: source.read("RUST_LOG", parse::log_filter)?,
            unknown: source.unknown().to_vec(),
        })
    }
}

/// The address at which a server that listens there can be reached from this machine.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests;
