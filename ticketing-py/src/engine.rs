//! One engine, as it is configured from Python: opened by the first call, in the process that makes it.

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
use pyo3::types::{PyDateTime, PyString};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use ticketing_core::clock::{Clock, SystemClock, SystemRandom};
use ticketing_core::gateway::circuit_breaker::{BreakerConfig, CircuitBreaker};
use ticketing_core::gateway::{PaymentGateway, WebhookError, WebhookEvent};
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::storage::{Storage, memory};
use ticketing_core::token::TokenKey;
use ticketing_core::{Error, Ticketing, TicketingBuilder};
use ticketing_core::{Upkeep, UpkeepHandle};
use tokio::sync::{Mutex, OnceCell};

/// Everything in memory: gone with the process. Engines that are given the same one share it.
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

/// A clock that stands still until it is turned.
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

    /// What it shows.
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        time(py, self.clock.now())
    }

    /// Turns it to this time, forwards or back.
    fn set(&self, now: In<Timestamp>) {
        self.clock.set(now.0);
    }

    /// Turns it forwards.
    fn advance(&self, py: Python<'_>, by: Duration) -> PyResult<()> {
        let by = SignedDuration::try_from(by).map_err(|error| invalid(py, "by", error))?;
        self.clock.advance(by);
        Ok(())
    }
}

/// Where everything is kept.
#[derive(Clone, Debug)]
enum Kept {
    Memory(Arc<memory::MemoryStorage>),
    Sqlite(PathBuf),
    Postgres(String),
}

impl Kept {
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
        path.extract().map(Self::Sqlite).map_err(|_| PyTypeError::new_err(format!("a storage is wanted, not {name}")))
    }

    /// Without a password.
    fn name(&self) -> String {
        match self {
            Self::Memory(_) => "memory".to_owned(),
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(_) => "postgres".to_owned(),
        }
    }
}

/// What is open.
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

/// How the engine is put together.
pub(crate) struct Settings {
    storage: Kept,
    gateway: Option<AnyGateway>,
    breaks: bool,
    mailer: Option<AnyMailer>,
    hold_for: SignedDuration,
    mail_domain: String,
    public_url: Option<String>,
    token_secret: Option<Vec<u8>>,
    token_lifetime: SignedDuration,
    hashing_threads: Option<usize>,
    clock: Arc<dyn Clock>,
    upkeep_every: Duration,
}

fn seconds(py: Python<'_>, field: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| invalid(py, field, error))
}

fn signed(py: Python<'_>, field: &str, length: f64) -> PyResult<SignedDuration> {
    SignedDuration::try_from(seconds(py, field, length)?).map_err(|error| invalid(py, field, error))
}

impl Settings {
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    pub(crate) fn read(
        storage: &Bound<'_, PyAny>,
        gateway: Option<&Bound<'_, PyAny>>,
        mailer: Option<&Bound<'_, PyAny>>,
        hold_for: f64,
        mail_domain: String,
        public_url: Option<String>,
        token_secret: Option<Vec<u8>>,
        token_lifetime: f64,
        hashing_threads: Option<usize>,
        clock: Option<&Bound<'_, ManualClock>>,
        circuit_breaker: bool,
        gateway_timeout: f64,
        mailer_timeout: f64,
        upkeep_every: f64,
    ) -> PyResult<Self> {
        let py = storage.py();
        let gateway_timeout = seconds(py, "gateway_timeout", gateway_timeout)?;
        let mailer_timeout = seconds(py, "mailer_timeout", mailer_timeout)?;
        let clock: Arc<dyn Clock> = match clock {
            Some(clock) => Arc::new(clock.get().clock.clone()),
            None => Arc::new(SystemClock),
        };
        let settings = Self {
            storage: Kept::read(storage)?,
            gateway: gateway.map(|gateway| AnyGateway::of(gateway, gateway_timeout)).transpose()?,
            breaks: circuit_breaker,
            mailer: mailer.map(|mailer| AnyMailer::of(mailer, mailer_timeout)).transpose()?,
            hold_for: signed(py, "hold_for", hold_for)?,
            mail_domain,
            public_url,
            token_secret,
            token_lifetime: signed(py, "token_lifetime", token_lifetime)?,
            hashing_threads,
            clock,
            upkeep_every: seconds(py, "upkeep_every", upkeep_every)?,
        };
        // What cannot work is said here, where it was written, and not by the first call.
        let trial = Ticketing::builder(memory::MemoryStorage::new());
        let tried = py.detach(|| settings.apply(trial).and_then(TicketingBuilder::build));
        tried.map_err(|error| Failure::Core(error).into_exception(py))?;
        Ok(settings)
    }

