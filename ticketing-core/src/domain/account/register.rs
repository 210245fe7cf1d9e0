use super::{Account, BY_EMAIL, BY_USERNAME, NewAccount};
use crate::domain::command::Command;
use crate::domain::id::AccountId;
use crate::domain::load::LoadKeys;
use crate::domain::organisation::Memberships;
use crate::domain::proof;
use crate::domain::refusal::Refusal;
use crate::domain::text;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Creates an account, unless its address or user name is taken. An address is also taken as long as an account that had it may get it
/// back: see [`ProofUse::ChangeEmail`](crate::domain::proof::ProofUse::ChangeEmail).
impl Command for NewAccount {
    type Outcome = Result<Account, Refusal>;
    const NAME: &'static str = "register";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        self.email.keys().iter().for_each(|key| load.find(BY_EMAIL, key));
        self.email.keys().iter().for_each(|key| load.look_up(proof::BY_ADDRESS, key));
        let usernames = self.username.iter().flat_map(|username| text::spellings(username));
        usernames.for_each(|key| load.find(BY_USERNAME, &key));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Account, Refusal> {
        if rows.account_by_email(&self.email).is_some() || rows.is_kept_for_another(&self.email, None, now) {
            return Err(Refusal::EmailTaken);
        }
        if self.username.as_ref().is_some_and(|username| rows.account_by_username(username).is_some()) {
            return Err(Refusal::UsernameTaken);
        }
        let account = Account {
            id: AccountId(rows.accounts.take_id()),
            email: self.email.clone(),
            name: self.name.clone(),
            username: self.username.clone(),
            phone: self.phone.clone(),
            password_hash: self.password_hash.clone(),
            role: self.role,
            is_active: true,
            disabled_reason: None,
            is_verified: false,
            has_second_factor: false,
            sessions_ended: 0,
            memberships: Memberships::default(),
            erase_at: None,
            erased_at: None,
            created_at: now,
            updated_at: now,
        };
        rows.accounts.insert(account.clone());
        Ok(account)
    }
}
