//! Gateways: the engine's as Python classes, and Python classes as gateways of the engine.

use crate::callbacks::{Method, Silence, call};
use crate::errors::Failure;
use crate::from_python::{HeaderValue, In, Read, invalid};
use crate::sync::lock;
use crate::to_python::{ToPython, object, time};
use async_trait::async_trait;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::payment::{Checkout, Mode};
use ticketing_core::domain::refund::{ListedRefund, RefundStatus};
use ticketing_core::gateway::paystack::{self, PaystackConfig};
use ticketing_core::gateway::{
    Abilities, Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError,
    WebhookEvent,
};
use ticketing_core::testing;

/// A gateway that takes money through Paystack.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Debug)]
pub(crate) struct PaystackGateway {
    gateway: Arc<paystack::PaystackGateway>,
}

#[pymethods]
impl PaystackGateway {
    #[new]
    #[pyo3(signature = (
        secret_key, *, base_url=None, webhook_keys=Vec::new(), timeout=None, refund_timeout=None,
        pays_within=Some(Duration::from_secs(1800))
    ), text_signature = "(secret_key, *, base_url=None, webhook_keys=(), timeout=None, refund_timeout=None, pays_within=...)")]
    fn new(
        py: Python<'_>,
        secret_key: &str,
        base_url: Option<&str>,
        webhook_keys: Vec<String>,
        timeout: Option<Duration>,
        refund_timeout: Option<Duration>,
        pays_within: Option<Duration>,
    ) -> PyResult<Self> {
        let mut config = PaystackConfig::new(secret_key).with_pays_within(pays_within);
        if let Some(base_url) = base_url {
            config = config.with_base_url(base_url);
        }
        for key in webhook_keys {
            config = config.with_webhook_key(key);
        }
        if let Some(timeout) = timeout {
            config = config.with_timeout(timeout);
        }
        if let Some(timeout) = refund_timeout {
            config = config.with_refund_timeout(timeout);
        }
        let made = py.detach(|| paystack::PaystackGateway::new(config));
        let gateway = made.map_err(|error| Failure::Core(error).into_exception(py))?;
        Ok(Self { gateway: Arc::new(gateway) })
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.gateway.name()
    }

    #[getter]
    fn mode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.gateway.mode().to_python(py)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.gateway)
    }
}

/// A scripted payment gateway in memory, for tests. It records which money moved.
#[pyclass(frozen, module = "ticketing_py.testing")]
#[derive(Debug)]
pub(crate) struct FakeGateway {
    gateway: testing::FakeGateway,
}

#[pymethods]
impl FakeGateway {
    #[new]
    fn new() -> Self {
        Self { gateway: testing::FakeGateway::new() }
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.gateway.name()
    }

    #[getter]
    fn mode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.gateway.mode().to_python(py)
    }

    /// The header, name and value, that signs a webhook of this gateway.
    #[getter]
    fn signature<'py>(&self, py: Python<'py>) -> (&'static str, Bound<'py, PyBytes>) {
        let (name, value) = testing::FakeGateway::signature();
        (name, PyBytes::new(py, value))
    }

    /// The buyer pays the requested amount.
    fn pay(&self, reference: In<Reference>) {
        self.gateway.pay(&reference.0);
    }

    /// The buyer pays another amount than requested.
    fn pay_amount(&self, reference: In<Reference>, amount: In<Money>) {
        self.gateway.pay_amount(&reference.0, amount.0);
    }

    /// The payment is declined.
    fn decline(&self, reference: In<Reference>) {
        self.gateway.decline(&reference.0);
    }

    /// The payment is in progress.
    fn processing(&self, reference: In<Reference>) {
        self.gateway.processing(&reference.0);
    }

    /// The money is taken back from the seller.
    fn reverse(&self, reference: In<Reference>) {
        self.gateway.reverse(&reference.0);
    }

    /// The next `open_checkout` fails and opens no checkout.
    fn fail_next_open(&self, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.gateway.fail_next_open(scripted(error)?);
        Ok(())
    }

    /// The next `open_checkout` opens a checkout, but the answer is lost.
    fn lose_next_open(&self) {
        self.gateway.lose_next_open();
    }

    /// The next `fetch` fails.
    fn fail_next_fetch(&self, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.gateway.fail_next_fetch(scripted(error)?);
        Ok(())
    }

    /// Somebody refunds a part of a payment in the gateway's dashboard.
    fn refund_elsewhere(&self, reference: In<Reference>, amount: In<Money>) {
        self.gateway.refund_elsewhere(&reference.0, amount.0);
    }

    /// The next `refund` fails and sends no money back.
    fn fail_next_refund(&self, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.gateway.fail_next_refund(scripted(error)?);
        Ok(())
    }

    /// The next `refund` sends the money back, but the answer is lost.
    fn lose_next_refund(&self) {
        self.gateway.lose_next_refund();
    }

    /// From now on, refunds stay pending until `finish_refunds` is called.
    fn refunds_take_time(&self) {
        self.gateway.refunds_take_time();
    }

    /// Finishes all pending refunds with this status.
    fn finish_refunds(&self, status: In<RefundStatus>) {
        self.gateway.finish_refunds(status.0);
    }

    /// The charge of a reference, if a checkout was opened for it.
    fn charge<'py>(&self, py: Python<'py>, reference: In<Reference>) -> PyResult<Bound<'py, PyAny>> {
        self.gateway.charge(&reference.0).to_python(py)
    }

    /// Every refund that was made.
    fn refunds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.gateway.refunds().to_python(py)
    }

    /// The number of calls of each method.
    fn calls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let calls = self.gateway.calls();
        let counts = PyDict::new(py);
        counts.set_item("open_checkout", calls.open_checkout)?;
        counts.set_item("fetch", calls.fetch)?;
        counts.set_item("refund", calls.refund)?;
        counts.set_item("find_refund", calls.find_refund)?;
        Ok(counts)
    }

    fn __repr__(&self) -> &'static str {
        "FakeGateway()"
    }
}

