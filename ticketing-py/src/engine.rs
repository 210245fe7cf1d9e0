//! One engine and its configuration from Python. The first call opens it, in the process that makes the call.

use crate::errors::Failure;
use crate::from_python::{HeaderValue, In, invalid};
use crate::gateways::{AnyGateway, PythonGateway};
use crate::mailers::AnyMailer;
use crate::process::{Process, ProcessRuntime};
use crate::to_python::time;
use jiff::{SignedDuration, Timestamp};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDict, PyString};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use ticketing_core::clock::{Clock, SystemClock, SystemRandom};
use ticketing_core::domain::order::BuyerLimits;
use ticketing_core::gateway::circuit_breaker::{BreakerConfig, CircuitBreaker};
use ticketing_core::gateway::{PaymentGateway, WebhookError, WebhookEvent};
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::storage::{Storage, memory};
use ticketing_core::token::{KeyMode, TokenKey};
use ticketing_core::{Error, Organizers, Retention, Ticketing, TicketingBuilder};
use ticketing_core::{Upkeep, UpkeepHandle};
use tokio::sync::{Mutex, OnceCell};

/// Keeps everything in memory: it is gone when the process ends. Engines that are given the same object share it.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
pub(crate) struct MemoryStorage {
    storage: Arc<memory::MemoryStorage>,
}

#[pymethods]
impl MemoryStorage {
    #[new]
    fn new() -> Self {
        Self { storage: Arc::new(memory::MemoryStorage::new()) }
    }

    fn __repr__(&self) -> &'static str {
        "MemoryStorage()"
    }
}

/// A clock that only moves when you set it.
#[pyclass(frozen, module = "ticketing_py.testing")]
#[derive(Debug)]
pub(crate) struct ManualClock {
    clock: ticketing_core::testing::ManualClock,
}

#[pymethods]
impl ManualClock {
    #[new]
    fn new(now: In<Timestamp>) -> Self {
        Self { clock: ticketing_core::testing::ManualClock::new(now.0) }
    }

    /// The current time.
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        time(py, self.clock.now())
    }

    /// Sets the time, forwards or back.
    fn set(&self, now: In<Timestamp>) {
        self.clock.set(now.0);
    }

    /// Moves the time forwards.
    fn advance(&self, py: Python<'_>, by: Duration) -> PyResult<()> {
        let by = SignedDuration::try_from(by).map_err(|error| invalid(py, "by", error))?;
        self.clock.advance(by);
        Ok(())
    }
}

/// The configured storage.
#[derive(Clone, Debug)]
enum StorageConfig {
    Memory(Arc<memory::MemoryStorage>),
    Sqlite(PathBuf),
    Postgres(String),
}

impl StorageConfig {
    fn read(storage: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = storage.py();
        if let Ok(memory) = storage.cast::<MemoryStorage>() {
            return Ok(Self::Memory(Arc::clone(&memory.get().storage)));
        }
        if let Ok(text) = storage.cast::<PyString>() {
            let text = text.to_cow()?;
            return Ok(match text.strip_prefix("sqlite:") {
                Some(":memory:") => Self::Memory(Arc::new(memory::MemoryStorage::new())),
                Some(path) => Self::Sqlite(PathBuf::from(path)),
                None if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                    Self::Postgres(text.into_owned())
                }
                None => Self::Sqlite(PathBuf::from(text.into_owned())),
            });
        }
        if let Ok(url) = storage.getattr(intern!(py, "url")) {
            return Ok(Self::Postgres(url.extract()?));
        }
        let path = storage.getattr(intern!(py, "path")).unwrap_or_else(|_| storage.clone());
        let name = storage.get_type().name()?;
        path.extract()
            .map(Self::Sqlite)
            .map_err(|_| PyTypeError::new_err(format!("storage must be a storage, a str or a path (got {name})")))
    }

    /// A name for `repr`, without a password.
    fn name(&self) -> String {
        match self {
            Self::Memory(_) => "memory".to_owned(),
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(_) => "postgres".to_owned(),
        }
    }
}

/// An engine whose storage is open.
#[derive(Debug)]
struct Opened {
    ticketing: Ticketing,
    storage: OpenStorage,
}

