//! The configuration of the SMTP mailer.

use super::super::message::mailbox;
use crate::error::Error;
use crate::setters::setters;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::net::IpAddr;
use std::time::Duration;

/// A send ends within a minute, as [`Mailer`](crate::mailer::Mailer) promises, with room for a busy machine.
const LONGEST_SEND: Duration = Duration::from_secs(55);

/// The configuration of the SMTP mailer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmtpConfig {
    /// The server's host name, which its certificate must carry, or its IP address.
    pub host: String,
    /// The port: 587 for STARTTLS and 465 for TLS (RFC 8314, 7.3).
    pub port: u16,
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// The credentials. `None` for a relay that trusts this machine's address.
    pub login: Option<SmtpLogin>,
    /// The sender: `Ada's Tickets <tickets@example.com>`.
    pub from: String,
    /// The name in EHLO: a host name or an address literal. Default: this machine's name.
    pub hello_name: Option<String>,
    /// The connect timeout, TLS, EHLO and login included.
    pub connect_timeout: Duration,
    /// The timeout of a whole send, waiting for a free connection and connecting included: at most 55 s.
    pub send_timeout: Duration,
    /// The maximum number of connections: 1–100.
    pub pool_size: usize,
    /// Certificates (PEM) of authorities to trust besides the system's, such as a company's own.
    pub extra_root_pem: Option<String>,
}

setters!(SmtpConfig {
    with_port => port: u16,
    with_security => security: SmtpSecurity,
    with_login => login: impl Into<Option<SmtpLogin>>,
    with_hello_name => hello_name: impl Into<Option<String>>,
    with_connect_timeout => connect_timeout: Duration,
    with_send_timeout => send_timeout: Duration,
    with_pool_size => pool_size: usize,
    with_extra_root_pem => extra_root_pem: impl Into<Option<String>>,
});

impl SmtpConfig {
    /// Creates one with STARTTLS on port 587 without login, 10 s to connect, 30 s to send and 4 connections.
    pub fn new(host: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: 587,
            security: SmtpSecurity::StartTls,
            login: None,
            from: from.into(),
            hello_name: None,
            connect_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(30),
            pool_size: 4,
            extra_root_pem: None,
        }
    }
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpSecurity {
    /// Starts unencrypted and switches to TLS before anything that matters is sent (RFC 3207). A server that does not offer it
    /// receives nothing.
    StartTls,
    /// TLS from the first byte: what RFC 8314 recommends.
    Tls,
    /// Unencrypted. For a relay on the same machine, and for tests.
    Plain,
}

/// The credentials for the mail server.
#[derive(Clone)]
#[non_exhaustive]
pub struct SmtpLogin {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl SmtpLogin {
    /// Creates one from all its fields.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

/// The password stays out of logs.
impl std::fmt::Debug for SmtpLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A configuration that was checked, in lettre's types.
pub(super) struct Server {
    pub(super) config: SmtpConfig,
    pub(super) from: Mailbox,
    pub(super) hello: ClientId,
    pub(super) credentials: Option<Credentials>,
    /// `None` if the connection is unencrypted.
    pub(super) tls: Option<TlsParameters>,
}

impl Server {
    pub(super) fn new(config: SmtpConfig) -> crate::error::Result<Self> {
        let wrong = |what: &str| Err(Error::Configuration(format!("SMTP: {what}")));
        if !(1..=100).contains(&config.pool_size) {
            return wrong("the pool size must be 1–100 connections");
        }
        if config.connect_timeout.is_zero() || config.send_timeout.is_zero() || config.send_timeout > LONGEST_SEND {
            return wrong("the timeouts must be longer than zero, and the send timeout at most 55 s");
        }
        if config.security == SmtpSecurity::Plain && config.login.is_some() && !is_this_machine(&config.host) {
            return wrong("the password would be sent in clear: use StartTls or Tls");
        }
        let hello = match &config.hello_name {
            None => ClientId::default(),
            Some(name)
                if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b)) =>
            {
                ClientId::Domain(name.clone())
            }
            Some(_) => return wrong("the hello name must be a host name such as tickets.example.com"),
        };
        let tls = match config.security {
            SmtpSecurity::Plain => None,
            SmtpSecurity::StartTls | SmtpSecurity::Tls => Some(tls(&config)?),
        };
        let credentials = config.login.clone().map(|login| Credentials::new(login.user, login.password));
        Ok(Self { from: mailbox(&config.from)?, hello, credentials, tls, config })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// rustls with the provider that the process has installed, or else ring; TLS 1.2 or later; the name is always checked.
fn tls(config: &SmtpConfig) -> crate::error::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.extra_root_pem {
        let certificate = Certificate::from_pem(pem.as_bytes()).ok().filter(|_| pem.contains("-BEGIN CERTIFICATE-"));
        builder = builder.add_root_certificate(certificate.ok_or_else(|| {
            Error::Configuration("SMTP: the extra root certificates are not PEM with BEGIN CERTIFICATE".to_owned())
        })?);
    }
    builder.build().map_err(|error| Error::Configuration(format!("SMTP: TLS cannot be set up: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SmtpConfig {
        SmtpConfig::new("mail.example.com", "Box <box@example.com>")
    }

    #[test]
    fn what_cannot_work_is_said_when_the_mailer_is_made() {
        let login = || Some(SmtpLogin { user: "u".to_owned(), password: "geheim".to_owned() });
        let plain = SmtpSecurity::Plain;
        for (config, word) in [
            (SmtpConfig { from: "nobody".to_owned(), ..config() }, "address"),
            (SmtpConfig { pool_size: 0, ..config() }, "pool"),
            (SmtpConfig { send_timeout: Duration::from_secs(56), ..config() }, "55 s"),
            (SmtpConfig { connect_timeout: Duration::ZERO, ..config() }, "time"),
            (SmtpConfig { hello_name: Some("a\r\nMAIL".to_owned()), ..config() }, "hello"),
            (SmtpConfig { extra_root_pem: Some("rubbish".to_owned()), ..config() }, "PEM"),
            (SmtpConfig { login: login(), security: plain, ..config() }, "in clear"),
        ] {
            let error = Server::new(config).err().unwrap().to_string();
            assert!(error.contains(word) && !error.contains("geheim"), "{error}");
        }
        assert!(
            Server::new(SmtpConfig { login: login(), security: plain, host: "127.0.0.1".to_owned(), ..config() })
                .is_ok()
        );
        assert!(Server::new(SmtpConfig { login: login(), ..config() }).is_ok());
    }

    #[test]
    fn debug_hides_the_password() {
        let login = Some(SmtpLogin { user: "ada".to_owned(), password: "geheim".to_owned() });
        let mailer = super::super::SmtpMailer::new(SmtpConfig { login, ..config() }).unwrap();
        let shown = format!("{mailer:?}");
        assert!(shown.contains("mail.example.com") && shown.contains("ada") && !shown.contains("geheim"), "{shown}");
    }
}
