//! The way to asyncio and back, without a thread that waits for Python.
//!
//! Each event loop has an inbox: a list of results, and a socket by which the loop is woken. A task of the engine that is done
//! puts its result there and goes on; the loop takes all results at once, on its own thread, and makes Python objects of them.
//! So no thread of ours ever asks for the interpreter lock, which under load can take milliseconds, or be asked for when the
//! interpreter is gone.

use crate::callbacks::Errand;
use crate::errors::Failure;
use crate::process::{Process, lock, on_behalf};
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

/// What a call comes to, still to be made into Python objects.
type Outcome = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send>;

/// Results on their way to one event loop.
#[derive(Debug)]
pub(crate) struct Post {
    process: &'static Process,
    waiting: Mutex<Vec<Letter>>,
    bell: Bell,
}

struct Letter {
    id: u64,
    outcome: Outcome,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What wakes the loop.
#[derive(Debug)]
enum Bell {
    #[cfg(unix)]
    Socket(UnixStream),
    /// For loops that watch no sockets: the messenger calls `call_soon_threadsafe`.
    Messenger { loop_: Py<PyWeakrefReference>, inbox: OnceLock<Py<PyWeakrefReference>> },
}

impl Post {
    fn deliver(self: &Arc<Self>, letter: Letter) {
        let mut waiting = lock(&self.waiting);
        waiting.push(letter);
        // Only the first has to ring: the loop takes all that are there.
        if waiting.len() > 1 {
            return;
        }
        drop(waiting);
        match &self.bell {
            #[cfg(unix)]
            Bell::Socket(socket) => {
                use std::io::Write as _;
                // Where the loop is gone, nobody waits.
                drop((&mut &*socket).write(&[1]));
            }
            Bell::Messenger { .. } => self.process.send(Errand::Ring(Arc::clone(self))),
        }
    }

    /// Run by the messenger.
    pub(crate) fn ring(&self, py: Python<'_>) -> PyResult<()> {
        if let Bell::Messenger { loop_, inbox } = &self.bell
            && let (Some(loop_), Some(inbox)) =
                (loop_.bind(py).upgrade(), inbox.get().and_then(|inbox| inbox.bind(py).upgrade()))
        {
            loop_.call_method1(intern!(py, "call_soon_threadsafe"), (inbox,))?;
        }
        Ok(())
    }
}

/// The loop's end. Called by the loop when its socket has something to say.
#[pyclass(frozen, weakref, module = "ticketing_py._native")]
#[derive(Debug)]
struct Inbox {
    loop_: Py<PyWeakrefReference>,
    post: Arc<Post>,
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
impl Inbox {
    fn __call__(&self, py: Python<'_>) {
        #[cfg(unix)]
        if let Some(mut socket) = self.socket.as_ref() {
            use std::io::Read as _;
            drop(socket.read(&mut [0; 64]));
        }
        let letters = std::mem::take(&mut *lock(&self.post.waiting));
        for Letter { id, outcome } in letters {
            // Gone where nobody waits any more.
            let future = lock(&self.futures).waiting.remove(&id);
            let Some(future) = future else { continue };
            if let Err(error) = settle(future.bind(py), outcome(py)) {
                error.write_unraisable(py, None);
            }
        }
    }
}

fn settle(future: &Bound<'_, PyAny>, outcome: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
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

/// The loop that runs here.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "get_running_loop")?.call0()
}

impl Inbox {
    /// The inbox of the loop that runs here.
    fn of(loop_: &Bound<'_, PyAny>, process: &'static Process) -> PyResult<Py<Self>> {
        thread_local! {
            static LAST: RefCell<Option<Py<Inbox>>> = const { RefCell::new(None) };
        }
        let py = loop_.py();
        let known = LAST.with_borrow(|last| {
            let inbox = last.as_ref()?;
            let this = inbox.get();
            let is_it = this.post.process.pid == process.pid
                && this.loop_.bind(py).upgrade().is_some_and(|found| found.is(loop_));
            is_it.then(|| inbox.clone_ref(py))
        });
        if let Some(inbox) = known {
            return Ok(inbox);
        }
        let inbox = Self::open(loop_, process)?;
        // What is dropped here may run Python code, and that may come back here.
        let former = LAST.replace(Some(inbox.clone_ref(py)));
        drop(former);
        Ok(inbox)
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
            let post = Arc::new(Post { process, waiting: Mutex::default(), bell: Bell::Socket(theirs) });
            let inbox = Self { loop_: weak.clone_ref(py), post, futures: Mutex::default(), socket: Some(ours) };
            let inbox = Py::new(py, inbox)?;
            // The loop keeps the inbox from here on, and lets it go when it is closed.
            match loop_.call_method1(intern!(py, "add_reader"), (fd, &inbox)) {
                Ok(_) => return Ok(inbox),
                Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {}
                Err(error) => return Err(error),
            }
        }
        let bell = Bell::Messenger { loop_: weak.clone_ref(py), inbox: OnceLock::new() };
        let post = Arc::new(Post { process, waiting: Mutex::default(), bell });
        let inbox = Self {
            loop_: weak,
            post: Arc::clone(&post),
            futures: Mutex::default(),
            #[cfg(unix)]
            socket: None,
        };
        let inbox = Bound::new(py, inbox)?;
        if let Bell::Messenger { inbox: known, .. } = &post.bell {
            drop(known.set(PyWeakrefReference::new(inbox.as_any())?.unbind()));
        }
        Ok(inbox.unbind())
    }
}

/// Sees to it that whoever waits gets an answer, also where the work panics or the runtime ends.
struct Envelope {
    post: Arc<Post>,
    id: u64,
    outcome: Option<Outcome>,
}

impl Envelope {
    fn send(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Box::new(|py| Err(Failure::Broken.into_exception(py))));
        self.post.deliver(Letter { id: self.id, outcome });
    }
}

