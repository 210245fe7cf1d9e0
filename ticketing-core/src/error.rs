//! The error type of the engine.

use crate::domain::refusal::Refusal;
use crate::gateway::{GatewayError, WebhookError};
use crate::storage::StorageError;
use std::time::Duration;

/// A result of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. A failed call leaves nothing half-done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rules refused the operation.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields of the request are invalid. All of them are listed.
    #[error("{}", Invalid::sentence(.0))]
    Invalid(Vec<Invalid>),
    /// There is no such thing, or it belongs to somebody else.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The caller is not authenticated.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Overloaded: the call was rejected at once instead of queued.
    #[error("busy, try again later")]
    Busy {
        /// How long to wait before a retry.
        retry_after: Duration,
    },
    /// A call to the payment gateway failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A webhook was rejected.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The storage failed.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// The engine's configuration is invalid.
    #[error("configuration: {0}")]
    Configuration(String),
}

impl Error {
    /// An error about one invalid field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid::new(field, message)])
    }

    /// The error's stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Invalid(_) => "invalid",
            Self::NotFound(_) => "not_found",
            Self::Forbidden(_) => "forbidden",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Busy { .. } => "busy",
            Self::Gateway(error) => error.code(),
            Self::Webhook(WebhookError::BadSignature) => "bad_signature",
            Self::Webhook(WebhookError::Unreadable) => "unreadable_webhook",
            Self::Storage(StorageError::Unavailable(_)) => "storage_unavailable",
            Self::Storage(_) | Self::Configuration(_) => "internal",
        }
    }

    /// How long to wait before a retry; `None` where a retry cannot help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } => Some(*retry_after),
            Self::Gateway(error) => error.retry_after(),
            Self::Storage(StorageError::Unavailable(_)) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether a retry may succeed.
    pub fn is_retryable(&self) -> bool {
        self.retry_after().is_some()
    }
}

/// An invalid field of a request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Invalid {
    /// The field's name, as the caller knows it.
    pub field: String,
    /// What the field must be, and what it is.
    pub message: String,
}

impl Invalid {
    /// `field` is invalid, as `message` says.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    fn sentence(all: &[Self]) -> String {
        let each: Vec<String> = all.iter().map(|invalid| format!("{}: {}", invalid.field, invalid.message)).collect();
        each.join("; ")
    }
}