#[derive(Debug)]
enum OpenStorage {
    Memory,
    Sqlite(SqliteStorage, PathBuf),
    Postgres(PostgresStorage),
}

/// The keyword arguments of an engine, as `_async.py` and `_sync.py` pass them. Times are in seconds.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options<'py> {
    gateway: Option<Bound<'py, PyAny>>,
    mailer: Option<Bound<'py, PyAny>>,
    hold_for: f64,
    naming_for: f64,
    max_open_holds: Option<u32>,
    max_free_tickets: Option<u32>,
    mail_domain: String,
    public_url: Option<String>,
    proof_url: Option<String>,
    token_secret: Option<Vec<u8>>,
    token_lifetime: f64,
    session_idle: Option<f64>,
    hashing_threads: Option<usize>,
    refuse_common_passwords: bool,
    test_keys: bool,
    verified_organizers: bool,
    unproved_members: bool,
    keep_webhooks: Option<f64>,
    keep_mails: Option<f64>,
    keep_buyers: Option<f64>,
    clock: Option<Bound<'py, ManualClock>>,
    circuit_breaker: bool,
    gateway_timeout: f64,
    mailer_timeout: f64,
    upkeep_every: f64,
}

/// The checked configuration of an engine.
pub(crate) struct Settings {
    storage: StorageConfig,
    gateway: Option<AnyGateway>,
    circuit_breaker: bool,
    mailer: Option<AnyMailer>,
    hold_for: SignedDuration,
    naming_for: SignedDuration,
    buyer_limits: BuyerLimits,
    mail_domain: String,
    public_url: Option<String>,
    proof_url: Option<String>,
    token_secret: Option<Vec<u8>>,
    token_lifetime: SignedDuration,
    session_idle: Option<SignedDuration>,
    hashing_threads: Option<usize>,
    refuse_common_passwords: bool,
    key_mode: KeyMode,
    organizers: Organizers,
    unproved_members: bool,
    retention: Retention,
    clock: Arc<dyn Clock>,
    upkeep_every: Duration,
}

fn seconds(py: Python<'_>, field: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| invalid(py, field, error))
}

fn signed(py: Python<'_>, field: &str, length: f64) -> PyResult<SignedDuration> {
    SignedDuration::try_from(seconds(py, field, length)?).map_err(|error| invalid(py, field, error))
}

/// A length of time that may be none.
fn term(py: Python<'_>, field: &str, length: Option<f64>) -> PyResult<Option<SignedDuration>> {
    length.map(|length| signed(py, field, length)).transpose()
}

impl Settings {
    pub(crate) fn read(storage: &Bound<'_, PyAny>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = storage.py();
        let options: Options<'_> = options.extract()?;
        let gateway_timeout = seconds(py, "gateway_timeout", options.gateway_timeout)?;
        let mailer_timeout = seconds(py, "mailer_timeout", options.mailer_timeout)?;
        let clock: Arc<dyn Clock> = match options.clock {
            Some(clock) => Arc::new(clock.get().clock.clone()),
            None => Arc::new(SystemClock),
        };
        let settings = Self {
            storage: StorageConfig::read(storage)?,
            gateway: options.gateway.map(|gateway| AnyGateway::of(&gateway, gateway_timeout)).transpose()?,
            circuit_breaker: options.circuit_breaker,
            mailer: options.mailer.map(|mailer| AnyMailer::of(&mailer, mailer_timeout)).transpose()?,
            hold_for: signed(py, "hold_for", options.hold_for)?,
            naming_for: signed(py, "naming_for", options.naming_for)?,
            buyer_limits: BuyerLimits::default()
                .with_open_holds(options.max_open_holds)
                .with_free_tickets(options.max_free_tickets),
            mail_domain: options.mail_domain,
            public_url: options.public_url,
            proof_url: options.proof_url,
            token_secret: options.token_secret,
            token_lifetime: signed(py, "token_lifetime", options.token_lifetime)?,
            session_idle: options.session_idle.map(|idle| signed(py, "session_idle", idle)).transpose()?,
            hashing_threads: options.hashing_threads,
            refuse_common_passwords: options.refuse_common_passwords,
            key_mode: if options.test_keys { KeyMode::Test } else { KeyMode::Live },
            organizers: if options.verified_organizers { Organizers::Verified } else { Organizers::Anyone },
            unproved_members: options.unproved_members,
            retention: Retention::default()
                .with_webhooks(term(py, "keep_webhooks", options.keep_webhooks)?)
                .with_mails(term(py, "keep_mails", options.keep_mails)?)
                .with_buyers(term(py, "keep_buyers", options.keep_buyers)?),
            clock,
            upkeep_every: seconds(py, "upkeep_every", options.upkeep_every)?,
        };
        // Build an engine once, so that a wrong setting is reported by the constructor and not by the first call.
        let trial = Ticketing::builder(memory::MemoryStorage::new());
        let tried = py.detach(|| settings.apply(trial).and_then(TicketingBuilder::build));
        tried.map_err(|error| Failure::Core(error).into_exception(py))?;
        Ok(settings)
    }

