//! State of this process: one tokio runtime, created on first use, and its users.
//!
//! Two things end a process's runtime.
//! - *A fork*: the child has the memory but none of the threads. It gets a `Process` of its own, and an engine that the parent
//!   was using is refused there.
//! - *The interpreter's exit*: a thread that re-enters Python after it has exited crashes the process. So only
//!   [`Process::block_on`] and the [messenger](Messenger) leave Python and come back. Both are counted, and `_shutdown`, which
//!   `atexit` runs while the interpreter is still whole, stops them and waits.

use crate::errors::Failure;
use crate::messenger::Messenger;
use crate::sync::lock;
use pyo3::prelude::*;
use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use ticketing_core::runtime::{Runtime, Task};
use tokio::sync::watch;

/// The deepest chain of forks of forks.
const MAX_FORK_DEPTH: usize = 32;
/// How often a blocking call checks for signals such as Ctrl-C.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// How long the interpreter's exit waits for calls in flight.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

// A lock that is held at a fork stays held in the child. So each process has its own state, in a slot of its own.
static PLACE: AtomicUsize = AtomicUsize::new(0);
static PIDS: [AtomicU32; MAX_FORK_DEPTH] = [const { AtomicU32::new(0) }; MAX_FORK_DEPTH];
static PROCESSES: [OnceLock<Process>; MAX_FORK_DEPTH] = [const { OnceLock::new() }; MAX_FORK_DEPTH];

/// The state of one process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    handle: tokio::runtime::Handle,
    runtime: Mutex<Option<tokio::runtime::Runtime>>,
    closing: watch::Sender<bool>,
    blocked: (Mutex<usize>, Condvar),
    messenger: Messenger,
    /// SQLite files that are open in this process. If there are any at a fork, the child must not use SQLite: it would mistake
    /// the parent's file locks for its own, and wait for locks within SQLite that nobody will ever release.
    files: Mutex<HashMap<PathBuf, usize>>,
}

