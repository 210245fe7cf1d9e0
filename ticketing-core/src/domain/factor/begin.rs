use super::{Factor, Hashes};
use crate::domain::account::Account;
use crate::domain::command::Command;
use crate::domain::id::AccountId;
use crate::domain::load::LoadKeys;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Begins a second factor: keeps its secret, which replaces that of a factor that was begun before. Nothing asks for it until it is
/// [confirmed](super::CodeUse::Confirm). `None`, and nothing done, if the password is no longer `seen` or there is no such active account.
///
/// Refused with `second_factor_on` if the account has a factor, and with `email_unverified` if its address is not verified: a
/// person who registers a stranger's address must not keep its owner out.
#[derive(Clone, PartialEq, Eq)]
pub struct BeginFactor {
    /// The account.
    pub id: AccountId,
    /// The hash of the password that the caller has given.
    pub seen: String,
    /// The secret, encrypted.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for BeginFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BeginFactor").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Command for BeginFactor {
    type Outcome = Result<Option<Factor>, Refusal>;
    const NAME: &'static str = "begin_factor";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Account>(&self.id);
        load.row::<Factor>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Option<Factor>, Refusal> {
        let fits = |account: &&Account| account.is_active && account.password_hash == self.seen;
        let Some(account) = rows.accounts.get(&self.id).filter(fits) else { return Ok(None) };
        if !account.is_verified {
            return Err(Refusal::EmailUnverified);
        }
        let Some(before) = rows.factors.get(&self.id).cloned() else {
            let new = Factor {
                account_id: self.id,
                secret: Some(self.secret.clone()),
                begun_at: now,
                confirmed_at: None,
                last_step: 0,
                recovery_hashes: Hashes::default(),
                wrong_codes: 0,
                closed_until: None,
                mails: 0,
            };
            rows.factors.insert(new.clone());
            return Ok(Some(new));
        };
        if before.is_on() {
            return Err(Refusal::SecondFactorOn);
        }
        // Wrong codes count on: beginning again must not open the way.
        rows.factors.update(&self.id, |factor| {
            factor.secret = Some(self.secret.clone());
            factor.begun_at = now;
            factor.confirmed_at = None;
            factor.last_step = 0;
        });
        Ok(rows.factors.get(&self.id).cloned())
    }
}
