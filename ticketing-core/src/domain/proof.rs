//! Proofs: who reads the mail of an address may verify it, choose a new password, or take over a new address.
//!
//! A proof is begun, which writes its row and owes a mail with its token, and used once. The row holds no secret: the token is derived
//! from the row and a key that is in no database (`token/proof.rs`). So any process can write the mail, and a copy of the database
//! opens nothing.

use super::account::Account;
use super::id::{AccountId, ProofId};
use super::outbox::MailKind;
use super::principal::EmailAddress;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

mod begin;
mod find;
mod r#use;

pub use begin::BeginProof;
pub use find::{FindProof, outdated};
pub use r#use::{ProofUse, UseProof};

/// How many proofs of one purpose are begun for one address within [`PROOF_WINDOW`].
pub const MAX_PROOFS: usize = 3;

/// In which time [`MAX_PROOFS`] are allowed.
pub const PROOF_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long a proof is kept after it has expired. Longer than [`PROOF_WINDOW`], since kept proofs are what the limit counts.
pub const KEEP_PROOFS: SignedDuration = SignedDuration::from_hours(24);

/// A proof that somebody reads the mail of an address.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// The proof's id.
    pub id: ProofId,
    /// What it is for.
    pub purpose: ProofPurpose,
    /// The account. `None` if nobody has the address, or may use it: such a proof only counts for the limit, and has no mail.
    pub account_id: Option<AccountId>,
    /// Where its mail goes.
    pub address: EmailAddress,
    /// The how-manieth it is for its address and purpose. Two that begin at once cannot both have the next number.
    pub nth: i64,
    /// Of an [`UndoEmail`](ProofPurpose::UndoEmail): whether the address was verified.
    pub was_verified: bool,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When it expires. A proof that is replaced expires at once.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}

table! {
    Proof in "proofs", lock Lock::Rank(7);
    numbered id: ProofId, purpose, account_id, address, nth, was_verified, used_at, expires_at, created_at;
    derived address_key = |proof| Some(proof.address.key());
    index BY_ACCOUNT(account_id);
    index BY_ADDRESS(address_key);
    index BY_NUMBER(purpose, address_key, nth) unique;
}

/// What a proof is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProofPurpose {
    /// The address of an account belongs to its owner. The mail goes to that address.
    VerifyEmail,
    /// The password is forgotten, and there is a new one. The mail goes to the address of the account.
    ResetPassword,
    /// The account gets a new address. The mail goes to the new one.
    ChangeEmail,
    /// The account gets its old address back. The mail goes to the old one.
    UndoEmail,
}

wire_names!(ProofPurpose {
    VerifyEmail => "verify_email",
    ResetPassword => "reset_password",
    ChangeEmail => "change_email",
    UndoEmail => "undo_email",
});

impl ProofPurpose {
    /// How long a proof can be used.
    pub fn lasts(self) -> SignedDuration {
        match self {
            Self::VerifyEmail | Self::UndoEmail => SignedDuration::from_hours(7 * 24),
            Self::ResetPassword => SignedDuration::from_mins(30),
            Self::ChangeEmail => SignedDuration::from_hours(24),
        }
    }

    /// Whether a new proof replaces the account's earlier ones. Otherwise they do the same, and each can be used.
    fn replaces(self) -> bool {
        matches!(self, Self::ResetPassword | Self::ChangeEmail)
    }
}

impl Proof {
    /// Whether it was neither used nor has expired.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.account_id.is_some() && self.used_at.is_none() && now < self.expires_at
    }

    /// Whether it can be used: it is open, its account is active, and what the mail said of the account is still so.
    pub fn is_usable(&self, account: &Account, now: Timestamp) -> bool {
        let is_of_address = match self.purpose {
            ProofPurpose::VerifyEmail | ProofPurpose::ResetPassword => account.email.key() == self.address.key(),
            ProofPurpose::ChangeEmail | ProofPurpose::UndoEmail => true,
        };
        self.is_open(now) && self.account_id == Some(account.id) && account.is_active && is_of_address
    }
}

impl WorkingSet {
    /// The proofs for an address, in any spelling. Needs them by each of its keys.
    fn proofs_for(&self, address: &EmailAddress) -> Vec<&Proof> {
        address.keys().iter().flat_map(|key| self.proofs.all(BY_ADDRESS, key)).collect()
    }

    /// Whether an address is kept for the account that had it before, which may still get it back. Needs the proofs for the address.
    pub(crate) fn is_kept_for_another(
        &self,
        address: &EmailAddress,
        account: Option<AccountId>,
        now: Timestamp,
    ) -> bool {
        let proofs = self.proofs_for(address);
        let mut undos = proofs.iter().filter(|proof| proof.purpose == ProofPurpose::UndoEmail);
        undos.any(|proof| proof.is_open(now) && proof.account_id != account)
    }

    /// Lets the account's open proofs of these purposes expire. Needs the account's proofs.
    pub(crate) fn end_proofs(&mut self, now: Timestamp, account: AccountId, which: &[ProofPurpose]) {
        let open = |proof: &&Proof| proof.is_open(now) && which.contains(&proof.purpose);
        let ended: Vec<ProofId> = self.proofs.all(BY_ACCOUNT, &account).filter(open).map(|proof| proof.id).collect();
        ended.iter().for_each(|id| self.proofs.update(id, |proof| proof.expires_at = now));
    }

    /// Writes a proof, and owes its mail if there is an account. Needs the proofs for the address.
    fn insert_proof(
        &mut self,
        now: Timestamp,
        purpose: ProofPurpose,
        account_id: Option<AccountId>,
        address: EmailAddress,
        was_verified: bool,
    ) -> Proof {
        let of_purpose = self.proofs.all(BY_ADDRESS, &address.key()).filter(|proof| proof.purpose == purpose);
        let nth = of_purpose.map(|proof| proof.nth).max().unwrap_or(0) + 1;
        let proof = Proof {
            id: ProofId(self.proofs.take_id()),
            purpose,
            account_id,
            address,
            nth,
            was_verified,
            used_at: None,
            expires_at: now + purpose.lasts(),
            created_at: now,
        };
        self.proofs.insert(proof.clone());
        if let Some(account) = account_id {
            self.owe_mail(now, account, MailKind::Proof(proof.id), proof.address.clone());
        }
        proof
    }
}
