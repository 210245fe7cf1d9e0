//! Settings of the sandbox, and its errors.

use reqwest::Url;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::clock::{Clock, Random, SystemClock, SystemRandom};

/// Settings of a [`Sandbox`](super::Sandbox). Start with [`SandboxConfig::new`] and change fields.
#[derive(Clone)]
#[non_exhaustive]
pub struct SandboxConfig {
    /// The merchant's key, `sk_test_…`: requests must contain it, webhooks are signed with it.
    pub secret_key: String,
    /// The URL at which a browser reaches [`routes`](super::routes), such as `http://127.0.0.1:8000/sandbox/paystack`.
    pub public_base_url: String,
    /// The merchant's webhook URL; `None` sends none. Plain `http://` only: the sandbox stays on one machine.
    pub webhook_url: Option<String>,
    /// A file that keeps transactions and refunds across restarts; `None` keeps them in memory.
    pub journal: Option<PathBuf>,
    /// The merchant's name on the checkout page.
    pub merchant: String,
    /// The currencies that this merchant may charge in. Default: Paystack's five.
    pub currencies: Vec<String>,
    /// How long a refund stays pending, and then processing.
    pub refund_step: Duration,
    /// The delays before retries of a webhook that did not get a 2xx. After the last retry it is given up.
    pub webhook_retries: Vec<Duration>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for codes.
    pub random: Arc<dyn Random>,
}

impl SandboxConfig {
    /// In memory, without webhooks, everything else as at Paystack but faster.
    pub fn new(secret_key: impl Into<String>, public_base_url: impl Into<String>) -> Self {
        let seconds = Duration::from_secs;
        Self {
            secret_key: secret_key.into(),
            public_base_url: public_base_url.into(),
            webhook_url: None,
            journal: None,
            merchant: "Ticketing".to_owned(),
            currencies: ["NGN", "GHS", "ZAR", "KES", "USD"].map(str::to_owned).to_vec(),
            refund_step: Duration::from_millis(300),
            webhook_retries: [5, 30, 180, 600, 1800, 3600, 3600, 3600].map(seconds).to_vec(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Checks the settings.
    pub(super) fn check(&self) -> Result<(), SandboxError> {
        let wrong = |what: String| Err(SandboxError::Config(what));
        if !self.secret_key.starts_with("sk_test_") {
            return wrong("the sandbox's secret key must begin with sk_test_: never use a live key".into());
        }
        match Url::parse(&self.public_base_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {}
            _ => {
                return wrong(format!(
                    "the sandbox's public base URL must be http:// or https:// (got {:?})",
                    self.public_base_url
                ));
            }
        }
        match self.webhook_url.as_deref().map(Url::parse) {
            None => {}
            Some(Ok(url)) if url.scheme() == "http" => {}
            _ => {
                return wrong(format!("the sandbox's webhook URL must be an http:// URL (got {:?})", self.webhook_url));
            }
        }
        if self.currencies.is_empty() {
            return wrong("the sandbox needs at least one currency".into());
        }
        Ok(())
    }
}

/// Without the secret key.
impl fmt::Debug for SandboxConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxConfig")
            .field("secret_key", &"sk_test_..")
            .field("public_base_url", &self.public_base_url)
            .field("webhook_url", &self.webhook_url)
            .field("journal", &self.journal)
            .field("currencies", &self.currencies)
            .finish_non_exhaustive()
    }
}

/// An error of the sandbox.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// A setting is wrong; the text names it and what it must be.
    Config(String),
    /// The journal cannot be read or written.
    Journal {
        /// Its file.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
    /// The HTTP client for webhooks cannot be built.
    Client(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(what) => f.write_str(what),
            Self::Journal { path, source } => write!(f, "the sandbox's journal {}: {source}", path.display()),
            Self::Client(source) => write!(f, "the sandbox's webhook client: {source}"),
        }
    }
}

impl std::error::Error for SandboxError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(_) => None,
            Self::Journal { source, .. } => Some(source),
            Self::Client(source) => Some(source.as_ref()),
        }
    }
}
