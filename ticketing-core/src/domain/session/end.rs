use super::{BY_ACCOUNT, NewSession, StoredSession};
use crate::domain::command::Command;
use crate::domain::id::{AccountId, SessionId};
use crate::domain::load::LoadKeys;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Begins a session. If all sessions of the account are ended meanwhile, it never lasts.
impl Command for NewSession {
    type Outcome = StoredSession;
    const NAME: &'static str = "begin_session";

    fn needs(&self, _rows: &WorkingSet, _load: &mut LoadKeys) {}

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> StoredSession {
        rows.begin_session(now, self)
    }
}

/// Notes that a session is used, unless that was noted within [the last hour](super::USE_IS_KNOWN_TO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TouchSession(pub SessionId);

impl Command for TouchSession {
    type Outcome = ();
    const NAME: &'static str = "touch_session";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<StoredSession>(&self.0);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) {
        if rows.sessions.get(&self.0).is_some_and(|session| session.wants_touch(now)) {
            rows.sessions.update(&self.0, |session| session.last_used_at = now);
        }
    }
}

/// Ends a session of an account. Returns whether there is such a session; one that has ended stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndSession {
    /// The account.
    pub account: AccountId,
    /// The session.
    pub session: SessionId,
}

impl Command for EndSession {
    type Outcome = bool;
    const NAME: &'static str = "end_session";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<StoredSession>(&self.session);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> bool {
        let is_its = rows.sessions.get(&self.session).is_some_and(|session| session.account_id == self.account);
        if is_its {
            rows.sessions.update(&self.session, |session| {
                session.ended_at.get_or_insert(now);
            });
        }
        is_its
    }
}

/// Ends all sessions of an account but one. Returns how many it has ended. Tokens without a session go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOtherSessions {
    /// The account.
    pub account: AccountId,
    /// The session that goes on.
    pub keep: Option<SessionId>,
}

impl Command for EndOtherSessions {
    type Outcome = usize;
    const NAME: &'static str = "end_other_sessions";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_ACCOUNT, &self.account);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> usize {
        let others = |session: &&StoredSession| Some(session.id) != self.keep && session.ended_at.is_none();
        let ended: Vec<SessionId> =
            rows.sessions.all(BY_ACCOUNT, &self.account).filter(others).map(|session| session.id).collect();
        ended.iter().for_each(|id| rows.sessions.update(id, |session| session.ended_at = Some(now)));
        ended.len()
    }
}
