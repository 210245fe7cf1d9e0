//! Calls into gateways and mailers that are written in Python.
//!
//! A task of the engine hands a [`Job`] to the messenger and waits for the answer, with a timeout. The messenger passes the job
//! to `ticketing_py/_callbacks.py`, which runs plain methods on a few threads of its own and `async` methods on the caller's
//! event loop. However slow or stuck a method is, the engine's own threads are never blocked by it.

use crate::process::{Origin, Process, origin};
use crate::sync::lock;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;

/// A method of a Python object.
#[derive(Debug)]
pub(crate) struct Method {
    name: String,
    bound: Py<PyAny>,
    is_async: bool,
}

impl Method {
    /// The method of this name. A `TypeError` if there is none.
    pub(crate) fn of(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Arc<Self>> {
        static IS_ASYNC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = object.py();
        let class = object.get_type().name()?.to_string();
        let bound = object
            .getattr(name)
            .ok()
            .filter(Bound::is_callable)
            .ok_or_else(|| pyo3::exceptions::PyTypeError::new_err(format!("{class} has no method {name}")))?;
        let is_async = IS_ASYNC.import(py, "inspect", "iscoroutinefunction")?.call1((&bound,))?.is_truthy()?;
        Ok(Arc::new(Self { name: format!("{class}.{name}"), bound: bound.unbind(), is_async }))
    }
}

type Argument = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send>;
/// Takes the outcome. Returns an unexpected exception, which is logged: the engine only sees an error kind.
type Answer = Box<dyn for<'py> FnOnce(Python<'py>, PyResult<Bound<'py, PyAny>>) -> Option<PyErr> + Send>;

/// One call of a method.
pub(crate) struct Assignment {
    method: Arc<Method>,
    /// Taken by the thread that starts the call, or by the one that gives it up first.
    argument: Mutex<Option<Argument>>,
    answer: Mutex<Option<Answer>>,
    /// Set while the engine waits for the answer.
    job: Mutex<Option<Py<Job>>>,
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assignment").field("method", &self.method.name).finish_non_exhaustive()
    }
}

impl Assignment {
    fn submit(self: &Arc<Self>, py: Python<'_>, origin: &Origin) -> PyResult<()> {
        static SUBMIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let job = Py::new(py, Job { assignment: Arc::clone(self), loop_: OnceLock::new() })?;
        *lock(&self.job) = Some(job.clone_ref(py));
        let loop_ = origin.as_ref().map(|loop_| loop_.bind(py));
        SUBMIT.import(py, "ticketing_py._callbacks", "submit")?.call1((job, loop_, self.method.is_async))?;
        Ok(())
    }

    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        static CANCEL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let job = lock(&self.job).take();
        if let Some(job) = job.filter(|_| self.method.is_async) {
            CANCEL.import(py, "ticketing_py._callbacks", "cancel")?.call1((job,))?;
        }
        Ok(())
    }
}

/// One call of a method, as `_callbacks.py` sees it.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
pub(crate) struct Job {
    assignment: Arc<Assignment>,
    loop_: OnceLock<Py<PyAny>>,
}

#[pymethods]
impl Job {
    /// The name of the method, for the log.
    #[getter]
    fn name(&self) -> &str {
        &self.assignment.method.name
    }

    /// The method and its argument; `None` if the call was given up.
    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let argument = lock(&self.assignment.argument).take();
        let Some(argument) = argument else { return Ok(None) };
        Ok(Some((self.assignment.method.bound.bind(py).clone(), argument(py)?)))
    }

    /// Takes what the method returned. Returns an exception if that could not be read.
    fn finish(&self, py: Python<'_>, answer: Bound<'_, PyAny>) -> Option<PyErr> {
        let waiting = lock(&self.assignment.answer).take();
        waiting.and_then(|waiting| waiting(py, Ok(answer)))
    }

    /// Takes what the method raised. Returns it if it is not one of the documented exceptions.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) -> Option<PyErr> {
        let waiting = lock(&self.assignment.answer).take();
        waiting.and_then(|waiting| waiting(py, Err(PyErr::from_value(error))))
    }

    /// Records the event loop that runs the method.
    fn on_loop(&self, loop_: Bound<'_, PyAny>) {
        drop(self.loop_.set(loop_.unbind()));
    }

    /// The event loop that runs the method, once it does.
    #[pyo3(name = "loop")]
    fn loop_of(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.loop_.get().map(|loop_| loop_.clone_ref(py))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The call was never started.
    NotStarted,
    /// The call was started; its outcome is unknown.
    Unknown,
}

/// Gives the call up when the engine stops waiting for it.
struct Waiting {
    process: &'static Process,
    assignment: Arc<Assignment>,
    over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.over {
            drop(lock(&self.assignment.job).take());
        } else {
            drop(lock(&self.assignment.argument).take());
            drop(lock(&self.assignment.answer).take());
            let assignment = Arc::clone(&self.assignment);
            self.process.send(move |py| assignment.cancel(py));
        }
    }
}

/// Calls a method and waits for its outcome, at most `limit`. `read` runs with the interpreter attached; its second value is
/// an unexpected exception.
pub(crate) async fn call<T: Send + 'static>(
    method: &Arc<Method>,
    limit: Duration,
    argument: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send + 'static,
    read: impl for<'py> FnOnce(Python<'py>, PyResult<Bound<'py, PyAny>>) -> (T, Option<PyErr>) + Send + 'static,
) -> Result<T, Silence> {
    let Ok(process) = Process::current() else { return Err(Silence::NotStarted) };
    let (answer, answered) = oneshot::channel();
    let assignment = Arc::new(Assignment {
        method: Arc::clone(method),
        argument: Mutex::new(Some(Box::new(argument))),
        answer: Mutex::new(Some(Box::new(move |py, outcome| {
            let (outcome, unexpected) = read(py, outcome);
            drop(answer.send(outcome));
            unexpected
        }))),
        job: Mutex::new(None),
    });
    let mut waiting = Waiting { process, assignment: Arc::clone(&assignment), over: false };
    let (submitted, origin) = (Arc::clone(&assignment), origin());
    process.send(move |py| submitted.submit(py, &origin));
    if let Ok(Ok(answer)) = tokio::time::timeout(limit, answered).await {
        waiting.over = true;
        return Ok(answer);
    }
    // If the argument is still here, the call was not started, and now it cannot start any more.
    let started = lock(&assignment.argument).take().is_none();
    Err(if started { Silence::Unknown } else { Silence::NotStarted })
}
