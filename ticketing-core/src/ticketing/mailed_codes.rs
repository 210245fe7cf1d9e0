//! Codes by mail: six digits that prove, in the place where they were asked for, that somebody reads the mail of an address.

use super::{Ticketing, refused};
use crate::domain::account::Account;
use crate::domain::proof::{
    BeginProof, CodeDigits, CodeFor, CodePurpose, FindProof, MailedCodeOutcome, Proof, UseMailedCode,
};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use crate::token::ChallengeToken;
use jiff::Timestamp;

/// What who has asked for a code keeps until the code is typed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeChallenge {
    /// The secret that goes with the code. The code is of no use without it.
    pub challenge: String,
    /// Until when the code can be used.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for CodeChallenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeChallenge").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Ticketing {
    /// Mails six digits, which [`check_code`](Self::check_code) takes for 15 minutes, together with the challenge that is returned. `None`
    /// if there is nothing to prove: with [`CodeFor::VerifyEmail`], if the address is verified or the account is switched off. A repeat
    /// mails another code, which replaces the first.
    ///
    /// Give the challenge to nobody but the person who asks: the code and the challenge are of use only together.
    ///
    /// Refusals: `too_many_proofs` after three in an hour for the address. Errors: [`Error::NotFound`] if there is no such account.
    pub async fn send_code(&self, what: CodeFor) -> Result<Option<CodeChallenge>> {
        match what {
            CodeFor::VerifyEmail(id) => drop(self.account_of(id).await?),
        }
        let begun = self.begin_proof(BeginProof::Code(what)).await?;
        let key = &self.accounts()?.proofs;
        Ok(begun.map(|proof| CodeChallenge {
            challenge: key.challenge_of(&proof).to_string(),
            expires_at: proof.expires_at,
        }))
    }

    /// Uses a code that was mailed, once, and returns for what it was asked. What it proves has taken effect then: with
    /// [`CodePurpose::VerifyEmail`], the address counts as verified.
    ///
    /// A wrong code counts, and after five the right one is of no use any more. A wrong challenge does not count.
    ///
    /// Refusals: `mail_code_wrong` (says how many tries are left), `proof_unknown` (a wrong challenge; also for a repeat, one that was
    /// replaced or has expired, and after five wrong codes). Errors: [`Error::Invalid`] if it is not six digits, which does not count.
    pub async fn check_code(&self, challenge: &str, code: &str, purpose: CodePurpose) -> Result<CodeFor> {
        let (proof, _) = self.use_mailed_code(challenge, code, purpose).await?;
        proof.code_for().ok_or_else(|| refused(Refusal::ProofUnknown))
    }

    /// Verifies the address of an account, with a code that was mailed to it: [`check_code`](Self::check_code) for
    /// [`CodePurpose::VerifyEmail`]. Returns the account.
    pub async fn verify_email_by_code(&self, challenge: &str, code: &str) -> Result<Account> {
        let (_, account) = self.use_mailed_code(challenge, code, CodePurpose::VerifyEmail).await?;
        account.ok_or_else(|| refused(Refusal::ProofUnknown))
    }

    async fn use_mailed_code(
        &self,
        challenge: &str,
        code: &str,
        purpose: CodePurpose,
    ) -> Result<(Proof, Option<Account>)> {
        let typed: CodeDigits = code.parse().map_err(|error| Error::invalid("code", format!("{error}")))?;
        let key = &self.accounts()?.proofs;
        let unknown = || refused(Refusal::ProofUnknown);
        let challenge: ChallengeToken = challenge.parse().map_err(|_| unknown())?;
        let found = self.inner.storage.find(FindProof(challenge.id)).await?.map(|(proof, _)| proof);
        if !key.fits_challenge(&challenge, found.as_ref()) {
            return Err(unknown());
        }
        let proof = found.filter(|proof| proof.code_for == Some(purpose)).ok_or_else(unknown)?;
        let used = UseMailedCode { id: proof.id, purpose, mailed: key.code_of(&proof), typed };
        match self.inner.storage.apply_one(self.now(), used).await? {
            MailedCodeOutcome::Right { proof, account } => Ok((*proof, account.map(|account| *account))),
            MailedCodeOutcome::Wrong { left } => Err(refused(Refusal::MailCodeWrong { left })),
            MailedCodeOutcome::Unknown => Err(unknown()),
        }
    }
}
