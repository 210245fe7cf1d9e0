//! Mail over SMTP (RFC 5321), by lettre.
//!
//! The connections are pooled here and not by lettre: its pool starts tasks when it is created and when it is dropped, which
//! aborts a process that does either outside a Tokio runtime.

mod config;
mod connection;
mod stream;

pub use config::{SmtpConfig, SmtpLogin, SmtpSecurity};

use super::message::build;
use super::{Mail, MailError, Mailer};
use async_trait::async_trait;
use config::Server;
use connection::{Connection, Letter};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// A connection that is idle for longer may have been dropped by a router, or is about to be closed by the server.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How long an idle connection may take to show that it is alive.
const AWAKE_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may take to respond to QUIT.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

/// Sends mail through one mail server, over a few connections that are kept open between mails.
///
/// - [`MailError::Refused`]: the server permanently (5xx) refused this recipient or this mail.
/// - [`MailError::Later`]: everything else. That includes what the operator must fix (a wrong password, a certificate that
///   is not trusted, missing STARTTLS, a sender that the server does not allow), since no mail may be lost to it.
/// - A mail whose response is lost, or comes after the timeout, may have been accepted. It is [`MailError::Later`] all the same,
///   and the next try has the same Message-ID.
/// - Errors contain the server's status codes but not its text, which may repeat the recipient.
///
/// It can be created and dropped anywhere; only sending needs a Tokio runtime. The timeout covers a whole send: lettre's own
/// ends when the connection stands. Over plain TCP and STARTTLS a mail takes as long as the server; over
/// [`SmtpSecurity::Tls`] add up to 40 ms, since lettre sets no TCP_NODELAY there (lettre#1159, not yet released).
pub struct SmtpMailer {
    server: Server,
    /// One permit for each connection in use.
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl SmtpMailer {
    /// Creates a mailer that connects when the first mail is sent. [`Error::Configuration`](crate::Error::Configuration) says
    /// what in
    /// `config` is invalid. With TLS, it reads the system's root certificates from the disk.
    pub fn new(config: SmtpConfig) -> crate::error::Result<Self> {
        let free = Semaphore::new(config.pool_size);
        Ok(Self { server: Server::new(config)?, free, idle: Mutex::new(Vec::new()) })
    }

    async fn deliver(&self, letter: &Letter) -> Result<(), MailError> {
        let Ok(_permit) = self.free.acquire().await else {
            unreachable!("the semaphore is never closed");
        };
        let mut connection = self.begin(letter).await?;
        let result = connection.finish(letter).await;
        if result.is_ok() {
            connection.rest();
            self.idle().push(connection);
        } else {
            // After a refusal a connection could be reused; it is rare, and a fresh one is certain to be in order.
            let _ = timeout(QUIT_LIMIT, connection.quit()).await;
        }
        result
    }

    /// A connection that has taken the sender of `letter`, the first step. Idle ones are tried first, without harm: a server
    /// may have closed one for any reason, and this far nothing was handed over.
    async fn begin(&self, letter: &Letter) -> Result<Connection, MailError> {
        loop {
            // In a statement of its own: the lock must not be held while waiting.
            let idle = self.idle().pop();
            let Some(mut connection) = idle else { break };
            if connection.idle_for() < IDLE_LIMIT
                && matches!(timeout(AWAKE_LIMIT, connection.begin(letter)).await, Ok(Ok(())))
            {
                return Ok(connection);
            }
        }
        let mut connection = Connection::open(&self.server).await?;
        connection.begin(letter).await?;
        Ok(connection)
    }

    /// No code panics while it holds the lock, so the data behind a poisoned lock is intact.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let letter = Letter::new(build(&self.server.from, mail)?);
        let limit = self.server.config.send_timeout;
        // A connection that is cut off here is dropped with the future, in whatever state it is, and never used again.
        timeout(limit, self.deliver(&letter)).await.unwrap_or_else(|_| {
            Err(MailError::Later(format!("the mail server did not finish within {} ms", limit.as_millis())))
        })
    }
}

/// Without the password.
impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpMailer")
            .field("config", &self.server.config)
            .field("idle", &self.idle().len())
            .finish_non_exhaustive()
    }
}
