//! Gateways and mailers that are written in Python: how the engine has them asked, and how long it waits.
//!
//! The engine's task puts a [`Job`] into the messenger's hands and waits for its answer, for a bounded time. The messenger
//! gives it to `ticketing_py/_callbacks.py`, which runs plain methods on a few threads of its own and `async` ones on the loop
//! of whoever called. However slow or stuck that is, the engine's threads are not.

use crate::asyncio::Post;
use crate::logging::Line;
use crate::process::{Origin, Process, lock, origin};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;

/// What the messenger does: the only thread of ours that goes to Python.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Has a job done.
    Submit(Arc<Assignment>, Origin),
    /// Nobody waits for it any more.
    Cancel(Arc<Assignment>),
    /// Wakes a loop that watches no sockets.
    Ring(Arc<Post>),
    /// Tells `logging`.
    Log(Line),
    Stop,
}

impl Errand {
    pub(crate) fn run(self, py: Python<'_>) {
        let done = match &self {
            Self::Submit(assignment, origin) => assignment.submit(py, origin),
            Self::Cancel(assignment) => assignment.cancel(py),
            Self::Ring(post) => post.ring(py),
            Self::Log(line) => line.write(py),
            Self::Stop => Ok(()),
        };
        if let Err(error) = done {
            error.write_unraisable(py, None);
        }
    }
}

/// A method of a Python object.
#[derive(Debug)]
pub(crate) struct Method {
    name: String,
    bound: Py<PyAny>,
    is_async: bool,
}

impl Method {
    /// The method of this name, or a `TypeError` that says what is missing.
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
/// Takes what came of it, and gives what nobody planned for, to be logged: to the engine it is one word.
type Answer = Box<dyn for<'py> FnOnce(Python<'py>, PyResult<Bound<'py, PyAny>>) -> Option<PyErr> + Send>;

/// One call of a method.
pub(crate) struct Assignment {
    method: Arc<Method>,
    /// Taken by whoever begins with it, or by whoever gives it up first.
    argument: Mutex<Option<Argument>>,
    answer: Mutex<Option<Answer>>,
    /// While somebody waits.
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
    /// What is called, for the log.
    #[getter]
    fn name(&self) -> &str {
        &self.assignment.method.name
    }

    /// What to call, with what; nothing where it was given up.
    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let argument = lock(&self.assignment.argument).take();
        let Some(argument) = argument else { return Ok(None) };
        Ok(Some((self.assignment.method.bound.bind(py).clone(), argument(py)?)))
    }

    /// What the method gave. Gives why that could not be read, where it could not.
    fn finish(&self, py: Python<'_>, answer: Bound<'_, PyAny>) -> Option<PyErr> {
        let waiting = lock(&self.assignment.answer).take();
        waiting.and_then(|waiting| waiting(py, Ok(answer)))
    }

    /// What the method raised. Gives it back, where it is not one of the exceptions that it may raise.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) -> Option<PyErr> {
        let waiting = lock(&self.assignment.answer).take();
        waiting.and_then(|waiting| waiting(py, Err(PyErr::from_value(error))))
    }

    /// Where it runs.
    fn on_loop(&self, loop_: Bound<'_, PyAny>) {
        drop(self.loop_.set(loop_.unbind()));
    }

    /// Where it runs, once it does.
    #[pyo3(name = "loop")]
    fn loop_of(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.loop_.get().map(|loop_| loop_.clone_ref(py))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Silence {
    /// It was never begun.
    NotBegun,
    /// It was begun, and nobody knows what became of it.
    Unknown,
}

/// Gives a call up when nobody waits for it any more.
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
            self.process.send(Errand::Cancel(Arc::clone(&self.assignment)));
        }
    }
}

/// Has a method called, and reads what came of it on Python's side. `read` also gives what nobody planned for.
pub(crate) async fn call<T: Send + 'static>(
    method: &Arc<Method>,
    limit: Duration,
    argument: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send + 'static,
    read: impl for<'py> FnOnce(Python<'py>, PyResult<Bound<'py, PyAny>>) -> (T, Option<PyErr>) + Send + 'static,
) -> Result<T, Silence> {
    let Ok(process) = Process::current() else { return Err(Silence::NotBegun) };
    let (answer, answered) = oneshot::channel();
    let assignment = Arc::new(Assignment {
        method: Arc::clone(method),
        argument: Mutex::new(Some(Box::new(argument))),
        answer: Mutex::new(Some(Box::new(move |py, outcome| {
            let (outcome, unplanned) = read(py, outcome);
            drop(answer.send(outcome));
            unplanned
        }))),
        job: Mutex::new(None),
    });
    let mut waiting = Waiting { process, assignment: Arc::clone(&assignment), over: false };
    process.send(Errand::Submit(Arc::clone(&assignment), origin()));
    if let Ok(Ok(answer)) = tokio::time::timeout(limit, answered).await {
        waiting.over = true;
        return Ok(answer);
    }
    // Whoever takes the argument decides whether it is begun.
    let begun = lock(&assignment.argument).take().is_none();
    Err(if begun { Silence::Unknown } else { Silence::NotBegun })
}
