//! Mailers: the engine's as Python classes, and Python classes as mailers of the engine.

use crate::callbacks::{Method, call};
use crate::errors::Failure;
use crate::from_python::In;
use crate::to_python::ToPython;
use async_trait::async_trait;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::mailer::smtp::{self, SmtpConfig, SmtpLogin, SmtpSecurity};
use ticketing_core::mailer::{Mail, MailError, Mailer, files, memory};

/// Sends mail through a mail server.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
pub(crate) struct SmtpMailer {
    mailer: Arc<smtp::SmtpMailer>,
}

#[pymethods]
impl SmtpMailer {
    #[new]
    #[pyo3(signature = (host, *, sender, port=None, security="starttls", user=None, password=None, pool_size=4, send_timeout=None, extra_root_pem=None))]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    fn new(
        py: Python<'_>,
        host: &str,
        sender: &str,
        port: Option<u16>,
        security: &str,
        user: Option<String>,
        password: Option<String>,
        pool_size: usize,
        send_timeout: Option<Duration>,
        extra_root_pem: Option<String>,
    ) -> PyResult<Self> {
        let mut config = SmtpConfig::new(host, sender);
        (config.security, config.port) = match security {
            "starttls" => (SmtpSecurity::StartTls, 587),
            "tls" => (SmtpSecurity::Tls, 465),
            "plain" => (SmtpSecurity::Plain, 25),
            other => {
                let message = format!("security: must be 'starttls', 'tls' or 'plain' (got {other:?})");
                return Err(PyValueError::new_err(message));
            }
        };
        config.port = port.unwrap_or(config.port);
        config.login = match (user, password) {
            (Some(user), Some(password)) => Some(SmtpLogin::new(user, password)),
            (None, None) => None,
            _ => return Err(PyTypeError::new_err("user and password must be given together")),
        };
        config.pool_size = pool_size;
        config.send_timeout = send_timeout.unwrap_or(config.send_timeout);
        config.extra_root_pem = extra_root_pem;
        let mailer = py.detach(|| smtp::SmtpMailer::new(config));
        let mailer = mailer.map_err(|error| Failure::Core(error).into_exception(py))?;
        Ok(Self { mailer: Arc::new(mailer) })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.mailer)
    }
}

/// Writes every mail to a file of its own.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
pub(crate) struct FileMailer {
    mailer: Arc<files::FileMailer>,
}

#[pymethods]
impl FileMailer {
    #[new]
    #[pyo3(signature = (directory, *, sender))]
    fn new(py: Python<'_>, directory: PathBuf, sender: &str) -> PyResult<Self> {
        let mailer = files::FileMailer::new(directory, sender);
        Ok(Self { mailer: Arc::new(mailer.map_err(|error| Failure::Core(error).into_exception(py))?) })
    }

    /// The path of the file for the mail with this Message-ID.
    fn path(&self, message_id: &str) -> PathBuf {
        self.mailer.path(message_id)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.mailer)
    }
}

/// Keeps every mail in memory. For tests: it can be told to fail.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
pub(crate) struct MemoryMailer {
    mailer: Arc<memory::MemoryMailer>,
}

#[pymethods]
impl MemoryMailer {
    #[new]
    fn new() -> Self {
        Self { mailer: Arc::default() }
    }

    /// Every mail that was accepted, oldest first.
    fn sent<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.mailer.sent().to_python(py)
    }

    /// Every mail that was accepted for one address, oldest first.
    fn sent_to<'py>(&self, py: Python<'py>, to: In<EmailAddress>) -> PyResult<Bound<'py, PyAny>> {
        self.mailer.sent_to(&to.0).to_python(py)
    }

    /// Makes the next mail fail with this error.
    fn fail_next(&self, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let (error, _) = read_error(error.py(), &PyErr::from_value(error.clone()))?;
        self.mailer.fail_next(error);
        Ok(())
    }

    /// Accepts the next mail, but loses the answer.
    fn lose_next_answer(&self) {
        self.mailer.lose_next_answer();
    }

    /// Forgets every mail and every scripted failure.
    fn clear(&self) {
        self.mailer.clear();
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.mailer)
    }
}

/// What a mailer raised, and whether it is one of the documented exceptions.
fn read_error(py: Python<'_>, error: &PyErr) -> PyResult<(MailError, bool)> {
    static REFUSED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static EXPECTED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // The exception's text may contain the recipient's address, so only its type is stored; the log gets all of it.
    let name = error.get_type(py).name()?.to_string();
    let expected = error.is_instance(py, EXPECTED.import(py, "ticketing_py.errors", "MailError")?);
    if error.is_instance(py, REFUSED.import(py, "ticketing_py.errors", "MailRefused")?) {
        return Ok((MailError::Refused(format!("the mailer raised {name}")), true));
    }
    Ok((MailError::Later(format!("the mailer raised {name}")), expected))
}

/// A mailer that is written in Python.
#[derive(Debug)]
struct PythonMailer {
    send: Arc<Method>,
    limit: Duration,
}

#[async_trait]
impl Mailer for PythonMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mail = mail.clone();
        let read = |py: Python<'_>, outcome: PyResult<Bound<'_, PyAny>>| match outcome {
            Ok(_) => (Ok(()), None),
            Err(raised) => match read_error(py, &raised) {
                Ok((error, expected)) => (Err(error), (!expected).then_some(raised)),
                Err(_) => (Err(MailError::Later("the mailer failed".to_owned())), Some(raised)),
            },
        };
        let sent = call(&self.send, self.limit, move |py| mail.to_python(py), read).await;
        sent.unwrap_or_else(|_| Err(MailError::Later("the mailer did not finish in time".to_owned())))
    }
}

/// A shared mailer.
#[derive(Clone, Debug)]
pub(crate) struct AnyMailer(Arc<dyn Mailer>);

impl AnyMailer {
    pub(crate) fn of(mailer: &Bound<'_, PyAny>, limit: Duration) -> PyResult<Self> {
        let shared: Arc<dyn Mailer> = if let Ok(smtp) = mailer.cast::<SmtpMailer>() {
            Arc::<smtp::SmtpMailer>::clone(&smtp.get().mailer)
        } else if let Ok(files) = mailer.cast::<FileMailer>() {
            Arc::<files::FileMailer>::clone(&files.get().mailer)
        } else if let Ok(memory) = mailer.cast::<MemoryMailer>() {
            Arc::<memory::MemoryMailer>::clone(&memory.get().mailer)
        } else {
            Arc::new(PythonMailer { send: Method::of(mailer, "send")?, limit })
        };
        Ok(Self(shared))
    }
}

#[async_trait]
impl Mailer for AnyMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await
    }

    async fn flush(&self) -> Result<(), MailError> {
        self.0.flush().await
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SmtpMailer>()?;
    module.add_class::<FileMailer>()?;
    module.add_class::<MemoryMailer>()
}
