//! Calls from asyncio, and their results back to the event loop, without a thread that waits for the interpreter lock.
//!
//! Each event loop has a completion queue: a list of results, and a socket that wakes the loop. When a task of the engine
//! finishes, it appends its result and goes on. The loop takes all results at once, on its own thread, and converts them to
//! Python objects. So no thread of the engine ever waits for the interpreter lock. Waiting for it can take milliseconds under
//! load, and it crashes the process if the interpreter has already exited.

use crate::errors::Failure;
use crate::process::{Process, on_behalf};
use crate::sync::lock;
use crate::to_python::ToPython;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyWeakrefReference;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

/// The result of a call, not yet converted to Python objects.
type Outcome = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send>;

/// The results that one event loop has yet to take.
#[derive(Debug)]
struct CompletionQueue {
    process: &'static Process,
    waiting: Mutex<Vec<Completion>>,
    waker: LoopWaker,
}

/// The result of one call.
struct Completion {
    id: u64,
    outcome: Outcome,
}

impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completion").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Wakes the event loop.
#[derive(Debug)]
enum LoopWaker {
    #[cfg(unix)]
    Socket(UnixStream),
    /// For loops without `add_reader`: the messenger calls `call_soon_threadsafe`.
    Messenger { loop_: Py<PyWeakrefReference>, receiver: OnceLock<Py<PyWeakrefReference>> },
}

impl CompletionQueue {
    fn push(self: &Arc<Self>, completion: Completion) {
        let mut waiting = lock(&self.waiting);
        waiting.push(completion);
        // Only the first one has to wake the loop, which takes all that are there.
        if waiting.len() > 1 {
            return;
        }
        drop(waiting);
        match &self.waker {
            #[cfg(unix)]
            LoopWaker::Socket(socket) => {
                use std::io::Write as _;
                // If the loop is gone, nobody waits.
                drop((&mut &*socket).write(&[1]));
            }
            LoopWaker::Messenger { .. } => {
                let queue = Arc::clone(self);
                self.process.send(move |py| queue.wake(py));
            }
        }
    }

    /// Runs on the messenger's thread.
    fn wake(&self, py: Python<'_>) -> PyResult<()> {
        if let LoopWaker::Messenger { loop_, receiver } = &self.waker
            && let (Some(loop_), Some(receiver)) =
                (loop_.bind(py).upgrade(), receiver.get().and_then(|receiver| receiver.bind(py).upgrade()))
        {
            loop_.call_method1(intern!(py, "call_soon_threadsafe"), (receiver,))?;
        }
        Ok(())
    }
}

/// The loop's end of the queue. The loop calls it when its socket is readable.
#[pyclass(frozen, weakref, module = "ticketing_py._native")]
#[derive(Debug)]
struct LoopReceiver {
    loop_: Py<PyWeakrefReference>,
    queue: Arc<CompletionQueue>,
    futures: Mutex<Futures>,
    #[cfg(unix)]
    socket: Option<UnixStream>,
}

#[derive(Debug, Default)]
struct Futures {
    next: u64,
    waiting: HashMap<u64, Py<PyAny>>,
}

#[pymethods]
impl LoopReceiver {
    fn __call__(&self, py: Python<'_>) {
        #[cfg(unix)]
        if let Some(mut socket) = self.socket.as_ref() {
            use std::io::Read as _;
            drop(socket.read(&mut [0; 64]));
        }
        let completions = std::mem::take(&mut *lock(&self.queue.waiting));
        for Completion { id, outcome } in completions {
            // Removed if the future was cancelled.
            let future = lock(&self.futures).waiting.remove(&id);
            let Some(future) = future else { continue };
            if let Err(error) = resolve(future.bind(py), outcome(py)) {
                error.write_unraisable(py, None);
            }
        }
    }
}

/// Gives an asyncio future its result, unless it is done.
fn resolve(future: &Bound<'_, PyAny>, outcome: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match outcome {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error,))?,
    };
    Ok(())
}

/// The event loop that runs on this thread.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "get_running_loop")?.call0()
}

impl LoopReceiver {
    /// The receiver of the loop that runs on this thread.
    fn of(loop_: &Bound<'_, PyAny>, process: &'static Process) -> PyResult<Py<Self>> {
        thread_local! {
            static LAST: RefCell<Option<Py<LoopReceiver>>> = const { RefCell::new(None) };
        }
        let py = loop_.py();
        let known = LAST.with_borrow(|last| {
            let receiver = last.as_ref()?;
            let this = receiver.get();
            let is_it = this.queue.process.pid == process.pid
                && this.loop_.bind(py).upgrade().is_some_and(|found| found.is(loop_));
            is_it.then(|| receiver.clone_ref(py))
        });
        if let Some(receiver) = known {
            return Ok(receiver);
        }
        let receiver = Self::open(loop_, process)?;
        // Dropping the former one may run Python code that re-enters this function: drop it after the replacement.
        let former = LAST.replace(Some(receiver.clone_ref(py)));
        drop(former);
        Ok(receiver)
    }

