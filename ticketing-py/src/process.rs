//! What belongs to this very process: one tokio runtime, made when it is first wanted, and who uses it.
//!
//! Two things end a process's runtime. A fork: the child has the memory but none of the threads, so it gets a `Process` of its
//! own, and what was in use in the parent is refused there. And the interpreter's exit: a thread that comes back to a Python
//! that is gone takes the process down with it. So nothing but [`block_on`] and the [messenger](Messenger) ever leaves Python
//! and comes back, both are counted, and [`shutdown`] - run by `atexit`, while the interpreter is whole - ends them and waits.

use crate::callbacks::Errand;
use crate::errors::Failure;
use pyo3::prelude::*;
use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use ticketing_core::runtime::{Runtime, Task};
use tokio::sync::watch;

/// A fork of a fork of a fork: so deep at most.
const DEPTH: usize = 32;
/// How often a call that blocks looks whether somebody pressed Ctrl-C.
const LOOK_UP: Duration = Duration::from_millis(100);
/// How long the interpreter's exit waits for what is in flight.
const PATIENCE: Duration = Duration::from_secs(5);

// No lock may be held at a fork that the child would wait for: each process has its own, in a place of its own.
static PLACE: AtomicUsize = AtomicUsize::new(0);
static PIDS: [AtomicU32; DEPTH] = [const { AtomicU32::new(0) }; DEPTH];
static PROCESSES: [OnceLock<Process>; DEPTH] = [const { OnceLock::new() }; DEPTH];

/// This very process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    handle: tokio::runtime::Handle,
    runtime: Mutex<Option<tokio::runtime::Runtime>>,
    closing: watch::Sender<bool>,
    blocked: (Mutex<usize>, Condvar),
    messenger: Mutex<Messenger>,
    /// SQLite files that are open here. Where there are any at a fork, the child must keep off SQLite: it would mistake the
    /// parent's locks on the file for its own, and find locks within SQLite that nobody will ever release.
    files: Mutex<HashMap<PathBuf, usize>>,
}

#[derive(Debug, Default)]
enum Messenger {
    #[default]
    NotYet,
    Running(mpsc::Sender<Errand>, std::thread::JoinHandle<()>),
    Stopped,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// The process that this is, whatever it was forked from.
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

    /// The same, if it was ever wanted.
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
            messenger: Mutex::default(),
            files: Mutex::default(),
        })
    }

    pub(crate) fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Comes back when Python is about to exit.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.closing.subscribe();
        async move { drop(closing.wait_for(|closing| *closing).await) }
    }

    /// Waits for work without keeping other Python threads from theirs. Ctrl-C drops the work.
    pub(crate) fn block_on<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> PyResult<T> {
        if self.is_closing() {
            return Err(Failure::Closed.into_exception(py));
        }
        let _counted = Counted::new(&self.blocked);
        // Work that is dropped may want to tell its tasks.
        let _inside = self.handle.enter();
        let mut work = Box::pin(work);
        loop {
            let done = py.detach(|| {
                self.handle.block_on(async {
                    tokio::select! {
                        biased;
                        done = &mut work => Some(done),
                        () = self.closed() => Some(Err(Failure::Closed)),
                        () = tokio::time::sleep(LOOK_UP) => None,
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

    /// Has something told to Python, soon. The engine's own threads never wait for Python.
    pub(crate) fn send(&self, errand: Errand) {
        let mut messenger = lock(&self.messenger);
        if matches!(*messenger, Messenger::NotYet) {
            let (sender, errands) = mpsc::channel();
            let run = move || {
                while let Ok(errand) = errands.recv() {
                    if matches!(errand, Errand::Stop) {
                        return;
                    }
                    Python::attach(|py| errand.run(py));
                }
            };
            // Without a thread nobody is told; whoever waits gives up when their time is over.
            if let Ok(thread) = std::thread::Builder::new().name("ticketing-messenger".to_owned()).spawn(run) {
                *messenger = Messenger::Running(sender, thread);
            }
        }
        if let Messenger::Running(sender, _) = &*messenger {
            drop(sender.send(errand));
        }
    }

    /// Notes that an SQLite file is about to be open here, unless one was at a fork.
    pub(crate) fn claim_file(&self, path: &Path) -> Result<(), Failure> {
        let place = PLACE.load(Ordering::Acquire);
        let ancestors = PROCESSES.iter().take(place).filter_map(OnceLock::get);
        for ancestor in ancestors {
            // Held at the fork, it stays held for ever: whoever held it was opening or closing a file.
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
        let end = Instant::now() + PATIENCE;
        let messenger = std::mem::replace(&mut *lock(&self.messenger), Messenger::Stopped);
        if let Messenger::Running(sender, thread) = messenger {
            drop(sender.send(Errand::Stop));
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let mut blocked = lock(&self.blocked.0);
        while *blocked > 0 && Instant::now() < end {
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

/// The event loop that somebody called from, for what is written in Python and called back.
pub(crate) type Origin = Option<Arc<Py<PyAny>>>;

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Does work on behalf of who calls from this loop.
pub(crate) fn on_behalf<F: Future>(origin: Origin, work: F) -> impl Future<Output = F::Output> {
    ORIGIN.scope(origin, work)
}

/// Where the work that is being done was called from.
pub(crate) fn origin() -> Origin {
    ORIGIN.try_with(Clone::clone).ok().flatten()
}

/// The engine's own tasks run on the process's runtime, on behalf of who started them.
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

/// How many tasks of the engine are alive: for tests.
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
