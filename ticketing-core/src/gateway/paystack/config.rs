//! The configuration of the Paystack gateway, and its checks.

use crate::clock::{Random, SystemRandom};
use crate::domain::payment::Mode;
use crate::error::Error;
use reqwest::Url;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The configuration of the Paystack gateway. Checked by [`PaystackGateway::new`](super::PaystackGateway::new).
#[derive(Clone)]
pub struct PaystackConfig {
    keys: Vec<SecretKey>,
    base_url: String,
    connect_timeout: Duration,
    timeout: Duration,
    refund_timeout: Duration,
    pays_within: Option<Duration>,
    random: Arc<dyn Random>,
}

impl PaystackConfig {
    /// Creates one with a secret key, `sk_test_…` or `sk_live_…`. The key authenticates calls, verifies webhooks, and selects
    /// the mode.
    pub fn new(secret_key: impl Into<String>) -> Self {
        Self {
            keys: vec![SecretKey(secret_key.into())],
            base_url: "https://api.paystack.co".to_owned(),
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            refund_timeout: Duration::from_secs(30),
            pays_within: Some(Duration::from_secs(30 * 60)),
            random: Arc::new(SystemRandom),
        }
    }

    /// Another key that webhooks may be signed with, of the same mode. While a key is rotated, webhooks signed with
    /// either arrive: Paystack repeats a webhook for 72 hours, so keep the old key for as long.
    #[must_use]
    pub fn with_webhook_key(mut self, secret_key: impl Into<String>) -> Self {
        self.keys.push(SecretKey(secret_key.into()));
        self
    }

    /// The base URL. Default: `https://api.paystack.co`. With a live key it must be `https`, except
    /// on the same machine.
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// The connect timeout. Default: 3 seconds.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The timeout of opening a checkout or fetching an attempt, retries included. Default: 10 seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The timeout of sending or finding a refund, retries included. Default: 30 seconds.
    #[must_use]
    pub fn with_refund_timeout(mut self, timeout: Duration) -> Self {
        self.refund_timeout = timeout;
        self
    }

    /// How long a buyer may take to pay: see [`Abilities::pays_within`](crate::gateway::Abilities::pays_within). Default: 30 minutes,
    /// for as long as Paystack keeps an account for one bank transfer open. `None` leaves holds as they are, for accounts where
    /// bank transfer is turned off.
    #[must_use]
    pub fn with_pays_within(mut self, pays_within: impl Into<Option<Duration>>) -> Self {
        self.pays_within = pays_within.into();
        self
    }

    /// The source of the jitter of retries. Default: the operating system.
    #[must_use]
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    pub(super) fn check(self) -> Result<Checked, Error> {
        let mut modes = self.keys.iter().map(SecretKey::mode);
        let mode =
            modes.next().unwrap_or_else(|| Err(Error::Configuration("a Paystack secret key is required".into())))?;
        for other in modes {
            if other? != mode {
                let message = "the Paystack keys are of different modes: all must be sk_test_ or all must be sk_live_";
                return Err(Error::Configuration(message.to_owned()));
            }
        }
        let timeouts = [self.connect_timeout, self.timeout, self.refund_timeout];
        if timeouts.iter().any(Duration::is_zero) {
            return Err(Error::Configuration("Paystack timeouts must be longer than zero".into()));
        }
        let [connect_timeout, timeout, refund_timeout] = timeouts;
        let base = base(&self.base_url, mode)?;
        Ok(Checked {
            keys: self.keys,
            mode,
            base,
            connect_timeout,
            timeout,
            refund_timeout,
            pays_within: self.pays_within,
            random: self.random,
        })
    }
}

/// Without the keys.
impl fmt::Debug for PaystackConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaystackConfig")
            .field("keys", &self.keys)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("refund_timeout", &self.refund_timeout)
            .finish_non_exhaustive()
    }
}

