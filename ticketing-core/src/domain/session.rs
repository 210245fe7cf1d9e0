//! Sessions: each log-in of an account, so that its owner can see them and end one.
//!
//! A token names its session. Tokens that were issued before there were sessions name none: they last until they expire, or until all
//! sessions of their account are ended.

use super::account::Account;
use super::id::{AccountId, SessionId};
use super::list::{Condition, List, Sort};
use super::table::{Lock, table};
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

mod end;
mod find;

pub use end::{EndOtherSessions, EndSession, TouchSession};
pub use find::{FindSession, ListSessions};

/// How exactly the last use of a session is known. It is written at most this often.
pub const USE_IS_KNOWN_TO: SignedDuration = SignedDuration::from_hours(1);

/// How long a session is kept after it has expired. Clocks differ.
const KEEP_SESSIONS: SignedDuration = SignedDuration::from_hours(1);

/// The longest description of a client, in characters.
pub const MAX_CLIENT: usize = 100;

/// A session of an account.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StoredSession {
    /// The session's id.
    pub id: SessionId,
    /// The account.
    pub account_id: AccountId,
    /// How often all sessions of the account had been ended when this one began. It lasts only while that number is the same.
    pub ended_before: i64,
    /// What it was begun with, such as `Firefox on Windows`: at most [`MAX_CLIENT`] characters.
    pub client: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the hour: see [`USE_IS_KNOWN_TO`].
    pub last_used_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Timestamp,
}

table! {
    StoredSession in "sessions", lock Lock::Rank(8), read_with Account by "account_id";
    numbered id: SessionId, account_id, ended_before, client, created_at, last_used_at, ended_at, expires_at;
    index BY_ACCOUNT(account_id);
}

/// A session to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewSession {
    /// The account.
    pub account_id: AccountId,
    /// How often all sessions of the account were ended, as its password was checked.
    pub ended_before: i64,
    /// What it is begun with: at most [`MAX_CLIENT`] characters.
    pub client: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl NewSession {
    /// A session of this account.
    pub fn of(account: &Account, client: Option<String>, expires_at: Timestamp) -> Self {
        Self { account_id: account.id, ended_before: account.sessions_ended, client, expires_at }
    }
}

impl StoredSession {
    /// Whether it is a session of this account that was not ended. When it expires, its token says.
    pub fn is_open(&self, account: &Account) -> bool {
        let is_its = self.account_id == account.id && self.ended_before == account.sessions_ended;
        is_its && account.is_active && self.ended_at.is_none()
    }

    /// Whether it was not used for so long. Since its last use is known to the hour, it is idle up to an hour later, and never earlier.
    pub fn is_idle(&self, after: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.last_used_at) >= after + USE_IS_KNOWN_TO
    }

    /// Whether its use should be written.
    pub fn wants_touch(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now.duration_since(self.last_used_at) >= USE_IS_KNOWN_TO
    }
}

impl WorkingSet {
    /// Begins a session.
    pub(crate) fn begin_session(&mut self, now: Timestamp, new: &NewSession) -> StoredSession {
        let session = StoredSession {
            id: SessionId(self.sessions.take_id()),
            account_id: new.account_id,
            ended_before: new.ended_before,
            client: new.client.clone(),
            created_at: now,
            last_used_at: now,
            ended_at: None,
            expires_at: new.expires_at,
        };
        self.sessions.insert(session.clone());
        session
    }
}

/// The sessions that need not be kept any longer, the oldest first, to be forgotten.
pub fn outdated(now: Timestamp, limit: u32) -> List {
    let before = Condition::AtMost("expires_at", (now - KEEP_SESSIONS).as_microsecond());
    List::of::<StoredSession>("outdated_sessions", vec![before]).by("expires_at", Sort::Ascending).at_most(limit)
}
