//! One connection to the mail server, and what the responses mean.

use super::config::{Server, SmtpSecurity};
use super::stream::Stream;
use crate::mailer::MailError;
use lettre::address::Envelope;
use lettre::message::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use std::error::Error as _;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A message and its envelope, as sent.
pub(super) struct Letter {
    envelope: Envelope,
    /// With its end, and no other line that consists of a dot (RFC 5321, 4.5.2).
    wire: String,
}

impl Letter {
    pub(super) fn new(message: Message) -> Self {
        let text = String::from_utf8_lossy(&message.formatted()).replace("\r\n.", "\r\n..");
        Self { wire: text + "\r\n.\r\n", envelope: message.envelope().clone() }
    }

    /// Only an address makes it so (see `message.rs`), and then the server must know SMTPUTF8 (RFC 6531).
    fn is_international(&self) -> bool {
        !self.wire.is_ascii()
    }
}

/// An open connection, logged in.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    /// Whether the server takes several commands at once (RFC 2920). Then a mail takes two round trips instead of four.
    takes_pipelines: bool,
    idle_since: Instant,
}

impl Connection {
    /// Connects, switches to TLS and logs in, as configured.
    pub(super) async fn open(server: &Server) -> Result<Self, MailError> {
        let limit = server.config.connect_timeout;
        let (smtp, takes_pipelines) = timeout(limit, connect(server)).await.map_err(|_| {
            MailError::Later(format!("the mail server did not respond within {} ms", limit.as_millis()))
        })??;
        Ok(Self { smtp, takes_pipelines, idle_since: Instant::now() })
    }

    /// MAIL FROM. An error here is about the sender or the server, never about the recipient. Where the server allows it, RCPT TO and
    /// DATA are sent along, and [`finish`](Self::finish) reads the responses.
    pub(super) async fn begin(&mut self, letter: &Letter) -> Result<(), MailError> {
        let mut parameters = Vec::new();
        if letter.is_international() {
            if !self.smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(MailError::Refused(
                    "the address is not ASCII, and the mail server has no SMTPUTF8".to_owned(),
                ));
            }
            parameters = vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)];
        }
        let mut commands = Mail::new(letter.envelope.from().cloned(), parameters).to_string();
        if self.takes_pipelines {
            commands.extend(letter.envelope.to().iter().map(|to| Rcpt::new(to.clone(), Vec::new()).to_string()));
            commands += &Data.to_string();
        }
        self.smtp.command(commands).await.map_err(|error| later("the sender", &error))?;
        Ok(())
    }

    /// RCPT TO, DATA and the message itself. `Ok` means that the server has accepted it.
    pub(super) async fn finish(&mut self, letter: &Letter) -> Result<(), MailError> {
        for to in letter.envelope.to() {
            let answer = if self.takes_pipelines {
                self.smtp.read_response().await
            } else {
                self.smtp.command(Rcpt::new(to.clone(), Vec::new())).await
            };
            answer.map_err(|error| match policy(&error) {
                true => later("the recipient", &error),
                false => judged("the recipient", &error),
            })?;
        }
        let answer = if self.takes_pipelines { self.smtp.read_response().await } else { self.smtp.command(Data).await };
        answer.map_err(|error| judged("the mail", &error))?;
        // In one write, with the end of the mail: lettre's `message` writes twice.
        self.smtp.command(&letter.wire).await.map_err(|error| judged("the mail", &error))?;
        Ok(())
    }

    /// Marks the connection as idle.
    pub(super) fn rest(&mut self) {
        self.idle_since = Instant::now();
    }

    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// Sends QUIT and closes.
    pub(super) async fn quit(mut self) {
        self.smtp.abort().await;
    }
}

/// The connection, and whether the server takes pipelines.
async fn connect(server: &Server) -> Result<(AsyncSmtpConnection, bool), MailError> {
    let address = (server.config.host.as_str(), server.config.port);
    let failed = |error: SmtpError| later("the connection", &error);
    let mut smtp = if server.config.security == SmtpSecurity::Tls {
        let opened = AsyncSmtpConnection::connect_tokio1(address, None, &server.hello, server.tls.clone(), None).await;
        opened.map_err(failed)?
    } else {
        let cannot = |error: std::io::Error| MailError::Later(format!("the mail server cannot be reached: {error}"));
        let stream =
            Stream::connect(address, server.config.security == SmtpSecurity::StartTls).await.map_err(cannot)?;
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), &server.hello).await.map_err(failed)?
    };
    if server.config.security == SmtpSecurity::StartTls
        && let Some(tls) = &server.tls
    {
        // Fails, and nothing else is sent, where the server does not offer it.
        smtp.starttls(tls.clone(), &server.hello).await.map_err(|error| later("STARTTLS", &error))?;
    }
    if let Some(credentials) = &server.credentials {
        smtp.auth(DEFAULT_MECHANISMS, credentials).await.map_err(|error| later("the login", &error))?;
    }
    // lettre has asked already, and keeps only what it uses.
    let offers = smtp.command(Ehlo::new(server.hello.clone())).await.map_err(failed)?;
    let takes_pipelines = offers.message().any(|offer| offer.eq_ignore_ascii_case("PIPELINING"));
    Ok((smtp, takes_pipelines))
}

/// Where only a 5xx response is permanent.
fn judged(what: &str, error: &SmtpError) -> MailError {
    if error.is_permanent() { MailError::Refused(described(what, error)) } else { later(what, error) }
}

fn later(what: &str, error: &SmtpError) -> MailError {
    MailError::Later(described(what, error))
}

/// Whether the error is about this sender and not the mailbox: authentication (RFC 4954, 6), or security
/// and policy (RFC 3463, X.7.X), such as a relay that does not know this machine. The operator can fix that.
fn policy(error: &SmtpError) -> bool {
    let code = error.status().map(u16::from);
    matches!(code, Some(530 | 534 | 535 | 538)) || enhanced(error).is_some_and(|status| status.starts_with("5.7."))
}

/// The server's status codes, not its text, which may repeat the recipient.
fn described(what: &str, error: &SmtpError) -> String {
    match error.status() {
        Some(code) => match enhanced(error) {
            Some(status) => format!("the mail server responded {code} {status} to {what}"),
            None => format!("the mail server responded {code} to {what}"),
        },
        None if error.is_response() => {
            format!("the mail server closed the connection, or did not respond in SMTP, at {what}")
        }
        None => format!("{what} failed: {error}"),
    }
}

/// The enhanced status code (RFC 2034), such as `5.1.1`, if the response begins with one.
fn enhanced(error: &SmtpError) -> Option<String> {
    let text = error.source()?.to_string();
    let word = text.split_ascii_whitespace().next()?;
    let numbers: Vec<&str> = word.split('.').collect();
    let legal = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (numbers.len() == 3 && numbers.iter().all(legal)).then(|| word.to_owned())
}
