//! Configuration: where settings come from, and how they are checked.
//!
//! Flags take precedence over the environment, the environment over `.env`. Secrets have no flags: every process on the machine
//! can read command lines.

mod admin_arguments;
mod export_arguments;
mod metrics_access;
mod parse;
mod payments;
mod secret;
mod secret_file;
mod source;
mod variables;

pub use admin_arguments::{AdminAction, AdminCommand};
pub use export_arguments::ExportCommand;
pub use metrics_access::MetricsAccess;
pub use payments::SandboxAccess;
pub(crate) use payments::is_local_name;
pub use secret::Secret;
pub use secret_file::secret_beside;
pub use source::{Command, Invocation, Source};
pub use variables::{VARIABLES, Variable};

use crate::middleware::purchase_limit::PurchaseLimits;
use crate::middleware::rate_limit::Quota;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use ticketing_core::domain::money::Currency;
use ticketing_core::domain::order::BuyerLimits;
use ticketing_core::domain::time_zone::TimeZoneName;
use ticketing_core::{MailLimits, Organizers, Retention};

/// All settings, checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The public URL of the server, without a trailing slash.
    pub public_url: String,
    /// Where the gateway sends buyers back to, without a trailing slash.
    pub frontend_url: String,
    /// The allowed origins.
    pub cors_origins: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The rate limit of each client; `None`: no limit.
    pub rate_limit: Option<Quota>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// The maximum number of connections.
    pub max_connections: usize,
    /// The maximum number of connections of one address.
    pub max_connections_per_address: usize,
    /// How long the head of a request may take to arrive, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long to keep serving after a stop signal.
    pub drain: Duration,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// A bearer token that gives access to `/metrics` from anywhere.
    pub metrics_token: Option<Secret>,
    /// The database.
    pub database: Database,
    /// Signs sessions. `None`: it is kept beside the database, see [`secret_beside`].
    pub jwt_secret: Option<Secret>,
    /// How long a session lasts.
    pub token_ttl: Duration,
    /// After how long without use a session ends.
    pub session_idle: Option<Duration>,
    /// Whether new accounts must have another password than the commonest.
    pub refuse_common_passwords: bool,
    /// The payment gateway.
    pub gateway: Gateway,
    /// Who may use the sandbox gateway.
    pub sandbox: SandboxAccess,
    /// Where the command `sandbox` sends webhooks.
    pub sandbox_webhook_url: Option<String>,
    /// Where mails go.
    pub mail: Mail,
    /// How long tickets are held for a buyer.
    pub hold: Duration,
    /// How long tickets are held for a guest who has not given an address.
    pub naming: Duration,
    /// How long a buyer may take to pay at Paystack. Zero: the hold is not extended to it.
    pub pays_within: Duration,
    /// How much one account may hold and take of one event.
    pub buyer_limits: BuyerLimits,
    /// How many mails are sent to one address, and for one organiser.
    pub mail_limits: MailLimits,
    /// How long personal data is kept if nobody asks to erase it.
    pub retention: Retention,
    /// How many purchases an account and an address may begin.
    pub purchase_limits: PurchaseLimits,
    /// Which accounts may sell tickets.
    pub organizers: Organizers,
    /// The currency of events that name none.
    pub default_currency: Currency,
    /// The time zone of events that name none.
    pub default_time_zone: TimeZoneName,
    /// Whether events may be created without an account.
    pub allow_anonymous_events: bool,
    /// Whether new accounts are asked by mail to confirm their address.
    pub verify_emails: bool,
    /// Whether `/docs` and `/redoc` are enabled.
    pub docs: bool,
    /// The format of the log.
    pub log_format: LogFormat,
    /// The filter of the log: a level, or levels by module, as in `warn,ticketing_http=debug`.
    pub log_filter: String,
    /// Unknown names in `.env`.
    pub unknown: Vec<String>,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file.
    File(PathBuf),
    /// In memory: nothing is kept.
    Memory,
    /// PostgreSQL; the URL holds a password.
    Postgres(Secret),
}