    fn apply(&self, mut builder: TicketingBuilder) -> Result<TicketingBuilder, Error> {
        builder = builder
            .hold_for(self.hold_for)
            .naming_for(self.naming_for)
            .buyer_limits(self.buyer_limits)
            .mail_domain(self.mail_domain.clone())
            .clock(Arc::clone(&self.clock))
            .token_lifetime(self.token_lifetime)
            .session_idle(self.session_idle)
            .refuse_common_passwords(self.refuse_common_passwords)
            .key_mode(self.key_mode)
            .organizers(self.organizers)
            .unproved_members(self.unproved_members)
            .retention(self.retention);
        if let Some(url) = &self.public_url {
            builder = builder.public_url(url.clone());
        }
        if let Some(url) = &self.proof_url {
            builder = builder.proof_url(url.clone());
        }
        if let Some(secret) = &self.token_secret {
            builder = builder.token_key(TokenKey::new(secret)?);
        }
        if let Some(threads) = self.hashing_threads {
            builder = builder.hashing_threads(threads);
        }
        if let Some(gateway) = &self.gateway {
            let mut shared = Arc::clone(&gateway.gateway);
            if self.circuit_breaker && !gateway.is_fake {
                let random = Arc::new(SystemRandom);
                let breaker = CircuitBreaker::new(shared, BreakerConfig::default(), Arc::clone(&self.clock), random);
                shared = Arc::new(breaker);
            }
            builder = builder.gateway_on(shared);
        }
        if let Some(mailer) = &self.mailer {
            builder = builder.mailer(mailer.clone());
        }
        Ok(builder)
    }
}

/// One engine. Both Python classes and upkeep share it.
pub(crate) struct Core {
    settings: Settings,
    /// The id of the process that uses it; 0 before its first use.
    home: AtomicU32,
    opened: OnceCell<Opened>,
    closed: AtomicBool,
    upkeep: Mutex<RunningUpkeep>,
}

