//! Requests that are safe to repeat: the first answer is kept and given again (`Idempotency-Key`).

use jiff::{SignedDuration, Timestamp};

/// An answer is kept for so long.
pub const KEEP_ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// A request that named a key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StoredRequest {
    /// Who asks, for what, under which key: hashed.
    pub scope: String,
    /// A hash of what was sent.
    pub content: String,
    /// The answer, once there is one.
    pub answer: Option<Answer>,
    /// While there is no answer: until when somebody is at work on it.
    pub locked_until: Timestamp,
    /// When it came first.
    pub created_at: Timestamp,
}

/// An answer as it was given.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// Such as 201.
    pub status: u16,
    /// Such as `content-type`, in order.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Answer {
    /// Creates one from all its fields.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body }
    }
}

/// Answers may hold tokens and codes.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// A request that names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BeginRequest {
    /// Who asks, for what, under which key: hashed.
    pub scope: String,
    /// A hash of what was sent.
    pub content: String,
    /// How long nobody else may work on it. Longer than any request takes.
    pub lease: SignedDuration,
}

impl BeginRequest {
    /// Creates one from all its fields.
    pub fn new(scope: impl Into<String>, content: impl Into<String>, lease: SignedDuration) -> Self {
        Self { scope: scope.into(), content: content.into(), lease }
    }
}

/// What to do about a request that names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Do it: it was never done, or whoever began it is gone. What it does must be safe to repeat.
    Work {
        /// When the request came first. With the scope it names the request for ever, also where the key is used again once
        /// the answer is forgotten.
        since: Timestamp,
    },
    /// Give this answer again.
    Repeat(Answer),
    /// Somebody is at work on it.
    InProgress {
        /// Until then at the latest.
        until: Timestamp,
    },
    /// The key was used for something else.
    OtherContent,
}
