//! Idempotency keys: the first response to a request is stored and returned to repeats (`Idempotency-Key`).

use jiff::{SignedDuration, Timestamp};

/// How long a response is stored.
pub const KEEP_ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// A request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StoredRequest {
    /// A hash of the caller, the operation and the key.
    pub scope: String,
    /// A hash of the request's content.
    pub content: String,
    /// The response, once there is one.
    pub answer: Option<Answer>,
    /// While there is no response: when the lease of the caller that works on it ends.
    pub locked_until: Timestamp,
    /// When it was first received.
    pub created_at: Timestamp,
}

/// A stored response.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The status, such as 201.
    pub status: u16,
    /// The headers, such as `content-type`, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Creates one from all its fields.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body }
    }
}

/// Responses may contain tokens and codes.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// The beginning of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BeginRequest {
    /// A hash of the caller, the operation and the key.
    pub scope: String,
    /// A hash of the request's content.
    pub content: String,
    /// The lease: nobody else works on it for this long. Must be longer than any request takes.
    pub lease: SignedDuration,
}

impl BeginRequest {
    /// Creates one from all its fields.
    pub fn new(scope: impl Into<String>, content: impl Into<String>, lease: SignedDuration) -> Self {
        Self { scope: scope.into(), content: content.into(), lease }
    }
}

/// What to do about a request with an idempotency key. Exhaustive on purpose: a caller must handle every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Process it: it was never processed, or the lease of an earlier caller ended. Processing must be safe to repeat.
    Work {
        /// When the request was first received. With the scope it identifies the request, also where the key is used again after
        /// the response was deleted.
        since: Timestamp,
    },
    /// Return this response again.
    Repeat(Answer),
    /// Another caller is processing it.
    InProgress {
        /// When its lease ends.
        until: Timestamp,
    },
    /// The key was used before, for a request with other content.
    OtherContent,
}
