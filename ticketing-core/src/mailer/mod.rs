//! Mail delivery.

use crate::setters::setters;
use async_trait::async_trait;

#[cfg(feature = "smtp")]
pub mod files;
mod line;
pub mod memory;
#[cfg(feature = "smtp")]
mod message;
pub mod render;
#[cfg(feature = "smtp")]
pub mod smtp;

/// Delivers mail. The crate has mailers for SMTP, `.eml` files and memory; implement this trait to add your own.
///
/// The method is asynchronous: put [`#[ticketing_core::async_trait]`](crate::async_trait) above the `impl`.
///
/// # Contract
/// - **At least once**: the engine retries a mail until one try succeeds, always with the same
///   [`message_id`](Mail::message_id), so that recipients can detect duplicates. A mailer is stateless.
/// - **`Ok` means accepted**: from then on the mail survives a crash of this process.
/// - **Flushing**: the engine calls [`flush`](Mailer::flush) before it records that mails were sent. After `Ok`, all mails that were
///   accepted before the call survive a crash of the machine, if this machine keeps them.
/// - **Errors say whether a retry helps**: [`MailError::Refused`] is permanent, [`MailError::Later`] is not.
/// - **Timeouts**: every call ends by itself, after a minute at the latest.
/// - **Secrets** appear neither in `Debug` nor in errors.
///
/// # Example
/// ```
/// use ticketing_core::mailer::{Mail, MailError, Mailer};
///
/// #[derive(Debug)]
/// struct Stdout;
///
/// #[ticketing_core::async_trait]
/// impl Mailer for Stdout {
///     async fn send(&self, mail: &Mail) -> Result<(), MailError> {
///         println!("To: {}\nSubject: {}\n\n{}", mail.to, mail.subject, mail.text);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Mailer: std::fmt::Debug + Send + Sync + 'static {
    /// Delivers one mail to its one recipient.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Makes the accepted mails durable: one call for many mails. If it fails, they are sent again. Default: does nothing, for mailers
    /// that keep nothing on this machine.
    async fn flush(&self) -> Result<(), MailError> {
        Ok(())
    }
}

/// A mailer that is also used elsewhere: a test looks at what was sent.
#[async_trait]
impl<M: Mailer + ?Sized> Mailer for std::sync::Arc<M> {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        (**self).send(mail).await
    }

    async fn flush(&self) -> Result<(), MailError> {
        (**self).flush().await
    }
}

/// A mail to one recipient. Fields that become headers contain no line breaks.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// The Message-ID, without angle brackets. The same at every try.
    pub message_id: String,
    /// The recipient.
    pub to: crate::domain::principal::EmailAddress,
    /// The subject line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML. Inline attachments are referred to as `cid:` and their `content_id`.
    pub html: String,
    /// The attachments.
    pub attachments: Vec<Attachment>,
}

impl Mail {
    /// A mail without attachments.
    pub fn new(
        message_id: impl Into<String>,
        to: crate::domain::principal::EmailAddress,
        subject: impl Into<String>,
        text: impl Into<String>,
        html: impl Into<String>,
    ) -> Self {
        Self {
            message_id: message_id.into(),
            to,
            subject: subject.into(),
            text: text.into(),
            html: html.into(),
            attachments: Vec::new(),
        }
    }
}

setters!(Mail {
    with_attachments => attachments: Vec<Attachment>,
});

/// Codes and addresses stay out of logs.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("message_id", &self.message_id).field("to", &self.to).finish_non_exhaustive()
    }
}

/// A file in a mail.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The file name: ASCII letters, digits, `-` and `.`.
    pub file_name: String,
    /// The media type, such as `image/png`.
    pub content_type: String,
    /// The bytes.
    pub content: Vec<u8>,
    /// The content id of an attachment that the HTML shows; `None` for one that is only attached.
    pub content_id: Option<String>,
}

impl Attachment {
    /// An attachment that the HTML does not show.
    pub fn new(file_name: impl Into<String>, content_type: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            file_name: file_name.into(),
            content_type: content_type.into(),
            content: content.into(),
            content_id: None,
        }
    }
}

setters!(Attachment {
    with_content_id => content_id: impl Into<Option<String>>,
});

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment")
            .field("file_name", &self.file_name)
            .field("content_type", &self.content_type)
            .field("bytes", &self.content.len())
            .field("content_id", &self.content_id)
            .finish()
    }
}

/// Why a mail was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// A retry may succeed: the server cannot be reached, is busy, or did not respond.
    #[error("not delivered yet: {0}")]
    Later(String),
    /// A retry cannot succeed: the recipient or the mail itself was refused.
    #[error("refused: {0}")]
    Refused(String),
}
