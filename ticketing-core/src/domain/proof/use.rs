//! Using a proof: what it proves takes effect, once.

use super::{BY_ACCOUNT, BY_ADDRESS, Proof, ProofPurpose};
use crate::domain::account::{self, Account};
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::factor::{Factor, remove_factor};
use crate::domain::id::ProofId;
use crate::domain::load::LoadKeys;
use crate::domain::outbox::MailKind;
use crate::domain::principal::EmailAddress;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Uses a proof whose token was checked. Returns the account as it is afterwards.
///
/// `proof_unknown` is one refusal for whatever cannot be used: a proof that never was, one of another purpose, and one that was used,
/// replaced or has expired. A refused proof stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseProof {
    /// The proof.
    pub id: ProofId,
    /// What it is used for.
    pub to: ProofUse,
}

/// What a proof is used for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofUse {
    /// The address counts as verified. Only if the account still has it.
    VerifyEmail,
    /// The account has a new password, and its address counts as verified. Its sessions end, and so do its other open proofs, except
    /// for [`ProofPurpose::UndoEmail`]. The account is told by mail.
    ///
    /// If the address was not verified before, the person who registered may not be its owner. The user name and the phone
    /// number are removed, which that person has chosen: nobody else logs in to the account, or is called about it.
    ResetPassword {
        /// The hash of the new password.
        hash: String,
    },
    /// The account has the new address, which counts as verified. Sessions go on. The old address is told by mail, with a proof that
    /// undoes the change; until that expires, nobody else gets the old address. Refused with `email_taken` if somebody has the new
    /// address meanwhile.
    ChangeEmail,
    /// The account has its old address back, verified if it was so. Its sessions and its other open proofs end. Nobody knows its
    /// password any more, since the person who changed the address may have known it: a proof to choose one goes to the old address. For
    /// the same reason a second factor is removed that was added since the address changed.
    /// Refused with `email_taken` if somebody else has the address, which can happen only to accounts older than this rule.
    UndoEmail {
        /// The hash of a password that nobody knows.
        hash: String,
    },
}

impl std::fmt::Debug for ProofUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.purpose().name())
    }
}

impl ProofUse {
    /// The purpose that the proof must have.
    pub fn purpose(&self) -> ProofPurpose {
        match self {
            Self::VerifyEmail => ProofPurpose::VerifyEmail,
            Self::ResetPassword { .. } => ProofPurpose::ResetPassword,
            Self::ChangeEmail => ProofPurpose::ChangeEmail,
            Self::UndoEmail { .. } => ProofPurpose::UndoEmail,
        }
    }

    /// Whether the account gets the address of the proof.
    fn moves(&self) -> bool {
        matches!(self, Self::ChangeEmail | Self::UndoEmail { .. })
    }
}

impl Command for UseProof {
    type Outcome = Result<Account, Refusal>;
    const NAME: &'static str = "use_proof";

    /// The proof is read first, without a lock, to find its account. The account is the lock of all its proofs, which are read again
    /// under it.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Proof>(&self.id);
        let Some(proof) = rows.proofs.loaded_row(&self.id) else { return };
        let Some(id) = proof.account_id else { return };
        load.row::<Account>(&id);
        if let ProofUse::UndoEmail { .. } = self.to {
            load.row::<Factor>(&id);
        }
        load.find(BY_ACCOUNT, &id);
        if self.to.moves() {
            let keys = proof.address.keys();
            // Not locked: a unique index has the final say.
            keys.iter().for_each(|key| load.look_up(account::BY_EMAIL, key));
            let old = rows.accounts.loaded_row(&id).map(|account| account.email.keys());
            keys.iter().chain(old.iter().flatten()).for_each(|key| load.look_up(BY_ADDRESS, key));
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Account, Refusal> {
        let (proof, account) = self.usable(rows, now).ok_or(Refusal::ProofUnknown)?;
        if self.to.moves() && is_taken(rows, &proof.address, &account, now) {
            return Err(Refusal::EmailTaken);
        }
        rows.proofs.update(&proof.id, |proof| proof.used_at = Some(now));
        match &self.to {
            ProofUse::VerifyEmail => {
                rows.verify_account(now, account.id);
                rows.end_proofs(now, account.id, ProofPurpose::OF_VERIFICATION);
            }
            ProofUse::ResetPassword { hash } => reset(rows, now, &account, hash),
            ProofUse::ChangeEmail => change_email(rows, now, &account, &proof.address),
            ProofUse::UndoEmail { hash } => undo(rows, now, &account, &proof, hash),
        }
        rows.accounts.update(&account.id, |account| account.updated_at = now);
        rows.accounts.get(&account.id).cloned().ok_or(Refusal::ProofUnknown)
    }
}

impl UseProof {
    fn usable(&self, rows: &WorkingSet, now: Timestamp) -> Option<(Proof, Account)> {
        let proof = rows.proofs.get(&self.id).filter(|proof| proof.purpose == self.to.purpose())?;
        let account = rows.accounts.get(&proof.account_id?)?;
        proof.is_usable(account, now).then(|| (proof.clone(), account.clone()))
    }
}

fn is_taken(rows: &WorkingSet, address: &EmailAddress, account: &Account, now: Timestamp) -> bool {
    rows.account_by_email(address).is_some_and(|other| other.id != account.id)
        || rows.is_kept_for_another(address, Some(account.id), now)
}

fn reset(rows: &mut WorkingSet, now: Timestamp, before: &Account, hash: &str) {
    rows.cancel_erasure(now, before.id, Actor::System);
    rows.accounts.update(&before.id, |account| {
        account.password_hash = hash.to_owned();
        account.sessions_ended += 1;
        if !account.is_verified {
            account.username = None;
            account.phone = None;
        }
        account.is_verified = true;
    });
    rows.end_proofs(now, before.id, ProofPurpose::OF_VERIFICATION);
    rows.end_proofs(now, before.id, &[ProofPurpose::ResetPassword, ProofPurpose::ChangeEmail]);
    rows.owe_mail(now, before.id, MailKind::PasswordChanged(before.sessions_ended + 1), before.email.clone());
}

fn change_email(rows: &mut WorkingSet, now: Timestamp, before: &Account, address: &EmailAddress) {
    rows.accounts.update(&before.id, |account| {
        account.email = address.clone();
        account.is_verified = true;
    });
    // They went to the old address.
    rows.end_proofs(now, before.id, ProofPurpose::OF_VERIFICATION);
    rows.end_proofs(now, before.id, &[ProofPurpose::ResetPassword]);
    let is_another = before.email.key() != address.key();
    if is_another {
        rows.insert_proof(now, ProofPurpose::UndoEmail, Some(before.id), before.email.clone(), before.is_verified);
    }
}

fn undo(rows: &mut WorkingSet, now: Timestamp, before: &Account, proof: &Proof, hash: &str) {
    rows.cancel_erasure(now, before.id, Actor::System);
    rows.accounts.update(&before.id, |account| {
        account.email = proof.address.clone();
        account.is_verified = proof.was_verified;
        account.password_hash = hash.to_owned();
        account.sessions_ended += 1;
    });
    let added_at = rows.factors.get(&before.id).and_then(|factor| factor.confirmed_at);
    if added_at.is_some_and(|at| at >= proof.created_at) {
        remove_factor(rows, now, before.id);
    }
    rows.end_proofs(now, before.id, ProofPurpose::ALL);
    rows.insert_proof(now, ProofPurpose::ResetPassword, Some(before.id), proof.address.clone(), false);
}
