//! Builds the engine from the configuration: storage, gateway, mailer, and background upkeep.

use crate::api::{ApiSettings, ApiState};
use crate::config::{Config, Database, Gateway, Mail, Secret, SmtpSecurity as Security, reachable, secret_beside};
use crate::metrics;
use crate::routes;
use crate::sandbox::{Sandbox, SandboxConfig};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::clock::{Clock, Random, SystemClock, SystemRandom};
use ticketing_core::gateway::PaymentGateway;
use ticketing_core::gateway::circuit_breaker::{BreakerConfig, CircuitBreaker};
use ticketing_core::gateway::in_flight::{CountInFlight, InFlight};
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};
use ticketing_core::mailer::files::FileMailer;
use ticketing_core::mailer::smtp::{SmtpConfig, SmtpLogin, SmtpMailer, SmtpSecurity};
use ticketing_core::storage::Storage;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::token::{KeyMode, TokenKey};
use ticketing_core::{Organizers, Upkeep, UpkeepHandle};

/// Why the engine could not be started, in one sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Upkeep polls for work at this interval, and runs immediately when it is woken.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(2);

/// The engine, running.
#[derive(Debug)]
pub struct Engine {
    /// The engine itself.
    pub ticketing: Ticketing,
    /// The gateway's circuit breaker, if there is a gateway.
    pub breaker: Option<Arc<CircuitBreaker>>,
    /// The sandbox gateway, if it is the payment gateway.
    pub sandbox: Option<Arc<Sandbox>>,
    checkouts: InFlight,
    upkeep: UpkeepHandle,
    database: OpenDatabase,
    /// Idempotency keys are hashed with a secret derived from it.
    key_secret: Secret,
    _recording: metrics::Recording,
}

/// A database to close at the end.
#[derive(Debug)]
enum OpenDatabase {
    Memory,
    File(SqliteStorage),
    #[cfg(feature = "postgres")]
    Postgres(ticketing_core::storage::postgres::PostgresStorage),
}

impl OpenDatabase {
    fn is_shared(&self) -> bool {
        match self {
            Self::Memory | Self::File(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
        }
    }
}

impl Engine {
    /// Opens the database, connects gateway and mailer, and starts upkeep. `address` is where this server listens.
    ///
    /// Fails if anybody could [pay without money](Config::check_payments).
    pub async fn start(config: &Config, address: SocketAddr) -> Result<Self, Failure> {
        config.check_payments()?;
        let recording = metrics::record();
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let secret = match (&config.jwt_secret, &config.database) {
            (Some(secret), _) => secret.clone(),
            (None, Database::File(path)) => secret_beside(path, &*random)?,
            (None, _) => Secret::fresh(&*random),
        };
        let (storage, database) = open(&config.database).await?;
        let (gateway, sandbox) = gateway(config, address, &*random).await?;
        let checkouts = InFlight::default();
        let mut builder = Ticketing::builder_on(storage);
        let breaker = gateway.map(|gateway| {
            let (clock, random) = (Arc::clone(&clock), Arc::clone(&random));
            Arc::new(CircuitBreaker::new(gateway, BreakerConfig::default(), clock, random))
        });
        if let Some(breaker) = &breaker {
            let breaker = Arc::clone(breaker) as Arc<dyn PaymentGateway>;
            builder = builder.gateway_on(Arc::new(CountInFlight::new(breaker, checkouts.clone())));
        }
        let builder = builder
            .clock(clock)
            .random(random)
            .hold_for(SignedDuration::try_from(config.hold)?)
            .naming_for(SignedDuration::try_from(config.naming)?)
            .buyer_limits(config.buyer_limits)
            .organizers(organizers(config))
            .unproved_members(config.gateway == Gateway::Sandbox)
            .mail_limits(config.mail_limits)
            .retention(config.retention)
            .token_key(TokenKey::new(secret.expose().as_bytes())?)
            .token_lifetime(SignedDuration::try_from(config.token_ttl)?)
            .key_mode(if sandbox.is_some() { KeyMode::Test } else { KeyMode::Live })
            .session_idle(config.session_idle.map(SignedDuration::try_from).transpose()?)
            .refuse_common_passwords(config.refuse_common_passwords)
            .mail_domain(mail_domain(config))
            .public_url(config.frontend_url.clone())
            .proof_url(format!("{}{}", config.public_url.trim_end_matches('/'), routes::PROOF_PAGE));
        let ticketing = match &config.mail {
            Mail::Files(folder) => {
                builder.mailer(FileMailer::new(folder, "Ticketing <tickets@localhost.localdomain>")?)
            }
            Mail::Smtp(smtp) => builder.mailer(SmtpMailer::new(smtp_config(smtp))?),
        }
        .build()?;
        let upkeep = ticketing.spawn_upkeep(UPKEEP_INTERVAL, Upkeep::default());
        Ok(Self { ticketing, breaker, checkouts, sandbox, upkeep, database, key_secret: secret, _recording: recording })
    }

