//! What can go wrong, in one type.

use crate::domain::refusal::Refusal;
use crate::gateway::{GatewayError, WebhookError};
use crate::storage::StorageError;
use std::time::Duration;

/// A result of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what was wanted. Nothing is half-done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was given is not what is wanted.
    #[error("{}", Invalid::sentence(.0))]
    Invalid(Vec<Invalid>),
    /// There is no such thing, or it is somebody else's.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// Who asks may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Who asks did not prove who they are.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Too much at once.
    #[error("too busy, try again")]
    Busy {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The payment gateway did not do what was wanted.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A webhook was not read.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The storage is in trouble.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// The engine is put together in a way that cannot work.
    #[error("configuration: {0}")]
    Configuration(String),
}

impl Error {
    /// One field that is not what is wanted.
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

    /// When the same call may work, if it may.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } => Some(*retry_after),
            Self::Gateway(error) => error.retry_after(),
            Self::Storage(StorageError::Unavailable(_)) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        self.retry_after().is_some()
    }
}

/// A field that is not what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Invalid {
    /// Which field, as the caller knows it.
    pub field: String,
    /// What is wanted, and what was found.
    pub message: String,
}

impl Invalid {
    /// `field` is not what is wanted.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    fn sentence(all: &[Self]) -> String {
        let each: Vec<String> = all.iter().map(|invalid| format!("{}: {}", invalid.field, invalid.message)).collect();
        each.join("; ")
    }
}