/// Told by asyncio that a future is done. Where it was cancelled, the work is dropped.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
struct Watcher {
    inbox: Py<Inbox>,
    id: u64,
    task: tokio::task::AbortHandle,
}

#[pymethods]
impl Watcher {
    fn __call__(&self, py: Python<'_>, _future: &Bound<'_, PyAny>) {
        // Still there: it was not we who settled it.
        let waited = lock(&self.inbox.bind(py).get().futures).waiting.remove(&self.id);
        if waited.is_some() {
            self.task.abort();
        }
    }
}

/// An asyncio future of what the work comes to. The work begins at once; it is dropped when the future is cancelled.
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
    // Work that is dropped may want to tell its tasks.
    let _inside = process.handle().enter();
    let mut work = Box::pin(on_behalf(Some(Arc::new(loop_.clone().unbind())), work));
    // Much is done without waiting for anything: then there is no reason to go by way of another thread.
    if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        let outcome = outcome.map_err(|failure| failure.into_exception(py)).and_then(|done| done.to_python(py));
        settle(&future, Ok(outcome?))?;
        return Ok(future);
    }

    let inbox = Inbox::of(loop_, process)?;
    let this = inbox.get();
    let id = {
        let mut futures = lock(&this.futures);
        futures.next += 1;
        let id = futures.next;
        futures.waiting.insert(id, future.clone().unbind());
        id
    };
    let envelope = Envelope { post: Arc::clone(&this.post), id, outcome: None };
    let closed = process.closed();
    let task = process.handle().spawn(async move {
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            () = closed => Err(Failure::Closed),
        };
        envelope.send(Box::new(move |py| match outcome {
            Ok(done) => done.to_python(py),
            Err(failure) => Err(failure.into_exception(py)),
        }));
    });
    let watcher = Watcher { inbox, id, task: task.abort_handle() };
    future.call_method1(intern!(py, "add_done_callback"), (watcher,))?;
    Ok(future)
}
