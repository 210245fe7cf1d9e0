//! Requesting, cancelling and postponing the erasure of an account.

use super::Account;
use super::erasure_blocks::{self, ErasureBlock};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::{Command, Query};
use crate::domain::id::AccountId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::outbox::{self, MailKind};
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// When an erasure that something stands in the way of is tried again.
pub(crate) const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long a person may change their mind.
pub const ERASURE_DELAY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Asks for the erasure of an account at a time. Returns the account, or `None` if there is no such account, it was erased already, or the
/// password is no longer `seen`.
///
/// - A repeat keeps the earlier of the two times.
/// - Refused with `erasure_blocked` while something stands in the way. It is looked at again when the time has come: see
///   [`EraseAccount`](super::EraseAccount).
/// - It is a line of the audit log, and told to the account by mail, if its address is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestErasure {
    /// The account.
    pub id: AccountId,
    /// The hash of the password that its owner has given. `None`: somebody else asks, who needs no password of it.
    pub seen: Option<String>,
    /// Who asks.
    pub actor: Actor,
    /// When it is erased.
    pub at: Timestamp,
}

/// Without the hash.
impl std::fmt::Debug for RequestErasure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestErasure").field("id", &self.id).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Command for RequestErasure {
    type Outcome = Result<Option<Account>, Refusal>;
    const NAME: &'static str = "request_erasure";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Account>(&self.id);
        if rows.accounts.loaded_row(&self.id).is_none() {
            return;
        }
        load.find(outbox::BY_ACCOUNT, &self.id);
        load.row::<Account>(&self.id);
        erasure_blocks::needs(rows, load, self.id, load.now());
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Option<Account>, Refusal> {
        let Some(account) = rows.accounts.get(&self.id).filter(|account| account.erased_at.is_none()).cloned() else {
            return Ok(None);
        };
        if self.seen.as_ref().is_some_and(|seen| *seen != account.password_hash) {
            return Ok(None);
        }
        if let Some(by) = erasure_blocks::of(rows, &account).first() {
            return Err(Refusal::ErasureBlocked { by: *by });
        }
        let at = account.erase_at.map_or(self.at, |known| known.min(self.at));
        if account.erase_at == Some(at) {
            return Ok(Some(account));
        }
        rows.accounts.update(&self.id, |account| account.erase_at = Some(at));
        let change = Change { after: Some(&at.to_string()), ..Change::default() };
        rows.record_audit(now, self.id, self.actor.clone(), "account.erasure_requested", "", change);
        if account.is_verified && at > now {
            let kind = MailKind::ErasureRequested(at.as_second());
            rows.enqueue_mail(now, self.id, kind, account.email.clone());
        }
        Ok(rows.accounts.get(&self.id).cloned())
    }
}

/// Cancels the erasure of an account. Returns the account, or `None` if there is no such account, it was erased already, or its time has
/// come. A repeat, or if nobody has asked for it, changes nothing.
///
/// It is also cancelled when somebody proves that they read the mail of the account's address and nobody had before, or chooses a new
/// password by such a proof, or gets back an address that was changed: who asked for the erasure may have been somebody else. And when an
/// administrator disables the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelErasure {
    /// The account.
    pub id: AccountId,
    /// Who does it.
    pub actor: Actor,
}

impl Command for CancelErasure {
    type Outcome = Option<Account>;
    const NAME: &'static str = "cancel_erasure";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Account>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<Account> {
        let is_too_late = |account: &Account| account.erased_at.is_some() || account.is_erasure_due(now);
        rows.accounts.get(&self.id).filter(|account| !is_too_late(account))?;
        rows.cancel_erasure(now, self.id, self.actor.clone());
        rows.accounts.get(&self.id).cloned()
    }
}

/// Postpones an erasure, or the next look for what is left of an account, because something stands in the way or went wrong. Never brings it
/// forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostponeErasure {
    /// The account.
    pub id: AccountId,
    /// Until when.
    pub to: Timestamp,
}

impl Command for PostponeErasure {
    type Outcome = ();
    const NAME: &'static str = "postpone_erasure";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Account>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, _now: Timestamp) {
        if rows.accounts.get(&self.id).and_then(|account| account.erase_at).is_some_and(|at| at < self.to) {
            rows.accounts.update(&self.id, |account| account.erase_at = Some(self.to));
        }
    }
}

impl Account {
    /// Whether the time of its erasure has come. Nothing cancels it any more then.
    pub fn is_erasure_due(&self, now: Timestamp) -> bool {
        self.erased_at.is_none() && self.erase_at.is_some_and(|at| at <= now)
    }
}

impl WorkingSet {
    /// Cancels the erasure of an account, unless its time has come. Needs the account.
    pub(in crate::domain) fn cancel_erasure(&mut self, now: Timestamp, id: AccountId, actor: Actor) {
        let at =
            self.accounts.get(&id).filter(|account| account.erased_at.is_none()).and_then(|account| account.erase_at);
        if let Some(at) = at.filter(|at| *at > now) {
            self.accounts.update(&id, |account| account.erase_at = None);
            let change = Change { before: Some(&at.to_string()), ..Change::default() };
            self.record_audit(now, id, actor, "account.erasure_cancelled", "", change);
        }
    }

    /// Marks the address of an account as verified. Until then, a stranger may have asked for the erasure, so it is cancelled. Needs the
    /// account.
    pub(in crate::domain) fn verify_account(&mut self, now: Timestamp, id: AccountId) {
        if self.accounts.get(&id).is_some_and(|account| !account.is_verified) {
            self.accounts.update(&id, |account| account.is_verified = true);
            self.cancel_erasure(now, id, Actor::System);
        }
    }
}

/// Finds an account, and what stands in the way of its erasure, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindErasure {
    /// The account.
    pub id: AccountId,
    /// The time: an event that is over does not stand in the way.
    pub now: Timestamp,
}

impl Query for FindErasure {
    type Found = Option<(Account, Vec<ErasureBlock>)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Account>(&self.id);
        erasure_blocks::needs(rows, load, self.id, self.now);
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let account = rows.accounts.get(&self.id)?;
        let blocks = if account.erased_at.is_some() { vec![] } else { erasure_blocks::of(rows, account) };
        Some((account.clone(), blocks))
    }
}

/// Lists accounts whose time to be erased, or to be looked at again, has come; the most overdue first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListDueErasures {
    /// The time.
    pub now: Timestamp,
    /// At most this many.
    pub limit: u32,
}

const DUE: &str = "due erasures";

impl Query for ListDueErasures {
    type Found = Vec<Account>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let due = Condition::AtMost("erase_at", self.now.as_microsecond());
        load.list(List::of::<Account>(DUE, vec![due]).by("erase_at", Sort::Ascending).at_most(self.limit));
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Account> {
        rows.listed::<AccountId>(DUE).items.iter().filter_map(|id| rows.accounts.get(id)).cloned().collect()
    }
}
