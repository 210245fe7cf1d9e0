//! Beginning a proof: its row and its mail.

use super::code::CodeFor;
use super::{BY_ACCOUNT, BY_ADDRESS, MAX_PROOFS, PROOF_WINDOW, Proof, ProofPurpose};
use crate::domain::account::{self, Account};
use crate::domain::command::Command;
use crate::domain::id::AccountId;
use crate::domain::limit::next_allowed;
use crate::domain::load::LoadKeys;
use crate::domain::principal::EmailAddress;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Begins a proof: writes it, and owes the mail with its token. Returns `None`, and does nothing, where there is nothing to prove.
///
/// At most [`MAX_PROOFS`] of one purpose are begun for one address in an hour. A further one is refused, and says when the next is
/// allowed. [`ProofPurpose::UndoEmail`] is begun by the change itself: see [`UseProof`](super::UseProof).
#[derive(Clone, PartialEq, Eq)]
pub enum BeginProof {
    /// That the account's address belongs to its owner. `None` if it is verified, or there is no such active account.
    VerifyEmail(AccountId),
    /// That somebody who has forgotten the password reads the mail of the address. For an address that nobody has, or whose account
    /// is switched off, a proof without an account is written: so the limit says nothing about who has an account.
    ResetPassword(EmailAddress),
    /// That a new address belongs to the account's owner. Counts against the limit of the address and of the account. Refused if
    /// somebody else has the address. `None` if the password is no longer `seen`, or there is no such active account.
    ChangeEmail {
        /// The account.
        id: AccountId,
        /// The hash of the password that the caller has given.
        seen: String,
        /// The new address.
        address: EmailAddress,
    },
    /// The same as another proof, by a code. `None` where that would be.
    Code(CodeFor),
}

impl std::fmt::Debug for BeginProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(of) => f.debug_tuple("Code").field(of).finish(),
            Self::VerifyEmail(id) => f.debug_tuple("VerifyEmail").field(id).finish(),
            Self::ResetPassword(address) => f.debug_tuple("ResetPassword").field(address).finish(),
            Self::ChangeEmail { id, address, .. } => {
                f.debug_struct("ChangeEmail").field("id", id).field("address", address).finish_non_exhaustive()
            }
        }
    }
}

impl BeginProof {
    fn purpose(&self) -> ProofPurpose {
        match self {
            Self::VerifyEmail(_) => ProofPurpose::VerifyEmail,
            Self::ResetPassword(_) => ProofPurpose::ResetPassword,
            Self::ChangeEmail { .. } => ProofPurpose::ChangeEmail,
            Self::Code(_) => ProofPurpose::Code,
        }
    }

    /// The account, as far as it was found.
    fn account<'a>(&self, rows: &'a WorkingSet) -> Option<&'a Account> {
        match self {
            Self::VerifyEmail(id) | Self::ChangeEmail { id, .. } | Self::Code(CodeFor::VerifyEmail(id)) => {
                rows.accounts.loaded_row(id)
            }
            Self::ResetPassword(address) => {
                address.keys().iter().find_map(|key| rows.accounts.loaded(account::BY_EMAIL, key).next())
            }
        }
    }
}

impl Command for BeginProof {
    type Outcome = Result<Option<Proof>, Refusal>;
    const NAME: &'static str = "begin_proof";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let keys = |address: &EmailAddress, load: &mut LoadKeys| {
            address.keys().iter().for_each(|key| load.look_up(BY_ADDRESS, key));
        };
        match self {
            Self::VerifyEmail(id) | Self::Code(CodeFor::VerifyEmail(id)) => load.row::<Account>(id),
            Self::ResetPassword(address) => {
                address.keys().iter().for_each(|key| load.find(account::BY_EMAIL, key));
                keys(address, load);
            }
            Self::ChangeEmail { id, address, .. } => {
                load.row::<Account>(id);
                // Not locked: a unique index has the final say.
                address.keys().iter().for_each(|key| load.look_up(account::BY_EMAIL, key));
                keys(address, load);
            }
        }
        if let Some(account) = self.account(rows) {
            load.find(BY_ACCOUNT, &account.id);
            keys(&account.email, load);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Option<Proof>, Refusal> {
        let active = self.account(rows).filter(|account| account.is_active).cloned();
        let address = match (self, &active) {
            (Self::ResetPassword(typed), _) => {
                self.account(rows).map_or(typed, |account: &Account| &account.email).clone()
            }
            (Self::VerifyEmail(_) | Self::Code(CodeFor::VerifyEmail(_)), Some(account)) if !account.is_verified => {
                account.email.clone()
            }
            (Self::ChangeEmail { seen, address, .. }, Some(account)) if *seen == account.password_hash => {
                let has_another = rows.account_by_email(address).is_some_and(|other| other.id != account.id);
                if has_another || rows.is_kept_for_another(address, Some(account.id), now) {
                    return Err(Refusal::EmailTaken);
                }
                address.clone()
            }
            _ => return Ok(None),
        };
        let purpose = self.purpose();
        if let Some(again_at) =
            next_allowed(self.counted(rows, &address, active.as_ref()), MAX_PROOFS, PROOF_WINDOW, now)
        {
            return Err(Refusal::TooManyProofs { again_at });
        }
        if let Some(account) = active.as_ref().filter(|_| purpose.replaces()) {
            rows.end_proofs(now, account.id, &[purpose]);
        }
        let code_for = match self {
            Self::Code(of) => Some(of.purpose()),
            _ => None,
        };
        let account_id = active.map(|account| account.id);
        let proof = Proof { account_id, code_for, ..rows.next_proof(now, purpose, address) };
        rows.owe_proof(now, &proof, account_id);
        Ok(Some(proof))
    }
}

impl BeginProof {
    /// When the proofs began that count against the limit. Of changes, those of the account count too: otherwise one could write to
    /// any number of strangers.
    fn counted(&self, rows: &WorkingSet, address: &EmailAddress, account: Option<&Account>) -> Vec<Timestamp> {
        let of_account = account.filter(|_| matches!(self, Self::ChangeEmail { .. }));
        let of_account = of_account.into_iter().flat_map(|account| rows.proofs.all(BY_ACCOUNT, &account.id));
        let mut all: Vec<&Proof> = rows.proofs_for(address).into_iter().chain(of_account).collect();
        all.retain(|proof| proof.purpose == self.purpose());
        all.sort_unstable_by_key(|proof| proof.id);
        all.dedup_by_key(|proof| proof.id);
        all.into_iter().map(|proof| proof.created_at).collect()
    }
}