impl Process {
    /// The state of the process that calls this, created on first use.
    pub(crate) fn current() -> Result<&'static Self, Failure> {
        let pid = std::process::id();
        loop {
            let place = PLACE.load(Ordering::Acquire);
            let (Some(owner), Some(process)) = (PIDS.get(place), PROCESSES.get(place)) else {
                return Err(Failure::Forked("too many forks of forks"));
            };
            match owner.load(Ordering::Acquire) {
                found if found == pid => {
                    if let Some(process) = process.get() {
                        return Ok(process);
                    }
                    let made = Self::new(pid).map_err(Failure::NoRuntime)?;
                    return Ok(process.get_or_init(|| made));
                }
                0 => drop(owner.compare_exchange(0, pid, Ordering::AcqRel, Ordering::Acquire)),
                _ => drop(PLACE.compare_exchange(place, place + 1, Ordering::AcqRel, Ordering::Acquire)),
            }
        }
    }

    /// The state of the process that calls this, if it was created before.
    pub(crate) fn existing() -> Option<&'static Self> {
        let place = PLACE.load(Ordering::Acquire);
        let process = PROCESSES.get(place)?.get()?;
        (process.pid == std::process::id()).then_some(process)
    }

    fn new(pid: u32) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("ticketing").build()?;
        Ok(Self {
            pid,
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            closing: watch::channel(false).0,
            blocked: (Mutex::new(0), Condvar::new()),
            messenger: Messenger::default(),
            files: Mutex::default(),
        })
    }

    pub(crate) fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Completes when Python is about to exit.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.closing.subscribe();
        async move { drop(closing.wait_for(|closing| *closing).await) }
    }

    /// Waits for work with the interpreter lock released. Ctrl-C drops the work.
    pub(crate) fn block_on<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> PyResult<T> {
        if self.is_closing() {
            return Err(Failure::Closed.into_exception(py));
        }
        let _counted = Counted::new(&self.blocked);
        // The drop code of `work` may need the runtime's context.
        let _inside = self.handle.enter();
        let mut work = Box::pin(work);
        loop {
            let done = py.detach(|| {
                self.handle.block_on(async {
                    tokio::select! {
                        biased;
                        done = &mut work => Some(done),
                        () = self.closed() => Some(Err(Failure::Closed)),
                        () = tokio::time::sleep(SIGNAL_CHECK_INTERVAL) => None,
                    }
                })
            });
            match done {
                Some(Ok(done)) => return Ok(done),
                Some(Err(failure)) => {
                    return Err(failure.into_exception(py));
                }
                None => py.check_signals()?,
            }
        }
    }

    /// Runs a task in Python soon, on the messenger's thread. Returns at once.
    pub(crate) fn send(&self, task: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
        self.messenger.send(Box::new(task));
    }

    /// Registers an SQLite file that is about to be opened. Refused if one was open at a fork.
    pub(crate) fn claim_file(&self, path: &Path) -> Result<(), Failure> {
        let place = PLACE.load(Ordering::Acquire);
        let ancestors = PROCESSES.iter().take(place).filter_map(OnceLock::get);
        for ancestor in ancestors {
            // A lock held at the fork stays held: its holder was opening or closing a file.
            if ancestor.files.try_lock().map_or(true, |files| !files.is_empty()) {
                return Err(Failure::Forked(
                    "SQLite was in use when the process forked: close it before, or open it in the children only",
                ));
            }
        }
        *lock(&self.files).entry(path.to_owned()).or_default() += 1;
        Ok(())
    }

    pub(crate) fn release_file(&self, path: &Path) {
        let mut files = lock(&self.files);
        if let Some(users) = files.get_mut(path) {
            *users -= 1;
            if *users == 0 {
                files.remove(path);
            }
        }
    }

    fn shut_down(&self) {
        self.closing.send_replace(true);
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        self.messenger.stop(deadline);
        let mut blocked = lock(&self.blocked.0);
        while *blocked > 0 && Instant::now() < deadline {
            let wait = self.blocked.1.wait_timeout(blocked, Duration::from_millis(50));
            blocked = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(blocked);
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

struct Counted<'a>(&'a (Mutex<usize>, Condvar));

impl<'a> Counted<'a> {
    fn new(count: &'a (Mutex<usize>, Condvar)) -> Self {
        *lock(&count.0) += 1;
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        *lock(&self.0.0) -= 1;
        self.0.1.notify_all();
    }
}

/// The event loop that a call came from. `async` methods of gateways and mailers run there.
pub(crate) type Origin = Option<Arc<Py<PyAny>>>;

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Runs work with `origin` as the loop that it was called from.
pub(crate) fn on_behalf<F: Future>(origin: Origin, work: F) -> impl Future<Output = F::Output> {
    ORIGIN.scope(origin, work)
}

/// The loop that the current work was called from.
pub(crate) fn origin() -> Origin {
    ORIGIN.try_with(Clone::clone).ok().flatten()
}

/// Runs the engine's background tasks on the process's runtime. They inherit the origin of the call that spawned them.
#[derive(Debug)]
pub(crate) struct ProcessRuntime(pub(crate) &'static Process);

impl Runtime for ProcessRuntime {
    fn spawn(&self, task: Task) {
        drop(self.0.handle.spawn(on_behalf(origin(), task)));
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[pyfunction]
fn _shutdown(py: Python<'_>) {
    if let Some(process) = Process::existing() {
        py.detach(|| process.shut_down());
    }
}

/// The number of the engine's tasks that are alive. For tests.
#[pyfunction]
fn _tasks() -> usize {
    Process::existing().map_or(0, |process| process.handle.metrics().num_alive_tasks())
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_shutdown, module)?)?;
    module.add_function(wrap_pyfunction!(_tasks, module)?)?;
    module.py().import("atexit")?.call_method1("register", (module.getattr("_shutdown")?,))?;
    Ok(())
}