    fn open(loop_: &Bound<'_, PyAny>, process: &'static Process) -> PyResult<Py<Self>> {
        let py = loop_.py();
        let weak = PyWeakrefReference::new(loop_)?.unbind();
        #[cfg(unix)]
        {
            use std::os::fd::AsRawFd as _;
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            theirs.set_nonblocking(true)?;
            let fd = ours.as_raw_fd();
            let waker = LoopWaker::Socket(theirs);
            let queue = Arc::new(CompletionQueue { process, waiting: Mutex::default(), waker });
            let receiver = Self { loop_: weak.clone_ref(py), queue, futures: Mutex::default(), socket: Some(ours) };
            let receiver = Py::new(py, receiver)?;
            // From here on the loop owns the receiver, and drops it when the loop is closed.
            match loop_.call_method1(intern!(py, "add_reader"), (fd, &receiver)) {
                Ok(_) => return Ok(receiver),
                Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {}
                Err(error) => return Err(error),
            }
        }
        let waker = LoopWaker::Messenger { loop_: weak.clone_ref(py), receiver: OnceLock::new() };
        let queue = Arc::new(CompletionQueue { process, waiting: Mutex::default(), waker });
        let receiver = Self {
            loop_: weak,
            queue: Arc::clone(&queue),
            futures: Mutex::default(),
            #[cfg(unix)]
            socket: None,
        };
        let receiver = Bound::new(py, receiver)?;
        if let LoopWaker::Messenger { receiver: known, .. } = &queue.waker {
            drop(known.set(PyWeakrefReference::new(receiver.as_any())?.unbind()));
        }
        Ok(receiver.unbind())
    }
}

/// Completes the call when it is dropped: a future gets an answer even if the work panics or the runtime ends.
struct CompletionGuard {
    queue: Arc<CompletionQueue>,
    id: u64,
    outcome: Option<Outcome>,
}

impl CompletionGuard {
    fn complete(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for CompletionGuard {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Box::new(|py| Err(Failure::Panicked.into_exception(py))));
        self.queue.push(Completion { id: self.id, outcome });
    }
}

/// Called by asyncio when a future is done. If the future was cancelled, aborts the work.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
struct Watcher {
    receiver: Py<LoopReceiver>,
    id: u64,
    task: tokio::task::AbortHandle,
}

#[pymethods]
impl Watcher {
    fn __call__(&self, py: Python<'_>, _future: &Bound<'_, PyAny>) {
        // Still registered, so the future was not done by us: it was cancelled.
        let registered = lock(&self.receiver.bind(py).get().futures).waiting.remove(&self.id);
        if registered.is_some() {
            self.task.abort();
        }
    }
}

/// Starts the work and returns an asyncio future of its result. Cancelling the future drops the work.
pub(crate) fn awaitable<'py, T: ToPython + Send + 'static>(
    loop_: &Bound<'py, PyAny>,
    process: &'static Process,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    let py = loop_.py();
    if process.is_closing() {
        return Err(Failure::Closed.into_exception(py));
    }
    let future = loop_.call_method0(intern!(py, "create_future"))?;
    // The drop code of `work` may need the runtime's context.
    let _inside = process.handle().enter();
    let mut work = Box::pin(on_behalf(Some(Arc::new(loop_.clone().unbind())), work));
    // Most calls on memory finish in the first poll. Then there is no need for a task on another thread.
    if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        let outcome = outcome.map_err(|failure| failure.into_exception(py)).and_then(|done| done.to_python(py));
        resolve(&future, Ok(outcome?))?;
        return Ok(future);
    }

    let receiver = LoopReceiver::of(loop_, process)?;
    let this = receiver.get();
    let id = {
        let mut futures = lock(&this.futures);
        futures.next += 1;
        let id = futures.next;
        futures.waiting.insert(id, future.clone().unbind());
        id
    };
    let guard = CompletionGuard { queue: Arc::clone(&this.queue), id, outcome: None };
    let closed = process.closed();
    let task = process.handle().spawn(async move {
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            () = closed => Err(Failure::Closed),
        };
        guard.complete(Box::new(move |py| match outcome {
            Ok(done) => done.to_python(py),
            Err(failure) => Err(failure.into_exception(py)),
        }));
    });
    let watcher = Watcher { receiver, id, task: task.abort_handle() };
    future.call_method1(intern!(py, "add_done_callback"), (watcher,))?;
    Ok(future)
}