    fn apply(&self, mut builder: TicketingBuilder) -> Result<TicketingBuilder, Error> {
        builder = builder
            .hold_for(self.hold_for)
            .mail_domain(self.mail_domain.clone())
            .clock(Arc::clone(&self.clock))
            .token_lifetime(self.token_lifetime);
        if let Some(url) = &self.public_url {
            builder = builder.public_url(url.clone());
        }
        if let Some(secret) = &self.token_secret {
            builder = builder.token_key(TokenKey::new(secret)?);
        }
        if let Some(threads) = self.hashing_threads {
            builder = builder.hashing_threads(threads);
        }
        if let Some(gateway) = &self.gateway {
            let mut shared = Arc::clone(&gateway.gateway);
            if self.breaks && !gateway.is_fake {
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

/// One engine, shared by everything that was made of it.
pub(crate) struct Core {
    settings: Settings,
    /// The process that opened it; 0 before.
    home: AtomicU32,
    opened: OnceCell<Opened>,
    closed: AtomicBool,
    upkeep: Mutex<Running>,
}

/// Upkeep, and how many want it.
#[derive(Default)]
struct Running {
    wanted: usize,
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

    /// The process that this is, if the engine is not another one's.
    pub(crate) fn process(&self) -> Result<&'static Process, Failure> {
        let pid = std::process::id();
        match self.home.compare_exchange(0, pid, Ordering::AcqRel, Ordering::Acquire) {
            Err(home) if home != pid => Err(Failure::Forked(
                "it was in use when the process forked: make a new one in the child, or use it in the children only",
            )),
            _ => Process::current(),
        }
    }

    /// The engine, opened if it is not yet.
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
            Kept::Memory(memory) => (Arc::<memory::MemoryStorage>::clone(memory), OpenStorage::Memory),
            Kept::Sqlite(path) => {
                process.claim_file(path)?;
                let sqlite = SqliteStorage::open(path).await.map_err(|error| {
                    process.release_file(path);
                    Error::from(error)
                })?;
                (Arc::new(sqlite.clone()), OpenStorage::Sqlite(sqlite, path.clone()))
            }
            Kept::Postgres(url) => {
                let postgres = PostgresStorage::connect(url).await.map_err(Error::from)?;
                (Arc::new(postgres.clone()), OpenStorage::Postgres(postgres))
            }
        };
        let builder = Ticketing::builder_on(shared).runtime(Arc::new(ProcessRuntime(process)));
        Ok(Opened { ticketing: self.settings.apply(builder)?.build()?, storage })
    }

    /// Starts upkeep, unless it runs.
    pub(crate) async fn start_upkeep(&self) -> Result<(), Failure> {
        let ticketing = self.get().await?;
        let mut running = self.upkeep.lock().await;
        running.wanted += 1;
        if running.handle.is_none() {
            running.handle = Some(ticketing.spawn_upkeep(self.settings.upkeep_every, Upkeep::default()));
        }
        Ok(())
    }

    /// Lets upkeep finish, and does what is left to do once more. Upkeep that somebody else wants goes on.
    pub(crate) async fn stop_upkeep(&self) -> Result<(), Failure> {
        let mut running = self.upkeep.lock().await;
        running.wanted = running.wanted.saturating_sub(1);
        if running.wanted > 0 {
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

    /// A gateway that is written in Python reads its webhooks here, before the engine is asked.
    pub(crate) fn read_webhook(
        &self,
        py: Python<'_>,
        gateway: &str,
        headers: &[(String, HeaderValue)],
        body: &[u8],
    ) -> PyResult<(Option<Result<WebhookEvent, WebhookError>>, Timestamp)> {
        let now = self.settings.clock.now();
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
                // Nobody closed it, and nobody can use it any more.
                if !*self.closed.get_mut()
                    && let Some(Opened { storage: OpenStorage::Sqlite(sqlite, path), .. }) = &opened
                {
                    let (sqlite, path) = (sqlite.clone(), path.clone());
                    drop(process.handle().spawn(async move {
                        sqlite.close().await;
                        process.release_file(&path);
                    }));
                }
                // What is dropped may want to tell its tasks.
                let _inside = process.handle().enter();
                drop((opened, upkeep));
            }
            // It belongs to the parent of this process: its threads are not here, and its files are not ours to close.
            _ if opened.is_some() => std::mem::forget((opened, upkeep)),
            _ => {}
        }
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MemoryStorage>()?;
    module.add_class::<ManualClock>()
}