/// A configuration that was checked.
pub(super) struct Checked {
    /// The first signs; webhooks may be signed by any.
    pub(super) keys: Vec<SecretKey>,
    pub(super) mode: Mode,
    pub(super) base: Url,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) refund_timeout: Duration,
    pub(super) pays_within: Option<Duration>,
    pub(super) random: Arc<dyn Random>,
}

/// A Paystack secret key.
#[derive(Clone)]
pub(super) struct SecretKey(String);

impl SecretKey {
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// The messages do not show the key, only its kind.
    fn mode(&self) -> Result<Mode, Error> {
        let wanted = "a Paystack secret key must start with sk_test_ or sk_live_";
        let (mode, rest) = if let Some(rest) = self.0.strip_prefix("sk_test_") {
            (Mode::Test, rest)
        } else if let Some(rest) = self.0.strip_prefix("sk_live_") {
            (Mode::Live, rest)
        } else {
            let found = match self.0.as_str() {
                "" => "the one given is empty",
                key if key.starts_with("pk_") => "the one given is a public key (pk_)",
                key if key.trim() != key => "the one given has blanks round it",
                _ => "the one given does not",
            };
            return Err(Error::Configuration(format!("{wanted}; {found}")));
        };
        if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Error::Configuration(format!(
                "{wanted}, followed by letters and digits; the one given does not"
            )));
        }
        Ok(mode)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// Parses the base URL. A URL may contain a password, so the messages do not show it.
fn base(text: &str, mode: Mode) -> Result<Url, Error> {
    let refuse = |message: &str| Err(Error::Configuration(format!("the Paystack base URL {message}")));
    let Ok(url) = Url::parse(text) else { return refuse("is not a URL such as https://api.paystack.co") };
    let host = url.host_str().unwrap_or_default();
    if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
        return refuse("must be http or https");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refuse("must be scheme, host, port and path only");
    }
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
    if mode == Mode::Live && url.scheme() == "http" && !is_here {
        return refuse("must be https with a live key: the key would be sent in the clear");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: PaystackConfig) -> String {
        match config.check() {
            Err(Error::Configuration(message)) => message,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("was accepted"),
        }
    }

    #[test]
    fn the_key_tells_the_mode() {
        assert_eq!(PaystackConfig::new("sk_test_abc123").check().unwrap().mode, Mode::Test);
        assert_eq!(PaystackConfig::new("sk_live_abc123").check().unwrap().mode, Mode::Live);
    }

    #[test]
    fn what_is_no_secret_key_is_refused_without_being_shown() {
        for (key, why) in [
            ("", "is empty"),
            ("pk_live_s3cr3t", "public key"),
            (" sk_live_s3cr3t", "blanks"),
            ("sk_live_s3cr3t\n", "letters and digits"),
            ("sk_live_", "letters and digits"),
            ("SK_LIVE_s3cr3t", "does not"),
        ] {
            for config in [PaystackConfig::new(key), PaystackConfig::new("sk_live_a").with_webhook_key(key)] {
                let message = refused(config);
                assert!(message.contains(why) && !message.contains("s3cr3t"), "{message}");
            }
        }
        assert!(refused(PaystackConfig::new("sk_live_a").with_webhook_key("sk_test_a")).contains("different modes"));
    }

    #[test]
    fn a_live_key_is_not_sent_in_the_clear() {
        let live = |url: &str| PaystackConfig::new("sk_live_a").with_base_url(url);
        assert!(refused(live("http://api.paystack.co")).contains("https"));
        for url in ["https://sandbox.example/paystack", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(live(url).check().is_ok(), "{url}");
        }
        assert!(PaystackConfig::new("sk_test_a").with_base_url("http://simulator:8080").check().is_ok());
        for url in ["", "api.paystack.co", "ftp://x.example", "https://u:p@x.example", "https://x.example/?a=b"] {
            assert!(refused(live(url)).contains("base URL"), "{url}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let config = PaystackConfig::new("sk_live_s3cr3t").with_webhook_key("sk_live_s3cr3t2");
        assert!(!format!("{config:?}").contains("s3cr3t"));
    }
}
