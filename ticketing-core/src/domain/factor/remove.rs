use super::{Factor, Hashes};
use crate::domain::account::Account;
use crate::domain::id::AccountId;
use crate::domain::outbox::MailKind;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Removes the factor of an account, and owes a mail about it. Whether there was one that was on. Needs the account's row and the
/// factor's.
pub(crate) fn remove_factor(rows: &mut WorkingSet, now: Timestamp, id: AccountId) -> bool {
    let was_on = rows.factors.get(&id).is_some_and(Factor::is_on);
    rows.factors.update(&id, |factor| {
        factor.secret = None;
        factor.confirmed_at = None;
        factor.recovery_hashes = Hashes::default();
    });
    rows.accounts.update(&id, |account| account.has_second_factor = false);
    if was_on {
        owe_factor_mail(rows, now, id, MailKind::FactorRemoved);
    }
    was_on
}

/// Owes a mail about the factor of an account.
pub(super) fn owe_factor_mail(rows: &mut WorkingSet, now: Timestamp, id: AccountId, kind: fn(i64) -> MailKind) {
    // Not to an address that may be a stranger's.
    let Some(to) = rows.accounts.get(&id).filter(|account: &&Account| account.is_verified) else { return };
    let to = to.email.clone();
    rows.factors.update(&id, |factor| factor.mails += 1);
    let nth = rows.factors.get(&id).map_or(0, |factor| factor.mails);
    rows.owe_mail(now, id, kind(nth), to);
}
