use super::{Account, AccountChange};
use crate::domain::command::Command;
use crate::domain::id::AccountId;
use crate::domain::load::LoadKeys;
use crate::domain::outbox::MailKind;
use crate::domain::proof::{self, ProofPurpose};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Changes an account. Returns it as it is afterwards, or `None` if there is no such account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeAccount {
    /// The account.
    pub id: AccountId,
    /// The change.
    pub change: AccountChange,
}

impl Command for ChangeAccount {
    type Outcome = Option<Account>;
    const NAME: &'static str = "change_account";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Account>(&self.id);
        if let AccountChange::NewPassword { .. } = self.change {
            load.find(proof::BY_ACCOUNT, &self.id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<Account> {
        let before = rows.accounts.get(&self.id)?;
        let (ended_before, is_verified) = (before.sessions_ended, before.is_verified);
        rows.accounts.update(&self.id, |account| {
            match &self.change {
                // Another call has changed the password meanwhile. That change is newer.
                AccountChange::PasswordHash { seen, .. } | AccountChange::NewPassword { seen, .. }
                    if *seen != account.password_hash =>
                {
                    return;
                }
                AccountChange::PasswordHash { hash, .. } => account.password_hash.clone_from(hash),
                AccountChange::NewPassword { hash, .. } => {
                    account.password_hash.clone_from(hash);
                    account.sessions_ended += 1;
                }
                AccountChange::EndSessions => account.sessions_ended += 1,
                AccountChange::Verified if is_verified => return,
                // Below, since more than the row changes.
                AccountChange::Verified => {}
            }
            account.updated_at = now;
        });
        if self.change == AccountChange::Verified {
            rows.verify_account(now, self.id);
        }
        let account = rows.accounts.get(&self.id).cloned()?;
        if matches!(self.change, AccountChange::NewPassword { .. }) && account.sessions_ended > ended_before {
            rows.end_proofs(now, self.id, &[ProofPurpose::ResetPassword, ProofPurpose::ChangeEmail]);
            // Not to an address that may be a stranger's.
            if account.is_verified {
                rows.owe_mail(now, self.id, MailKind::PasswordChanged(account.sessions_ended), account.email.clone());
            }
        }
        Some(account)
    }
}
