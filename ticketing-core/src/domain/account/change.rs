use super::{Account, AccountChange};
use crate::domain::command::Command;
use crate::domain::id::AccountId;
use crate::domain::load::LoadKeys;
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
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<Account> {
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
                AccountChange::Verified if account.is_verified => return,
                AccountChange::Verified => account.is_verified = true,
            }
            account.updated_at = now;
        });
        rows.accounts.get(&self.id).cloned()
    }
}
