//! Idempotency keys: the first response to a request is stored and returned to repeats (`Idempotency-Key`).

use super::command::Command;
use super::list::{Condition, List, Sort};
use super::load::LoadKeys;
use super::row::{Field, Kind, RowError, Sink, Source, Value};
use super::table::{Lock, table};
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// How long a response is stored.
pub const KEEP_ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// A request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StoredRequest {
    /// A hash of the caller, the operation and the key.
    pub scope: String,
    /// A keyed hash of the request's content, which may hold a password.
    pub content: String,
    /// The response, once there is one.
    pub answer: Option<Answer>,
    /// While there is no response: when the lease of the caller that works on it ends.
    pub locked_until: Timestamp,
    /// When it was first received.
    pub created_at: Timestamp,
}

table! {
    StoredRequest in "requests", lock Lock::Rank(6);
    keyed scope: String, content, answer [status, headers, body], locked_until, created_at;
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
    /// A keyed hash of the request's content, which may hold a password.
    pub content: String,
    /// The same content as an earlier version of the program hashed it: a retry is recognised after an upgrade, too.
    pub older_content: Option<String>,
    /// The lease: nobody else works on it for this long. Must be longer than any request takes.
    pub lease: SignedDuration,
}

impl BeginRequest {
    /// Creates one.
    pub fn new(scope: impl Into<String>, content: impl Into<String>, lease: SignedDuration) -> Self {
        Self { scope: scope.into(), content: content.into(), older_content: None, lease }
    }

    /// With the hash of the same content by an earlier version.
    #[must_use]
    pub fn with_older_content(mut self, content: impl Into<String>) -> Self {
        self.older_content = Some(content.into());
        self
    }

    fn is_same(&self, known: &StoredRequest) -> bool {
        known.content == self.content || self.older_content.as_ref() == Some(&known.content)
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

impl Field for Answer {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Bytes];

    fn store(&self, to: &mut dyn Sink) {
        to.int(Some(i64::from(self.status)));
        // Pairs of strings are always JSON.
        to.text(Some(&serde_json::to_string(&self.headers).unwrap_or_default()));
        to.bytes(Some(&self.body));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (Some(status), Some(headers), Some(body)) = (from.int()?, from.text()?, from.bytes()?) else {
            return Ok(None);
        };
        let status = u16::try_from(status).map_err(RowError::of)?;
        Ok(Some(Self { status, headers: serde_json::from_str(&headers).map_err(RowError::of)?, body }))
    }
}

/// Begins a request with an idempotency key, or says what to do instead.
impl Command for BeginRequest {
    type Outcome = Begun;
    const NAME: &'static str = "begin_request";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<StoredRequest>(&self.scope);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Begun {
        let fresh = StoredRequest {
            scope: self.scope.clone(),
            content: self.content.clone(),
            answer: None,
            locked_until: now + self.lease,
            created_at: now,
        };
        match rows.requests.get(&self.scope) {
            None => {
                rows.requests.insert(fresh);
                Begun::Work { since: now }
            }
            // Too old to be kept: as if it had never been.
            Some(known) if now.duration_since(known.created_at) >= KEEP_ANSWERS => {
                rows.requests.update(&self.scope, |row| *row = fresh);
                Begun::Work { since: now }
            }
            Some(known) if !self.is_same(known) => Begun::OtherContent,
            Some(StoredRequest { answer: Some(answer), .. }) => Begun::Repeat(answer.clone()),
            Some(known) if known.locked_until > now => Begun::InProgress { until: known.locked_until },
            Some(known) => {
                let since = known.created_at;
                rows.requests.update(&self.scope, |row| row.locked_until = now + self.lease);
                Begun::Work { since }
            }
        }
    }
}

/// Keeps the answer of a request; without one, lets the request be made again at once. The first answer stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishRequest {
    /// The scope of the request.
    pub scope: String,
    /// The answer.
    pub answer: Option<Answer>,
}

impl Command for FinishRequest {
    type Outcome = ();
    const NAME: &'static str = "finish_request";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<StoredRequest>(&self.scope);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) {
        rows.requests.update(&self.scope, |row| match &self.answer {
            Some(answer) => {
                row.answer.get_or_insert_with(|| answer.clone());
            }
            None => row.locked_until = now,
        });
    }
}

/// A request that did nothing, to be forgotten by its caller while its lease lasts. Afterwards, another may be at work on it.
pub fn undone(scope: &str, now: Timestamp) -> List {
    let of_scope = Condition::Is("scope", Value::Text(scope.to_owned()));
    let leased = Condition::AtLeast("locked_until", now.as_microsecond());
    List::of::<StoredRequest>("undone_request", vec![of_scope, leased]).at_most(1)
}

/// The requests whose answers need not be kept any longer, the oldest first, to be forgotten.
pub fn outdated(now: Timestamp, limit: u32) -> List {
    let before = Condition::AtMost("created_at", (now - KEEP_ANSWERS).as_microsecond());
    List::of::<StoredRequest>("outdated_requests", vec![before]).by("created_at", Sort::Ascending).at_most(limit)
}