fn scripted(error: &Bound<'_, PyAny>) -> PyResult<GatewayError> {
    let known = known_error(error.py(), &PyErr::from_value(error.clone()));
    known.ok_or_else(|| PyTypeError::new_err("must be a GatewayError"))
}

/// Converts a `GatewayError` of Python to the engine's.
fn known_error(py: Python<'_>, error: &PyErr) -> Option<GatewayError> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(py, "ticketing_py.errors", "GatewayError").ok()?;
    let value = error.value(py);
    if !value.is_instance(class).ok()? {
        return None;
    }
    let retry_after: Option<f64> = value.getattr(intern!(py, "retry_after")).ok()?.extract().ok()?;
    let retry_after = retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let kind: String = value.getattr(intern!(py, "kind")).ok()?.extract().ok()?;
    Some(match kind.as_str() {
        "not_sent" => GatewayError::NotSent,
        "circuit_open" => GatewayError::CircuitOpen { retry_after: retry_after.unwrap_or(Duration::from_secs(10)) },
        "unavailable" => GatewayError::Unavailable,
        "rejected" => {
            let code = value.getattr(intern!(py, "facts")).and_then(|facts| facts.get_item("gateway_code"));
            GatewayError::Rejected { code: code.and_then(|code| code.extract()).unwrap_or_default() }
        }
        "duplicate_reference" => GatewayError::DuplicateReference,
        "auth" => GatewayError::Auth,
        "rate_limited" => GatewayError::RateLimited { retry_after },
        "malformed" => GatewayError::Malformed,
        "unreadable" => GatewayError::Unreadable,
        "unsupported" => GatewayError::Unsupported,
        _ => GatewayError::OutcomeUnknown,
    })
}

/// A gateway that is written in Python.
#[derive(Debug)]
pub(crate) struct PythonGateway {
    name: &'static str,
    mode: Mode,
    limit: Duration,
    open_checkout: Arc<Method>,
    fetch: Arc<Method>,
    refund: Arc<Method>,
    find_refund: Arc<Method>,
    refunds_of: Option<Arc<Method>>,
    abilities: Abilities,
    read_webhook: Py<PyAny>,
}

tokio::task_local! {
    static READ: RefCell<Option<Result<WebhookEvent, WebhookError>>>;
}