impl Database {
    /// The folder of the server's own files: beside the database.
    pub fn directory(&self) -> PathBuf {
        let parent = match self {
            Self::File(path) => path.parent().filter(|parent| !parent.as_os_str().is_empty()),
            Self::Memory | Self::Postgres(_) => None,
        };
        parent.map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    /// A description without secrets.
    pub fn in_words(&self) -> String {
        match self {
            Self::File(path) => format!("SQLite, {}", path.display()),
            Self::Memory => "in memory (nothing is kept)".to_owned(),
            Self::Postgres(_) => "PostgreSQL".to_owned(),
        }
    }
}

/// The payment gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// None: there are free events only.
    None,
    /// The built-in sandbox gateway: no money moves.
    Sandbox,
    /// Paystack.
    Paystack {
        /// `sk_test_…` or `sk_live_…`.
        secret_key: Secret,
        /// `pk_test_…` or `pk_live_…`, for pages.
        public_key: Option<String>,
        /// Its base URL, without a trailing slash.
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
    /// The encryption of the connection.
    pub security: SmtpSecurity,
    /// User name and password.
    pub login: Option<(String, Secret)>,
    /// The sender: `tickets@example.com` or `Tickets <tickets@example.com>`.
    pub from: String,
}

/// The encryption of a connection to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Starts unencrypted and must switch to TLS before anything is sent (port 587).
    StartTls,
    /// TLS from the first byte (port 465).
    Tls,
    /// None.
    Plain,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// A setting that is wrong: one sentence, without a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: found {found}, expected {expected}.")]
pub struct ConfigError {
    /// The setting.
    pub variable: String,
    /// Its value; never that of a secret.
    pub found: String,
    /// What it must be.
    pub expected: String,
}

impl Config {
    /// Reads and checks everything.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let listen = SocketAddr::new(source.read("HOST", parse::host)?, source.read("PORT", parse::port)?);
        let frontend_url = source.read("FRONTEND_URL", parse::url)?;
        let database = source.read("DATABASE_URL", parse::database)?;
        let jwt_secret = source.read_if_set("JWT_SECRET_KEY", parse::jwt_secret)?;
        if jwt_secret.is_none() && matches!(database, Database::Postgres(_)) {
            let expected = "at least 32 random bytes (such as from `openssl rand -hex 32`), the same for every server on this database";
            return Err(source.error("JWT_SECRET_KEY", "nothing", expected));
        }
        let cors_origins = match source.read_if_set("CORS_ORIGINS", parse::origins)? {
            Some(origins) => origins,
            None => parse::origin_of(&frontend_url).into_iter().collect(),
        };
        let requests = source.read("RATE_LIMIT_REQUESTS", parse::number(0..=1_000_000))?;
        let window = source.read("RATE_LIMIT_WINDOW_SECONDS", parse::number(1..=86_400))?;
        let connections = |number: u64| usize::try_from(number).unwrap_or(1);
        let max_connections = source.read("MAX_CONNECTIONS", parse::number(1..=100_000)).map(connections)?;
        let per_address = source.read_if_set("MAX_CONNECTIONS_PER_ADDRESS", parse::number(1..=100_000))?;
        let mail = parse::mail(source, database.directory())?;
        let (gateway, sandbox) = parse::gateway(source)?;
        let organizers = source.read("ORGANISERS", parse::organizers)?;
        let allow_anonymous_events = source.read("ALLOW_ANONYMOUS_EVENTS", parse::switch)?;
        if allow_anonymous_events && organizers == Organizers::Verified {
            // Otherwise a client without an account could sell what an unverified account may not.
            return Err(source.wrong("ALLOW_ANONYMOUS_EVENTS", "off, because ORGANISERS is verified"));
        }
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
            max_connections,
            max_connections_per_address: per_address.map_or((max_connections / 2).max(1), connections),
            header_timeout: source.read("HEADER_TIMEOUT_SECONDS", parse::seconds(1..=300))?,
            drain: source.read("DRAIN_SECONDS", parse::seconds(0..=300))?,
            metrics: source.read("METRICS", parse::access)?,
            metrics_token: source.read_if_set("METRICS_TOKEN", parse::metrics_token)?,
            database,
            jwt_secret,
            token_ttl: source.read("TOKEN_TTL_SECONDS", parse::seconds(60..=2_592_000))?,
            session_idle: source.read("SESSION_IDLE_SECONDS", parse::idle)?,
            gateway,
            sandbox,
            sandbox_webhook_url: source.read_if_set("SANDBOX_WEBHOOK_URL", parse::url)?,
            mail,
            hold: source.read("HOLD_SECONDS", parse::seconds(60..=86_400))?,
            naming: source.read("NAMING_SECONDS", parse::seconds(60..=3600))?,
            pays_within: source.read("PAYSTACK_PAYS_WITHIN_SECONDS", parse::seconds(0..=3_600))?,
            buyer_limits: BuyerLimits::default()
                .with_open_holds(parse::limit(source, "MAX_OPEN_HOLDS")?)
                .with_free_tickets(parse::limit(source, "MAX_FREE_TICKETS")?),
            mail_limits: MailLimits::default()
                .with_per_recipient(parse::limit(source, "MAILS_PER_RECIPIENT")?)
                .with_per_sender(parse::limit(source, "MAILS_PER_ORGANIZER")?),
            retention: Retention::default()
                .with_mails(source.read("MAIL_RETENTION_DAYS", parse::days)?)
                .with_webhooks(source.read("WEBHOOK_RETENTION_DAYS", parse::days)?)
                .with_buyers(source.read("RETENTION_DAYS", parse::days)?),
            purchase_limits: PurchaseLimits {
                per_account: parse::limit(source, "PURCHASES_PER_ACCOUNT")?.filter(|_| requests > 0),
                per_address: parse::limit(source, "PURCHASES_PER_ADDRESS")?.filter(|_| requests > 0),
            },
            organizers,
            default_currency: source.read("DEFAULT_CURRENCY", parse::currency)?,
            default_time_zone: source.read("DEFAULT_TIME_ZONE", parse::time_zone)?,
            refuse_common_passwords: source.read("COMMON_PASSWORDS", parse::common_passwords)?,
            allow_anonymous_events,
            verify_emails: source.read("VERIFY_EMAILS", parse::switch)?,
            docs: source.read("DOCS", parse::switch)?,
            log_format: source.read("LOG_FORMAT", parse::log_format)?,
            log_filter: source.read("RUST_LOG", parse::log_filter)?,
            unknown: source.unknown().to_vec(),
        })
    }
}

impl Config {
    /// Who may read `/metrics`. Where the public URL is not this machine and no proxy is named, whatever comes from this machine may
    /// come from an unnamed proxy on it.
    pub fn metrics_access(&self) -> MetricsAccess {
        let is_unclear = self.trusted_proxies.is_empty() && !payments::is_local_url(&self.public_url);
        match self.metrics {
            MetricsAccess::ThisMachine if is_unclear => MetricsAccess::WithToken,
            access => access,
        }
    }
}

/// The address at which this machine reaches a server that listens on `listen`.
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