    /// The engine behind an API.
    pub fn api(&self, settings: ApiSettings) -> ApiState {
        // Derived from the secret of sessions: neither reveals the other.
        let secret = Sha256::new().chain_update("keys of requests").chain_update(self.key_secret.expose()).finalize();
        let state = ApiState::new(self.ticketing.clone(), settings);
        let state = match &self.breaker {
            Some(breaker) => state.with_breaker(Arc::clone(breaker)),
            None => state,
        };
        state
            .with_key_secret(secret.into())
            .with_checkouts(self.checkouts.clone())
            // A SQLite file belongs to one process, whose counts in memory are complete.
            .with_shared_limits(self.database.is_shared())
    }

    /// Waits for the current upkeep pass, and closes the database. Call it after the last response was sent.
    pub async fn stop(self) {
        self.upkeep.stop().await;
        match self.database {
            OpenDatabase::Memory => {}
            OpenDatabase::File(storage) => storage.close().await,
            #[cfg(feature = "postgres")]
            OpenDatabase::Postgres(storage) => storage.close().await,
        }
    }
}

async fn open(database: &Database) -> Result<(Arc<dyn Storage>, OpenDatabase), Failure> {
    let wrong = |error: ticketing_core::storage::StorageError| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        format!("DATABASE_URL: {error}{cause}.")
    };
    match database {
        Database::Memory => Ok((Arc::new(MemoryStorage::new()), OpenDatabase::Memory)),
        Database::File(path) => {
            let storage = SqliteStorage::open(path).await.map_err(wrong)?;
            Ok((Arc::new(storage.clone()), OpenDatabase::File(storage)))
        }
        #[cfg(feature = "postgres")]
        Database::Postgres(url) => {
            let storage =
                ticketing_core::storage::postgres::PostgresStorage::connect(url.expose()).await.map_err(wrong)?;
            Ok((Arc::new(storage.clone()), OpenDatabase::Postgres(storage)))
        }
        #[cfg(not(feature = "postgres"))]
        Database::Postgres(_) => Err("DATABASE_URL: this server was built without PostgreSQL.".into()),
    }
}

async fn gateway(
    config: &Config,
    address: SocketAddr,
    random: &dyn Random,
) -> Result<(Option<Arc<dyn PaymentGateway>>, Option<Arc<Sandbox>>), Failure> {
    let (paystack, sandbox) = match &config.gateway {
        Gateway::None => return Ok((None, None)),
        Gateway::Paystack { secret_key, base_url, .. } => {
            (PaystackConfig::new(secret_key.expose()).with_base_url(base_url), None)
        }
        Gateway::Sandbox => {
            // Used by this process only, so it is generated at every start.
            let key = format!("sk_test_{}", Secret::fresh(random).expose());
            let here = format!("http://{}", reachable(address));
            let mut sandbox = SandboxConfig::new(&key, format!("{}{}", config.public_url, routes::SANDBOX));
            sandbox.webhook_url = Some(format!("{here}{}", routes::PAYSTACK_WEBHOOK));
            sandbox.journal = match &config.database {
                Database::Memory => None,
                database => Some(database.directory().join("ticketing-sandbox.jsonl")),
            };
            let sandbox = Sandbox::open(sandbox).await?;
            (PaystackConfig::new(key).with_base_url(format!("{here}{}", routes::SANDBOX)), Some(sandbox))
        }
    };
    let pays_within = Some(config.pays_within).filter(|pays_within| !pays_within.is_zero());
    Ok((Some(Arc::new(PaystackGateway::new(paystack.with_pays_within(pays_within))?)), sandbox))
}

fn smtp_config(smtp: &crate::config::Smtp) -> SmtpConfig {
    let mut config = SmtpConfig::new(smtp.host.clone(), smtp.from.clone());
    config.port = smtp.port;
    config.security = match smtp.security {
        Security::StartTls => SmtpSecurity::StartTls,
        Security::Tls => SmtpSecurity::Tls,
        Security::Plain => SmtpSecurity::Plain,
    };
    config.login = smtp.login.as_ref().map(|(user, password)| SmtpLogin::new(user, password.expose()));
    config
}

/// In the sandbox no money moves, so everybody may try everything.
fn organizers(config: &Config) -> Organizers {
    if config.gateway == Gateway::Sandbox { Organizers::Anyone } else { config.organizers }
}

/// The sender's domain: Message-IDs end in it.
fn mail_domain(config: &Config) -> String {
    let domain = match &config.mail {
        Mail::Smtp(smtp) => {
            smtp.from.rsplit_once('@').map(|(_, domain)| domain.trim_end_matches('>').trim().to_owned())
        }
        Mail::Files(_) => None,
    };
    let usable = |domain: &String| domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    domain.filter(usable).unwrap_or_else(|| "localhost.localdomain".to_owned())
}
