//! Using a code: it is right, once, or it counts as wrong.

use super::remove::owe_factor_mail;
use super::{CLOSED_FOR, Factor, Hashes, MAX_WRONG_CODES, remove_factor};
use crate::domain::account::Account;
use crate::domain::command::Command;
use crate::domain::id::AccountId;
use crate::domain::load::LoadKeys;
use crate::domain::outbox::MailKind;
use crate::domain::session::{NewSession, StoredSession};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Uses a code of a second factor.
///
/// - A code of the app works once: its time step and all earlier ones are used up by it. A recovery code works once, and its use is told
///   by mail.
/// - The [fifth](MAX_WRONG_CODES) wrong code in a row closes the way for [15 minutes](CLOSED_FOR): no code is taken then, not even a right
///   one. Since a wrong code is counted, it is an outcome and no refusal.
#[derive(Clone, PartialEq, Eq)]
pub struct UseCode {
    /// The account.
    pub id: AccountId,
    /// The secret that the code was compared with, encrypted as it is stored. With another one, the code is wrong.
    pub seen: Option<Vec<u8>>,
    /// The code.
    pub code: FactorCode,
    /// What it is used for.
    pub to: CodeUse,
}

/// What a code that somebody typed is found to be.
#[derive(Clone, PartialEq, Eq)]
pub enum FactorCode {
    /// The code that the app shows in this time step.
    OfStep(i64),
    /// A recovery code with this hash. Whether the account has it, is decided when it is used.
    Recovery(String),
    /// None.
    Wrong,
}

/// What a code is used for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeUse {
    /// To confirm a factor that was begun: from now on it is asked for. Takes no recovery code.
    Confirm {
        /// The hashes of its recovery codes.
        recovery: Hashes,
    },
    /// To log in, after the password.
    LogIn(NewSession),
    /// To get other recovery codes. The old ones are of no use any more.
    Renew {
        /// The hash of the password that the caller has given.
        seen: String,
        /// The hashes of the new codes.
        recovery: Hashes,
    },
    /// To remove the factor.
    Remove {
        /// The hash of the password that the caller has given.
        seen: String,
    },
    /// To show that the person is there, for something else.
    Check,
}

/// Codes and hashes are not shown.
impl std::fmt::Debug for UseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UseCode").field("id", &self.id).field("to", &self.to).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for FactorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FactorCode(..)")
    }
}

impl std::fmt::Debug for CodeUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Confirm { .. } => "Confirm",
            Self::LogIn(_) => "LogIn",
            Self::Renew { .. } => "Renew",
            Self::Remove { .. } => "Remove",
            Self::Check => "Check",
        })
    }
}

/// The outcome of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeOutcome {
    /// It was right, and what it was used for is done.
    Right {
        /// The account as it is now.
        account: Box<Account>,
        /// The session that was begun, by [`CodeUse::LogIn`].
        session: Option<StoredSession>,
    },
    /// It was wrong, or was used before.
    Wrong {
        /// How many more wrong codes there may be.
        left: i64,
    },
    /// No code is taken.
    Closed {
        /// Until when.
        until: Timestamp,
    },
    /// There is nothing to use it for: the account has no factor, or none that was begun; or it is not active, or has another password
    /// or other sessions than were seen.
    Nothing,
    /// The factor to be confirmed is on already.
    IsOn,
}

impl Command for UseCode {
    type Outcome = CodeOutcome;
    const NAME: &'static str = "use_code";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Account>(&self.id);
        load.row::<Factor>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> CodeOutcome {
        let Some(account) = rows.accounts.get(&self.id).cloned() else { return CodeOutcome::Nothing };
        let Some(factor) = rows.factors.get(&self.id).cloned() else { return CodeOutcome::Nothing };
        let is_confirmation = matches!(self.to, CodeUse::Confirm { .. });
        if is_confirmation && factor.is_on() {
            return CodeOutcome::IsOn;
        }
        let is_there = if is_confirmation { factor.is_begun(now) } else { factor.is_on() };
        if !is_there || !self.to.is_for(&account) {
            return CodeOutcome::Nothing;
        }
        if let Some(until) = factor.closed_until(now) {
            return CodeOutcome::Closed { until };
        }
        let Some(used) = self.used(&factor) else { return count_wrong(rows, now, &factor) };
        let by_recovery = used.recovery_hashes != factor.recovery_hashes;
        rows.factors.update(&self.id, |factor| *factor = Factor { wrong_codes: 0, closed_until: None, ..used });
        if by_recovery {
            owe_factor_mail(rows, now, self.id, MailKind::RecoveryCodeUsed);
        }
        let session = self.done(rows, now);
        let account = rows.accounts.get(&self.id).cloned().unwrap_or(account);
        CodeOutcome::Right { account: Box::new(account), session }
    }
}

impl UseCode {
    /// The factor once this code is used up; `None` if it is wrong.
    fn used(&self, factor: &Factor) -> Option<Factor> {
        if self.seen != factor.secret {
            return None;
        }
        match &self.code {
            FactorCode::OfStep(step) if *step > factor.last_step => Some(Factor { last_step: *step, ..factor.clone() }),
            FactorCode::Recovery(hash) if !matches!(self.to, CodeUse::Confirm { .. }) => {
                let mut used = factor.clone();
                let at = used.recovery_hashes.0.iter().position(|known| known == hash)?;
                used.recovery_hashes.0.remove(at);
                Some(used)
            }
            _ => None,
        }
    }

    fn done(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<StoredSession> {
        match &self.to {
            CodeUse::Confirm { recovery } => {
                rows.factors.update(&self.id, |factor| {
                    factor.confirmed_at = Some(now);
                    factor.recovery_hashes = recovery.clone();
                });
                rows.accounts.update(&self.id, |account| {
                    account.has_second_factor = true;
                    account.updated_at = now;
                });
                owe_factor_mail(rows, now, self.id, MailKind::FactorAdded);
            }
            CodeUse::Renew { recovery, .. } => {
                rows.factors.update(&self.id, |factor| factor.recovery_hashes = recovery.clone());
            }
            CodeUse::Remove { .. } => {
                remove_factor(rows, now, self.id);
                rows.accounts.update(&self.id, |account| account.updated_at = now);
            }
            CodeUse::LogIn(session) => return Some(rows.begin_session(now, session)),
            CodeUse::Check => {}
        }
        None
    }
}

impl CodeUse {
    /// Whether the account is still as the caller has seen it.
    fn is_for(&self, account: &Account) -> bool {
        let is_same = match self {
            Self::LogIn(session) => session.ended_before == account.sessions_ended,
            Self::Renew { seen, .. } | Self::Remove { seen } => *seen == account.password_hash,
            Self::Confirm { .. } | Self::Check => true,
        };
        account.is_active && is_same
    }
}

fn count_wrong(rows: &mut WorkingSet, now: Timestamp, factor: &Factor) -> CodeOutcome {
    let wrong = factor.wrong_codes + 1;
    if wrong < MAX_WRONG_CODES {
        rows.factors.update(&factor.account_id, |factor| factor.wrong_codes = wrong);
        return CodeOutcome::Wrong { left: MAX_WRONG_CODES - wrong };
    }
    let until = now + CLOSED_FOR;
    rows.factors.update(&factor.account_id, |factor| {
        factor.wrong_codes = 0;
        factor.closed_until = Some(until);
    });
    CodeOutcome::Closed { until }
}