impl PythonGateway {
    pub(crate) fn of(gateway: &Bound<'_, PyAny>, limit: Duration) -> PyResult<Self> {
        let py = gateway.py();
        let name: String = gateway.getattr(intern!(py, "name"))?.extract()?;
        let fits = |name: &str| (1..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
        if !fits(&name) {
            return Err(invalid(py, "gateway.name", format!("must be 1–50 lower-case letters (got {name:?})")));
        }
        let read_webhook = gateway.getattr(intern!(py, "read_webhook"));
        let is_callable = read_webhook.as_ref().is_ok_and(|method| method.is_callable());
        let read_webhook = read_webhook.ok().filter(|_| is_callable);
        Ok(Self {
            name: static_name(&name),
            mode: Read::read(&gateway.getattr(intern!(py, "mode"))?)?,
            limit,
            open_checkout: Method::of(gateway, "open_checkout")?,
            fetch: Method::of(gateway, "fetch")?,
            refund: Method::of(gateway, "refund")?,
            find_refund: Method::of(gateway, "find_refund")?,
            refunds_of: optional(gateway, "refunds_of")?.map(|_| Method::of(gateway, "refunds_of")).transpose()?,
            abilities: abilities(gateway)?,
            read_webhook: read_webhook
                .ok_or_else(|| PyTypeError::new_err("the gateway has no method read_webhook"))?
                .unbind(),
        })
    }

    /// Lets the gateway read a webhook, on the caller's thread: the engine itself never waits for Python. Undocumented exceptions
    /// of the method reach the caller.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        headers: &[(String, HeaderValue)],
        body: &[u8],
        received_at: jiff::Timestamp,
    ) -> PyResult<Result<WebhookEvent, WebhookError>> {
        static BAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static UNREADABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let headers = headers.iter().map(|(name, value)| (name, PyBytes::new(py, &value.0)));
        let webhook = object!(py, "gateways", "Webhook", {
            headers: PyTuple::new(py, headers.collect::<Vec<_>>())?,
            body: PyBytes::new(py, body),
            received_at: time(py, received_at)?,
        })?;
        match self.read_webhook.bind(py).call1((webhook,)) {
            Ok(event) => WebhookEvent::read(&event).map(Ok),
            Err(error) if error.is_instance(py, BAD.import(py, "ticketing_py.errors", "BadSignature")?) => {
                Ok(Err(WebhookError::BadSignature))
            }
            Err(error) if error.is_instance(py, UNREADABLE.import(py, "ticketing_py.errors", "UnreadableWebhook")?) => {
                Ok(Err(WebhookError::Unreadable))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs work in which `read_webhook` returns this event, which was read before.
    pub(crate) fn with_read<F: Future>(
        event: Option<Result<WebhookEvent, WebhookError>>,
        work: F,
    ) -> impl Future<Output = F::Output> {
        READ.scope(RefCell::new(event), work)
    }

    async fn ask<T: Read + Send + 'static, A: ToPython + Send + 'static>(
        &self,
        method: &Arc<Method>,
        argument: A,
    ) -> Result<T, GatewayError> {
        let read = |py: Python<'_>, outcome: PyResult<Bound<'_, PyAny>>| match outcome {
            Ok(answer) => match T::read(&answer) {
                Ok(answer) => (Ok(answer), None),
                // What the gateway says of one payment, says nothing of the others.
                Err(error) => (Err(GatewayError::Unreadable), Some(error)),
            },
            Err(error) => match known_error(py, &error) {
                Some(known) => (Err(known), None),
                None => (Err(GatewayError::OutcomeUnknown), Some(error)),
            },
        };
        match call(method, self.limit, move |py| argument.to_python(py), read).await {
            Ok(answer) => answer,
            Err(Silence::NotStarted) => Err(GatewayError::NotSent),
            Err(Silence::Unknown) => Err(GatewayError::OutcomeUnknown),
        }
    }
}

/// An attribute that a gateway may have.
fn optional<'py>(gateway: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(gateway.getattr_opt(name)?.filter(|value| !value.is_none()))
}

fn abilities(gateway: &Bound<'_, PyAny>) -> PyResult<Abilities> {
    let currencies = optional(gateway, "currencies")?.map(|currencies| Read::read(&currencies)).transpose()?;
    let currencies: Option<Vec<Currency>> = currencies;
    let pays_within = optional(gateway, "pays_within")?.map(|pays_within| pays_within.extract()).transpose()?;
    let pays_within: Option<Duration> = pays_within;
    Ok(Abilities::default().with_currencies(currencies).with_pays_within(pays_within))
}

/// A `&'static str` for a name, as the trait requires. Each distinct name is leaked once.
fn static_name(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = lock(&NAMES);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(name);
    name
}

/// A reference as a Python `str`.
struct Text(Reference);

impl ToPython for Text {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.0.as_str().into_pyobject(py)?.into_any())
    }
}

#[async_trait]
impl PaymentGateway for PythonGateway {
    fn name(&self) -> &'static str {
        self.name
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn abilities(&self) -> Abilities {
        self.abilities.clone()
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        self.ask(&self.open_checkout, charge.clone()).await
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        self.ask(&self.fetch, Text(reference.clone())).await
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        self.ask(&self.refund, refund.clone()).await
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        self.ask(&self.find_refund, refund.clone()).await
    }

    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        match &self.refunds_of {
            Some(method) => self.ask(method, Text(attempt.clone())).await,
            None => Err(GatewayError::Unsupported),
        }
    }

    fn read_webhook(&self, _webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        let read = READ.try_with(|event| event.borrow_mut().take()).ok().flatten();
        read.unwrap_or(Err(WebhookError::Unreadable))
    }
}

/// A gateway, written in Rust or in Python.
pub(crate) struct AnyGateway {
    pub(crate) gateway: Arc<dyn PaymentGateway>,
    /// The same gateway, if it is written in Python.
    pub(crate) python: Option<Arc<PythonGateway>>,
    /// Tests script the failures of a fake gateway, so it gets no circuit breaker.
    pub(crate) is_fake: bool,
}

impl AnyGateway {
    pub(crate) fn of(gateway: &Bound<'_, PyAny>, limit: Duration) -> PyResult<Self> {
        if let Ok(paystack) = gateway.cast::<PaystackGateway>() {
            let gateway: Arc<dyn PaymentGateway> = Arc::<paystack::PaystackGateway>::clone(&paystack.get().gateway);
            return Ok(Self { gateway, python: None, is_fake: false });
        }
        if let Ok(fake) = gateway.cast::<FakeGateway>() {
            return Ok(Self { gateway: Arc::new(fake.get().gateway.clone()), python: None, is_fake: true });
        }
        let python = Arc::new(PythonGateway::of(gateway, limit)?);
        let gateway: Arc<dyn PaymentGateway> = Arc::<PythonGateway>::clone(&python);
        Ok(Self { gateway, python: Some(python), is_fake: false })
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PaystackGateway>()?;
    module.add_class::<FakeGateway>()
}
