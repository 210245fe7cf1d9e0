//! Delivery of mail.

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

/// Delivers mail. SMTP, `.eml` files and memory come with the crate; write your own by implementing this.
///
/// # Contract
/// - **At least once**: the engine sends a mail again until one try succeeded, always with the same
///   [`message_id`](Mail::message_id), so that whoever receives it twice can tell. A mailer need not remember anything.
/// - **Ok means taken**: the mail survives a crash of ours from then on.
/// - **Errors say whether a retry makes sense**: [`MailError::Refused`] is for good, [`MailError::Later`] is not.
/// - **Time**: every call ends by itself, at the latest after a minute.
/// - **Secrets** appear neither in `Debug` nor in an error.
#[async_trait]
pub trait Mailer: std::fmt::Debug + Send + Sync + 'static {
    /// Delivers one mail to its one recipient.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A mail to one recipient. No field has a line break where a header would break.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// The same at every try, without angle brackets: `ticket-….@example.com`.
    pub message_id: String,
    /// To whom.
    pub to: crate::domain::principal::EmailAddress,
    /// What it is about, in a line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML. Refers to inline attachments as `cid:` and their `content_id`.
    pub html: String,
    /// What comes with it.
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
    /// Its name, for saving: ASCII letters, digits, `-` and `.`.
    pub file_name: String,
    /// Such as `image/png`.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Where it stands within the HTML; absent for one that only comes along.
    pub content_id: Option<String>,
}

impl Attachment {
    /// An attachment that is not shown within the HTML.
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
    /// It may work later: the server cannot be reached, is busy, or did not answer.
    #[error("not delivered this time: {0}")]
    Later(String),
    /// It will never work: the recipient or the mail itself was refused.
    #[error("refused: {0}")]
    Refused(String),
}
