//! Requests that are safe to repeat: the first answer is kept and given again (`Idempotency-Key`).

use super::command::Command;
use super::list::{Condition, List, Sort};
use super::load::LoadKeys;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::table::{Lock, table};
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// An answer is kept for so long.
pub const KEEP_ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// A request that named a key.
#[derive(Clone, Debug, PartialEq, Eq)]
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

table! {
    StoredRequest in "requests", lock Lock::Rank(6);
    keyed scope: String, content, answer [status, headers, body], locked_until, created_at;
}

/// An answer as it was given.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Such as 201.
    pub status: u16,
    /// Such as `content-type`, in order.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Answers may hold tokens and codes.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// A request that names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginRequest {
    /// Who asks, for what, under which key: hashed.
    pub scope: String,
    /// A hash of what was sent.
    pub content: String,
    /// How long nobody else may work on it. Longer than any request takes.
    pub lease: SignedDuration,
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
            Some(known) if known.content != self.content => Begun::OtherContent,
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

/// The requests whose answers need not be kept any longer, the oldest first, to be forgotten.
pub fn outdated(now: Timestamp, limit: u32) -> List {
    let before = Condition::AtMost("created_at", (now - KEEP_ANSWERS).as_microsecond());
    List::of::<StoredRequest>("outdated_requests", vec![before]).by("created_at", Sort::Ascending).at_most(limit)
}
