//! Proofs: who reads the mail of an address may verify it, choose a new password, take over a new address, or join an organisation.
//!
//! A proof is begun, which writes its row and owes a mail with its token, and used once. The row holds no secret: the token is derived
//! from the row and a key that is in no database (`token/proof.rs`). So any process can write the mail, and a copy of the database
//! opens nothing.

use super::account::Account;
use super::id::{AccountId, ProofId};
use super::organisation::Invitation;
use super::outbox::MailKind;
use super::principal::EmailAddress;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

mod begin;
mod code;
mod find;
mod r#use;

pub use begin::BeginProof;
pub use code::{CodeDigits, CodeFor, CodePurpose, MailedCodeOutcome, UseMailedCode};
pub use find::{FindProof, outdated};
pub use r#use::{ProofUse, UseProof};

/// How many proofs of one purpose are begun for one address within [`PROOF_WINDOW`].
pub const MAX_PROOFS: usize = 3;

/// In which time [`MAX_PROOFS`] are allowed.
pub const PROOF_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How many wrong codes are taken for one challenge.
pub const MAX_CODE_TRIES: i64 = 5;

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
    /// The account. `None` if nobody has the address, or may use it: such a proof only counts for the limit, and has no mail. Of an
    /// invitation, the account that has joined by it.
    pub account_id: Option<AccountId>,
    /// Where its mail goes.
    pub address: EmailAddress,
    /// The how-manieth it is for its address and purpose. Two that begin at once cannot both have the next number.
    pub nth: i64,
    /// Of an [`UndoEmail`](ProofPurpose::UndoEmail): whether the address was verified.
    pub was_verified: bool,
    /// Of a [`JoinOrganisation`](ProofPurpose::JoinOrganisation): to what it invites.
    #[serde(default)]
    pub invitation: Option<Invitation>,
    /// Of a [`Code`](ProofPurpose::Code): what it is for.
    #[serde(default)]
    pub code_for: Option<CodePurpose>,
    /// Of a code: how many were wrong. After [`MAX_CODE_TRIES`] it cannot be used any more.
    #[serde(default)]
    pub tries: i64,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When it expires. A proof that is replaced expires at once.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}

table! {
    Proof in "proofs", lock Lock::Rank(10);
    numbered id: ProofId, purpose, account_id, address, nth, was_verified, used_at, expires_at, created_at,
        invitation [organisation_id, role, events, inviter], code_for, tries;
    derived address_key = |proof| Some(proof.address.key());
    index BY_ACCOUNT(account_id);
    index BY_ADDRESS(address_key);
    index BY_NUMBER(purpose, address_key, nth) unique;
    index BY_ORGANISATION(organisation_id);
    index BY_INVITATION(organisation_id, address_key);
    index BY_INVITER(inviter);
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
    /// The account with this address becomes a member of an organisation. The mail goes to the address, whether or not there is an account.
    JoinOrganisation,
    /// The same as another purpose, in the place where it was asked for: six digits, for people who cannot follow a link. The mail goes to
    /// the address that is to be proved. See [`CodeFor`].
    Code,
}

wire_names!(ProofPurpose {
    VerifyEmail => "verify_email",
    ResetPassword => "reset_password",
    ChangeEmail => "change_email",
    UndoEmail => "undo_email",
    JoinOrganisation => "join_organisation",
    Code => "code",
});

impl ProofPurpose {
    /// How long a proof can be used.
    pub fn lasts(self) -> SignedDuration {
        match self {
            Self::VerifyEmail | Self::UndoEmail | Self::JoinOrganisation => SignedDuration::from_hours(7 * 24),
            Self::ResetPassword => SignedDuration::from_mins(30),
            Self::Code => SignedDuration::from_mins(15),
            Self::ChangeEmail => SignedDuration::from_hours(24),
        }
    }

    /// Those that verify the address of an account. Once it is verified, they are of no use.
    pub(super) const OF_VERIFICATION: &'static [Self] = &[Self::VerifyEmail, Self::Code];

    /// Whether a new proof replaces the account's earlier ones. Otherwise they do the same, and each can be used.
    fn replaces(self) -> bool {
        matches!(self, Self::ResetPassword | Self::ChangeEmail | Self::Code)
    }
}

impl Proof {
    /// Whether it was neither used nor has expired, and of a code, whether there may be another try.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let is_for_somebody = self.account_id.is_some() || self.invitation.is_some();
        is_for_somebody && self.used_at.is_none() && now < self.expires_at && self.tries < MAX_CODE_TRIES
    }

    /// Whether this account can use it: it is open, the account is active, and what the mail said of the account is still so.
    pub fn is_usable(&self, account: &Account, now: Timestamp) -> bool {
        let is_of_address = match self.purpose {
            ProofPurpose::ChangeEmail | ProofPurpose::UndoEmail => true,
            ProofPurpose::VerifyEmail
            | ProofPurpose::ResetPassword
            | ProofPurpose::JoinOrganisation
            | ProofPurpose::Code => account.email.key() == self.address.key(),
        };
        let is_own = self.invitation.is_some() || self.account_id == Some(account.id);
        self.is_open(now) && is_own && account.is_active && is_of_address
    }

    /// Whether it can be used by its account. An invitation has none yet: the account with the address may use it.
    pub fn is_usable_by(&self, account: Option<&Account>, now: Timestamp) -> bool {
        match account {
            Some(account) => self.is_usable(account, now),
            None => self.invitation.is_some() && self.is_open(now),
        }
    }
}

impl WorkingSet {
    /// The proofs for an address, in any spelling. Needs them by each of its keys.
    pub(super) fn proofs_for(&self, address: &EmailAddress) -> Vec<&Proof> {
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
        let proof = Proof { account_id, was_verified, ..self.next_proof(now, purpose, address) };
        self.owe_proof(now, &proof, account_id);
        proof
    }

    /// The next proof of this purpose for an address, for nobody yet. Needs the proofs for the address.
    pub(super) fn next_proof(&mut self, now: Timestamp, purpose: ProofPurpose, address: EmailAddress) -> Proof {
        let of_purpose = self.proofs.all(BY_ADDRESS, &address.key()).filter(|proof| proof.purpose == purpose);
        let nth = of_purpose.map(|proof| proof.nth).max().unwrap_or(0) + 1;
        Proof {
            id: ProofId(self.proofs.take_id()),
            purpose,
            account_id: None,
            address,
            nth,
            was_verified: false,
            invitation: None,
            code_for: None,
            tries: 0,
            used_at: None,
            expires_at: now + purpose.lasts(),
            created_at: now,
        }
    }

    /// Writes a proof, and owes its mail, if there is an account that it is about.
    pub(super) fn owe_proof(&mut self, now: Timestamp, proof: &Proof, about: Option<AccountId>) {
        self.proofs.insert(proof.clone());
        if let Some(account) = about {
            self.owe_mail(now, account, MailKind::Proof(proof.id), proof.address.clone());
        }
    }
}