/// The upkeep task, and the number of its users.
#[derive(Default)]
struct RunningUpkeep {
    users: usize,
    handle: Option<UpkeepHandle>,
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            home: AtomicU32::new(0),
            opened: OnceCell::new(),
            closed: AtomicBool::new(false),
            upkeep: Mutex::default(),
        })
    }

    pub(crate) fn name(&self) -> String {
        self.settings.storage.name()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// This process. An error if the engine is in use by another one.
    pub(crate) fn process(&self) -> Result<&'static Process, Failure> {
        let pid = std::process::id();
        match self.home.compare_exchange(0, pid, Ordering::AcqRel, Ordering::Acquire) {
            Err(home) if home != pid => Err(Failure::Forked(
                "it was in use when the process forked: make a new one in the child, or use it in the children only",
            )),
            _ => Process::current(),
        }
    }

    /// The engine. Opens it if necessary.
    pub(crate) async fn get(&self) -> Result<&Ticketing, Failure> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Failure::Closed);
        }
        if let Some(opened) = self.opened.get() {
            return Ok(&opened.ticketing);
        }
        let opened = self.opened.get_or_try_init(|| Box::pin(self.open())).await?;
        Ok(&opened.ticketing)
    }

    async fn open(&self) -> Result<Opened, Failure> {
        let process = self.process()?;
        let (shared, storage): (Arc<dyn Storage>, _) = match &self.settings.storage {
            StorageConfig::Memory(memory) => (Arc::<memory::MemoryStorage>::clone(memory), OpenStorage::Memory),
            StorageConfig::Sqlite(path) => {
                process.claim_file(path)?;
                let sqlite = SqliteStorage::open(path).await.map_err(|error| {
                    process.release_file(path);
                    Error::from(error)
                })?;
                (Arc::new(sqlite.clone()), OpenStorage::Sqlite(sqlite, path.clone()))
            }
            StorageConfig::Postgres(url) => {
                let postgres = PostgresStorage::connect(url).await.map_err(Error::from)?;
                (Arc::new(postgres.clone()), OpenStorage::Postgres(postgres))
            }
        };
        let builder = Ticketing::builder_on(shared).runtime(Arc::new(ProcessRuntime(process)));
        Ok(Opened { ticketing: self.settings.apply(builder)?.build()?, storage })
    }

    /// Starts upkeep unless it is running.
    pub(crate) async fn start_upkeep(&self) -> Result<(), Failure> {
        let ticketing = self.get().await?;
        let mut running = self.upkeep.lock().await;
        running.users += 1;
        if running.handle.is_none() {
            running.handle = Some(ticketing.spawn_upkeep(self.settings.upkeep_every, Upkeep::default()));
        }
        Ok(())
    }

    /// Stops upkeep after its current pass and runs one last pass. If upkeep has other users, it goes on.
    pub(crate) async fn stop_upkeep(&self) -> Result<(), Failure> {
        let mut running = self.upkeep.lock().await;
        running.users = running.users.saturating_sub(1);
        if running.users > 0 {
            return Ok(());
        }
        if let Some(handle) = running.handle.take() {
            handle.stop().await;
            if !self.closed.load(Ordering::Acquire) {
                self.get().await?.run_upkeep(Upkeep::default()).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn close(&self) -> Result<(), Failure> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let upkeep = self.upkeep.lock().await.handle.take();
        if let Some(upkeep) = upkeep {
            upkeep.stop().await;
        }
        match self.opened.get().map(|opened| &opened.storage) {
            Some(OpenStorage::Sqlite(sqlite, path)) => {
                sqlite.close().await;
                Process::current()?.release_file(path);
            }
            Some(OpenStorage::Postgres(postgres)) => postgres.close().await,
            Some(OpenStorage::Memory) | None => {}
        }
        Ok(())
    }

    /// Lets a gateway that is written in Python read the webhook, before the engine is called.
    pub(crate) fn read_webhook(
        &self,
        py: Python<'_>,
        gateway: &str,
        headers: &[(String, HeaderValue)],
        body: &[u8],
    ) -> PyResult<(Option<Result<WebhookEvent, WebhookError>>, Timestamp)> {
        let now = self.now();
        let python = self.settings.gateway.as_ref().and_then(|any| any.python.as_ref());
        let python: Option<&Arc<PythonGateway>> = python.filter(|python| python.name() == gateway);
        let event = python.map(|python| python.read(py, headers, body, now)).transpose()?;
        Ok((event, now))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let home = *self.home.get_mut();
        let (opened, upkeep) = (self.opened.take(), self.upkeep.get_mut().handle.take());
        match Process::existing() {
            Some(process) if process.pid == home => {
                // It was not closed, and it can no longer be used.
                if !*self.closed.get_mut()
                    && let Some(Opened { storage: OpenStorage::Sqlite(sqlite, path), .. }) = &opened
                {
                    let (sqlite, path) = (sqlite.clone(), path.clone());
                    drop(process.handle().spawn(async move {
                        sqlite.close().await;
                        process.release_file(&path);
                    }));
                }
                // The drop code may need the runtime's context.
                let _inside = process.handle().enter();
                drop((opened, upkeep));
            }
            // It belongs to the parent process: its threads do not exist here, and its files are not ours to close.
            _ if opened.is_some() => std::mem::forget((opened, upkeep)),
            _ => {}
        }
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MemoryStorage>()?;
    module.add_class::<ManualClock>()
}
