//! The engine as the settings want it: storage, gateway, mailer, and upkeep that runs in the background.

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
use ticketing_core::ticketing::{Upkeep, UpkeepHandle};
use ticketing_core::token::TokenKey;

/// Why the engine could not be started, in one sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Upkeep looks for work this often, besides at once when it is told that there is some.
const UPKEEP_EVERY: Duration = Duration::from_secs(2);

/// The engine, running.
#[derive(Debug)]
pub struct Engine {
    /// What sells.
    pub ticketing: Ticketing,
    /// Watches over the gateway.
    pub breaker: Arc<CircuitBreaker>,
    /// A Paystack of our own, where there is no key for the real one.
    pub sandbox: Option<Arc<Sandbox>>,
    checkouts: InFlight,
    upkeep: UpkeepHandle,
    database: Kept,
    /// What keys of requests are told apart by.
    key_secret: Secret,
    _recording: metrics::Recording,
}

/// What must be closed at the end.
#[derive(Debug)]
enum Kept {
    Memory,
    File(SqliteStorage),
    #[cfg(feature = "postgres")]
    Postgres(ticketing_core::storage::postgres::PostgresStorage),
}

impl Kept {
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
    pub async fn start(config: &Config, address: SocketAddr) -> Result<Self, Failure> {
        let recording = metrics::record();
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let secret = match (&config.jwt_secret, &config.database) {
            (Some(secret), _) => secret.clone(),
            (None, Database::File(path)) => secret_beside(path, &*random)?,
            (None, _) => Secret::fresh(&*random),
        };
        let (storage, database) = open(&config.database).await?;
        let (gateway, sandbox) = gateway(config, address, &*random).await?;
        let breaker = CircuitBreaker::new(gateway, BreakerConfig::default(), Arc::clone(&clock), Arc::clone(&random));
        let (breaker, checkouts) = (Arc::new(breaker), InFlight::default());
        let builder = Ticketing::builder_on(storage)
            .gateway_on(Arc::new(CountInFlight::new(
                Arc::clone(&breaker) as Arc<dyn PaymentGateway>,
                checkouts.clone(),
            )))
            .clock(clock)
            .random(random)
            .hold_for(SignedDuration::try_from(config.hold)?)
            .token_key(TokenKey::new(secret.expose().as_bytes())?)
            .token_lifetime(SignedDuration::try_from(config.token_ttl)?)
            .mail_domain(mail_domain(config))
            .public_url(config.frontend_url.clone());
        let ticketing = match &config.mail {
            Mail::Files(folder) => {
                builder.mailer(FileMailer::new(folder, "Ticketing <tickets@localhost.localdomain>")?)
            }
            Mail::Smtp(smtp) => builder.mailer(SmtpMailer::new(smtp_config(smtp))?),
        }
        .build()?;
        let upkeep = ticketing.spawn_upkeep(UPKEEP_EVERY, Upkeep::default());
        Ok(Self { ticketing, breaker, checkouts, sandbox, upkeep, database, key_secret: secret, _recording: recording })
    }

    /// The engine behind an API.
    pub fn api(&self, settings: ApiSettings) -> ApiState {
        // Of the same secret as sessions, but for another purpose: neither tells anything of the other.
        let secret = Sha256::new().chain_update("keys of requests").chain_update(self.key_secret.expose()).finalize();
        ApiState::new(self.ticketing.clone(), settings)
            .with_key_secret(secret.into())
            .with_breaker(Arc::clone(&self.breaker))
            .with_checkouts(self.checkouts.clone())
            // One process has a file to itself: what it counts in memory is all there is to count.
            .with_shared_limits(self.database.is_shared())
    }

    /// Lets upkeep finish what it is at, and closes the database. Call it after the last request was answered.
    pub async fn stop(self) {
        self.upkeep.stop().await;
        match self.database {
            Kept::Memory => {}
            Kept::File(storage) => storage.close().await,
            #[cfg(feature = "postgres")]
            Kept::Postgres(storage) => storage.close().await,
        }
    }
}

async fn open(database: &Database) -> Result<(Arc<dyn Storage>, Kept), Failure> {
    let wrong = |error: ticketing_core::storage::StorageError| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        format!("DATABASE_URL: {error}{cause}.")
    };
    match database {
        Database::Memory => Ok((Arc::new(MemoryStorage::new()), Kept::Memory)),
        Database::File(path) => {
            let storage = SqliteStorage::open(path).await.map_err(wrong)?;
            Ok((Arc::new(storage.clone()), Kept::File(storage)))
        }
        #[cfg(feature = "postgres")]
        Database::Postgres(url) => {
            let storage =
                ticketing_core::storage::postgres::PostgresStorage::connect(url.expose()).await.map_err(wrong)?;
            Ok((Arc::new(storage.clone()), Kept::Postgres(storage)))
        }
        #[cfg(not(feature = "postgres"))]
        Database::Postgres(_) => Err("DATABASE_URL: this server was built without PostgreSQL.".into()),
    }
}

async fn gateway(
    config: &Config,
    address: SocketAddr,
    random: &dyn Random,
) -> Result<(Arc<dyn PaymentGateway>, Option<Arc<Sandbox>>), Failure> {
    let (paystack, sandbox) = match &config.gateway {
        Gateway::Paystack { secret_key, base_url, .. } => {
            (PaystackConfig::new(secret_key.expose()).with_base_url(base_url), None)
        }
        Gateway::Sandbox => {
            // Nobody else needs this key, so each start makes its own.
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
    Ok((Arc::new(PaystackGateway::new(paystack)?), sandbox))
}

fn smtp_config(smtp: &crate::config::Smtp) -> SmtpConfig {
    let mut config = SmtpConfig::new(smtp.host.clone(), smtp.from.clone());
    config.port = smtp.port;
    config.security = match smtp.security {
        Security::StartTls => SmtpSecurity::StartTls,
        Security::Tls => SmtpSecurity::Tls,
        Security::Plain => SmtpSecurity::Plain,
    };
    config.login = smtp
        .login
        .as_ref()
        .map(|(user, password)| SmtpLogin { user: user.clone(), password: password.expose().to_owned() });
    config
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
